"""Sound before the answer: a gateway that sends 183 is heard by baresip and linphone before it answers, and whoever is refused then has heard why.

peer: baresip, linphone-cli, sip-tester
server: running
scenes of baresip: early media
scenes of linphone-cli: early media
scenes of sip-tester: early media
"""

import asyncio

from carillon import Baresip, finish, free_port, main, sipp, until
from linphone import Linphone
from sipp_scenario import expect, offer, pause, registration, respond
from telephony import address, closed, heard, phones

PORT = free_port()


def gateway(name, *final):
    """A phone that sends back what it hears (-rtp_echo), from its 183 on."""
    return sipp(name, [expect("INVITE", routes=True), respond(183, "Session Progress", offer()), pause(2500), *final], "bob", port=PORT, wait=False, more=("-rtp_echo",))


async def test():
    sipp("gateway-register", [registration()], "bob", port=PORT)
    ann, carol = Baresip("ann", 440), Linphone("1003", 941)
    async with phones(ann, carol):
        refuses = gateway("refuses", respond(404, "Not Found"), expect("ACK"))
        ann.command("dial", address(1002))
        await closed(ann)
        await asyncio.to_thread(finish, refuses)
        assert "404" in str(ann.event("CALL_CLOSED")) and not ann.event("CALL_ESTABLISHED"), ann.events
        hertz, above = ann.heard((440, 941))
        assert hertz == 440 and above > 10, ("ann", hertz, above)

        hung_up = expect("BYE") + respond(200, "OK", tag=False)
        answers = gateway("answers", respond(200, "OK", offer()), expect("ACK"), hung_up)
        carol.say(f"call {address(1002)}")
        await until(lambda: "early media" in carol.text().lower() or "connected" in carol.text(), "carol hears something", 10)
        await until(lambda: "connected" in carol.text(), "carol's call is answered", 10)
        carol.say("terminate")
        await asyncio.to_thread(finish, answers)
        await asyncio.sleep(0.5)
    # The call ended when it was answered: this was before.
    assert heard(carol.first).count({941}) >= 4, heard(carol.first)


main(test)
