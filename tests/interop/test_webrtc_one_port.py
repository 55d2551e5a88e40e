"""Two pages in Chromium call each other through one published port, by datagrams, and by a stream without them; tones both ways.

peer: chromium
server: own
scenes of chromium: browser
"""

import asyncio
import os

from carillon import DOMAIN, OFFSET, Server, main
from webphone import hears, phone

PORT = 8444 + OFFSET
os.environ["CARILLON__LISTEN__WEBRTC"] = "8444"


async def way(page):
    """How the page reaches the server."""
    page.do("statistics")
    found = await page.wait("statistics", "what it knows of its connection")
    chosen = {entry["selectedCandidatePairId"] for entry in found["transport"]}
    pairs = [pair["remoteCandidateId"] for pair in found["candidate-pair"] if pair["id"] in chosen]
    return {(there["protocol"], there["port"]) for there in found["remote-candidate"] if there["id"] in pairs}


async def test():
    server = Server().start()
    carol = await phone("1003", 941, answers=True)
    for protocol in ("udp", "tcp"):
        ann = await phone("1001", 440, without_datagrams=protocol == "tcp")
        ann.do("call", to=f"sip:1003@{DOMAIN}")
        await ann.wait("talks", "the other page answers")
        await hears(ann, 941, f"over {protocol}")
        await hears(carol, 440, f"from {protocol}")
        used = [await way(ann), await way(carol)]
        print(used)
        # Who may choose takes either; who has no datagrams does without.
        assert all(port == PORT for ways in used for _, port in ways) and all(used), used
        assert protocol == "udp" or used[0] == {("tcp", PORT)}, used
        ann.do("hang-up")
        await carol.wait("ended", "the call is over")
        carol.events.clear()
        await ann.close()
        await asyncio.sleep(0.2)
    await carol.close()
    server.stop()


main(test)
