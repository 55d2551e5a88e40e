"""The house that people move out of: what slixmpp's clients leave behind on another server, and whether it came over."""

import asyncio
import os
import subprocess

from carillon import DOMAIN, befriend, client, until

PLUGINS = ("xep_0199", "xep_0030", "xep_0313", "xep_0163", "xep_0191", "xep_0054", "xep_0049", "xep_0402", "xep_0060", "xep_0172")
USERS = ("ann", "bob", "dave")
MARKS = "urn:xmpp:bookmarks:1"


def certificate(path):
    """A self-signed certificate: the files of the certificate and of its key."""
    files = os.path.join(path, "old.crt"), os.path.join(path, "old.key")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    command += ["-subj", f"/CN={DOMAIN}", "-keyout", files[1], "-out", files[0]]
    subprocess.run(command, check=True, capture_output=True)
    os.chmod(files[1], 0o644)
    return files


def chat(user, resource, port, **options):
    return client(user, resource, port=port, plugins=PLUGINS, **options)


async def private(who, node="urn:test:notes", text=None):
    """Reads or writes a private document."""
    iq = who.make_iq_set() if text is not None else who.make_iq_get()
    from slixmpp.xmlstream import ET

    query = ET.Element("{jabber:iq:private}query")
    notes = ET.SubElement(query, f"{{{node}}}notes")
    if text is not None:
        notes.text = text
    iq.append(query)
    answer = await iq.send()
    return answer.xml.findtext(f".//{{{node}}}notes")


async def furnish(port):
    """Leaves accounts with everything that people have on the server at `port`."""
    from slixmpp.plugins.xep_0402.stanza import Conference

    ann = await chat("ann", "laptop", port).sign_in()
    bob = await chat("bob", "desk", port).sign_in()
    await befriend(ann, bob)
    await ann.update_roster(f"bob@{DOMAIN}", name="Bob the Builder", groups=["Work", "Größte Freunde"])
    card = ann.plugin["xep_0054"].make_vcard()
    card["FN"] = "Ann Müller & Söhne"
    await ann.plugin["xep_0054"].publish_vcard(vcard=card)
    await private(ann, text="remember <milk> & \"honey\"")
    bookmark = Conference()
    bookmark["name"] = "The ball"
    bookmark["autojoin"] = True
    options = ann.plugin["xep_0004"].make_form(ftype="submit")
    options.add_field("FORM_TYPE", "hidden", value="http://jabber.org/protocol/pubsub#publish-options")
    options.add_field("pubsub#persist_items", value="true")
    options.add_field("pubsub#access_model", value="whitelist")
    publish = ann.plugin["xep_0060"].publish
    await publish(ann.boundjid.bare, MARKS, id=f"ball@conference.{DOMAIN}", payload=bookmark, options=options)
    await ann.plugin["xep_0191"].block({"spam@example.org"})
    ann.send_message(f"bob@{DOMAIN}", "one", mtype="chat")
    await until(lambda: bob.heard("one"), "bob hears")
    bob.send_message(f"ann@{DOMAIN}/laptop", "two 'quoted' \\ <ü>", mtype="chat")
    await until(lambda: ann.heard("two 'quoted' \\ <ü>"), "ann hears")
    await bob.sign_out()
    ann.send_message(f"bob@{DOMAIN}", "while you were out", mtype="chat")
    await ann.plugin["xep_0199"].ping(DOMAIN)
    await ann.sign_out()
    dave = await chat("dave", "x", port).sign_in()
    dave.send_presence_subscription(pto=f"ann@{DOMAIN}")
    await dave.plugin["xep_0199"].ping(DOMAIN)
    await asyncio.sleep(0.5)
    await dave.sign_out()
    await asyncio.sleep(0.5)


async def inspect(port):
    """All of it is on the server at `port`: the passwords, too."""
    ann = chat("ann", "laptop", port, auto_authorize=None, auto_subscribe=False)
    await ann.sign_in()
    offered = {str(mechanism) for mechanism in ann.plugin["feature_mechanisms"].mech_list}
    assert "SCRAM-SHA-1" in offered and not any("256" in name for name in offered), f"not what every account can do: {offered}"
    item = ann.client_roster[f"bob@{DOMAIN}"]
    assert item["subscription"] == "both" and item["name"] == "Bob the Builder", dict(item._state)
    assert set(item["groups"]) == {"Work", "Größte Freunde"}, item["groups"]
    await until(lambda: ann.seen(f"dave@{DOMAIN}", kind="subscribe"), "ann is asked by dave")
    card = await ann.plugin["xep_0054"].get_vcard(f"ann@{DOMAIN}")
    assert card["vcard_temp"]["FN"] == "Ann Müller & Söhne", str(card)
    assert await private(ann) == "remember <milk> & \"honey\""
    marks = await ann.plugin["xep_0060"].get_items(ann.boundjid.bare, MARKS)
    marks = marks["pubsub"]["items"]
    assert [mark["id"] for mark in marks] == [f"ball@conference.{DOMAIN}"], str(marks)
    blocked = await ann.plugin["xep_0191"].get_blocked()
    blocked = [item.get("jid") for item in blocked.xml.iter("{urn:xmpp:blocking}item")]
    assert blocked == ["spam@example.org"], blocked
    bob = await chat("bob", "desk", port).sign_in()
    offline = await until(lambda: bob.heard("while you were out"), "bob gets what waited")
    assert len(offline) == 1 and offline[0].xml.find("{urn:xmpp:delay}delay") is not None, offline
    # What is for the owner alone is so still.
    from slixmpp.exceptions import IqError

    try:
        await bob.plugin["xep_0060"].get_items(f"ann@{DOMAIN}", MARKS)
    except IqError:
        pass
    else:
        raise AssertionError("bob reads ann's bookmarks")
    for who, other in ((ann, "bob"), (bob, "ann")):
        pages = who.plugin["xep_0313"].iterate(with_jid=f"{other}@{DOMAIN}", rsm={"max": 2})
        found = [m["mam_result"]["forwarded"]["stanza"]["body"] async for m in pages]
        assert found == ["one", "two 'quoted' \\ <ü>", "while you were out"], (other, found)
    for who in (ann, bob):
        await who.sign_out()
