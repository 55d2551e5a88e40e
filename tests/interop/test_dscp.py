"""What the server sends carries its code point: CS3 on signalling, EF on sound, AF41 on sound and pictures of a video call (MD-16, Q-08).

peer: sip-tester
server: running
scenes of sip-tester: video
"""

import os
import re
import select
import socket
import struct

from carillon import SIP, finish, free_port, main, sipp, until
from sipp_scenario import challenged, offer, pause, receive, ringing, within

EF, AF41, CS3 = 46, 34, 24
VIDEO = "m=video [video_port] RTP/AVP 97\na=rtpmap:97 H264/90000\n"
IP_RECVTOS = 13


def listening(port=0):
    bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    bound.setsockopt(socket.IPPROTO_IP, IP_RECVTOS, 1)
    bound.bind(("127.0.0.1", port))
    return bound


def code_point(bound):
    """The code point of the next datagram."""
    assert select.select([bound], [], [], 5)[0], "nothing came"
    _, control, _, _ = bound.recvmsg(65536, 1024)
    return {kind: data[0] >> 2 for level, kind, data in control if level == socket.IPPROTO_IP}[socket.IP_TOS]


async def call(name, more, expected):
    """Calls the echo, and looks at what comes back of every kind."""
    ours = {kind: listening(free_port()) for kind in expected}
    description = offer().rstrip() + "\n" + more
    for kind, place in (("audio", "[media_port]"), ("video", "[video_port]")):
        if kind in ours:
            description = description.replace(place, str(ours[kind].getsockname()[1]))
    steps = [challenged("INVITE", content=description), ringing(), receive(200, routes=True), within("ACK", 2), pause(3000)]
    process = sipp(name, [*steps, within("BYE", 3), receive(200)], "ann", "600", wait=False)
    path = os.path.join(process.folder, "messages")

    def server_port(kind):
        if not os.path.exists(path):
            return None
        with open(path, errors="replace") as messages:
            text = messages.read()
        received = re.findall(rf"message received .*?SIP/2\.0 200 .*?m={kind} (\d+)", text, re.S)
        return received and int(received[-1])

    for kind, bound in ours.items():
        port = await until(lambda kind=kind: server_port(kind), f"the echo answers {kind}")
        payload_type = 97 if kind == "video" else 0
        for number in range(20):
            packet = struct.pack("!BBHII", 0x80, payload_type, number, number * 160, 7) + b"\xff" * 160
            bound.sendto(packet, ("127.0.0.1", port))
            if number > 2:
                assert code_point(bound) == expected[kind], kind
    finish(process)


async def test():
    asking = listening()
    own = "127.0.0.1:%d" % asking.getsockname()[1]
    lines = [f"OPTIONS sip:{own} SIP/2.0", f"Via: SIP/2.0/UDP {own};branch=z9hG4bKd", "Max-Forwards: 70", f"From: <sip:{own}>;tag=d"]
    lines += [f"To: <sip:{own}>", "Call-ID: d", "CSeq: 1 OPTIONS", "Content-Length: 0", "", ""]
    asking.sendto("\r\n".join(lines).encode(), ("127.0.0.1", SIP))
    assert code_point(asking) == CS3

    await call("dscp", "", {"audio": EF})
    await call("dscp_video", VIDEO, {"audio": AF41, "video": AF41})


main(test)
