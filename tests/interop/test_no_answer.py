"""A phone that rings and is not answered: the caller hears 480 when the ringing time is over, the phone gets CANCEL.

peer: sip-tester
server: own
scenes of sip-tester: no answer
"""

import os
import time

from carillon import DATA, Server, finish, free_port, main, sipp
from sipp_scenario import challenged, expect, offer, receive, registration, request, respond, ringing

RING_SECONDS = 5


def configure():
    path = os.path.join(DATA, "carillon.toml")
    with open(path) as config:
        text = config.read()
    assert "\n[limits]\n" in text
    with open(path, "w") as config:
        config.write(text.replace("\n[limits]\n", f"\n[limits]\nring_seconds = {RING_SECONDS}\n"))


async def test():
    configure()
    server = Server().start()
    port = free_port()
    try:
        sipp("no-answer-register", [registration()], "bob", port=port)
        rings = [expect("INVITE"), respond(180, "Ringing"), expect("CANCEL"), respond(200, "OK")]
        phone = sipp("no-answer-callee", rings, "bob", port=port, wait=False)
        time.sleep(0.3)
        start = time.monotonic()
        unanswered = [challenged("INVITE", content=offer()), ringing(), receive(480)]
        sipp("no-answer-caller", [*unanswered, request("ACK", 2, branch="[branch-5]", to="[last_To:]")], "ann", "1002")
        waited = time.monotonic() - start
        assert RING_SECONDS <= waited < RING_SECONDS + 5, waited
        finish(phone)
    finally:
        server.stop()


main(test)
