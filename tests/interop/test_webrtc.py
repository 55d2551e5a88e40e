"""JsSIP in Chromium: calls with baresip both ways and with the echo, with tones heard by both; hold, a restart of ICE, keys, a page that calls a page with pictures.

peer: chromium
server: running
scenes of chromium: browser, call, echo, hold, video
"""

import asyncio

from carillon import DOMAIN, Baresip, main, until, verb
from webphone import hears, phone

TONES = (440, 697, 941, 1209)


def codecs():
    """The codecs of both legs of the call that there is."""
    shown = verb("call", "list", "--live")
    number = next(word for word in shown.split() if len(word) == 16)
    return [line.strip() for line in verb("call", "show", number).splitlines() if line.startswith("  codecs")]


async def over(page, other=None):
    page.do("hang-up")
    await page.wait("ended", "the call is over")
    if other:
        await until(lambda: other.event("CALL_CLOSED"), "baresip is done")
        heard, above = other.heard(TONES)
        assert heard == page.settings["hertz"] and above > 10, (heard, above)
        other.events.clear()
    page.events.clear()


async def test():
    ann = await phone("1001", 440, answers=True)
    bob = await Baresip("bob", 697, answer="auto").open()
    try:
        # The echo first: one leg.
        ann.do("call", to=f"sip:600@{DOMAIN}")
        await ann.wait("talks", "the echo answers")
        await hears(ann, 440, "echo")
        await over(ann)

        # To a phone that knows neither Opus nor SRTP.
        ann.do("call", to=f"sip:1002@{DOMAIN}")
        await ann.wait("talks", "baresip answers")
        await hears(ann, 697, "page to baresip")
        print(codecs())
        assert codecs() == ["codecs  PCMU (SRTP)", "codecs  PCMU"], codecs()
        await asyncio.sleep(3)
        await over(ann, bob)

        # What the connection outlasts. baresip records anew with each session, and not all that it hears then.
        ann.do("call", to=f"sip:1002@{DOMAIN}")
        await ann.wait("talks", "baresip answers")
        await hears(ann, 697, "page to baresip, again")
        ann.do("hold")
        await ann.wait("held", "the page holds")
        ann.do("retrieve")
        await ann.wait("retrieved", "the page retrieves")
        await hears(ann, 697, "after the hold")
        ann.do("restart")
        await ann.wait("renegotiated", "ICE begins anew")
        await hears(ann, 697, "after the restart")
        answers = [event["sdp"] for event in ann.heard("sdp", originator="remote")]
        fragments = [next(line for line in text.splitlines() if line.startswith("a=ice-ufrag")) for text in answers]
        assert len(set(fragments)) == 2 and fragments[-1] != fragments[-2], fragments
        await over(ann)
        await until(lambda: bob.event("CALL_CLOSED"), "baresip is done")
        bob.events.clear()

        # And back.
        bob.command("dial", f"sip:1001@{DOMAIN}")
        await ann.wait("talks", "the page answers")
        await hears(ann, 697, "baresip to page")
        await asyncio.sleep(3)
        await over(ann, bob)

        # A page that calls a page, with pictures.
        carol = await phone("1003", 941, answers=True, video=True, colour="rgb(0, 200, 0)")
        ann.do("call", to=f"sip:1003@{DOMAIN}", video=True)
        await ann.wait("talks", "the other page answers")
        await hears(ann, 941, "page to page")
        await hears(carol, 440, "page from page")
        print(codecs())
        for _ in range(40):
            ann.events = [event for event in ann.events if event["event"] != "seen"]
            ann.do("look")
            seen = await ann.wait("seen", "what it sees")
            red, green, blue, _ = seen["colour"]
            if green > 120 and red < 80 and blue < 80:
                break
            await asyncio.sleep(0.25)
        else:
            raise AssertionError(seen)
        print(seen)
        await over(ann)
        await carol.close()
    finally:
        bob.close()
        await ann.close()


main(test)
