"""The browser client on the telephone: calls with baresip both ways and what each hears, hold, transfer asked for first, presence, pictures, the desk phone controlled from the page.

peer: chromium, baresip
server: running
scenes of baresip: browser
"""

import asyncio
import os

from carillon import DOMAIN, Baresip, befriend, client, main, tone, until
from pages_driver import Pages
from telephony import TONES, closed, established, forget, heard, phones

MINE = 941


async def browser_calls(pages):
    """The browser calls a phone and is called by one; each hears the other's tone."""
    bob = Baresip("bob", 697, answer="auto")
    async with phones(bob):
        await pages.ask("dial", user="ann", target="1002")
        await established(bob)
        await pages.ask("shows", user="ann", text="Talking", within=".call-bar")
        await both_hear(pages, bob)
        await pages.ask("click", user="ann", name="Hold")
        await pages.ask("shows", user="ann", text="On hold", within=".call-bar")
        await pages.ask("click", user="ann", name="Resume")
        await pages.ask("shows", user="ann", text="Talking", within=".call-bar")
        await both_hear(pages, bob)
        await pages.ask("click", user="ann", name="Hang up")
        await closed(bob)
        loudest, above = bob.heard(TONES)
        assert loudest == MINE and above > 10, (loudest, above)
        forget(bob)

        bob.command("dial", f"sip:1001@{DOMAIN}")
        # Whoever writes goes on writing: the call does not take the focus, and one key answers it.
        await pages.ask("type", user="ann", label="Name or number", text="car")
        assert (await pages.ask("rings", user="ann", who="bob"))["focus"] is False
        await pages.ask("press", user="ann", key="F8")
        await established(bob)
        await pages.ask("press", user="ann", key="F9")
        await pages.ask("shows", user="ann", text="Microphone off", within=".call-bar")
        await pages.ask("press", user="ann", key="F9")
        await both_hear(pages, bob)
        bob.command("hangup")
        await pages.ask("gone", user="ann", within=".call-bar")


async def both_hear(pages, phone):
    told = await pages.ask("tone", user="ann", tones=TONES)
    assert told["hertz"] == phone.hertz and told["above"] > 10, told


async def transferred(pages):
    """The browser asks a third person first, then joins the two; they hear each other."""
    bob, carol = Baresip("bob", 697, answer="auto"), Baresip("carol", 1209, answer="auto")
    async with phones(bob, carol):
        await pages.ask("dial", user="ann", target="1002")
        await established(bob)
        await pages.ask("shows", user="ann", text="Talking", within=".call-bar")
        await pages.ask("click", user="ann", name="Transfer")
        await pages.ask("target", user="ann", text="1003")
        await pages.ask("click", user="ann", name="Ask first")
        await established(carol)
        await pages.ask("shows", user="ann", text="waits.", within=".call-two")
        await pages.ask("click", user="ann", name="Transfer bob to carol")
        await pages.ask("gone", user="ann", within=".call-bar")
        await asyncio.sleep(3)
        bob.command("hangup")
        await closed(bob, carol)
        hears_the_new_one(carol, 697)
        hears_the_new_one(bob, 1209)


def hears_the_new_one(phone, hertz):
    """baresip 1.0 drops what a new source sends when its numbers or times, which begin at random, are below those before."""
    came = "SSRC changed" in phone.text() and any(word in phone.text() for word in ("discard old frame", "dropping 172 bytes"))
    assert came or {hertz} in heard(phone.recordings()[-1]), (phone.line, heard(phone.recordings()[-1]))


async def on_the_desk(pages):
    """The page controls a phone on the desk: call, hold, bring together, park."""
    phone, bob, carol = (Baresip(user, hertz, answer="auto") for user, hertz in (("ann", 440), ("bob", 697), ("carol", 1209)))
    async with phones(phone, bob, carol):
        await pages.sign_in("ann", device="desk")
        await pages.ask("dial", user="ann", target="1002")
        await established(phone, bob)
        await pages.ask("shows", user="ann", text="Talking", within=".call-bar")
        await pages.ask("click", user="ann", name="Hold")
        await pages.ask("shows", user="ann", text="On hold", within=".call-bar")
        await pages.ask("click", user="ann", name="Resume")
        await pages.ask("click", user="ann", name="Add a person")
        await pages.ask("target", user="ann", text="1003")
        await pages.ask("click", user="ann", name="Call")
        await established(carol)
        await pages.ask("shows", user="ann", text="waits.", within=".call-two")
        await pages.ask("click", user="ann", name="Bring together")
        await pages.ask("shows", user="ann", text="Conference", within=".call-bar")
        await pages.ask("click", user="ann", name="Hang up")
        await pages.ask("gone", user="ann", within=".call-bar")
        await closed(phone)


async def seen_by_another(pages):
    """Another person's browser shows that the first one is on the phone, and no longer."""
    await pages.sign_in("bob", device="desk")
    await pages.ask("go", user="bob", path=f"/contacts/ann@{DOMAIN}")
    await pages.ask("shows", user="bob", text="Available", within="#content")
    await pages.ask("dial", user="ann", target="600")
    await pages.ask("shows", user="bob", text="On the phone", within="#content")
    # The echo gives back one's own voice.
    assert (await pages.ask("tone", user="ann", tones=TONES))["hertz"] == MINE
    await pages.ask("click", user="ann", name="Hang up")
    await pages.ask("shows", user="bob", text="Available", within="#content")
    await pages.leave("bob")


async def pictures(pages):
    """Two browsers see each other."""
    await pages.sign_in("bob")
    await pages.ask("dial", user="ann", target="1002", video=True)
    await pages.ask("rings", user="bob", who="ann")
    await pages.ask("click", user="bob", name="Answer with video")
    for user in ("ann", "bob"):
        await pages.ask("pictures", user=user)
    await pages.ask("click", user="bob", name="Hang up")
    await pages.ask("gone", user="ann", within=".call-bar")
    await pages.leave("bob")


async def test():
    ann, bob = await client("ann", "laptop").sign_in(), await client("bob", "laptop").sign_in()
    await befriend(ann, bob)
    await until(lambda: bob.seen(f"ann@{DOMAIN}", show="", kind="available"), "bob sees ann")
    await ann.sign_out()
    await bob.sign_out()
    pages = await Pages().open()
    try:
        tone(os.path.join(pages.folder, "mine.wav"), MINE, 30, rate=48000)
        await on_the_desk(pages)
        await pages.leave("ann")
        await pages.sign_in("ann", tone=os.path.join(pages.folder, "mine.wav"))
        await browser_calls(pages)
        await transferred(pages)
        await seen_by_another(pages)
        await pictures(pages)
        await pages.leave("ann")
    finally:
        await pages.close()


main(test)
