"""linphone transfers a call without asking; whom it holds hears the music; a target that does not want the call leaves it where it was.

peer: linphone-cli, baresip
server: own
scenes of linphone-cli: hold, music on hold, blind transfer, failed transfer
scenes of baresip: blind transfer
"""

import asyncio

from carillon import Baresip, Server, main, until
from linphone import Linphone
from telephony import MUSIC, address, closed, established, forget, heard, music_on_hold, one_after_the_other, phones


async def test():
    music_on_hold()
    server = Server().start()
    ann, bob, carol = Linphone("1001", 440), Linphone("1002", 697), Baresip("carol", 941)
    try:
        async with phones(ann, bob, carol):
            ann.say(f"call {address(1002)}")
            await bob.status("hook", ["Incoming call", "hook=ringing"])
            bob.say("answer")
            await until(lambda: "connected" in ann.text(), "ann talks to bob", 15)
            await asyncio.sleep(1.5)
            # bob holds, and takes her back.
            bob.say("pause")
            await asyncio.sleep(2.5)
            bob.say("resume")
            await asyncio.sleep(2.5)
            # carol does not want the call: bob has it as before.
            bob.say(f"transfer 1 {address(1003)}")
            await until(lambda: carol.event("CALL_INCOMING"), "carol rings")
            carol.command("hangup")
            await closed(carol)
            await asyncio.sleep(2)
            forget(carol)
            bob.say("resume")
            await asyncio.sleep(1.5)
            bob.say(f"transfer 1 {address(1003)}")
            await until(lambda: carol.event("CALL_INCOMING"), "carol rings again")
            carol.command("accept")
            await established(carol)
            await asyncio.sleep(3)
            bob.say("calls")
            await until(lambda: "No active call" in bob.text(), "bob is out of it")
            ann.say("terminate")
            await closed(carol)
            await asyncio.sleep(0.5)
    finally:
        server.stop()
    order = one_after_the_other(heard(ann.first))
    print(order)
    assert order[:3] == [697, MUSIC, 697] and order[-1] == 941, order
    hertz, above = carol.heard((440, 697, MUSIC))
    assert hertz == 440 and above > 10, ("carol", hertz, above)


main(test)
