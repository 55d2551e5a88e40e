"""Federation with Prosody by certificate (XEP-0178), on streams for both directions (XEP-0288): messages, presence, rooms both ways, personal events
for a contact there (XEP-0163), bad certificates, a peer that is away over a crash of ours, and what comes back.

peer: prosody
server: own
"""

import asyncio

import federation
from carillon import main, until
from federation import OURS, PLUGINS, Authority, Prosody, arrives, away, begin, carillon_server, meet, ours, state, talk

AUTHORITY, NAMES = begin()
EVENTS = (*PLUGINS, "xep_0115", "xep_0118", "xep_0163")


async def tunes(ann, bob):
    """Bob at the other server asks for tunes, and hears ann's; the newest also when he comes again."""
    TUNE, heard = "http://jabber.org/protocol/tune", []
    bob.add_event_handler("user_tune_publish", lambda m: heard.append(m.xml.findtext(f".//{{{TUNE}}}title")))
    bob.plugin["xep_0163"].add_interest(TUNE)
    await bob.plugin["xep_0115"].update_caps()
    await ann.plugin["xep_0118"].publish_tune(title="Queen Mab")
    await until(lambda: "Queen Mab" in heard, "the tune is heard at the other server", 20)
    ann.presences.clear()
    bob.send_presence(ptype="unavailable")
    await until(lambda: ann.seen(bob.boundjid.bare, kind="unavailable"), "he is gone", 20)
    await ann.plugin["xep_0118"].publish_tune(title="Greensleeves")
    await ann.plugin["xep_0199"].send_ping(bob.boundjid.host)
    assert "Greensleeves" not in heard, heard
    bob.send_presence()
    await until(lambda: "Greensleeves" in heard, "the newest is heard at his return", 20)


async def test():
    stranger = Authority("stranger")
    bad = [
        ("expired.lan", AUTHORITY.issue("expired.lan", until_date="20210101000000Z")),
        ("wrong.lan", AUTHORITY.issue("wrong.lan", names=["somebody-else.lan"])),
        ("untrusted.lan", stranger.issue("untrusted.lan")),
    ]
    server = carillon_server(AUTHORITY, NAMES, limits__federation_queue_seconds="3600").start(5222)
    peer = Prosody(AUTHORITY, NAMES, bad).start()
    ann = await ours("ann", plugins=EVENTS).sign_in()
    bob = await peer.client("bob", plugins=EVENTS).sign_in()
    await talk(ann, bob)
    await tunes(ann, bob)
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
