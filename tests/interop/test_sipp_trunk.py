"""Gateways that cannot: 503 and silence lead to the next one, busy is the callee's word, and a caller hears when no gateway is left, or none says anything.

peer: sip-tester
server: running
scenes of sip-tester: trunks, trunk down
"""

import json
import time

from carillon import finish, free_port, main, sipp, until, verb
from sipp_scenario import challenged, expect, offer, pause, receive, request, respond, ringing, within
from telephony import apply

PORTS = {name: free_port() for name in ("first", "second", "mute", "dead")}
PLAN = """
[[route]]
pattern = "9.XXXX"
to = { group = "outside" }
called = { strip_pre_dot = true }
[[route]]
pattern = "8.XXXX"
to = { trunk = "dead" }
[[route]]
pattern = "7.XXXX"
to = { group = "half" }
called = { strip_pre_dot = true }
[[outside.route_group]]
name = "outside"
trunks = ["first", "second"]
[[outside.route_group]]
name = "half"
trunks = ["mute", "first"]
""" + "".join(
    f"""
[[outside.trunk]]
name = "{name}"
sip = {{ address = "127.0.0.1:{port}", answer_seconds = 3, options_seconds = {5 if name == "dead" else 0} }}
"""
    for name, port in PORTS.items()
)

UNAVAILABLE = [expect("INVITE", check="sip:1234@"), respond(503, "Service Unavailable"), expect("ACK")]
BUSY = [expect("INVITE"), respond(486, "Busy Here"), expect("ACK")]
ANSWERS = [expect("INVITE", routes=True), respond(200, "OK", offer()), expect("ACK"), expect("BYE"), respond(200, "OK", tag=False)]
HANG_UP = within("BYE", 9) + receive(200)
TALKS = [challenged("INVITE", content=offer()), ringing(), receive(200, routes=True), within("ACK", 2), pause(300), HANG_UP]


def refused(code):
    return [challenged("INVITE", content=offer()), ringing(), receive(code), request("ACK", 2, branch="[branch-5]", to="[last_To:]")]


def call(name, caller, dialled, **gateways):
    """ann calls out; the gateways that are named are there and do what they do."""
    there = [sipp(f"{name}-{gate}", steps, "bob", port=PORTS[gate], wait=False) for gate, steps in gateways.items()]
    sipp(f"{name}-ann", caller, "ann", dialled)
    for process in there:
        finish(process)


def usable(trunk):
    return {trunk["name"]: trunk for trunk in json.loads(verb("trunk", "list", "--json"))}[trunk]["usable"]


async def test():
    apply(PLAN)
    call("failover", TALKS, "91234", first=UNAVAILABLE, second=ANSWERS)
    # What failed is tried last for a while; who is busy is busy, whatever other ways there are.
    call("busy", refused(486), "91234", second=BUSY)
    # Nobody is at the mute one, ever (who came to its port later would get the INVITE that is still repeated, RFC 3261 §9.1):
    # after three seconds the first has its turn.
    began = time.monotonic()
    call("silent", TALKS, "71234", first=ANSWERS)
    assert time.monotonic() - began < 8, "the caller waits"
    call("none-left", refused(480), "91234", first=UNAVAILABLE, second=UNAVAILABLE)
    # A trunk that is known to be down is tried all the same when there is no other, and not for long.
    await until(lambda: not usable("dead"), "the dead trunk is known to be down", 30)
    began = time.monotonic()
    call("no-trunk", refused(408), "81234")
    assert 2 < time.monotonic() - began < 8


main(test)
