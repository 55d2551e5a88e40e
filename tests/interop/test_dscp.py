"""What the server sends carries its code point: EF on sound, CS3 on signalling (MD-16).

peer: sip-tester
server: running
"""

import os
import re
import select
import socket
import struct

from carillon import SIP, finish, free_port, main, sipp, until
from sipp_scenario import challenged, offer, pause, receive, ringing, within

EF, CS3 = 46, 24
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


async def test():
    asking = listening()
    own = "127.0.0.1:%d" % asking.getsockname()[1]
    lines = [f"OPTIONS sip:{own} SIP/2.0", f"Via: SIP/2.0/UDP {own};branch=z9hG4bKd", "Max-Forwards: 70", f"From: <sip:{own}>;tag=d"]
    lines += [f"To: <sip:{own}>", "Call-ID: d", "CSeq: 1 OPTIONS", "Content-Length: 0", "", ""]
    asking.sendto("\r\n".join(lines).encode(), ("127.0.0.1", SIP))
    assert code_point(asking) == CS3

    sound = listening(free_port())
    description = offer().replace("[media_port]", str(sound.getsockname()[1]))
    steps = [challenged("INVITE", content=description), ringing(), receive(200, routes=True), within("ACK", 2), pause(3000)]
    call = sipp("dscp", [*steps, within("BYE", 3), receive(200)], "ann", "600", wait=False)

    def server_port():
        path = os.path.join(call.folder, "messages")
        with open(path, errors="replace") as messages:
            text = messages.read()
        received = re.findall(r"message received .*?SIP/2\.0 200 .*?m=audio (\d+)", text, re.S)
        return received and int(received[-1])

    port = await until(lambda: os.path.exists(os.path.join(call.folder, "messages")) and server_port(), "the echo answers")
    for number in range(20):
        sound.sendto(struct.pack("!BBHII", 0x80, 0, number, number * 160, 7) + b"\xff" * 160, ("127.0.0.1", port))
        if number > 2:
            assert code_point(sound) == EF
    finish(call)


main(test)
