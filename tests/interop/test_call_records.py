"""Calls made by sipp: their records, the histories made of them, and the ladder of what was said, without its secrets.

peer: sip-tester
server: running
scenes of sip-tester: call
"""

import json
import time

from carillon import finish, free_port, line_password, main, sipp, verb
from sipp_scenario import challenged, expect, offer, pause, receive, registration, request, respond, ringing, within

BOB_PORT = free_port()


def both(name, caller, callee):
    sipp(f"{name}-register", [registration()], "bob", port=BOB_PORT)
    waiting = sipp(f"{name}-callee", callee, "bob", port=BOB_PORT, wait=False)
    time.sleep(0.3)
    sipp(f"{name}-caller", caller, "ann", "1002")
    finish(waiting)


def listed(*words):
    return json.loads(verb("call", "list", "--json", *words))


def recorded(count, seconds=10):
    """The records, once there are so many: they are written behind the calls."""
    end = time.monotonic() + seconds
    while True:
        calls = listed()
        if len(calls) >= count:
            return calls
        assert time.monotonic() < end, f"only {len(calls)} of {count} calls are recorded"
        time.sleep(0.1)


def answered():
    ack, hang_up = within("ACK", 2), within("BYE", 9) + receive(200)
    caller = [challenged("INVITE", content=offer()), ringing(), receive(200, routes=True), ack, pause(700), hang_up]
    ring = respond(180, "Ringing")
    callee = [expect("INVITE", routes=True), ring, pause(200), respond(200, "OK", offer()), expect("ACK")]
    both("answered", caller, [*callee, expect("BYE") + respond(200, "OK", tag=False)])


def busy():
    caller = [challenged("INVITE", content=offer()), ringing(), receive(486), request("ACK", 2, branch="[branch-5]", to="[last_To:]")]
    both("busy", caller, [expect("INVITE"), respond(486, "Busy Here"), expect("ACK")])


async def test():
    answered()
    (talked,) = recorded(1)
    assert (talked["cause"], talked["dialled"], talked["ended_by"]) == ("normal_clearing", "1002", 0), talked
    assert 0.5 < talked["seconds"] < 5, talked
    caller, callee = talked["legs"]
    assert (caller["line"], caller["owner"], callee["line"]) == ("1001", "ann@localhost", "1002"), talked
    assert callee["alerted"] < callee["answered"] < callee["ended"], callee
    assert caller["codecs"] == callee["codecs"] == "PCMU", talked

    busy()
    refused, _ = recorded(2)
    assert refused["cause"] == "busy" and refused["ended_by"] == 1 and refused["answered"] is None, refused
    assert [call["id"] for call in listed("--line", "1002", "--max", "1")] == [refused["id"]]
    assert [call["id"] for call in listed("--user", "ann@localhost", "--before", refused["id"])] == [talked["id"]]
    assert listed("--user", "carol@localhost") == [] and listed("--live") == []

    history = json.loads(verb("call", "history", "bob@localhost", "--json"))
    assert [call["kind"] for call in history["calls"]] == ["missed", "received"], history
    assert history["unseen"] == 1 and history["calls"][0]["peer"] == "1001", history
    verb("call", "seen", "bob@localhost")
    assert json.loads(verb("call", "history", "bob@localhost", "--json"))["unseen"] == 0
    print(verb("call", "show", talked["id"]))

    ladder = verb("call", "trace", talked["id"], "--full")
    print(verb("call", "trace", talked["id"]))
    drawn = [line for line in ladder.split("===")[0].splitlines() if "|" in line]
    wanted = ["INVITE (1, SDP)", "407 ", "ACK (1)", "INVITE (2, SDP)", "180 ", "200 OK (2 INVITE, SDP)", "ACK (2)", "BYE (9)", "200 OK (9 BYE)"]
    left = [line[12:48] for line in drawn if line[13] in "-<"]
    for words in wanted:
        words = words.replace("407 ", "401 ")
        assert any(words in line for line in left), f"{words} is not between the caller and the server:\n" + "\n".join(drawn)
    assert "Authorization: (hidden)" in ladder and line_password("1001") not in ladder
    assert "response=" not in ladder, "a digest is shown"
    by_leg = verb("call", "trace", caller["sip_call_id"])
    assert "BYE" in by_leg and "carillon" in by_leg


main(test)
