"""@xmpp/client and Strophe.js sign in over WebSocket (RFC 7395), talk, and a broken socket is resumed (XEP-0198) without loss or doubles.

peer: @xmpp/client
server: running
"""

import re

from browser import HTTPS, Browser, Network, Node
from carillon import DOMAIN, befriend, client, main, until


async def test():
    bob = await client("bob", "laptop").sign_in()
    carol = await client("carol", "laptop").sign_in()
    await befriend(bob, carol)
    network = await Network(HTTPS).open()
    ann = await Node().open(
        "xmpp_client.mjs", service=f"wss://localhost:{network.port}/ws", domain=DOMAIN, username="ann", password="pw-ann", resource="web"
    )
    signed_in = await ann.wait("signed-in", "@xmpp/client signs in")
    # The client binds with Bind 2 (XEP-0386): its word is a tag, and the server makes the rest.
    assert re.fullmatch(f"ann@{DOMAIN}/web/[0-9a-f]+", signed_in["jid"]), signed_in
    await ann.wait("roster", "the roster")

    ann.do("send", to=f"bob@{DOMAIN}", body="hello")
    await until(lambda: bob.heard("hello"), "a message from the WebSocket")
    bob.send_message(f"ann@{DOMAIN}", "before", mtype="chat")
    await ann.wait("message", "a message to the WebSocket", body="before")

    network.cut()
    for number in range(5):
        bob.send_message(f"ann@{DOMAIN}", f"during {number}", mtype="chat")
    await ann.wait("resumed", "the session is resumed")
    await ann.wait("message", "what was said during the break", body="during 4")
    bob.send_message(f"ann@{DOMAIN}", "after", mtype="chat")
    await ann.wait("message", "a message after the break", body="after")
    # @xmpp/client 0.14 does not count answers to its own questions (XEP-0198 §4), and so asks again for as many of the last
    # messages: they come with the stanza-id by which it can tell.
    heard = {(event["id"], event["body"]) for event in ann.heard("message")}
    words = [body for _, body in sorted(heard)]
    assert words == ["before", *(f"during {n}" for n in range(5)), "after"], ann.events
    assert len(ann.heard("message")) <= len(heard) + 1, ann.events
    ann.do("send", to=f"bob@{DOMAIN}", body="I am back")
    await until(lambda: bob.heard("I am back"), "a message from the resumed session")
    assert len(bob.messages) == 2
    ann.do("stop")
    await ann.wait("offline", "it signs out")
    await ann.close()

    # A page of another origin, with Strophe.js.
    page = await Browser("strophe", "strophe.js", service=f"wss://localhost:{HTTPS}/ws", jid=f"bob@{DOMAIN}/page", password="pw-bob").open()
    await page.wait("connected", "Strophe.js signs in")
    roster = await page.wait("roster", "the roster")
    assert roster["items"] == [f"carol@{DOMAIN}"], roster
    await page.wait("presence", "carol's presence", **{"from": f"carol@{DOMAIN}/laptop"})
    page.do("send", to=f"carol@{DOMAIN}", body="from a page")
    await until(lambda: carol.heard("from a page"), "a message from the page")
    carol.send_message(f"bob@{DOMAIN}/page", "to a page", mtype="chat")
    await page.wait("message", "a message to the page", body="to a page")
    page.do("disconnect")
    await page.wait("disconnected", "it signs out")
    await page.close()


main(test)
