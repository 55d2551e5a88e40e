"""The client in Chromium reads what a hostile sender writes (markup, turned text, emoji without end, false links, broken OMEMO, texts of megabytes): nothing
runs, nothing hides where it leads, the policies of the page stand; a server that goes away is one banner, and what was written then arrives once.

peer: chromium, slixmpp
server: own
"""

import asyncio
from xml.etree import ElementTree

from carillon import DOMAIN, Server, befriend, client, main, until
from page_checks import check

SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(2)>"
SVG = "<svg/onload=alert(3)> &lt;b&gt; {{7*7}} ${alert(4)} javascript:alert(5)"
BIDI = "report\u202egnp.exe and \u2067turned\u2069 words"
SPOOFED = "https://bank.example@evil.example/login"
ALIKE = "see https://b\u0430nk.example/ now"
SCHEMES = "data:text/html,<script>alert(6)</script> and javascript:alert(7) and file:///etc/passwd"
EMOJI = "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466" * 2000
ZALGO = "Z" + "\u0301\u0316\u0338" * 3000
WORD = "w" * 30000
LINKS = " ".join(f"https://example.org/{number}" for number in range(2000))
LINES = "\n" * 20000 + "the end of many lines"
LAST = "the last of them"
# Beyond what one stanza may have (limits.stanza_bytes): the server must say no, and the page never sees it.
HUGE_BYTES = 10_000_000
OMEMO = (
    "<encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='not-a-number'><key rid='-1'>%%%</key></header><payload>&lt;b&gt;</payload></encrypted>",
    "<encryption xmlns='urn:xmpp:eme:0' namespace='eu.siacs.conversations.axolotl' name='OMEMO'/>",
)
MISSHAPEN = (
    "<replace xmlns='urn:xmpp:message-correct:0' id='nobody-said-this'/>",
    "<reactions xmlns='urn:xmpp:reactions:0' id='nobody-said-this'><reaction>&lt;img src=x&gt;</reaction></reactions>",
    "<reply xmlns='urn:xmpp:reply:0' to='\u202eevil' id='\"&gt;&lt;b&gt;'/>",
    "<x xmlns='jabber:x:oob'><url>javascript:alert(8)</url></x>",
    "<retract xmlns='urn:xmpp:message-retract:1' id=''/>",
)


def said(mallory, text, *extras):
    message = mallory.make_message(f"ann@{DOMAIN}", text, mtype="chat")
    for extra in extras:
        message.append(ElementTree.fromstring(extra))
    message.send()


async def too_much():
    """Ten megabytes at once end the stream of whoever sends them."""
    who = client("carol", "flood")
    await who.sign_in()
    ended = asyncio.Event()
    who.add_event_handler("disconnected", lambda _: ended.set())
    who.send_raw(f"<message to='ann@{DOMAIN}' type='chat'><body>{'a' * HUGE_BYTES}</body></message>")
    await asyncio.wait_for(ended.wait(), 30)
    who.abort()


async def test():
    server = Server().start()
    ann, mallory = client("ann", "desk"), client("bob", "desk")
    await ann.sign_in()
    await mallory.sign_in()
    await befriend(ann, mallory)
    await ann.update_roster(f"bob@{DOMAIN}", name="Bob \u202e nimda")
    for text in (SCRIPT, SVG, BIDI, SPOOFED, ALIKE, SCHEMES, EMOJI, ZALGO, WORD, LINKS, LINES):
        said(mallory, text)
    said(mallory, "I sent you an OMEMO encrypted message", *OMEMO)
    for extra in MISSHAPEN:
        said(mallory, f"with {extra[1:9]}", extra)
    said(mallory, LAST)
    await until(lambda: ann.heard(LAST), "all of it is delivered", 20)
    await too_much()
    await ann.sign_out()
    shown = [SCRIPT, SVG, "javascript:alert(7)", "file:///etc/passwd", LAST]

    def answer(event):
        """The page is about to lose its server, or wants it back."""
        if event == "stop-the-server":
            server.kill()
        elif event == "start-the-server":
            server.start()
            return "it serves"
        return None

    told = await check("hostile.mjs", seconds=120, answer=answer, **{"from": f"bob@{DOMAIN}"}, shown=shown, last=LAST)
    server.stop()
    assert {"safe", "recovered"} <= {one["event"] for one in told}, told


main(test)
