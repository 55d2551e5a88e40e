"""Calls are transferred by foreign phones, and the two that are left hear each other: blind by baresip, after a consultation by linphone.

peer: baresip, linphone-cli
server: running
scenes of baresip: blind transfer, presence
scenes of linphone-cli: consultative transfer
"""

import asyncio

from carillon import DOMAIN, Baresip, befriend, client, loudest, main, until
from linphone import Linphone

TONES = (440, 697, 941, 1209)


def hears(phone, hertz, who):
    heard, above = phone.heard(TONES)
    assert heard == hertz and above > 10, (who, heard, above)


def hears_the_new_one(phone, hertz, who):
    """baresip 1.0 discards what a new source sends when its timestamps, which begin at random, are below those before."""
    if "discard old frame" in phone.text():
        assert "SSRC changed" in phone.text(), (who, "nothing comes from the new phone")
    else:
        hears(phone, hertz, who)


async def blind():
    """bob's baresip sends ann to carol, and is out of it."""
    phones = [
        await Baresip("ann", 440).open(),
        await Baresip("bob", 697, answer="auto").open(),
        await Baresip("carol", 941, answer="auto").open(),
    ]
    ann, bob, carol = phones
    watcher = await client("ann", "laptop").sign_in()
    desk = await client("bob", "desk").sign_in()
    await befriend(watcher, desk)
    try:
        ann.command("dial", f"sip:1002@{DOMAIN}")
        await until(lambda: ann.event("CALL_ESTABLISHED"), "ann talks to bob")
        await until(lambda: watcher.seen(f"bob@{DOMAIN}", status="On the phone"), "bob is on the phone")
        await asyncio.sleep(1)
        watcher.presences.clear()
        bob.command("transfer", f"sip:1003@{DOMAIN}")
        await until(lambda: carol.event("CALL_ESTABLISHED"), "carol talks")
        await until(lambda: bob.event("CALL_CLOSED"), "bob is out of it")
        await until(lambda: watcher.seen(f"bob@{DOMAIN}", show=""), "bob is available again")
        await asyncio.sleep(4)
        assert not ann.event("CALL_CLOSED") and not carol.event("CALL_CLOSED"), "ann and carol still talk"
        ann.command("hangup")
        await until(lambda: carol.event("CALL_CLOSED"), "carol hears the end")
        hears_the_new_one(ann, 941, "ann")
        hears(carol, 440, "carol")
    finally:
        for phone in phones:
            phone.close()


async def consultative():
    """bob's linphone talks to ann's, then to carol, and joins the two."""
    ann, bob = Linphone("1001", 1209), Linphone("1002", 697)
    carol = await Baresip("carol", 941, answer="auto").open()
    try:
        await ann.status("register", ["registered,"])
        await bob.status("register", ["registered,"])
        bob.say(f"call sip:1001@{DOMAIN}")
        await ann.status("hook", ["Incoming call", "hook=ringing"])
        ann.say("answer")
        await until(lambda: "connected" in bob.text(), "ann talks to bob", 20)
        await asyncio.sleep(1)
        bob.say("pause", f"call sip:1003@{DOMAIN}")
        await until(lambda: carol.event("CALL_ESTABLISHED"), "carol talks to bob", 20)
        await asyncio.sleep(1)
        bob.say("transfer 1 --to-call 2")
        await asyncio.sleep(6)
        assert not carol.event("CALL_CLOSED"), "ann and carol still talk"
        bob.say("calls")
        await until(lambda: "No active call" in bob.text(), "bob has no call left")
        ann.say("terminate")
        await until(lambda: carol.event("CALL_CLOSED"), "carol hears the end")
    except AssertionError:
        print(bob.text()[-3000:], ann.text()[-3000:])
        raise
    finally:
        for phone in (ann, bob, carol):
            phone.close()
    # The end of what was recorded: before, there was bob, and then linphone's own tone for whoever is on hold.
    heard, above = loudest(ann.first, TONES, 0.7)
    assert heard == 941 and above > 10, ("ann", heard, above)
    hears_the_new_one(carol, 1209, "carol")


async def test():
    for part in (blind, consultative):
        print(part.__name__, flush=True)
        await part()


main(test)
