"""A foreign phone hears the imported greeting, chooses by telephone events (RFC 4733) and talks to whom it has chosen; an extension is dialled directly; who dials nothing that exists hears an announcement and is refused.

peer: baresip
server: own
scenes of baresip: attendant, announcement before a refusal, digits
"""

import asyncio
import os

from carillon import DATA, DOMAIN, Baresip, Server, main, tone, until, verb
from heard import windows

GREETING, SORRY, ANN, BOB, CAROL = 1209, 1633, 440, 697, 941
ALL = (GREETING, SORRY, ANN, BOB, CAROL)
PLAN = """
[[reception.attendant]]
name = "main"
number = "1000"
greeting = ["welcome"]
extensions = ["1XXX"]
first_key_seconds = 20
keys = { 2 = { dial = "1002" } }

[reception.announcements]
unallocated = ["sorry"]
"""


def sounds():
    for name, hertz, rate in (("welcome", GREETING, 48000), ("sorry", SORRY, 8000)):
        path = os.path.join(DATA, f"{name}.wav")
        tone(path, hertz, 6 if name == "welcome" else 3, rate)
        verb("sound", "import", name, path)
    plan = os.path.join(DATA, "plan.toml")
    with open(plan, "w") as out:
        out.write(PLAN)
    verb("dialplan", "apply", plan)


async def press(phone, keys):
    for key in keys:
        phone.command("sndcode", key)
        await asyncio.sleep(0.4)


async def choose(ann, other, keys, hertz):
    """Ann calls the menu, hears the greeting, presses keys, and talks to somebody."""
    before = len(other.event("CALL_ESTABLISHED"))
    ann.command("dial", f"sip:1000@{DOMAIN}")
    await until(lambda: ann.event("CALL_ESTABLISHED"), "the menu answers")
    await asyncio.sleep(3.5)
    await press(ann, keys)
    await until(lambda: len(other.event("CALL_ESTABLISHED")) > before, "who was chosen answers", 10)
    await asyncio.sleep(4)
    ann.command("hangup")
    await until(lambda: other.event("CALL_CLOSED"), "the other one hears the end")
    await asyncio.sleep(1)
    heard = windows(ann.recordings()[-1], ALL)
    print(keys, heard)
    assert heard[:3].count(GREETING) >= 2, "the greeting is heard first"
    assert GREETING not in heard[-3:] and heard.count(hertz) >= 3, "then whom ann has chosen"
    assert windows(other.recordings()[-1], ALL).count(ANN) >= 3, "who hears ann"
    ann.events.clear()


async def refused(ann):
    """A number that is not there: early media, then 404."""
    ann.command("dial", f"sip:1777@{DOMAIN}")
    await until(lambda: ann.event("CALL_PROGRESS"), "early media")
    assert not ann.event("CALL_CLOSED"), "not refused while it speaks"
    await until(lambda: ann.event("CALL_CLOSED"), "refused in the end", 10)
    assert "404" in ann.event("CALL_CLOSED")[-1]["param"], ann.event("CALL_CLOSED")
    await asyncio.sleep(1)
    heard = windows(ann.recordings()[-1], ALL)
    print("refused", heard)
    assert heard.count(SORRY) >= 2, "the announcement was heard"


async def test():
    sounds()
    server = Server().start()
    phones = []
    try:
        ann, bob, carol = Baresip("ann", ANN), Baresip("bob", BOB, answer="auto"), Baresip("carol", CAROL, answer="auto")
        for phone in (ann, bob, carol):
            phones.append(await phone.open())
        await choose(ann, bob, "2", BOB)
        await choose(ann, carol, "1003", CAROL)
        await refused(ann)
    finally:
        for phone in phones:
            phone.close()
        server.stop()


main(test)
