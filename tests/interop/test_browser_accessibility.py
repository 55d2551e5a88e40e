"""The client in Chromium: no screen has anything that axe-core finds wrong in light, dark and high contrast, none is wider than 320 pixels; the
daily tasks by keyboard alone.

peer: chromium, slixmpp
server: running
"""

from carillon import main
from office import ROOM, people, talk
from page_checks import check


async def test():
    ann, bob, carol = await people()
    await talk(ann, bob, carol)
    told = await check("accessibility.mjs", seconds=170, room=ROOM)
    assert len([one for one in told if one["event"] == "did"]) == 6, told


main(test)
