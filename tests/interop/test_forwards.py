"""A line forwards all calls, and those that find it busy, unanswered or without a phone, by verb and by the codes that its phone dials; not disturbed it is busy, and chat shows it.

peer: baresip, slixmpp
server: running
scenes of baresip: forward, do not disturb, feature codes, busy, no answer, unregistered phone
"""

import asyncio

from carillon import DOMAIN, Baresip, befriend, client, main, until, verb
from telephony import address, closed, established, forget, phones


async def reaches(caller, callee, others=()):
    """ann calls bob's line, somebody else answers by himself, and both hear each other."""
    caller.command("dial", address(1002))
    await established(caller, callee)
    await asyncio.sleep(1.6)
    caller.command("hangup")
    await closed(caller, callee)
    for phone, expected in ((caller, callee.hertz), (callee, caller.hertz)):
        hertz, above = phone.heard((440, 697, 941))
        assert hertz == expected and above > 10, (phone.line, hertz, above)
    for phone in others:
        assert not phone.event("CALL_INCOMING"), f"line {phone.line} rings"
    forget(caller, callee, *others)


def forward(when, target, *more):
    verb("line", "forward", "1002", when, target, *more)


async def by_verb(ann, bob, carol):
    forward("all", "1003")
    await reaches(ann, carol, [bob])
    forward("all", "off")

    forward("no-answer", "1003", "--after", "2")
    await reaches(ann, carol)
    await until(lambda: bob.event("CALL_CLOSED"), "bob's phone stops to ring")
    forget(bob)
    forward("no-answer", "off")

    forward("busy", "1003")
    call = asyncio.ensure_future(reaches(ann, carol))
    await until(lambda: bob.event("CALL_INCOMING"), "bob rings")
    bob.command("hangup")
    await call
    forward("busy", "off")


async def by_code(ann, bob, carol):
    """A code that is dialled answers with a beep, and ends; a number that nobody has is refused."""
    for code in ("*721003", "*73", "*724711"):
        forget(ann, bob, carol)
        bob.command("dial", address(code))
        await closed(bob)
        refused = "404" in str(bob.event("CALL_CLOSED"))
        assert refused == (code == "*724711"), (code, bob.events)
        if code == "*721003":
            forget(bob)
            await reaches(ann, carol, [bob])


async def not_disturbed(ann, bob):
    watcher = await client("ann", "laptop").sign_in()
    desk = await client("bob", "desk").sign_in()
    await befriend(watcher, desk)
    forget(ann, bob)
    watcher.presences.clear()
    bob.command("dial", address("*78"))
    await closed(bob)
    await until(lambda: watcher.seen(f"bob@{DOMAIN}", show="dnd"), "ann's chat shows that bob is not to be disturbed")
    forget(bob)
    ann.command("dial", address(1002))
    await closed(ann)
    assert "486" in str(ann.event("CALL_CLOSED")) and not bob.event("CALL_INCOMING"), (ann.events, bob.events)
    watcher.presences.clear()
    bob.command("dial", address("*79"))
    await until(lambda: watcher.seen(f"bob@{DOMAIN}", show=""), "bob is available again")
    await closed(bob)
    forget(ann, bob)
    ann.command("dial", address(1002))
    await until(lambda: bob.event("CALL_INCOMING"), "bob rings again")
    ann.command("hangup")
    await closed(bob)


async def test():
    ann, bob, carol = Baresip("ann", 440), Baresip("bob", 697), Baresip("carol", 941, answer="auto")
    async with phones(ann, bob, carol):
        await by_verb(ann, bob, carol)
        await by_code(ann, bob, carol)
        await not_disturbed(ann, bob)
        forward("unregistered", "1003")
        bob.close()
        forget(ann, carol)
        await reaches(ann, carol)


main(test)
