"""JsSIP registers over SIP WebSocket (RFC 7118), asks by OPTIONS, exchanges messages with chat and with another such phone; a broken socket ends its registration at once and it comes back by itself.

peer: jssip
server: running
"""

from browser import HTTPS, Network, Node
from carillon import DOMAIN, client, line_password, main, until, verb


def registered():
    return [row for row in verb("status").splitlines() if "JsSIP" in row]


async def phone(number, port=HTTPS):
    peer = Node()
    return await peer.open("jssip_phone.mjs", server=f"wss://localhost:{port}/sip", number=number, password=line_password(number))


async def test():
    network = await Network(HTTPS).open()
    ann, carol = await phone("1001", network.port), await phone("1003")
    for peer in (ann, carol):
        answer = await peer.wait("registered", "JsSIP registers")
        assert answer["require"] == "outbound", answer
        assert ".invalid;transport=ws" in answer["contact"], answer
    print(verb("status"))
    ann.do("options", to=f"sip:1003@{DOMAIN}")
    answer = await ann.wait("options", "the answer to OPTIONS")
    assert answer["status"] == 200 and "INVITE" in answer["allow"], answer

    ann.do("message", to=f"sip:1003@{DOMAIN}", body="over the flow, grüß dich")
    await carol.wait("message", "a message from one page to the other", body="over the flow, grüß dich")
    await ann.wait("sent", "the receiver's answer")
    bob = await client("bob", "desk").sign_in()
    ann.do("message", to=f"sip:bob@{DOMAIN}", body="from a page")
    await until(lambda: bob.heard("from a page"), "a message from the page to chat")
    bob.send_message(f"ann@{DOMAIN}", "to a page", mtype="chat")
    await ann.wait("message", "a message from chat to the page", body="to a page")

    assert len(registered()) == 2
    network.cut()
    await ann.wait("disconnected", "the socket breaks")
    await until(lambda: len(registered()) == 1, "its registration has ended with it", seconds=2)
    await ann.wait("registered", "JsSIP comes back", count=2)
    assert len(registered()) == 2
    ann.do("message", to=f"sip:1003@{DOMAIN}", body="and again")
    await carol.wait("message", "a message over the new socket", body="and again")
    for peer in (ann, carol):
        peer.do("unregister")
        await peer.wait("unregistered", "it unregisters")
    assert registered() == []
    await ann.close()
    await carol.close()


main(test)
