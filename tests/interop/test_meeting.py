"""A conference with a PIN: keyed as telephone-events by baresip and linphone and by INFO, each hears the others and not itself; who does not know it stays out; two calls of linphone become one conference.

peer: baresip, linphone-cli
server: own
scenes of baresip: conference, digits
scenes of linphone-cli: conference, digits
"""

import asyncio

from carillon import Baresip, Server, main, until
from linphone import Linphone
from telephony import address, closed, established, heard, phones, setting

# Two tones at once share the energy of a window.
PART = 0.15


async def comes(phone, pin):
    phone.command("dial", address(801))
    await established(phone)
    await asyncio.sleep(0.5)
    phone.command("sndcode", pin)


async def meet(ann, bob, carol):
    await comes(ann, "4711#")
    await comes(bob, "4711")
    carol.say(f"call {address(801)}")
    await carol.status("hook", ["Call out, hook="])
    await asyncio.sleep(1.5)
    # linphonec sends a line of digits one by one.
    for key in "4711":
        carol.say(key)
        await asyncio.sleep(0.4)
    await asyncio.sleep(6)
    assert not ann.event("CALL_CLOSED") and not bob.event("CALL_CLOSED"), "they confer"
    carol.say("terminate")
    ann.command("hangup")
    bob.command("hangup")
    await closed(ann, bob)
    await asyncio.sleep(0.5)


async def stays_out(ann):
    ann.events.clear()
    await comes(ann, "1111#")
    for _ in range(2):
        await asyncio.sleep(1.5)
        assert not ann.event("CALL_CLOSED"), "there is another try"
        ann.command("sndcode", "1111#")
    await until(lambda: ann.event("CALL_CLOSED"), "after three wrong PINs the call ends", 10)


async def test():
    setting('conferences = ["801:4711"]')
    server = Server().start()
    ann, bob, carol = Baresip("ann", 440), Baresip("bob", 697, account=";dtmfmode=info"), Linphone("1003", 941)
    try:
        async with phones(ann, bob, carol):
            await meet(ann, bob, carol)
            recordings = {"ann": ann.recordings(), "bob": bob.recordings(), "carol": [carol.first]}
            await stays_out(ann)
    finally:
        server.stop()
    own = {"ann": 440, "bob": 697, "carol": 941}
    for user, paths in recordings.items():
        windows = heard(*paths, tones=tuple(own.values()), part=PART)
        others = set(own.values()) - {own[user]}
        print(user, windows)
        assert all(own[user] not in window for window in windows), f"{user} hears itself"
        assert windows.count(others) >= 3, f"{user} hears both others at once"


main(test)
