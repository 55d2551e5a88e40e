"""Calls that go wrong, each by phones that say exactly so on the wire: declined, refused, crossed, in circles, sent nowhere, parked and forgotten.

peer: sip-tester
server: own
scenes of sip-tester: declined, codec mismatch, malformed session, cancel, late answer, crossing ends, glare, refused transfer, failed transfer, dead dialog, loops, forward loop, forward, busy, no answer, park, forgotten parked call
"""

import time

from carillon import Server, finish, free_port, main, sipp, verb
from sipp_scenario import challenged, expect, expect_for_later, offer, pause, receive, registration, request, respond, ringing, said_by_callee, within
from telephony import setting

ACK_2XX = within("ACK", 2)
HANG_UP = within("BYE", 9) + receive(200)
HUNG_UP = expect("BYE") + respond(200, "OK", tag=False)
OK = respond(200, "OK", tag=False)
# One port for all calls of a phone: a second contact would ring as well.
PORTS = {user: free_port() for user in ("bob", "carol")}


def refused(code, check=None):
    """The final answer and its ACK, whose branch is that of the INVITE five messages before."""
    return receive(code, check=check) + request("ACK", 2, branch="[branch-5]", to="[last_To:]")


def phone(name, steps, user="bob"):
    return sipp(f"{name}-{user}", steps, user, port=PORTS[user], wait=False)


def both(name, caller, callee, dialled="1002", user="bob"):
    """One waits, ann acts; both must end well."""
    waiting = phone(name, callee, user)
    sipp(f"{name}-ann", caller, "ann", dialled)
    finish(waiting)


def invite(*after, headers=(), content=None, **more):
    return [challenged("INVITE", headers, content or offer(), **more), ringing(), *after]


def answered(*after):
    return [expect("INVITE", routes=True, keep="From:"), respond(180, "Ringing"), respond(200, "OK", offer()), expect("ACK"), *after]


def talk(*after):
    return invite(receive(200, routes=True), ACK_2XX, pause(200), *after)


def declined():
    both("declined", invite(refused(603)), [expect("INVITE"), respond(603, "Decline"), expect("ACK")])


def phone_without_our_codecs():
    both("codecs", invite(refused(488)), [expect("INVITE"), respond(488, "Not Acceptable Here"), expect("ACK")])


def malformed_session():
    nonsense = [challenged("INVITE", content="this is no description"), ringing(), refused(400)]
    sipp("malformed-offer", nonsense, "ann", "1002")
    # A phone that answers without a description is hung up on.
    silent = [expect("INVITE"), respond(200, "OK"), expect("ACK"), HUNG_UP]
    both("malformed-answer", invite(refused(488)), silent)


def late_answer():
    """The phone answers when the caller has given up, before it looks at the CANCEL: it gets ACK and BYE."""
    gives_up = [
        challenged("INVITE", content=offer()),
        receive(100, optional=True),
        receive(180),
        request("CANCEL", 2, branch="[branch-3]"),
        receive(200),
        receive(487),
        request("ACK", 2, branch="[branch-6]", to="[last_To:]"),
    ]
    late = [expect_for_later("INVITE"), respond(180, "Ringing"), expect("CANCEL"), respond(200, "OK")]
    late += [respond(200, "OK", offer(), kept=True), expect("ACK"), HUNG_UP]
    both("late-answer", gives_up, late)


def late_cancel():
    """The answer is there before the CANCEL: the call stands."""
    cancel = request("CANCEL", 2, branch="[branch-4]") + receive(200)
    talks = [challenged("INVITE", content=offer()), receive(100, optional=True), receive(180), receive(200, routes=True), cancel]
    both("late-cancel", [*talks, ACK_2XX, pause(300), HANG_UP], answered(HUNG_UP))


def both_hang_up():
    """bob's BYE goes out before he answers ann's: both are answered."""
    crossed = expect_for_later("BYE") + said_by_callee("BYE", 1) + receive(200) + respond(200, "OK", tag=False, kept=True)
    both("crossing", talk(HANG_UP), answered(crossed))


def glare():
    """bob changes the session while ann's change is under way: 491, and ann's goes through (RFC 3261 §14.2)."""
    held = within("INVITE", 3, content=offer("sendonly", 2)) + receive(100, optional=True) + receive(200) + within("ACK", 3)
    branch = "z9hG4bK-[pid]-[call_number]-glare"
    change = said_by_callee("INVITE", 1, offer("sendonly", 2), branch) + receive(100, optional=True) + receive(491)
    change += said_by_callee("ACK", 1, branch=branch).replace("To:[$6]", "[last_To:]")
    change += respond(200, "OK", offer("recvonly", 2), tag=False, kept=True) + expect("ACK")
    both("glare", talk(held, pause(200), HANG_UP), answered(expect_for_later("INVITE"), change, HUNG_UP))


def transfers_that_fail():
    """What is no transfer is refused; a target that fails is told, and the call goes on."""
    steps = [
        within("REFER", 3) + receive(400),
        within("REFER", 4, ("Refer-To: <http://[field2]/>",)) + receive(416),
        within("REFER", 5, ("Refer-To: <sip:4711@[field2]>",)) + receive(202),
        expect("NOTIFY", check="SIP/2.0 100") + OK,
        expect("NOTIFY", check="SIP/2.0 404") + OK,
        within("REFER", 6, ("Refer-To: <sip:1003@[field2]>",)) + receive(202),
        expect("NOTIFY", check="SIP/2.0 100") + OK,
        expect("NOTIFY", check="SIP/2.0 486") + OK,
    ]
    target = phone("failed-transfer", [expect("INVITE"), respond(486, "Busy Here"), expect("ACK")], "carol")
    both("failed-transfer", talk(*steps, HANG_UP), answered(HUNG_UP))
    finish(target)


def dead_dialog():
    for name in ("Replaces", "Join"):
        header = f"{name}: gone-[pid];to-tag=a;from-tag=b"
        sipp(f"dead-{name.lower()}", invite(refused(481), headers=(header,)), "ann", "1002")
    # A BYE that belongs to nothing.
    sipp("dead-bye", [request("BYE", 1, to="To: <sip:[field3]@[field2]>;tag=gone"), receive(481)], "ann", "1002")


def loops():
    sipp("hops", invite(refused(483), hops=0), "ann", "1002")
    sipp("breadth", invite(refused(440), headers=("Max-Breadth: 0",)), "ann", "1002")
    verb("line", "forward", "1002", "all", "1003")
    verb("line", "forward", "1003", "all", "1002")
    try:
        sipp("forward-loop", invite(refused(482)), "ann", "1002")
    finally:
        verb("line", "forward", "1002", "all", "off")
        verb("line", "forward", "1003", "all", "off")


def busy_forward_that_ends_nowhere():
    """bob is busy and forwards to carol, who does not answer: the caller hears that bob is busy when her time is over."""
    verb("line", "forward", "1002", "busy", "1003")
    carol = phone("nowhere", [expect("INVITE"), respond(180, "Ringing"), expect("CANCEL"), respond(200, "OK")], "carol")
    begun = time.monotonic()
    both("nowhere", invite(refused(486)), [expect("INVITE"), respond(486, "Busy Here"), expect("ACK")])
    assert 5 <= time.monotonic() - begun < 10
    finish(carol)
    verb("line", "forward", "1002", "busy", "off")


def parked_and_forgotten():
    """bob parks ann; nobody fetches her, and bob's phone rings again and has her back."""
    park = pause(300) + said_by_callee("REFER", 1, headers=("Refer-To: <sip:705@[field2]>",)) + receive(202)
    told = expect("NOTIFY", check="SIP/2.0 100") + OK + expect("NOTIFY", check="SIP/2.0 200") + OK
    waiting = phone("park", answered(park, told, HUNG_UP))
    # When bob has her back, ann is told his session.
    back = expect("INVITE") + respond(200, "OK", offer(version=2), tag=False) + expect("ACK")
    ann = sipp("park-ann", talk(back, pause(300), HANG_UP), "ann", "1002", wait=False)
    finish(waiting)
    parked = time.monotonic()
    again = phone("recall", [expect("INVITE", routes=True), respond(200, "OK", offer()), expect("ACK"), HUNG_UP])
    finish(again)
    finish(ann)
    assert 4 < time.monotonic() - parked < 9


PARTS = (
    declined,
    phone_without_our_codecs,
    malformed_session,
    late_answer,
    late_cancel,
    both_hang_up,
    glare,
    transfers_that_fail,
    dead_dialog,
    loops,
    busy_forward_that_ends_nowhere,
    parked_and_forgotten,
)


async def test():
    setting("park_recall_seconds = 5")
    setting("ring_seconds = 5", section="limits")
    server = Server().start()
    try:
        for user, port in PORTS.items():
            sipp(f"register-{user}", [registration()], user, port=port)
        for part in PARTS:
            print(part.__name__, flush=True)
            part()
    finally:
        server.stop()


main(test)
