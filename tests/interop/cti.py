"""An application that controls calls, for tests that are about something else (test_cti.py is about the conversation itself)."""

import asyncio
import contextlib
import json

import aiohttp

from carillon import DOMAIN, OFFSET, password

URL = f"https://127.0.0.1:{8443 + OFFSET}/cti"


def line(number):
    return {"number": number, "partition": "internal"}


class Application:
    """A user's application; what it is not told by an answer it asks for."""

    def __init__(self, socket):
        self.socket, self.count = socket, 0

    async def ask(self, op, **fields):
        self.count += 1
        await self.socket.send_str(json.dumps({"id": self.count, "op": op, **fields}))
        while True:
            message = json.loads((await self.socket.receive(10)).data)
            if message.get("id") == self.count:
                return message

    async def done(self, op, **fields):
        """Asks again while something else is under way in the call."""
        for _ in range(50):
            message = await self.ask(op, **fields)
            if message.get("error", {}).get("code") != "busy":
                break
            await asyncio.sleep(0.1)
        assert "result" in message, (op, message)
        return message["result"]

    async def calls(self, number):
        """The calls of a line, the oldest first."""
        calls = (await self.done("snapshotDevice", line=line(number)))["calls"]
        return [call["id"] for call in sorted(calls, key=lambda call: call["started"])]


@contextlib.asynccontextmanager
async def application(user):
    """Signed in as `user`."""
    authorization = {"Authorization": aiohttp.encode_basic_auth(f"{user}@{DOMAIN}", password(user))}
    async with aiohttp.ClientSession() as http:
        async with http.ws_connect(URL, protocols=["carillon-cti-1"], ssl=False, headers=authorization) as socket:
            yield Application(socket)
