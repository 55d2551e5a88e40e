#!/usr/bin/env python3
"""Registers very many lines and holds them: memory of the server, CPU of their keep-alives.

    lines.py udp|tcp|tls HOST:PORT LINES PID

Line n (from 1000 on) has the password pwN in the domain bench.local. Over TCP and TLS each line has a connection of its
own; over UDP a hundred lines share a socket, each with a contact of its own. Every line sends a keep-alive (RFC 5626 §3.5.1:
two line ends) every 30 s: over a connection the server must answer each. Prints one line of JSON.
"""

import asyncio
import hashlib
import json
import os
import re
import ssl
import sys
import time

DOMAIN = "bench.local"
FIRST = 1000
LINES_PER_SOCKET = 100
AT_ONCE = 64
ANSWER_SECONDS = 20
KEEP_ALIVE_SECONDS = 30
HOLD_SECONDS = 60
RUN = os.urandom(4).hex()
HZ = os.sysconf("SC_CLK_TCK")


def processes(pid):
    found, left = [], [pid]
    while left:
        pid = left.pop()
        found.append(pid)
        try:
            for thread in os.listdir(f"/proc/{pid}/task"):
                left += map(int, open(f"/proc/{pid}/task/{thread}/children").read().split())
        except OSError:
            pass
    return found


def memory_kib(pid):
    """Proportional: what processes share is counted once."""
    lines = (line for p in processes(pid) for line in open(f"/proc/{p}/smaps_rollup"))
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def cpu_seconds(pid):
    fields = (open(f"/proc/{p}/stat").read().rsplit(")", 1)[1].split() for p in processes(pid))
    return sum(int(f[11]) + int(f[12]) for f in fields) / HZ


def md5(*parts):
    return hashlib.md5(":".join(parts).encode()).hexdigest()


class Line:
    """One line and its REGISTER, first without and then with credentials (RFC 3261 §10, §22)."""

    def __init__(self, number, transport, local, send):
        self.number, self.transport, self.send = number, transport, send
        self.host, self.port = local[:2]
        self.answer = asyncio.get_running_loop().create_future()
        self.cseq = 0

    def request(self, proof=""):
        self.cseq += 1
        n, kind = self.number, self.transport.upper()
        contact = f"sip:{n}@{self.host}:{self.port};transport={self.transport if kind != 'TLS' else 'tcp'};line={n}"
        self.send(
            f"REGISTER sip:{DOMAIN} SIP/2.0\r\nVia: SIP/2.0/{kind} {self.host}:{self.port};rport;branch=z9hG4bK-{RUN}-{n}-{self.cseq}\r\n"
            f"From: <sip:{n}@{DOMAIN}>;tag={RUN}{n}\r\nTo: <sip:{n}@{DOMAIN}>\r\nCall-ID: lines-{n}-{RUN}\r\nCSeq: {self.cseq} REGISTER\r\n"
            f"Max-Forwards: 70\r\nContact: <{contact}>\r\nExpires: 3600\r\n{proof}Content-Length: 0\r\n\r\n".encode()
        )

    def heard(self, text):
        status = int(text[8:11])
        if status == 401 and self.cseq == 1:
            ask = dict(re.findall(r'(\w+)="?([^",\r]+)', re.search(r"WWW-Authenticate: Digest ([^\r]*algorithm=MD5[^\r]*)", text, re.I)[1]))
            user, uri, cnonce = str(self.number), f"sip:{DOMAIN}", "c0ffee"
            secret, what = md5(user, ask["realm"], f"pw{user}"), md5("REGISTER", uri)
            if "qop" in ask:
                response, qop = md5(secret, ask["nonce"], "00000001", cnonce, "auth", what), f'qop=auth, nc=00000001, cnonce="{cnonce}", '
            else:
                response, qop = md5(secret, ask["nonce"], what), ""
            self.request(
                f'Authorization: Digest username="{user}", realm="{ask["realm"]}", nonce="{ask["nonce"]}", uri="{uri}", '
                f'{qop}response="{response}", algorithm=MD5' + (f', opaque="{ask["opaque"]}"' if "opaque" in ask else "") + "\r\n"
            )
        elif status >= 200 and not self.answer.done():
            self.answer.set_result(status)


class Sockets(asyncio.DatagramProtocol):
    """A socket that a hundred lines share."""

    def __init__(self):
        self.lines = {}

    def connection_made(self, transport):
        self.socket = transport

    def datagram_received(self, data, _):
        text = data.decode(errors="replace")
        line = re.search(r"^Call-ID: *lines-(\d+)", text, re.M | re.I)
        if text.startswith("SIP/2.0") and line:
            self.lines[int(line[1])].heard(text)


async def read(reader, line, pongs):
    """Messages and answers to keep-alives of one connection."""
    text = ""
    while data := await reader.read(4096):
        text += data.decode(errors="replace")
        while True:
            if text.startswith("\r\n"):
                pongs[0] += 1
                text = text[2:]
            elif "\r\n\r\n" in text:
                head, text = text.split("\r\n\r\n", 1)
                line.heard(head + "\r\n")
            else:
                break
    raise ConnectionError(f"the connection of line {line.number} was closed")


async def main():
    transport, target, count, pid = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    host, port = target.split(":")
    loop, at_once, pongs, readers, ways = asyncio.get_running_loop(), asyncio.Semaphore(AT_ONCE), [0], [], []
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    before, began, sockets = memory_kib(pid), time.monotonic(), {}
    cpu = cpu_seconds(pid)

    async def one(number):
        async with at_once:
            if transport == "udp":
                sock = sockets[(number - FIRST) // LINES_PER_SOCKET]
                way = sock.socket.sendto
                line = sock.lines[number] = Line(number, transport, sock.socket.get_extra_info("sockname"), way)
            else:
                reader, writer = await asyncio.open_connection(host, int(port), ssl=context if transport == "tls" else None)
                way = writer.write
                line = Line(number, transport, writer.get_extra_info("sockname"), way)
                readers.append(asyncio.ensure_future(read(reader, line, pongs)))
            ways.append(way)
            line.request()
            status = await asyncio.wait_for(line.answer, ANSWER_SECONDS)
            if status != 200:
                raise SystemExit(f"line {number} was answered {status}")

    if transport == "udp":
        for group in range((count + LINES_PER_SOCKET - 1) // LINES_PER_SOCKET):
            _, sockets[group] = await loop.create_datagram_endpoint(Sockets, remote_addr=(host, int(port)))
    await asyncio.gather(*(one(number) for number in range(FIRST, FIRST + count)))
    took, registering = time.monotonic() - began, cpu_seconds(pid) - cpu
    await asyncio.sleep(3)

    # Keep-alives, evenly over their time.
    cpu, started, sent = cpu_seconds(pid), time.monotonic(), 0
    while (now := time.monotonic() - started) < HOLD_SECONDS:
        due = int(now / KEEP_ALIVE_SECONDS * count)
        for number in range(sent, due):
            ways[number % count](b"\r\n\r\n")
        sent = max(sent, due)
        await asyncio.sleep(0.01)
    await asyncio.sleep(1)
    if any(reader.done() for reader in readers) or (readers and pongs[0] != sent):
        raise SystemExit(f"{sent} keep-alives were answered {pongs[0]} times; closed: {sum(r.done() for r in readers)}")
    after = memory_kib(pid)
    print(json.dumps({
        "lines": count, "seconds": round(took, 1), "cpu_s_per_1000_registers": round(registering * 1000 / count, 4),
        "mib": round(after / 1024, 1), "kib_per_line": round((after - before) / count, 2),
        "cpu_s_per_1000_keep_alives": round((cpu_seconds(pid) - cpu) * 1000 / sent, 4), "keep_alives": sent,
    }))
    os._exit(0)


asyncio.run(main())
