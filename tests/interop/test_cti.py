"""An application drives baresip phones over the CTI WebSocket: click-to-call, hold, transfer after a consultation; what its events told is what it is shown when it comes again.

peer: baresip, aiohttp
server: running
scenes of baresip: applications, hold, consultative transfer
"""

import asyncio
import json
import os
import time

import aiohttp

from carillon import DOMAIN, OFFSET, Baresip, main, password, until

URL = f"https://127.0.0.1:{8443 + OFFSET}/cti"
PROTOCOL = "carillon-cti-1"


def line(number):
    return {"number": number, "partition": "internal"}


def authorization(user, secret):
    return {"Authorization": aiohttp.encode_basic_auth(user, secret)}


def states(call, number):
    return [leg["state"] for leg in call["connections"] if leg.get("line", {}).get("number") == number]


def takes_part(call, number):
    return any(state not in ("null", "fail") for state in states(call, number))


class Application:
    """One application of a user, with all that it was told."""

    def __init__(self, http, user):
        self.http, self.user = http, user
        self.events, self.answers, self.count = [], {}, 0
        self.transcript = []

    async def open(self, by_handshake=False):
        headers = authorization(f"{self.user}@{DOMAIN}", password(self.user)) if by_handshake else {}
        self.socket = await self.http.ws_connect(URL, protocols=[PROTOCOL], ssl=False, headers=headers)
        assert self.socket.protocol == PROTOCOL
        if not by_handshake:
            await self.send({"op": "signIn", "user": self.user, "password": password(self.user)})
        hello = json.loads((await self.socket.receive(10)).data)
        self.transcript.append(("S", hello))
        assert hello["type"] == "signedIn" and hello["user"] == f"{self.user}@{DOMAIN}" and hello["version"] == 1, hello
        self.reader = asyncio.ensure_future(self.read())
        return self

    async def send(self, message):
        self.transcript.append(("C", message))
        await self.socket.send_str(json.dumps(message))

    async def read(self):
        async for message in self.socket:
            message = json.loads(message.data)
            self.transcript.append(("S", message))
            if message["type"] == "event":
                assert message["sequence"] == len(self.events) + 1, message
                self.events.append(message)
            else:
                self.answers[message["id"]] = message

    async def ask(self, op, **fields):
        self.count += 1
        await self.send({"id": self.count, "op": op, **fields})
        number = self.count
        return await until(lambda: self.answers.get(number), f"an answer to {op}")

    async def done(self, op, **fields):
        """Asks again while something else is under way in the call."""
        end = time.monotonic() + 10
        while True:
            answer = await self.ask(op, **fields)
            if answer.get("error", {}).get("code") != "busy" or time.monotonic() > end:
                break
            await asyncio.sleep(0.1)
        assert "result" in answer, (op, answer)
        return answer["result"]

    async def seen(self, event, fits, what):
        def found():
            return next((e for e in self.events if e["event"] == event and "call" in e and fits(e["call"])), None)

        return (await until(found, what, 20))["call"]

    def calls(self, number):
        """The calls of a line, as the events tell them."""
        calls = {event["call"]["id"]: event["call"] for event in self.events if "call" in event}
        return sorted((call for call in calls.values() if takes_part(call, number)), key=lambda call: call["id"])

    async def close(self):
        self.reader.cancel()
        await self.socket.close()


async def refused(http):
    """Who is not who they say gets no socket; nobody's line and somebody else's are the same to ann."""
    for user in ("ann", "nobody"):
        try:
            await http.ws_connect(URL, protocols=[PROTOCOL], ssl=False, headers=authorization(user, "wrong"))
            raise AssertionError("a wrong password was taken")
        except aiohttp.WSServerHandshakeError as error:
            assert error.status == 401, error
    ann = await Application(http, "ann").open(by_handshake=True)
    errors = [(await ann.ask("makeCall", line=line(number), target="1003"))["error"] for number in ("1002", "1999")]
    assert errors[0] == errors[1] and errors[0]["code"] == "noSuchDevice", errors
    assert (await ann.ask("generateDigits", line=line("1001")))["error"]["code"] == "notSupported"
    await ann.close()


async def driven(http):
    phones = [
        await Baresip("ann", 440, answer="auto").open(),
        await Baresip("bob", 697, answer="auto").open(),
        await Baresip("carol", 941, answer="auto").open(),
    ]
    ann_phone, bob_phone, carol_phone = phones
    try:
        ann, bob = await Application(http, "ann").open(), await Application(http, "bob").open(by_handshake=True)
        for application, number in ((ann, "1001"), (bob, "1002")):
            snapshot = await application.done("monitorStart")
            assert snapshot["calls"] == [] and snapshot["lines"][0]["line"] == line(number), snapshot
            assert snapshot["lines"][0]["inService"] is True, snapshot
        made = await ann.done("makeCall", line=line("1001"), target="1002")
        both = lambda call: states(call, "1001") == ["connected"] and states(call, "1002") == ["connected"]
        talking = await ann.seen("established", both, "ann talks to bob")
        assert talking["id"] == made["call"] and talking["dialled"] == "1002", talking
        await until(lambda: bob_phone.event("CALL_ESTABLISHED"), "bob's phone has answered")
        await asyncio.sleep(1)

        await ann.done("holdCall", call=made["call"], line=line("1001"))
        await bob.seen("held", lambda call: states(call, "1001") == ["hold"], "bob is on hold")
        await ann.done("retrieveCall", call=made["call"], line=line("1001"))
        await bob.seen("retrieved", both, "bob is not on hold any more")
        await asyncio.sleep(1)

        # Whoever comes again is shown what the events told those who stayed.
        again = await Application(http, "bob").open()
        snapshot = await again.done("monitorStart")
        assert snapshot["calls"] == bob.calls("1002") and len(snapshot["calls"]) == 1, (snapshot, bob.calls("1002"))

        consulted = await ann.done("consultationCall", call=made["call"], line=line("1001"), target="1003")
        third = lambda call: call["id"] == consulted["call"] and states(call, "1003") == ["connected"]
        await ann.seen("established", third, "ann talks to carol")
        await asyncio.sleep(1)
        await ann.done("transferCall", held=made["call"], active=consulted["call"], line=line("1001"))
        joined = lambda call: states(call, "1002") == ["connected"] and states(call, "1003") == ["connected"]
        left = await bob.seen("transferred", joined, "bob talks to carol")
        await until(lambda: not ann.calls("1001"), "ann is out of it")
        assert (await ann.ask("clearCall", call=left["id"]))["error"]["code"] == "noSuchCall"
        await until(lambda: len(again.calls("1002")) == 1 and again.calls("1002") == bob.calls("1002"), "both of bob's were told the same")
        await asyncio.sleep(3)
        await bob.done("clearConnection", call=left["id"], line=line("1002"))
        await until(lambda: carol_phone.event("CALL_CLOSED"), "carol hears the end")
        await until(lambda: not bob.calls("1002"), "bob is told of the end")
        tones = (440, 697, 941)
        heard, above = carol_phone.heard(tones)
        assert heard == 697 and above > 10, ("carol", heard, above)
        if os.environ.get("TRANSCRIPT"):
            for side, message in ann.transcript:
                print(f"{side}: {json.dumps(message)}")
        for application in (ann, bob, again):
            await application.close()
    finally:
        for phone in phones:
            phone.close()


async def test():
    async with aiohttp.ClientSession() as http:
        for part in (refused, driven):
            print(part.__name__, flush=True)
            await part(http)


main(test)
