"""A number that hunts through two phones in the four ways, passing over who talks, and its last destination.

peer: baresip
server: running
scenes of baresip: hunt
"""

import asyncio

from carillon import Baresip, main, until
from telephony import address, apply, closed, established, forget, phones

RINGS = 3
PILOTS = {"5001": "top-down", "5002": "circular", "5003": "longest-idle", "5004": "broadcast"}
PLAN = "".join(
    f"""
[[hunt_pilot]]
number = "{number}"
algorithm = "{algorithm}"
members = ["1002", "1003"]
ring_seconds = {RINGS}
last = {{ to = "600" }}
"""
    for number, algorithm in PILOTS.items()
)


async def rings(caller, number, *expected):
    """Calls; `expected` ring one after the other until the last of them answers."""
    forget(caller, *expected)
    caller.command("dial", address(number))
    for phone in expected[:-1]:
        await until(lambda: phone.event("CALL_INCOMING"), f"line {phone.line} rings at first")
        assert not expected[-1].event("CALL_INCOMING"), f"line {expected[-1].line} rings at once"
    last = expected[-1]
    await until(lambda: last.event("CALL_INCOMING"), f"line {last.line} rings")
    last.command("accept")
    await established(caller, last)
    for phone in expected[:-1]:
        await until(lambda: phone.event("CALL_CLOSED"), f"line {phone.line} stops to ring")
    caller.command("hangup")
    await closed(caller, last)


async def test():
    ann, bob, carol = Baresip("ann", 440), Baresip("bob", 697), Baresip("carol", 941)
    async with phones(ann, bob, carol):
        apply(PLAN)
        # Always from the first member on.
        await rings(ann, "5001", bob, carol)
        await rings(ann, "5001", bob)
        # Behind who was tried last.
        await rings(ann, "5002", bob)
        await rings(ann, "5002", carol)
        await rings(ann, "5002", bob)
        # Whose last call ended longest ago.
        await rings(ann, "5003", carol)
        await rings(ann, "5003", bob)
        # Both ring; who does not answer is told to stop.
        forget(ann, bob, carol)
        ann.command("dial", address("5004"))
        for phone in (bob, carol):
            await until(lambda phone=phone: phone.event("CALL_INCOMING"), f"line {phone.line} rings")
        carol.command("accept")
        await established(ann, carol)
        await closed(bob)
        await asyncio.sleep(1.6)
        # Whoever talks is passed over, and when nobody is left the call goes to its last destination.
        forget(bob)
        bob.command("dial", address("5001"))
        await until(lambda: bob.event("CALL_ESTABLISHED"), "bob is put through to the echo")
        bob.command("hangup")
        ann.command("hangup")
        await closed(ann, carol)
        for phone, expected in ((ann, 941), (carol, 440)):
            hertz, above = phone.heard((440, 697, 941))
            assert hertz == expected and above > 10, (phone.line, hertz, above)


main(test)
