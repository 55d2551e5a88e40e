"""Two profanities talk end to end encrypted (OMEMO, XEP-0384): their keys travel as personal events, and nobody
else reads what they say: neither a device without keys nor the archive.

peer: profanity, slixmpp
server: running
"""

import asyncio

from carillon import DOMAIN, befriend, client, main, until
from terminal import Profanity

ENCRYPTED = "{eu.siacs.conversations.axolotl}encrypted"


async def test():
    people = {name: await client(name, "watch", plugins=("xep_0280", "xep_0313")).sign_in() for name in ("ann", "bob")}
    await befriend(people["ann"], people["bob"])
    watch = people["bob"]
    seen = []
    watch.add_event_handler("message", lambda message: seen.append(message))
    ann, bob = Profanity("ann"), Profanity("bob")
    try:
        for terminal in (ann, bob):
            await until(terminal.started, "profanity starts")
            terminal.connect()
            await until(lambda: "logged in successfully" in terminal.screen(), "profanity signs in", 20)
            terminal.type("/omemo trustmode blind")
            terminal.type("/omemo gen")
            await until(lambda: "Your Device ID" in terminal.screen(), "keys are made", 30)
        for terminal, peer in ((ann, "bob"), (bob, "ann")):
            terminal.type(f"/msg {peer}@{DOMAIN}")
            terminal.type(f"/omemo start {peer}@{DOMAIN}")
            await until(lambda: "[OMEMO]" in terminal.screen(), "a session starts", 20)
        ann.type("nobody else reads this")
        await until(lambda: "nobody else reads this" in bob.screen(), "bob's terminal reads it", 20)
        bob.type("and nobody this")
        await until(lambda: "and nobody this" in ann.screen(), "ann's terminal reads the answer", 20)
    except AssertionError:
        print(ann.screen(), bob.screen(), sep="\n=====\n")
        raise
    finally:
        ann.stop()
        bob.stop()

    await until(lambda: any(message.xml.find(ENCRYPTED) is not None for message in seen), "the device without keys hears that something came")
    archive = [entry async for entry in watch.plugin["xep_0313"].iterate(rsm={"max": 50})]
    texts = [str(message) for message in archive + seen]
    encrypted = [text for text in texts if "axolotl" in text]
    assert len(encrypted) >= 3, f"the archive keeps what is encrypted: {len(encrypted)}"
    assert not any("reads this" in text or "nobody this" in text for text in texts)
    await asyncio.gather(*(person.sign_out() for person in people.values()))


main(test)
