"""Two calls become one conference of baresips and a linphone by an application; the second phone of a line comes into the call of the first by Join, and not when that is private: each hears the others and not itself.

peer: baresip, linphone-cli, sip-tester, aiohttp
server: own
scenes of baresip: conference, barge, applications
scenes of linphone-cli: conference
scenes of sip-tester: barge, shared line
"""

import asyncio

from carillon import Baresip, Server, finish, main, sipp, until
from cti import application, line
from linphone import Linphone
from sipp_scenario import by_lamp, receive
from telephony import address, apply, closed, established, forget, heard, phones, setting

# Two tones at once share the energy of a window.
PART = 0.15
OWN = {"ann": 440, "bob": 697, "carol": 941}
PLAN = """
[settings]
search_space = "all"
subscribe_search_space = "all"
[[search_space]]
name = "all"
partitions = ["internal"]
"""


async def two_calls_become_one(ann, bob, carol, program):
    """ann talks to bob, consults carol's linphone, and brings both together."""
    ann.command("dial", address(1002))
    await established(ann, bob)
    await asyncio.sleep(1)
    (first,) = await program.calls("1001")
    second = (await program.done("consultationCall", call=first, line=line("1001"), target="1003"))["call"]
    await carol.status("hook", ["Incoming call", "hook=ringing"])
    carol.say("answer")
    await until(lambda: "connected" in carol.text(), "carol answers", 10)
    await asyncio.sleep(1.5)
    await program.done("conferenceCall", held=first, active=second, line=line("1001"))
    await asyncio.sleep(5)
    carol.say("terminate")
    await asyncio.sleep(1.5)
    assert not ann.event("CALL_CLOSED") or not bob.event("CALL_CLOSED"), "the other two go on"
    bob.command("hangup")
    await closed(bob)


def hears_the_others(user, paths, own, others, windows_min):
    windows = heard(*paths, tones=tuple(OWN.values()), part=PART)
    print(user, windows)
    assert all(own not in window for window in windows), f"{user} hears itself"
    assert windows.count(others) >= windows_min, f"{user} hears {others}"


async def barged(ann, bob, program):
    """bob's second phone, a sipp that sends back what it hears: ann hears bob and herself."""
    forget(ann, bob)
    before = len(ann.recordings()), len(bob.recordings())
    ann.command("dial", address(1002))
    await established(ann, bob)
    await asyncio.sleep(1)
    (call,) = await program.calls("1002")
    await program.done("setPrivacy", call=call, line=line("1002"), private=True)
    refused = by_lamp("Join")
    refused = [refused[0], refused[1].split('<recv response="200"')[0] + receive(403)]
    await asyncio.to_thread(sipp, "private", refused, "bob", "1002")
    await program.done("setPrivacy", call=call, line=line("1002"), private=False)
    desk = sipp("barge", by_lamp("Join"), "bob", "1002", wait=False, more=("-rtp_echo",))
    await asyncio.sleep(4)
    assert not ann.event("CALL_CLOSED") and not bob.event("CALL_CLOSED"), "all three talk"
    bob.command("hangup")
    await closed(bob)
    await asyncio.sleep(1)
    ann.command("hangup")
    await closed(ann)
    await asyncio.to_thread(finish, desk)
    return before


async def test():
    setting('all_lines = "users"', section="cti")
    server = Server().start()
    ann, bob, carol = Baresip("ann", 440, answer="auto"), Baresip("bob", 697, answer="auto"), Linphone("1003", 941)
    try:
        apply(PLAN)
        async with phones(ann, bob, carol), application("ann") as program:
            await two_calls_become_one(ann, bob, carol, program)
            # bob's baresip 1.0 does not follow the timestamps from the call over the music to the conference.
            heard_by = {"ann": ann.recordings(), "carol": [carol.first]}
            await asyncio.sleep(0.5)
            before = await barged(ann, bob, program)
    finally:
        server.stop()
    for user, paths in heard_by.items():
        hears_the_others(user, paths, OWN[user], set(OWN.values()) - {OWN[user]}, 3)
    # The barging phone sends back what it hears, which is the others.
    for phone, number in zip((ann, bob), before):
        windows = heard(*phone.recordings()[number:], tones=(440, 697), part=PART)
        print(phone.line, windows)
        assert windows.count({440, 697}) >= 5, f"line {phone.line} hears the phone that barged"


main(test)
