"""Offers and answers where RFC 6337 §2.2 has them: an INVITE without one, a reliable 183 and its PRACK, an UPDATE within the call.

peer: sip-tester
server: running
scenes of sip-tester: offers and answers, hold
"""

from carillon import finish, free_port, main, sipp
from sipp_scenario import challenged, expect, expect_for_later, offer, pause, receive, registration, respond, ringing, within

PORT = free_port()
HANG_UP = within("BYE", 9) + receive(200)
HUNG_UP = expect("BYE") + respond(200, "OK", tag=False)
ALLOW = ("Allow: INVITE, ACK, BYE, CANCEL, PRACK, UPDATE",)


def both(name, caller, callee):
    waiting = sipp(f"{name}-bob", callee, "bob", port=PORT, wait=False)
    sipp(f"{name}-ann", caller, "ann", "1002")
    finish(waiting)


def without_an_offer():
    """The offer comes in the 200, the answer in the ACK (RFC 3261 §13.2.1)."""
    caller = [challenged("INVITE"), ringing(), receive(200, routes=True, check="m=audio"), within("ACK", 2, content=offer())]
    callee = [expect("INVITE", routes=True), respond(180, "Ringing"), respond(200, "OK", offer()), expect("ACK", check="m=audio")]
    both("offerless", [*caller, pause(300), HANG_UP], [*callee, HUNG_UP])


def reliable():
    """Both sides make sure of the 183, each with a PRACK of its own (RFC 3262)."""
    numbered = '<recv response="183" rrs="true"><action><ereg regexp="RSeq: *([0-9]+)" search_in="msg" check_it="true" assign_to="31,32"/></action></recv>\n'
    caller = challenged("INVITE", ("Supported: 100rel",), offer()) + receive(100, optional=True) + numbered
    caller += within("PRACK", 3, ("RAck: [$32] 2 INVITE",)) + receive(200) + receive(200, routes=True) + within("ACK", 2)
    callee = expect_for_later("INVITE") + respond(183, "Session Progress", offer(), headers=("Require: 100rel", "RSeq: 7", *ALLOW))
    callee += expect("PRACK", check="RAck: 7 1 INVITE") + respond(200, "OK", tag=False) + pause(200)
    callee += respond(200, "OK", kept=True, headers=ALLOW) + expect("ACK")
    both("reliable", [caller, pause(300), HANG_UP], [callee, HUNG_UP])


def update():
    """The session changes without a new INVITE (RFC 3311); a phone that takes UPDATE gets one."""
    caller = challenged("INVITE", ALLOW, offer()) + ringing() + receive(200, routes=True) + within("ACK", 2) + pause(200)
    held = within("UPDATE", 3, ALLOW, offer("sendonly", 2)) + receive(200, check="a=recvonly")
    callee = expect("INVITE", routes=True) + respond(200, "OK", offer(), headers=ALLOW) + expect("ACK")
    is_held = expect("UPDATE", check="a=sendonly") + respond(200, "OK", offer("recvonly", 2), tag=False, headers=ALLOW)
    both("update", [caller, held, pause(200), HANG_UP], [callee, is_held, HUNG_UP])


async def test():
    sipp("offers-register", [registration()], "bob", port=PORT)
    for part in (without_an_offer, reliable, update):
        print(part.__name__, flush=True)
        part()


main(test)
