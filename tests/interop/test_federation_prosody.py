"""Federation with Prosody by certificate (XEP-0178), on streams for both directions (XEP-0288): messages, presence, rooms both ways, bad
certificates, a peer that is away over a crash of ours, and what comes back.

peer: prosody
server: own
"""

import asyncio

import federation
from carillon import main, until
from federation import OURS, PLUGINS, Authority, Prosody, arrives, away, begin, carillon_server, meet, ours, state, talk

AUTHORITY, NAMES = begin()


async def test():
    stranger = Authority("stranger")
    bad = [
        ("expired.lan", AUTHORITY.issue("expired.lan", until_date="20210101000000Z")),
        ("wrong.lan", AUTHORITY.issue("wrong.lan", names=["somebody-else.lan"])),
        ("untrusted.lan", stranger.issue("untrusted.lan")),
    ]
    server = carillon_server(AUTHORITY, NAMES, limits__federation_queue_seconds="3600").start(5222)
    peer = Prosody(AUTHORITY, NAMES, bad).start()
    ann = await ours("ann", plugins=PLUGINS).sign_in()
    bob = await peer.client("bob", plugins=PLUGINS).sign_in()
    await talk(ann, bob)
    await meet(ann, bob, f"ball@conference.{OURS}")
    await meet(bob, ann, f"ball@conference.{peer.domain}")
    found = state(peer.domain)
    assert found["state"] == "connected" and "EXTERNAL" in str(found), found

    steps, code = federation.federation("test", peer.domain)
    assert code == 0 and [step["what"] for step in steps][-3:] == ["tls", "certificate", "authentication"], steps
    for name, words in (("expired.lan", "expired"), ("wrong.lan", "another name"), ("untrusted.lan", "not from an authority")):
        steps, code = federation.federation("test", name)
        failed = [step for step in steps if step["grade"] == "failed"]
        assert code == 8 and failed[-1]["what"] == "certificate" and words in failed[-1]["text"] and failed[-1]["advice"], steps
    steps, code = federation.federation("test", "nobody.lan")
    assert code == 8 and "no address" in steps[-1]["text"], steps
    ann.send_message("x@nobody.lan", "anybody?", mtype="chat")
    await until(lambda: [e for e in ann.errors if e["error"]["condition"] == "remote-server-not-found"], "no such server", 15)

    await bob.sign_out()
    count = await away(peer, ann, "bob")
    server.kill()
    ann.abort()
    server.start(5222)
    await until(lambda: (state(peer.domain) or {}).get("queued") == count, "they wait still")
    peer.start()
    bob = await arrives(peer, "bob", count)
    await until(lambda: state(peer.domain)["queued"] == 0, "nothing waits")
    await bob.sign_out()
    await asyncio.sleep(0.2)
    peer.stop()
    assert server.stop() == 0


main(test)
