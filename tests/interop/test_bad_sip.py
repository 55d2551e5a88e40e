"""Torture messages, endless streams and wrong passwords from foreign sockets leave the server up and tell nothing.

peer: sip-tester
server: own
scenes of sip-tester: malformed message, wrong password
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
# Over a stream a body that never comes is waited for, and a message without Content-Length has no end (RFC 3261 §20.14).
STREAM_ANSWERS = {"clerr": None, "inv2543": 400}
# Where nobody knows where the next message begins, the stream ends. (The second body of dblreq is longer than it says.)
STREAM_ENDS = ("dblreq", "inv2543", "mcl01", "ncl")
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


def torture_streams():
    """Every message over a stream of its own: the same answers, and the next message on the stream is understood."""
    table, wrong = {**expected(), **STREAM_ANSWERS}, []
    for path in sorted(glob.glob(os.path.join(CORPUS, "*.dat"))):
        name = os.path.basename(path)[:-4]
        with open(path, "rb") as file:
            # Other transactions than those of the datagrams (RFC 3261 §17.2.3 knows them by their branch).
            data = re.sub(rb"z9hG4bK(?=\w)", b"z9hG4bKs", file.read())
        call = re.search(rb"(?im)^(?:call-id|i)[ \t]*:\s*(\S+)", data)
        call = call and call.group(1)
        next_call = f"next-{name}".encode()
        lines = [f"OPTIONS sip:{DOMAIN} SIP/2.0", f"Via: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bK{name}", "Max-Forwards: 70", "From: <sip:a@b>;tag=t"]
        lines += [f"To: <sip:{DOMAIN}>", f"Call-ID: next-{name}", "CSeq: 1 OPTIONS", "Content-Length: 0", "", ""]
        with socket.create_connection(("127.0.0.1", SIP), 10) as stream:
            stream.sendall(data)
            if name == "clerr":
                stream.shutdown(socket.SHUT_WR)
            elif name not in STREAM_ENDS:
                stream.sendall("\r\n".join(lines).encode())
            heard, ended = b"", False
            statuses, understood = set(), False
            complete = lambda: ended or understood and (table[name] in statuses or not isinstance(table[name], int))
            while not complete() and select.select([stream], [], [], 2)[0]:
                part = stream.recv(65536)
                heard, ended = heard + part, not part
                answers = [answer for answer in re.split(rb"(?=SIP/2\.0 \d{3} )", heard) if answer]
                understood = any(next_call in answer and answer.startswith(b"SIP/2.0 200") for answer in answers)
                own = [answer for answer in answers if next_call not in answer and (call is None or call in answer)]
                statuses = {int(answer[8:11]) for answer in own}
        expects_end = name in STREAM_ENDS or name == "clerr"
        is_right = table[name] == "any" or (table[name] in statuses if table[name] else not statuses)
        if not is_right or ended != expects_end or understood == expects_end:
            wrong.append((name, table[name], statuses, "ended" if ended else "open", understood))
        assert 500 not in statuses, name
    assert not wrong, wrong


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
        for part in (torture, torture_streams, endless_streams, failures):
            start = time.monotonic()
            part()
            print(f"{part.__name__}: {time.monotonic() - start:.1f} s", flush=True)
        assert resident(server) - before < GROWTH_MAX_KIB, (before, resident(server))
        works()
        sipp("after", [registration()], "carol")
    finally:
        server.stop()


main(test)
