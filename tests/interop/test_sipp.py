"""Register, call, busy, cancel, no answer, unknown, unreachable, hold by re-INVITE, MESSAGE, SUBSCRIBE, lists, OPTIONS, wrong password.

peer: sip-tester
server: running
scenes of sip-tester: registration, call, hold, messages, lamps, presence, busy, cancel, unregistered phone, unknown number, wrong password
"""

import time

from carillon import finish, free_port, main, sipp
from sipp_scenario import accepted, challenged, expect, offer, pause, receive, registration, request, respond, ringing, within

ACK_2XX = within("ACK", 2)
BOB_PORT = free_port()  # one for all calls: a second contact would ring as well


def both(name, caller, callee, dialled="1002"):
    """bob's sipp registers and waits; ann's sipp acts; both must end well."""
    sipp(f"{name}-register", [registration()], "bob", port=BOB_PORT)
    waiting = sipp(f"{name}-callee", callee, "bob", port=BOB_PORT, wait=False)
    time.sleep(0.3)
    sipp(f"{name}-caller", caller, "ann", dialled)
    finish(waiting)


def invite(*after):
    return [challenged("INVITE", content=offer()), ringing(), *after]


def answered(*after):
    ring = respond(180, "Ringing")
    return [expect("INVITE", routes=True), ring, respond(200, "OK", offer()), expect("ACK"), *after]


HANG_UP = within("BYE", 9) + receive(200)
HUNG_UP = expect("BYE") + respond(200, "OK", tag=False)


def call():
    both("call", invite(receive(200, routes=True), ACK_2XX, pause(300), HANG_UP), answered(HUNG_UP))


def busy():
    refuse = [expect("INVITE"), respond(486, "Busy Here"), expect("ACK")]
    both("busy", invite(receive(486), request("ACK", 2, branch="[branch-5]", to="[last_To:]")), refuse)


def cancel():
    cancelled = [
        challenged("INVITE", content=offer()),
        receive(100, optional=True),
        receive(180),
        request("CANCEL", 2, branch="[branch-3]"),
        receive(200),
        receive(487),
        request("ACK", 2, branch="[branch-6]", to="[last_To:]"),
    ]
    gives_up = [expect("INVITE"), respond(180, "Ringing"), expect("CANCEL")]
    gives_up += [respond(200, "OK"), pause(100)]
    both("cancel", cancelled, gives_up)


def unknown():
    sipp("unknown", invite(receive(404), request("ACK", 2, branch="[branch-5]", to="[last_To:]")), "ann", "4711")


def unreachable():
    sipp("unreachable", invite(receive(480), request("ACK", 2, branch="[branch-5]", to="[last_To:]")), "ann", "1003")


def hold():
    held = within("INVITE", 3, content=offer("sendonly", 2)) + receive(100, optional=True)
    held += receive(200, check="a=recvonly") + within("ACK", 3)
    back = within("INVITE", 4, content=offer(version=3)) + receive(100, optional=True) + receive(200) + within("ACK", 4)
    is_held = expect("INVITE", check="a=sendonly") + respond(200, "OK", offer("recvonly", 2), tag=False) + expect("ACK")
    is_back = expect("INVITE") + respond(200, "OK", offer(version=3), tag=False) + expect("ACK")
    both(
        "hold",
        invite(receive(200, routes=True), ACK_2XX, pause(200), held, pause(200), back, pause(200), HANG_UP),
        answered(is_held, is_back, HUNG_UP),
    )


def message():
    sent = [challenged("MESSAGE", content="Lunch?", content_type="text/plain"), accepted()]
    both("message", sent, [expect("MESSAGE", check="Lunch"), respond(200, "OK")])


def subscribe():
    for package, accept in (("dialog", "application/dialog-info\\+xml"), ("presence", "application/pidf\\+xml")):
        plain = accept.replace("\\", "")
        steps = [
            challenged("SUBSCRIBE", (f"Event: {package}", f"Accept: {plain}", "Expires: 60")),
            receive(200),
            expect("NOTIFY", check=accept),
            respond(200, "OK", tag=False),
        ]
        sipp(f"subscribe-{package}", steps, "ann", "1002")
    refused = [request("SUBSCRIBE", 1, ("Event: nonsense", "Expires: 60")), receive(489)]
    sipp("subscribe-nonsense", refused, "ann", "1002")


def subscribe_list():
    """One subscription for two lines (RFC 5367, RFC 4662); a watcher that knows no lists gets none."""
    entries = "".join(f'<entry uri="sip:{line}@[field2]"/>' for line in ("1002", "1003"))
    lines = f'<?xml version="1.0"?><resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"><list>{entries}</list></resource-lists>'
    headers = ("Event: dialog", "Expires: 60", "Require: recipient-list-subscribe", "Content-Disposition: recipient-list")
    body = {"content": lines, "content_type": "application/resource-lists+xml"}
    told = challenged("SUBSCRIBE", (*headers, "Supported: eventlist"), **body)
    told += receive(200, check="Require: eventlist") + expect("NOTIFY", check="multipart/related.*rlmi.*fullState=.true.")
    sipp("subscribe-list", [told, respond(200, "OK", tag=False)], "ann", "1001")
    sipp("subscribe-list-unknown", [challenged("SUBSCRIBE", headers, **body), receive(421)], "ann", "1001")


def options():
    sipp("options", [request("OPTIONS", 1, target="sip:[field2]"), receive(200, check="Allow:")], "ann", "1001")


def wrong_password():
    import carillon

    right, carillon.line_password = carillon.line_password, lambda line: "wrong"
    try:
        first = registration().replace('<recv response="200"/>', '<recv response="403" optional="true" next="5"/>\n<recv response="401"/>\n<label id="5"/>')
        sipp("wrong-password", [first], "carol", "1003")
    finally:
        carillon.line_password = right


async def test():
    for part in (options, call, busy, cancel, unknown, unreachable, hold, message, subscribe, subscribe_list, wrong_password):
        print(part.__name__, flush=True)
        part()


main(test)
