"""A text message from linphone reaches the chat of a colleague, and the answer comes to linphone.

peer: linphone-cli, slixmpp
server: running
scenes of linphone-cli: messages
"""

from carillon import client, main, until
from linphone import Linphone
from telephony import phones


async def test():
    bob = await client("bob", "laptop").sign_in()
    ann = Linphone("1001", 440)
    async with phones(ann):
        ann.say("chat sip:bob@localhost Lunch?")
        heard = await until(lambda: bob.heard("Lunch?"), "bob reads what ann's phone sent")
        assert heard[0]["from"].bare == "ann@localhost", heard[0]
        bob.send_message(mto=heard[0]["from"], mbody="At twelve.", mtype="chat")
        await until(lambda: "At twelve." in ann.text(), "ann's phone shows the answer")


main(test)
