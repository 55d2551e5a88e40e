"""A call that rings at a baresip is picked up: by an application for another baresip, and by a phone whose lamp shows the ringing dialog; the two that are left hear each other, and the phone that rang stops.

peer: baresip, linphone-cli, sip-tester, aiohttp
server: own
scenes of baresip: pickup, applications
scenes of linphone-cli: pickup
scenes of sip-tester: pickup, lamps
"""

import asyncio

from carillon import Baresip, Server, finish, main, sipp, until
from cti import application, line
from linphone import Linphone
from sipp_scenario import by_lamp
from telephony import address, apply, closed, established, forget, heard, one_after_the_other, phones, setting

# Lamps show what the watcher's search space for subscriptions lists.
PLAN = """
[settings]
search_space = "all"
subscribe_search_space = "all"
[[search_space]]
name = "all"
partitions = ["internal"]
"""


async def by_application(ann, bob, carol):
    async with application("carol") as program:
        ann.command("dial", address(1002))
        await until(lambda: bob.event("CALL_INCOMING"), "bob rings")
        await asyncio.sleep(0.5)
        (call,) = await program.calls("1002")
        await program.done("directedPickup", call=call, line=line("1003"))
        await established(ann, carol)
        await closed(bob)
        await asyncio.sleep(2)
        ann.command("hangup")
        await closed(ann, carol)
    for phone, expected in ((ann, 941), (carol, 440)):
        hertz, above = phone.heard((440, 697, 941))
        assert hertz == expected and above > 10, (phone.line, hertz, above)


async def shown_by_a_lamp(caller, bob):
    forget(bob)
    caller.say(f"call {address(1002)}")
    await until(lambda: bob.event("CALL_INCOMING"), "bob rings")
    phone = sipp("lamp", by_lamp("Replaces"), "carol", "1002", wait=False, more=("-rtp_echo",))
    await until(lambda: "connected" in caller.text(), "the call is picked up", 10)
    await closed(bob)
    await asyncio.sleep(2.5)
    caller.say("terminate")
    await asyncio.to_thread(finish, phone)
    await asyncio.sleep(0.5)
    # The phone that picked it up sends back what it hears.
    assert one_after_the_other(heard(caller.first)) == [440], heard(caller.first)


async def test():
    setting('all_lines = "users"', section="cti")
    server = Server().start()
    ann, bob, carol = Baresip("ann", 440), Baresip("bob", 697), Baresip("carol", 941, answer="auto")
    caller = Linphone("1001", 440)
    try:
        apply(PLAN)
        async with phones(ann, bob, carol, caller):
            await by_application(ann, bob, carol)
            await shown_by_a_lamp(caller, bob)
    finally:
        server.stop()


main(test)
