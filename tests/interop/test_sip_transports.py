"""Phones over TLS and TCP register, call each other over their own connections, and hear each other.

peer: baresip
server: running
scenes of baresip: registration, call
"""

import asyncio
import json

from carillon import DOMAIN, Baresip, main, until, verb

TONES = (440, 697, 941, 1209)


async def call(caller, callee, number):
    caller.command("dial", f"sip:{number}@{DOMAIN}")
    for phone in (caller, callee):
        await until(lambda phone=phone: phone.event("CALL_ESTABLISHED"), f"line {phone.line} talks", 20)
    await asyncio.sleep(4)
    caller.command("hangup")
    for phone in (caller, callee):
        await until(lambda phone=phone: phone.event("CALL_CLOSED"), f"line {phone.line} is done")
    for phone, other in ((caller, callee), (callee, caller)):
        heard, above = phone.heard(TONES)
        assert heard == other.hertz and above > 10, (phone.line, heard, above)
        phone.events.clear()


async def test():
    phones = []
    try:
        for user, hertz, transport in (("ann", 440, "tls"), ("bob", 697, "tcp")):
            phones.append(await Baresip(user, hertz, answer="auto", transport=transport).open())
        ann, bob = phones
        registered = json.loads(verb("status", "--json"))["registrations"]
        assert {row["line"]: row["source"].split()[0] for row in registered} == {ann.line: "TLS", bob.line: "TCP"}, registered
        await call(ann, bob, bob.line)
        await call(bob, ann, ann.line)
    finally:
        for phone in phones:
            phone.close()


main(test)
