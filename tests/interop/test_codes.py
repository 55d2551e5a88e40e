"""Codes that a baresip dials: a number withheld is not seen and not called back, redial and call return ring whom they should, anonymous calls are refused, a speed dial is set and called.

peer: baresip
server: running
scenes of baresip: caller identity, last calls, speed dials, feature codes
"""

from carillon import Baresip, main, until
from telephony import address, closed, forget, phones


async def rings(caller, code, callee, shows):
    """What is dialled rings there, and shows this number; the callee does not want it."""
    forget(caller, callee)
    caller.command("dial", address(code))
    await until(lambda: callee.event("CALL_INCOMING"), f"{code} rings at line {callee.line}")
    (incoming,) = callee.event("CALL_INCOMING")
    assert incoming["peeruri"].startswith(f"sip:{shows}@"), incoming
    callee.command("hangup")
    await closed(caller)


async def refused(caller, code, status):
    forget(caller)
    caller.command("dial", address(code))
    await closed(caller)
    assert str(status) in str(caller.event("CALL_CLOSED")) and not caller.event("CALL_ESTABLISHED"), (code, caller.events)


async def done(phone, code):
    """A code that sets something answers with a beep and ends."""
    forget(phone)
    phone.command("dial", address(code))
    await closed(phone)
    assert phone.event("CALL_ESTABLISHED"), (code, phone.events)


async def test():
    ann, bob = Baresip("ann", 440), Baresip("bob", 697)
    async with phones(ann, bob):
        await rings(bob, "*671001", ann, "anonymous")
        await refused(ann, "*69", 404)
        await rings(bob, "1001", ann, "1002")
        await rings(ann, "*69", bob, "1001")
        await rings(bob, "*68", ann, "1002")
        await done(ann, "*87")
        await refused(bob, "*671001", 433)
        await done(ann, "*88")
        await done(bob, "*83")
        await rings(bob, "1001", ann, "anonymous")
        await rings(bob, "*821001", ann, "1002")
        await done(bob, "*84")
        await done(bob, "*75011001")
        await rings(bob, "*001", ann, "1002")


main(test)
