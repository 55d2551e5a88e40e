"""A second call rings at a baresip that talks, is taken, and each caller hears whom they should or the music; without call waiting the caller hears busy.

peer: baresip, linphone-cli
server: own
scenes of baresip: call waiting, hold, busy
scenes of linphone-cli: music on hold
"""

import asyncio

from carillon import Baresip, Server, main, until
from linphone import Linphone
from telephony import MUSIC, address, closed, established, forget, heard, music_on_hold, one_after_the_other, phones

async def taken(ann, bob, carol):
    """ann's linphone talks to bob when carol calls; he takes her call, and then ann's again."""
    ann.say(f"call {address(1002)}")
    await until(lambda: bob.event("CALL_INCOMING"), "bob rings")
    bob.command("accept")
    await established(bob)
    await asyncio.sleep(2)
    forget(bob)
    carol.command("dial", address(1002))
    await until(lambda: bob.event("CALL_INCOMING"), "a second call rings")
    # baresip holds the other call by itself.
    bob.command("accept")
    await established(carol)
    await asyncio.sleep(3)
    carol.command("hangup")
    await closed(carol)
    bob.command("resume")
    await asyncio.sleep(2.5)
    ann.say("terminate")
    await until(lambda: len(bob.event("CALL_CLOSED")) == 2, "both calls have ended")
    hertz, above = carol.heard((440, 697, MUSIC))
    assert hertz == 697 and above > 10, ("carol", hertz, above)


async def busy(ann, bob, carol):
    bob.command("dial", address("*71"))
    await closed(bob)
    forget(bob, carol)
    ann.say(f"call {address(1002)}")
    await until(lambda: bob.event("CALL_INCOMING"), "bob rings")
    bob.command("accept")
    await established(bob)
    forget(bob)
    carol.command("dial", address(1002))
    await closed(carol)
    assert "486" in str(carol.event("CALL_CLOSED")) and not bob.event("CALL_INCOMING"), (carol.events, bob.events)
    ann.say("terminate")
    await closed(bob)
    forget(bob, carol)


async def test():
    music_on_hold()
    server = Server().start()
    ann, bob, carol = Linphone("1001", 440), Baresip("bob", 697), Baresip("carol", 941)
    try:
        async with phones(ann, bob, carol):
            await taken(ann, bob, carol)
            forget(bob, carol)
            await busy(ann, bob, carol)
    finally:
        server.stop()
    order = one_after_the_other(heard(ann.first))
    print(order)
    assert order[:3] == [697, MUSIC, 697], order


main(test)
