"""10,000 half-open INVITEs, from strangers and from a trunk: bounded, answered, and a call goes through meanwhile.

peer: sip-tester, baresip
server: own
alone: it keeps the machine busy, or counts time
"""

import asyncio
import os
import re
import socket
import subprocess
import time
import urllib.request

from carillon import DATA, DOMAIN, OFFSET, SIP, Baresip, Server, folder, free_port, main, until, verb
from sipp_scenario import offer, receive, request

FLOOD = 10_000
TONES = (440, 697)
PLAN = """
[settings]
search_space = "all"
[[search_space]]
name = "all"
partitions = ["internal"]
[[outside.trunk]]
name = "flooding"
search_space = "all"
sip = { from = ["127.0.0.3"], half_open_max = 200 }
"""
STRANGER = """INVITE sip:1001@127.0.0.1 SIP/2.0
Via: SIP/2.0/UDP {own};rport;branch=z9hG4bK{number}
Max-Forwards: 70
From: <sip:100@127.0.0.1>;tag=x
To: <sip:1001@127.0.0.1>
Call-ID: stranger-{number}
CSeq: 1 INVITE
Contact: <sip:100@{own}>
Content-Length: 0

"""


def resident(server):
    """Memory of the server, in MiB."""
    with open(f"/proc/{server.process.pid}/status") as status:
        return int(re.search(r"VmRSS:\s+(\d+) kB", status.read())[1]) // 1024


def strangers():
    """Who has no password: how many of the INVITEs are answered by 401, at 2,000 a second."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        out.bind(("127.0.0.1", 0))
        out.setblocking(False)
        host, own = out.getsockname()
        answers = set()

        def listen(until):
            while True:
                try:
                    answer = out.recv(65535)
                except BlockingIOError:
                    if time.monotonic() >= until:
                        return
                    time.sleep(0.001)
                    continue
                if answer.startswith(b"SIP/2.0 401"):
                    answers.add(re.search(rb"Call-ID: (\S+)", answer)[1])

        began = time.monotonic()
        for number in range(FLOOD):
            out.sendto(STRANGER.format(own=f"{host}:{own}", number=number).replace("\n", "\r\n").encode(), ("127.0.0.1", SIP))
            if number % 20 == 19:
                listen(began + number / 2000)
        listen(time.monotonic() + 2)
        return len(answers)


def flood():
    """sipp at 127.0.0.3, which is the trunk: INVITEs to the echo, and no ACK to whatever comes."""
    path = folder("sipp-flood")
    scenario = os.path.join(path, "flood.xml")
    invite = request("INVITE", 1, content=offer(), target="sip:600@127.0.0.1").replace(' retrans="500"', "")
    steps = invite + receive(100, optional=True) + '<recv response="503" optional="true" next="9"/>\n' + receive(200) + '<label id="9"/>\n'
    with open(scenario, "w") as out:
        out.write(f'<?xml version="1.0" encoding="UTF-8"?>\n<scenario name="flood">\n{steps}</scenario>\n')
    rows = os.path.join(path, "rows.csv")
    with open(rows, "w") as out:
        out.write(f"SEQUENTIAL\n7000;;{DOMAIN};600\n")
    words = ["sipp", f"127.0.0.1:{SIP}", "-i", "127.0.0.3", "-p", str(free_port()), "-sf", scenario, "-inf", rows, "-nostdin"]
    words += ["-m", str(FLOOD), "-r", "1000", "-l", str(FLOOD), "-timeout", "60", "-recv_timeout", "20000", "-trace_screen"]
    log = open(os.path.join(path, "log"), "w")
    return subprocess.Popen(words, cwd=path, stdin=subprocess.DEVNULL, stdout=log, stderr=log)


async def talk(ann, bob, what):
    """A call between two phones, with its sound, while the flood goes on."""
    ann.events.clear()
    bob.events.clear()
    began = time.monotonic()
    ann.command("dial", "sip:1002@localhost")
    await until(lambda: ann.event("CALL_ESTABLISHED"), f"ann talks to bob: {what}", 15)
    set_up = time.monotonic() - began
    await asyncio.sleep(3)
    ann.command("hangup")
    await until(lambda: bob.event("CALL_CLOSED"), "bob hears the end")
    for phone, expected in ((ann, 697), (bob, 440)):
        heard, above = phone.heard(TONES)
        assert heard == expected and above > 10, (phone.line, heard, above)
    return set_up


def refused():
    """What the server says it refused because too many calls of one trunk were half-open."""
    with urllib.request.urlopen(f"http://127.0.0.1:{9464 + OFFSET}/metrics") as page:
        found = re.search(r'carillon_calls_refused_total\{reason="half_open"\} (\d+)', page.read().decode())
    return int(found[1]) if found else 0


async def test():
    server = Server().start()
    plan = os.path.join(DATA, "dialplan.toml")
    with open(plan, "w") as out:
        out.write(PLAN)
    verb("dialplan", "apply", plan)
    ann, bob = Baresip("ann", 440), Baresip("bob", 697, answer="auto")
    try:
        for phone in (ann, bob):
            await phone.open()
        await talk(ann, bob, "before")
        memory = [resident(server)]
        answered = await asyncio.to_thread(strangers)
        memory.append(resident(server))
        assert answered > FLOOD * 0.99, f"{answered} of {FLOOD} strangers were answered"
        flooding = flood()
        await asyncio.sleep(2)
        set_up = await talk(ann, bob, "during the flood")
        await until(lambda: flooding.poll() is not None, "the flood is over", 70)
        memory.append(resident(server))
        assert set_up < 3, f"a call took {set_up:.1f} s to be set up"
        assert refused() > FLOOD / 2, "most of it found no room"
        await asyncio.sleep(35)
        memory.append(resident(server))
        await talk(ann, bob, "after")
        print(f"{answered} of {FLOOD} strangers got 401; a call during the flood was set up in {set_up:.2f} s")
        print("MiB before, after strangers, after the trunk's flood, half a minute later:", *memory)
        print(f"{refused()} of {FLOOD} INVITEs of the trunk got 503")
        assert max(memory) - memory[0] < 64, memory
    finally:
        for phone in (ann, bob):
            phone.close()
        server.stop()


if __name__ == "__main__":
    main(test)
