"""A phone with two calls joins those that it talks to (RFC 5589 §7, RFC 3891): two sipps of one phone, tied as SIPp 3PCC ties them.

peer: sip-tester
server: running
scenes of sip-tester: hold, consultative transfer
"""

import time

from carillon import finish, free_port, main, sipp
from sipp_scenario import challenged, command, commanded, expect, offer, pause, receive, registration, respond, ringing, said_by_callee, within

ACK_2XX = within("ACK", 2)
HELD = within("INVITE", 3, content=offer("sendonly", 2)) + receive(100, optional=True) + receive(200) + within("ACK", 3)
OK = respond(200, "OK", tag=False)
# One phone, one Call-ID for both calls, as 3PCC wants it; without an @, which an address could not hold.
ONE_CALL_ID = ("-cid_str", "%u-%p-two-calls")


def first_call(reaches):
    """The call that is transferred: bob is called and held, then the second call is waited for, and bob is sent to it."""
    dialog = "[call_id]%3Bto-tag%3D[$3]%3Bfrom-tag%3D[$5]"
    refer = within("REFER", 4, (f"Refer-To: <sip:1003@[field2]?Replaces={dialog}>",))
    told = [expect("NOTIFY", check="SIP/2.0 100"), OK, *reaches]
    call = challenged("INVITE", content=offer()) + ringing() + receive(200, routes=True) + ACK_2XX + HELD
    return [call, command(), commanded(("Peer: .*tag=([^\\r\\n]*)", "2,3"), ("Own: ([^\\r\\n]*)", "4,5")), refer, receive(202), *told]


def second_call(*after):
    """Waits for the word of the first, calls carol, and tells the first which dialog that is."""
    call = challenged("INVITE", content=offer()) + ringing() + receive(200, routes=True) + ACK_2XX
    return [commanded(), call, pause(200), command("Peer: [peer_tag_param]", "Own: [pid]c[call_number]"), *after]


def answered(*after):
    return [expect("INVITE", routes=True, keep="From:"), respond(180, "Ringing"), respond(200, "OK", offer()), expect("ACK"), *after]


async def test():
    ports = {"bob": free_port(), "carol": free_port()}
    for who, port in ports.items():
        sipp(f"transfer-{who}-register", [registration()], who, port=port)
    hung_up = expect("BYE") + OK
    # What bob is asked for, carol gets: one exchange of descriptions from end to end.
    is_held = expect("INVITE", check="a=sendonly") + respond(200, "OK", offer("recvonly", 2), tag=False) + expect("ACK")
    asked = expect("INVITE") + respond(200, "OK", offer(version=3), tag=False) + expect("ACK", check="m=audio")
    given = expect("INVITE", check="m=audio") + respond(200, "OK", offer(version=2), tag=False) + expect("ACK")
    ends = [pause(300), said_by_callee("BYE", 1), receive(200)]
    bob = sipp("transfer-bob", answered(is_held, asked, hung_up), "bob", port=ports["bob"], wait=False)
    carol = sipp("transfer-carol", answered(given, *ends), "carol", port=ports["carol"], wait=False)
    time.sleep(0.3)
    twin = ("-3pcc", f"127.0.0.1:{free_port()}", *ONE_CALL_ID)
    second = sipp("transfer-second", second_call(hung_up), "ann", "1003", wait=False, more=twin)
    time.sleep(0.5)
    done = [expect("NOTIFY", check="SIP/2.0 200"), OK, hung_up]
    sipp("transfer-first", first_call(done), "ann", "1002", more=twin)
    for process in (second, carol, bob):
        finish(process)


main(test)
