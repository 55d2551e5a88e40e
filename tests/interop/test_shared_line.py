"""One line on two phones: both ring and one answers, the other stops; when both are busy the caller hears so; each may call while the other talks.

peer: baresip
server: running
scenes of baresip: shared line, busy, cancel
"""

import asyncio

from carillon import LINES, Baresip, main, until
from telephony import address, closed, established, forget, phones

LINES["bob2"] = LINES["bob"]


async def rings_both(ann, bob, desk):
    forget(ann, bob, desk)
    ann.command("dial", address(1002))
    for phone in (bob, desk):
        await until(lambda phone=phone: phone.event("CALL_INCOMING"), "both phones of the line ring")


async def test():
    ann, bob, desk, carol = Baresip("ann", 440), Baresip("bob", 697), Baresip("bob2", 941), Baresip("carol", 1209, answer="auto")
    async with phones(ann, bob, desk, carol):
        await rings_both(ann, bob, desk)
        desk.command("accept")
        await established(ann, desk)
        await closed(bob)
        # The other phone of the line calls somebody meanwhile.
        forget(bob)
        bob.command("dial", address(1003))
        await established(bob, carol)
        await asyncio.sleep(2)
        bob.command("hangup")
        await closed(bob, carol)
        assert not ann.event("CALL_CLOSED"), "the first call goes on"
        desk.command("hangup")
        await closed(ann, desk)
        for phone, expected in ((ann, 941), (desk, 440), (bob, 1209), (carol, 697)):
            hertz, above = phone.heard((440, 697, 941, 1209))
            assert hertz == expected and above > 10, (phone.line, hertz, above)
        # One refuses, the other goes on ringing; when both have, the caller hears it.
        await rings_both(ann, bob, desk)
        bob.command("hangup")
        await asyncio.sleep(0.5)
        assert not ann.event("CALL_CLOSED"), "the other phone still rings"
        desk.command("hangup")
        await closed(ann)
        assert "486" in str(ann.event("CALL_CLOSED")), ann.events
        # The caller gives up: both stop.
        await rings_both(ann, bob, desk)
        ann.command("hangup")
        await closed(bob, desk)


main(test)
