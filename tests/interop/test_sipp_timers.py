"""What only time ends, side by side: a phone that never acknowledges, one that is registered and gone, one that stops refreshing its session; who is on the other side is set free.

peer: sip-tester
server: running
scenes of sip-tester: missing acknowledgement, retransmissions, unreachable phone, session timer
"""

import asyncio
import os
import re
import time

from carillon import LINES, finish, free_port, main, sipp, verb
from sipp_scenario import challenged, expect, offer, receive, registration, request, respond, ringing, within

LINES["dave"] = "1004"
HUNG_UP = expect("BYE") + respond(200, "OK", tag=False)


def phone(name, user, steps, seconds):
    port = free_port()
    sipp(f"{name}-register", [registration()], user, port=port)
    return sipp(f"{name}-{user}", steps, user, port=port, wait=False, seconds=seconds)


def never_acknowledged():
    """The 200 is repeated for 32 seconds, then both are hung up on (RFC 3261 §13.3.1.4)."""
    callee = [expect("INVITE", routes=True), respond(200, "OK", offer()), expect("ACK"), HUNG_UP]
    called = phone("unacknowledged", "bob", callee, 60)
    # sipp passes over repetitions by itself.
    unanswered = receive(200, routes=True) + HUNG_UP
    caller = sipp("unacknowledged-ann", [challenged("INVITE", content=offer()), ringing(), unanswered], "ann", "1002", wait=False, seconds=60)
    return called, caller


def gone():
    """Nobody listens at the phone's address: 32 seconds after the first INVITE the caller hears so (RFC 3261 §17.1.1.2)."""
    sipp("gone-register", [registration()], "carol", port=free_port())
    unanswered = receive(408) + request("ACK", 2, branch="[branch-5]", to="[last_To:]")
    return (sipp("gone-ann", [challenged("INVITE", content=offer()), ringing(), unanswered], "ann", "1003", wait=False, seconds=60),)


def not_refreshed():
    """ann was to refresh the session every 90 seconds and does not: dave is told that it is over (RFC 4028 §10)."""
    callee = [expect("INVITE", routes=True), respond(200, "OK", offer()), expect("ACK"), HUNG_UP]
    called = phone("refresh", "dave", callee, 100)
    timer = ("Supported: timer", "Session-Expires: 90;refresher=uac")
    agreed = receive(200, routes=True, check="Session-Expires: 90;refresher=uac") + within("ACK", 2)
    caller = sipp("refresh-ann", [challenged("INVITE", timer, offer()), ringing(), agreed, HUNG_UP], "ann", "1004", wait=False, seconds=100)
    return called, caller


async def test():
    verb("line", "add", "1004", "--password-stdin", stdin="line-1004\n")
    began = time.monotonic()
    waits = (
        (never_acknowledged(), 30, 40),
        (gone(), 30, 40),
        # The BYE is due when a third of the interval is left, and not less than 32 seconds (RFC 4028 §10).
        (not_refreshed(), 55, 70),
    )
    (_, caller), _, _ = waits[0]
    for processes, least, most in waits:
        for process in processes:
            await asyncio.to_thread(finish, process)
        took = time.monotonic() - began
        print(processes[-1].scenario, round(took, 1), flush=True)
        assert least <= took <= most, (processes[-1].scenario, took)
    with open(os.path.join(caller.folder, "messages"), errors="replace") as log:
        repeated = len(re.findall(r"received.*\n+SIP/2\.0 200 OK", log.read()))
    # After 0.5, 1.5, 3.5, 7.5 seconds, and then every four.
    assert 9 <= repeated <= 12, repeated


main(test)
