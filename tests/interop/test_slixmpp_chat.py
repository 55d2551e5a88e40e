"""Nothing is offered before TLS (RFC 7590). Sign in (also with direct TLS, XEP-0368), roster, subscription, chat to every device (RFC 6120, RFC 6121), discovery (XEP-0030),
ping (XEP-0199), version (XEP-0092), time (XEP-0202), last activity (XEP-0012).

peer: slixmpp
server: running
"""

import asyncio

from carillon import DOMAIN, XMPP, XMPP_TLS, befriend, client, main, until

PLUGINS = ("xep_0030", "xep_0012", "xep_0092", "xep_0199", "xep_0202", "xep_0085", "xep_0184")


async def wrong_password():
    intruder = client("ann", "x", password="wrong")
    intruder.connect("127.0.0.1", XMPP_TLS - 1)
    await asyncio.wait_for(intruder.failed.wait(), 15)
    intruder.abort()


async def nothing_before_tls():
    reader, writer = await asyncio.open_connection("127.0.0.1", XMPP)
    writer.write(f"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='{DOMAIN}' version='1.0'>".encode())
    features = (await asyncio.wait_for(reader.readuntil(b"</stream:features>"), 10)).split(b"<stream:features")[1].decode()
    assert "<starttls" in features and "<required/>" in features, features
    assert "mechanism" not in features and "bind" not in features, features
    writer.write(b"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGFubgB4</auth>")
    refused = (await asyncio.wait_for(reader.read(4096), 10)).decode()
    assert "<success" not in refused and ("<failure" in refused or "<stream:error" in refused), refused
    writer.close()


async def test():
    await nothing_before_tls()
    await wrong_password()
    ann = await client("ann", "laptop", plugins=PLUGINS).sign_in()
    desk = await client("bob", "desk", plugins=PLUGINS).sign_in()
    mobile = await client("bob", "mobile", plugins=PLUGINS).sign_in()

    await befriend(ann, desk)
    await until(lambda: ann.client_roster[f"bob@{DOMAIN}"]["subscription"] == "both", "the roster says both")
    await until(lambda: {p["from"].resource for p in ann.seen(f"bob@{DOMAIN}")} >= {"desk", "mobile"}, "both devices")

    ann.send_message(f"bob@{DOMAIN}", "to all devices", mtype="chat")
    await until(lambda: desk.heard("to all devices") and mobile.heard("to all devices"), "both devices hear")
    message = desk.heard("to all devices")[0]
    assert message["from"].full == f"ann@{DOMAIN}/laptop", message["from"]
    stanza_id = message.xml.find("{urn:xmpp:sid:0}stanza-id")
    assert stanza_id is not None and stanza_id.get("by") == f"bob@{DOMAIN}"

    mobile.send_message(f"ann@{DOMAIN}/laptop", "to one device", mtype="chat")
    await until(lambda: ann.heard("to one device"), "ann hears")

    mobile.send_presence(pshow="away", pstatus="at lunch")
    await until(lambda: ann.seen(f"bob@{DOMAIN}", show="away", status="at lunch"), "away with its text")

    info = await ann.plugin["xep_0030"].get_info(jid=DOMAIN)
    features = info["disco_info"]["features"]
    for feature in ("urn:xmpp:ping", "jabber:iq:version", "urn:xmpp:time", "jabber:iq:last"):
        assert feature in features, (feature, features)
    await ann.plugin["xep_0199"].ping(DOMAIN)
    version = await ann.plugin["xep_0092"].get_version(DOMAIN)
    assert version["software_version"]["name"] == "Carillon"
    await ann.plugin["xep_0202"].get_entity_time(DOMAIN)
    assert (await ann.plugin["xep_0012"].get_last_activity(DOMAIN))["last_activity"]["seconds"] >= 0

    await mobile.sign_out()
    await until(lambda: ann.seen(f"bob@{DOMAIN}", kind="unavailable"), "mobile is gone")

    tls = client("carol", "direct", port=XMPP_TLS)
    tls.enable_starttls, tls.enable_direct_tls = False, True
    await tls.sign_in()
    assert tls.boundjid.full == f"carol@{DOMAIN}/direct"


main(test)
