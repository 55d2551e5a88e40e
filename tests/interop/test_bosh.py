"""Strophe.js in Chromium over BOSH (XEP-0124, XEP-0206), from another origin: lost answers are given again, nothing is lost, nothing comes twice.

peer: strophe.js
server: running
"""

from browser import HTTP, HTTPS, Browser, Network
from carillon import DOMAIN, befriend, client, main, until


async def test():
    bob = await client("bob", "laptop").sign_in()
    carol = await client("carol", "laptop").sign_in()
    await befriend(bob, carol)
    network = await Network(HTTP).open()
    page = Browser("strophe", "strophe.js", service=f"http://127.0.0.1:{network.port}/bosh", jid=f"carol@{DOMAIN}/page", password="pw-carol")
    await page.open()
    await page.wait("connected", "Strophe.js signs in")
    roster = await page.wait("roster", "the roster")
    assert roster["items"] == [f"bob@{DOMAIN}"], roster
    await page.wait("presence", "bob's presence", **{"from": f"bob@{DOMAIN}/laptop"})

    told, said = [], []

    async def tell(body):
        told.append(body)
        bob.send_message(f"carol@{DOMAIN}/page", body, mtype="chat")
        await page.wait("message", body, body=body)

    async def say(body):
        said.append(body)
        page.do("send", to=f"bob@{DOMAIN}", body=body)
        await until(lambda: bob.heard(body), body, 30)

    await tell("one")
    await say("two")
    # The answer that carries a message is lost, then the answer to a request that carries one, then everything.
    network.lose_answers_with.add(b"three")
    await tell("three")
    network.lose_answers_to.add(b"four")
    await say("four")
    await tell("five")
    assert network.lost == 2, network.lost
    network.cut()
    await tell("six")
    await say("seven")
    assert page.words(f"bob@{DOMAIN}") == told, page.words(f"bob@{DOMAIN}")
    assert [m["body"] for m in bob.messages] == said, bob.messages
    page.do("disconnect")
    await page.wait("disconnected", "it signs out")
    await until(lambda: bob.seen(f"carol@{DOMAIN}", kind="unavailable"), "bob sees carol's page go")
    await page.close()

    # The same over HTTPS.
    page = Browser("strophe", "strophe.js", service=f"https://localhost:{HTTPS}/bosh", jid=f"carol@{DOMAIN}/page", password="pw-carol")
    await page.open()
    await page.wait("connected", "Strophe.js signs in over HTTPS")
    await page.wait("roster", "the roster")
    await tell("eight")
    await say("nine")
    await page.close()


main(test)
