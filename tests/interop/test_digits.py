"""Keys that are pressed within a call reach the other phone, as telephone-events (RFC 4733) and by INFO, from baresip and from linphone, while both go on talking.

peer: baresip, linphone-cli
server: running
scenes of baresip: digits
scenes of linphone-cli: digits
"""

import asyncio

from carillon import LINES, Baresip, main, until
from linphone import Linphone
from telephony import address, closed, established, forget, phones

KEYS = "12#"
LINES["dave"] = LINES["ann"]


def pressed(phone):
    return "".join(event.get("param", "")[:1] for event in phone.event("CALL_DTMF_START"))


async def from_baresip(caller, bob):
    forget(caller, bob)
    caller.command("dial", address(1002))
    await established(caller, bob)
    await asyncio.sleep(0.5)
    caller.command("sndcode", KEYS)
    await until(lambda: pressed(bob) == KEYS, f"bob is told {KEYS}, and not {pressed(bob)}", 6)
    await asyncio.sleep(1)
    caller.command("hangup")
    await closed(caller, bob)
    hertz, above = bob.heard((440, 697, 941))
    assert hertz == caller.hertz and above > 10, (hertz, above)


async def from_linphone(caller, bob):
    forget(bob)
    caller.say(f"call {address(1002)}")
    await established(bob)
    await asyncio.sleep(1)
    for key in KEYS:
        caller.say(key)
        await asyncio.sleep(0.5)
    await until(lambda: pressed(bob) == KEYS, f"bob is told {KEYS}, and not {pressed(bob)}", 6)
    await asyncio.sleep(1)
    caller.say("terminate")
    await closed(bob)
    hertz, above = bob.heard((440, 697, 941))
    assert hertz == 941 and above > 10, (hertz, above)


async def test():
    bob = Baresip("bob", 697, answer="auto")
    ann, info = Baresip("ann", 440), Baresip("dave", 440, account=";dtmfmode=info")
    async with phones(bob, ann, info):
        await from_baresip(ann, bob)
        await from_baresip(info, bob)
    for by_info in (False, True):
        bob, carol = Baresip("bob", 697, answer="auto"), Linphone("1003", 941, info=by_info)
        async with phones(bob, carol):
            await from_linphone(carol, bob)


main(test)
