"""Torture messages, endless streams and wrong passwords from foreign sockets leave the server up and tell nothing.

peer: sip-tester
server: own
"""

import glob
import hashlib
import os
import re
import select
import socket
import time

from carillon import DOMAIN, HERE, LINES, SIP, Server, line_password, main, sipp
from sipp_scenario import receive, registration, request

CORPUS = os.path.join(HERE, "..", "rfc4475")
TABLE = os.path.join(HERE, "..", "..", "crates", "sip", "tests", "torture.rs")
TORTURER = "127.0.0.9"
GROWTH_MAX_KIB = 20 * 1024
STREAM_BYTES_MAX = 1 << 20
FAILURES_FREE = 40  # more than one line may fail from one address


def expected():
    """What RFC 4475 asks for, as the unit test of the parser has it: name to status, or None for silence."""
    with open(TABLE) as text:
        rows = re.findall(r'\("(\w+)", (Processed|Dropped|Refused\((\d+)\)), "', text.read())
    return {name: int(status) if status else (None if answer == "Dropped" else "any") for name, answer, status in rows}


def torture():
    """Every message over UDP; answers come to the port that the message's Via names (RFC 3261 §18.2.2)."""
    table, sockets, wrong = expected(), {}, []
    files = sorted(glob.glob(os.path.join(CORPUS, "*.dat")))
    assert len(files) == len(table) > 40
    for path in files:
        name = os.path.basename(path)[:-4]
        with open(path, "rb") as file:
            data = file.read()
        via = re.search(rb"(?im)^(?:via|v)[ \t]*:\s*sip\s*/\s*2\.0\s*/\s*\w+\s+[^\s;:,]+(?:\s*:\s*(\d+))?", data)
        call = re.search(rb"(?im)^(?:call-id|i)[ \t]*:\s*(\S+)", data)
        call = call and call.group(1)
        port = int(via.group(1) or 5060) if via else 5060
        if port not in sockets:
            sockets[port] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sockets[port].bind((TORTURER, port))
        sockets[port].sendto(data, ("127.0.0.1", SIP))
        statuses = set()
        wait = 1.0 if table[name] not in ("any", None) else 0.3
        while select.select([sockets[port]], [], [], wait)[0]:
            answer = sockets[port].recv(65536)
            # Late answers to an earlier message are not this one's.
            if call is None or call in answer:
                statuses.add(int(re.match(rb"SIP/2\.0 (\d{3})", answer).group(1)))
                wait = 0.05
        if table[name] is None and statuses or isinstance(table[name], int) and table[name] not in statuses:
            wrong.append((name, table[name], statuses))
        assert 500 not in statuses, name
    assert not wrong, wrong
    for bound in sockets.values():
        bound.close()


def endless_streams():
    """A header without end is cut; streams that say nothing, or little, cost nothing to others."""
    idle = [socket.create_connection(("127.0.0.1", SIP), 10) for _ in range(200)]
    for stream in idle[:100]:
        stream.sendall(b"INVITE sip:1002@localhost SIP/2.0\r\nVia: ")
    endless, sent = socket.create_connection(("127.0.0.1", SIP), 10), 0
    endless.sendall(b"OPTIONS sip:localhost SIP/2.0\r\n")
    try:
        while sent < 64 * STREAM_BYTES_MAX:
            sent += endless.send(b"X-Filler: " + b"x" * 10_000 + b"\r\n")
    except (BrokenPipeError, ConnectionResetError):
        pass
    assert sent < 64 * STREAM_BYTES_MAX, "an endless header is read without end"
    works()
    for stream in idle:
        stream.close()


def works():
    sipp("alive", [request("OPTIONS", 1, target="sip:[field2]"), receive(200)], "ann", "1001")


def attempt(phone, user, secret, call):
    """One REGISTER with its challenge; gives the final answer without what is this request's own."""

    def send(number, extra):
        lines = [
            f"REGISTER sip:{DOMAIN} SIP/2.0",
            f"Via: SIP/2.0/UDP {phone.getsockname()[0]}:{phone.getsockname()[1]};rport;branch=z9hG4bK{call}x{number}",
            "Max-Forwards: 70",
            f"From: <sip:{user}@{DOMAIN}>;tag=t",
            f"To: <sip:{user}@{DOMAIN}>",
            f"Call-ID: {call}",
            f"CSeq: {number} REGISTER",
            f"Contact: <sip:{user}@{phone.getsockname()[0]}:{phone.getsockname()[1]}>",
            *extra,
            "Content-Length: 0",
        ]
        phone.sendto("\r\n".join([*lines, "", ""]).encode(), ("127.0.0.1", SIP))
        return phone.recv(65536).decode()

    challenge = send(1, [])
    nonce, realm = (re.search(rf'{name}="([^"]*)"', challenge).group(1) for name in ("nonce", "realm"))
    md5 = lambda text: hashlib.md5(text.encode()).hexdigest()
    ha1, ha2 = md5(f"{user}:{realm}:{secret}"), md5(f"REGISTER:sip:{DOMAIN}")
    response = md5(f"{ha1}:{nonce}:00000001:c:auth:{ha2}")
    digest = f'Authorization: Digest username="{user}", realm="{realm}", nonce="{nonce}", uri="sip:{DOMAIN}", response="{response}"'
    answer = send(2, [digest + ', algorithm=MD5, cnonce="c", qop=auth, nc=00000001'])
    for own in (r'nonce="[^"]*"', r"tag=\w+", rf"\b{user}\b", rf"\b{call}\w*", r"branch=\w+"):
        answer = re.sub(own, "_", answer)
    return answer


def phone(address):
    bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    bound.settimeout(30)
    bound.bind((address, 0))
    return bound


def failures():
    """A wrong password and an unknown line sound alike; only failures are limited, and no neighbour suffers."""
    one = phone("127.0.0.4")
    wrong = attempt(one, LINES["bob"], "wrong", "a1")
    unknown = attempt(one, "4711", "wrong", "a2")
    assert wrong == unknown and wrong.startswith("SIP/2.0 401"), (wrong, unknown)
    guesser, limited = phone("127.0.0.2"), None
    for number in range(FAILURES_FREE):
        answer = attempt(guesser, LINES["ann"], f"wrong{number}", f"g{number}")
        if answer.startswith("SIP/2.0 403"):
            limited = number
            break
        assert answer.startswith("SIP/2.0 401"), answer
    assert limited, "guessing is never refused"
    for user, address in (("ann", "127.0.0.3"), ("bob", "127.0.0.2")):
        answer = attempt(phone(address), LINES[user], line_password(LINES[user]), f"ok{user}")
        assert answer.startswith("SIP/2.0 200"), (user, address, answer)


def resident(server):
    with open(f"/proc/{server.process.pid}/status") as status:
        return int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1))


async def test():
    server = Server().start()
    try:
        works()
        sipp("before", [registration()], "carol")
        before = resident(server)
        for part in (torture, endless_streams, failures):
            start = time.monotonic()
            part()
            print(f"{part.__name__}: {time.monotonic() - start:.1f} s", flush=True)
        assert resident(server) - before < GROWTH_MAX_KIB, (before, resident(server))
        works()
        sipp("after", [registration()], "carol")
    finally:
        server.stop()


main(test)
