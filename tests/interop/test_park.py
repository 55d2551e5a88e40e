"""A baresip parks a linphone, which hears the music; another phone fetches it from the slot and both hear each other; a parked call that nobody fetches rings at the line that parked it.

peer: baresip, linphone-cli
server: own
scenes of baresip: park, blind transfer, forgotten parked call
scenes of linphone-cli: park, music on hold
"""

import asyncio

from carillon import Baresip, Server, main, until
from linphone import Linphone
from telephony import MUSIC, address, closed, established, forget, heard, music_on_hold, one_after_the_other, phones, setting, told

RECALL = 5


async def parked(ann, bob):
    """ann's linphone calls bob, who parks it."""
    forget(bob)
    ann.say(f"call {address(1002)}")
    await established(bob)
    await asyncio.sleep(2)
    bob.command("transfer", address(703))
    await closed(bob)


async def fetched(ann, bob, carol):
    await parked(ann, bob)
    await asyncio.sleep(2)
    carol.command("dial", address(703))
    await established(carol)
    await asyncio.sleep(3)
    ann.say("terminate")
    await closed(carol)
    hertz, above = carol.heard((440, 697, MUSIC))
    assert hertz == 440 and above > 10, ("carol", hertz, above)
    # The slot is free again.
    forget(carol)
    carol.command("dial", address(703))
    await closed(carol)
    assert "404" in str(carol.event("CALL_CLOSED")), carol.events


async def forgotten(ann, bob):
    ann.say(f"record {ann.second}")
    await parked(ann, bob)
    forget(bob)
    # bob's phone answers by itself: they talk again.
    await until(lambda: bob.event("CALL_ESTABLISHED"), "bob's phone rings again", RECALL + 5)
    await asyncio.sleep(3)
    ann.say("terminate")
    await closed(bob)
    await asyncio.sleep(0.5)


async def test():
    music_on_hold()
    setting(f"park_recall_seconds = {RECALL}")
    server = Server().start()
    ann, bob, carol = Linphone("1001", 440), Baresip("bob", 697, answer="auto"), Baresip("carol", 941)
    try:
        async with phones(ann, bob, carol):
            await fetched(ann, bob, carol)
            await forgotten(ann, bob)
    finally:
        server.stop()
    for path, expected in ((ann.first, [697, MUSIC, 941]), (ann.second, [697, MUSIC, 697])):
        order = one_after_the_other(heard(path))
        print(order)
        assert order == expected, (path, order)
    assert MUSIC not in told(bob), "whoever parks hears no music"


main(test)
