"""Archive (XEP-0313), copies on all devices (XEP-0280), personal events (XEP-0163), blocking (XEP-0191), cards (XEP-0054) and
a client that nobody looks at (XEP-0352), as slixmpp uses them.

peer: slixmpp
server: running
"""

import asyncio

from carillon import DOMAIN, befriend, client, main, until

PLUGINS = ("xep_0199", "xep_0030", "xep_0313", "xep_0280", "xep_0163", "xep_0118", "xep_0191", "xep_0054", "xep_0049", "xep_0402", "xep_0352")


async def archive(who, **filters):
    """The bodies in somebody's archive."""
    return [m["mam_result"]["forwarded"]["stanza"]["body"] async for m in who.plugin["xep_0313"].iterate(**filters)]


async def test():
    tunes = []
    ann = client("ann", "laptop", plugins=PLUGINS)
    ann.add_event_handler("user_tune_publish", lambda m: tunes.append(m["pubsub_event"]["items"]["item"]["tune"]["title"]))
    ann.plugin["xep_0163"].add_interest("http://jabber.org/protocol/tune")
    await ann.sign_in()
    phone = await client("ann", "phone", plugins=PLUGINS).sign_in(priority=-1)
    bob = await client("bob", "desk", plugins=PLUGINS).sign_in()
    await befriend(ann, bob)

    copies = []
    for kind in ("carbon_sent", "carbon_received"):
        phone.add_event_handler(kind, lambda m, kind=kind: copies.append((kind, m[kind]["body"])))
    await phone.plugin["xep_0280"].enable()
    ann.send_message(f"bob@{DOMAIN}", "one", mtype="chat")
    await until(lambda: bob.heard("one"), "bob hears")
    bob.send_message(f"ann@{DOMAIN}/laptop", "two", mtype="chat")
    await until(lambda: ann.heard("two"), "ann hears")
    await until(lambda: copies == [("carbon_sent", "one"), ("carbon_received", "two")], f"ann's phone has copies of both: {copies}")

    for number in range(25):
        ann.send_message(f"bob@{DOMAIN}", f"page {number}", mtype="chat")
    await ann.plugin["xep_0199"].ping(DOMAIN)
    expected = ["one", "two", *(f"page {number}" for number in range(25))]
    for who, other in ((ann, f"bob@{DOMAIN}"), (bob, f"ann@{DOMAIN}")):
        found = await archive(who, with_jid=other, rsm={"max": 10})
        assert found == expected, found
    assert await archive(ann, with_jid=f"carol@{DOMAIN}") == []

    bob.plugin["xep_0352"].send_inactive()
    for show in ("away", "dnd", "xa"):
        ann.send_presence(pshow=show)
    await ann.plugin["xep_0199"].ping(DOMAIN)
    ann.send_message(f"bob@{DOMAIN}", "look here", mtype="chat")
    await until(lambda: bob.heard("look here"), "a message comes at once")
    shown = [p.xml.findtext("{jabber:client}show") for p in bob.seen(f"ann@{DOMAIN}")]
    assert "xa" in shown and "away" not in shown and "dnd" not in shown, shown
    bob.plugin["xep_0352"].send_active()
    ann.send_presence()

    await bob.plugin["xep_0118"].publish_tune(title="Greensleeves")
    await until(lambda: "Greensleeves" in tunes, "ann hears of bob's tune")

    await bob.plugin["xep_0054"].publish_vcard(vcard=named(bob, "Bob Builder"))
    card = await ann.plugin["xep_0054"].get_vcard(f"bob@{DOMAIN}")
    assert card["vcard_temp"]["FN"] == "Bob Builder", str(card)

    await ann.plugin["xep_0191"].block({f"bob@{DOMAIN}"})
    await until(lambda: ann.seen(f"bob@{DOMAIN}", kind="unavailable"), "ann sees bob no more")
    bob.send_message(f"ann@{DOMAIN}", "blocked", mtype="chat")
    await until(lambda: [e for e in bob.errors if e["error"]["condition"] == "service-unavailable"], "bob's message is refused")
    assert not ann.heard("blocked")
    await ann.plugin["xep_0191"].unblock({f"bob@{DOMAIN}"})
    bob.send_message(f"ann@{DOMAIN}", "unblocked", mtype="chat")
    await until(lambda: ann.heard("unblocked"), "ann hears bob again")
    for who in (ann, phone, bob):
        await who.sign_out()


def named(who, name):
    card = who.plugin["xep_0054"].make_vcard()
    card["FN"] = name
    return card


main(test)
