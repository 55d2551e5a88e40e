"""An office that has talked: contacts with names and groups, conversations, a room, a file; what the browser's pages are looked at with."""

import asyncio
import io
import os
import struct
import zlib
from xml.etree import ElementTree

from carillon import DATA, DOMAIN, befriend, client, until

# The certificate of the test's server is its own authority.
os.environ["SSL_CERT_FILE"] = os.path.join(DATA, "certificate.pem")

PLUGINS = ("xep_0199", "xep_0030", "xep_0045", "xep_0004", "xep_0313", "xep_0363", "xep_0066", "xep_0184", "xep_0333", "xep_0444", "xep_0461", "xep_0308", "xep_0424")
ROOM = f"launch@conference.{DOMAIN}"
# What is said: who, and what.
TALK = (
    ("bob", "Good morning! Did the samples from the workshop arrive?"),
    ("ann", "They are on my desk since eight."),
    ("ann", "The blue one is lovely, the red one needs another coat."),
    ("bob", "Then let us show the blue one on Thursday. The drawings are at https://example.org/drawings/blue?sheet=3"),
    ("bob", "I can call the printer this afternoon."),
    ("ann", "Please do: 1003 knows the number."),
    ("bob", "Perfect, thank you."),
)
IN_THE_ROOM = (
    ("carol", "The hall is ours from ten to four."),
    ("bob", "Coffee for forty?"),
    ("carol", "Forty-five, the printers come too."),
    ("bob", "@ann can you bring the blue sample?"),
)
# Bytes of one row of the picture, and how many rows.
WIDTH, HEIGHT = 320, 200


def picture():
    """A small PNG: a sky, and a hill before it."""
    rows = bytearray()
    for y in range(HEIGHT):
        rows.append(0)
        for x in range(WIDTH):
            hill = y > HEIGHT * 0.75 - 40 * (1 - ((x - 190) / 190) ** 2)
            rows += bytes((46, 110, 80) if hill else (120 + y // 4, 170 + y // 5, 225))
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    head = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(rows), 9)) + chunk(b"IEND", b"")


async def people():
    """Ann, Bob and Carol, who know each other."""
    ann, bob, carol = [client(name, "desk", plugins=PLUGINS) for name in ("ann", "bob", "carol")]
    for who in (ann, bob, carol):
        await who.sign_in()
    for one, other in ((ann, bob), (ann, carol), (bob, carol)):
        await befriend(one, other)
    return ann, bob, carol


async def bookmark(who, room, name):
    """Keeps a room among those that one's clients enter by themselves (XEP-0402)."""
    options = {"pubsub#persist_items": "true", "pubsub#max_items": "max", "pubsub#send_last_published_item": "never", "pubsub#access_model": "whitelist"}
    fields = "".join(f"<field var='{name}'><value>{value}</value></field>" for name, value in options.items())
    iq = who.make_iq_set()
    iq.append(
        ElementTree.fromstring(
            f"""<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='urn:xmpp:bookmarks:1'><item id='{room}'>
            <conference xmlns='urn:xmpp:bookmarks:1' name='{name}' autojoin='true'><nick>{who.boundjid.user}</nick></conference></item></publish>
            <publish-options><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'>
            <value>http://jabber.org/protocol/pubsub#publish-options</value></field>{fields}</x></publish-options></pubsub>"""
        )
    )
    await iq.send()


async def talk(ann, bob, carol):
    """What stands in Ann's conversations afterwards; she has left, the others are there."""
    await ann.update_roster(f"bob@{DOMAIN}", name="Bob Okafor", groups=["Workshop"])
    await ann.update_roster(f"carol@{DOMAIN}", name="Carol Lindqvist", groups=["Workshop", "Events"])
    names = {"ann": ann, "bob": bob, "carol": carol}
    for who, text in TALK:
        to = "ann" if who == "bob" else "bob"
        names[who].send_message(f"{to}@{DOMAIN}", text, mtype="chat")
        await until(lambda text=text, to=to: names[to].heard(text), text)
    url = await bob.plugin["xep_0363"].upload_file("view.png", input_file=io.BytesIO(picture()), content_type="image/png")
    message = bob.make_message(f"ann@{DOMAIN}", url, mtype="chat")
    message["oob"]["url"] = url
    message.send()
    await until(lambda: ann.heard(url), "the picture")
    await carol.plugin["xep_0045"].join_muc_wait(ROOM, "carol", timeout=15)
    form = await carol.plugin["xep_0045"].get_room_config(ROOM)
    answer = carol.plugin["xep_0004"].make_form("submit")
    for name, value in {**form.get_values(), "muc#roomconfig_roomname": "Launch day", "muc#roomconfig_persistentroom": True}.items():
        answer.add_field(var=name, value=value)
    await carol.plugin["xep_0045"].set_room_config(ROOM, answer)
    for who in (bob, ann):
        await who.plugin["xep_0045"].join_muc_wait(ROOM, who.boundjid.user, timeout=15)
    carol.plugin["xep_0045"].set_subject(ROOM, "Thursday, ten o'clock, the old hall")
    for who, text in IN_THE_ROOM:
        names[who].send_message(ROOM, text, mtype="groupchat")
        await until(lambda text=text: ann.heard(text), text)
    await bookmark(ann, ROOM, "Launch day")
    carol.send_message(f"ann@{DOMAIN}", "Are you free for lunch on Friday?", mtype="chat")
    await until(lambda: ann.heard("Are you free for lunch on Friday?"), "the question")
    carol.send_presence(pshow="away", pstatus="In the hall until four")
    bob.send_presence(pstatus="Back in the workshop")
    await asyncio.sleep(0.5)
    await ann.sign_out()
