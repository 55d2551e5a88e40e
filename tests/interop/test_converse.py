"""Converse.js in Chromium over WebSocket (RFC 7395), by BOSH (XEP-0124) and by what host-meta names (XEP-0156): chat, and an unnoticed break.

peer: converse.js
server: running
"""

from browser import HTTP, HTTPS, Browser, Network
from carillon import DOMAIN, befriend, client, main, until


async def test():
    bob = await client("bob", "laptop").sign_in()
    carol = await client("carol", "laptop").sign_in()
    await befriend(bob, carol)
    carol.send_presence(ptype="unavailable")
    await carol.sign_out()

    network = await Network(HTTPS).open()
    page = Browser("converse", "converse.js", websocket_url=f"wss://localhost:{network.port}/ws", jid=f"carol@{DOMAIN}/page", password="pw-carol")
    told, said = await talk(await page.open(), bob, [], [])
    network.cut()
    for number in range(3):
        told.append(f"during {number}")
        bob.send_message(f"carol@{DOMAIN}", told[-1], mtype="chat")
    await page.wait("reconnected", "Converse.js connects again")
    await page.wait("message", "what was said during the break", body="during 2")
    assert not page.heard("resumption-failed"), page.events
    told, said = await talk(page, bob, told, said)
    page.do("show", to=f"bob@{DOMAIN}")
    window = await page.wait("window", "what a person sees")
    assert [body for body in window["bodies"] if body in told] == told, window
    assert [body for body in window["bodies"] if body in said] == said, window
    await page.close()

    page = Browser("converse", "converse.js", bosh_service_url=f"http://127.0.0.1:{HTTP}/bosh", jid=f"carol@{DOMAIN}/other", password="pw-carol")
    told, said = await talk(await page.open(), bob, told, said)
    await page.close()

    # Nothing but the address is known: https://localhost/.well-known/host-meta leads to wss://localhost/ws.
    page = Browser("converse", "converse.js", discover_connection_methods=True, jid=f"carol@{DOMAIN}/found", password="pw-carol")
    await talk(await page.open(f"--host-resolver-rules=MAP localhost:443 localhost:{HTTPS}"), bob, told, said)
    await page.close()


async def talk(page, bob, told, said):
    """A message each way, and what both have heard so far."""
    await page.wait("connected", "Converse.js signs in")
    roster = await page.wait("roster", "the roster")
    assert roster["items"] == [f"bob@{DOMAIN}"], roster
    said.append(f"word {len(said)}")
    page.do("send", to=f"bob@{DOMAIN}", body=said[-1])
    await until(lambda: bob.heard(said[-1]), said[-1], 30)
    assert [m["body"] for m in bob.messages if m["body"]] == said
    told.append(f"answer {len(told)}")
    bob.send_message(f"carol@{DOMAIN}", told[-1], mtype="chat")
    await page.wait("message", told[-1], body=told[-1])
    return told, said


main(test)
