"""Two baresips send each other pictures (VP8) beside the sound; a phone that shows none has the sound alone.

peer: baresip
server: running
scenes of baresip: video
"""

import asyncio

from carillon import Baresip, main
from telephony import address, closed, established, forget, phones

PICTURES = """module vp8.so
module fakevideo.so
video_source fakevideo,nil
video_display fakevideo,nil
video_size 176x144
video_fps 10.00
video_bitrate 128000"""
# What is said when a picture was decoded.
COMES = "video: receiving with resolution 176 x 144"


async def call(caller, callee):
    forget(caller, callee)
    caller.command("dial", address(callee.line))
    await established(caller, callee)
    await asyncio.sleep(3)
    shown = [phone.text().count(COMES) for phone in (caller, callee)]
    caller.command("hangup")
    await closed(caller, callee)
    for phone, expected in ((caller, callee.hertz), (callee, caller.hertz)):
        hertz, above = phone.heard((440, 697, 941))
        assert hertz == expected and above > 10, (phone.line, hertz, above)
    return shown


async def test():
    ann = Baresip("ann", 440, settings=PICTURES)
    bob = Baresip("bob", 697, answer="auto", settings=PICTURES)
    carol = Baresip("carol", 941, answer="auto")
    async with phones(ann, bob, carol):
        assert await call(ann, bob) == [1, 1], "each gets the pictures of the other"
        assert await call(ann, carol) == [1, 0], "no pictures come from a phone that sends none"


main(test)
