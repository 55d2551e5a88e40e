"""Phones that share no codec hear each other: G.711 and G.722, G.711 and Opus; their records say so.

peer: baresip
server: running
scenes of baresip: transcoding
"""

import asyncio
import json

from carillon import Baresip, main, until, verb
from telephony import address, closed, established, forget, phones

TONES = (440, 697, 941)


G722 = {"settings": "module g722.so", "account": ";audio_codecs=G722/16000/1"}
OPUS = {"settings": "module opus.so", "account": ";audio_codecs=opus/48000/2"}


def codecs():
    """What the legs of the calls so far have spoken; a record is written after two seconds."""
    calls = json.loads(verb("call", "list", "--json"))
    return {(call["dialled"], *(leg["codecs"] for leg in call["legs"])) for call in calls}


async def call(caller, callee):
    forget(caller, callee)
    caller.command("dial", address(callee.line))
    await established(caller, callee)
    await asyncio.sleep(3)
    caller.command("hangup")
    await closed(caller, callee)
    for phone, expected in ((caller, callee.hertz), (callee, caller.hertz)):
        hertz, above = phone.heard(TONES)
        assert hertz == expected and above > 10, (phone.line, hertz, above)


async def test():
    ann = Baresip("ann", 440)
    bob = Baresip("bob", 697, answer="auto", **G722)
    carol = Baresip("carol", 941, answer="auto", **OPUS)
    async with phones(ann, bob, carol):
        for callee in (bob, carol):
            await call(ann, callee)
    expected = {("1002", "PCMU (transcoded)", "G722 (transcoded)"), ("1003", "PCMU (transcoded)", "opus (transcoded)")}
    await until(lambda: codecs() == expected, f"the records say {expected}")


main(test)
