"""A SIP MESSAGE reaches an XMPP user and the answer reaches the phone; one address serves both.

peer: sip-tester
server: running
scenes of sip-tester: messages
"""

import time

from carillon import DOMAIN, client, finish, free_port, main, sipp, until
from sipp_scenario import accepted, challenged, expect, registration, respond


async def test():
    bob = await client("bob", "desk").sign_in()
    port = free_port()
    sipp("register", [registration()], "carol", port=port)
    sent = [challenged("MESSAGE", content="Lunch at noon?", content_type="text/plain"), accepted()]
    sipp("message-to-user", sent, "carol", "bob", port=port, wait=False)
    message = (await until(lambda: bob.heard("Lunch at noon?"), "bob's client hears the phone"))[0]
    assert message["from"].bare == f"carol@{DOMAIN}", message["from"]

    time.sleep(1)
    phone = sipp("message-to-phone", [expect("MESSAGE", check="Make it one"), respond(200, "OK")], "carol", port=port, wait=False)
    time.sleep(0.3)
    bob.send_message(f"carol@{DOMAIN}", "Make it one", mtype="chat")
    await until(lambda: phone.poll() is not None, "carol's phone hears bob")
    finish(phone)


main(test)
