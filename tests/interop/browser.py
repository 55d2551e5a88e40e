"""What the tests with web clients share: a headless Chromium that is driven by its page, node, and a network that breaks."""

import asyncio
import json
import os
import shutil
import socket
import sys

from carillon import HERE, OFFSET, folder, free_port, until

HTTPS, HTTP = 8443 + OFFSET, 8080 + OFFSET
PAGES = os.path.join(HERE, "pages")
NODE_MODULES = os.path.join(os.path.dirname(sys.prefix), "node", "node_modules")
KINDS = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".json": "application/json", ".wasm": "application/wasm"}


class Peer:
    """A web client that tells what it sees, as events, and does what it is told."""

    def __init__(self):
        self.events = []

    def heard(self, kind, **words):
        """The events of a kind that have these words."""
        return [e for e in self.events if e["event"] == kind and all(e.get(k) == v for k, v in words.items())]

    def words(self, peer):
        """What somebody wrote, in order."""
        return [e["body"] for e in self.heard("message") if e["from"].split("/")[0] == peer]

    async def wait(self, kind, what, count=1, seconds=30, **words):
        try:
            await until(lambda: len(self.heard(kind, **words)) >= count, what, seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}; it told {json.dumps(self.events[-12:])}") from None
        return self.heard(kind, **words)[-1]


class Browser(Peer):
    """A headless Chromium with one page of tests/interop/pages, whose library lies in target/peers/node."""

    def __init__(self, page, library, **settings):
        super().__init__()
        self.page, self.library, self.settings = page, library, settings
        self.commands = asyncio.Queue()

    async def open(self, *flags):
        port = free_port()
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", port)
        self.path = folder(f"chromium-{self.page}-{port}")
        self.log = open(os.path.join(self.path, "log"), "w")
        self.process = await asyncio.create_subprocess_exec(
            "chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
            "--ignore-certificate-errors", "--disable-background-timer-throttling", "--enable-logging=stderr",
            f"--user-data-dir={self.path}/profile", *flags, f"http://127.0.0.1:{port}/{self.page}.html",
            stdin=asyncio.subprocess.DEVNULL, stdout=self.log, stderr=self.log,
        )  # fmt: skip
        await self.wait("loaded", f"{self.page} is loaded in Chromium; see {self.path}/log", seconds=60)
        return self

    async def serve(self, reader, writer):
        """One request of the page: a file, its settings, a command that it waits for, or an event."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            method, path, _ = head.split(" ", 2)
            fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
            body = await reader.readexactly(int(fields.get("content-length", 0)))
            status, kind, answer = await self.answer(method, path.split("?")[0], body)
            writer.write(
                f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(answer)}\r\nConnection: close\r\n\r\n".encode() + answer
            )
            await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass
        finally:
            writer.close()

    async def answer(self, method, path, body):
        if path == "/event":
            self.events.append(json.loads(body))
            return "200 OK", "text/plain", b""
        if path == "/settings":
            return "200 OK", "application/json", json.dumps(self.settings).encode()
        if path == "/command":
            return "200 OK", "application/json", json.dumps(await self.commands.get()).encode()
        root, name = (PAGES, path[1:]) if path.endswith(".html") else (os.path.join(NODE_MODULES, self.library), path[1:])
        file = os.path.normpath(os.path.join(root, name))
        if not file.startswith(root) or not os.path.isfile(file):
            return "404 Not Found", "text/plain", b""
        with open(file, "rb") as content:
            return "200 OK", KINDS.get(os.path.splitext(file)[1], "application/octet-stream"), content.read()

    def do(self, what, **words):
        self.commands.put_nowait({"do": what, **words})

    async def close(self):
        self.process.terminate()
        await self.process.wait()
        self.commands.put_nowait({})
        self.server.close()
        shutil.rmtree(os.path.join(self.path, "profile"), ignore_errors=True)


class Node(Peer):
    """A script of tests/interop/pages in node: commands and events are lines of JSON."""

    async def open(self, script, **settings):
        self.log = open(os.path.join(folder(f"node-{script}"), "log"), "w")
        environment = {**os.environ, "NODE_TLS_REJECT_UNAUTHORIZED": "0", "MODULES": NODE_MODULES, "SETTINGS": json.dumps(settings)}
        self.process = await asyncio.create_subprocess_exec(
            "node", os.path.join(PAGES, script), env=environment,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=self.log,
        )  # fmt: skip
        self.reader = asyncio.ensure_future(self.read())
        return self

    async def read(self):
        async for line in self.process.stdout:
            self.events.append(json.loads(line))

    def do(self, what, **words):
        self.process.stdin.write(json.dumps({"do": what, **words}).encode() + b"\n")

    async def close(self):
        self.process.terminate()
        await self.process.wait()


class Network:
    """The way to a port of the server: it can break, and lose the answer to a request, or one that says something."""

    def __init__(self, port):
        self.target = port
        self.port = free_port()
        self.pairs = set()
        self.lose_answers_with, self.lose_answers_to = set(), set()
        self.lost = 0

    async def open(self):
        self.server = await asyncio.start_server(self.accept, "127.0.0.1", self.port)
        return self

    def cut(self):
        """All connections break at once."""
        for writers in list(self.pairs):
            for writer in writers:
                writer.transport.abort()

    async def accept(self, reader, writer):
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            return writer.transport.abort()
        pair = (writer, back)
        self.pairs.add(pair)
        doomed = []

        async def forth():
            while data := await reader.read(65536):
                for mark in [mark for mark in self.lose_answers_to if mark in data]:
                    self.lose_answers_to.discard(mark)
                    doomed.append(mark)
                back.write(data)

        async def answers():
            while data := await there.read(65536):
                found = [mark for mark in self.lose_answers_with if mark in data]
                if found or doomed:
                    self.lose_answers_with.difference_update(found)
                    self.lost += 1
                    return
                writer.write(data)

        halves = [asyncio.ensure_future(forth()), asyncio.ensure_future(answers())]
        await asyncio.wait(halves, return_when=asyncio.FIRST_COMPLETED)
        for half in halves:
            half.cancel()
        await asyncio.gather(*halves, return_exceptions=True)
        self.pairs.discard(pair)
        for end in pair:
            end.transport.abort()
