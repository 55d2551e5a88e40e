"""kill -9 in the middle of a room's talk (XEP-0045): its archive (XEP-0313) has everything that was acknowledged (XEP-0198), once, and
who was in it sees nothing under two ids.

peer: slixmpp
server: own
alone: it keeps the machine busy, or counts time
"""

import asyncio
import collections
import os

from carillon import DOMAIN, Server, client, main, until

# As fast as the client can: what is tried is the loss, not the pace.
os.environ["CARILLON__LIMITS__STANZAS_PER_SECOND"] = "100000"
os.environ["CARILLON__LIMITS__ROOM_MESSAGES_PER_SECOND"] = "100000"
ROUNDS = 3
MESSAGES = 2500
ROOM = f"crowd@conference.{DOMAIN}"
STANZA_ID = "{urn:xmpp:sid:0}stanza-id"
PLUGINS = ("xep_0004", "xep_0030", "xep_0045", "xep_0198", "xep_0313")


async def enter(user, resource):
    who = client(user, resource, plugins=PLUGINS)
    who.plugin["xep_0198"].window = 20
    await who.sign_in()
    await who.plugin["xep_0045"].join_muc_wait(ROOM, user, timeout=20, maxstanzas=0)
    return who


async def make_room():
    ann = await enter("ann", "owner")
    form = ann.plugin["xep_0004"].make_form("submit")
    form.add_field(var="FORM_TYPE", value="http://jabber.org/protocol/muc#roomconfig")
    form.add_field(var="muc#roomconfig_persistentroom", value=True)
    await ann.plugin["xep_0045"].set_room_config(ROOM, form)
    await ann.sign_out()


async def talk(ann, start):
    """Sends as fast as acknowledgements come, until the connection breaks."""
    for number in range(start, start + MESSAGES):
        if not ann.is_connected():
            break
        ann.send_message(ROOM, f"message {number}", mtype="groupchat")
        if number % 20 == 0:
            ann.plugin["xep_0198"].request_ack()
            await asyncio.sleep(0.005)


async def test():
    server = Server().start()
    await make_room()
    acknowledged, seen = set(), {}

    def take(message):
        given = message.xml.find(STANZA_ID)
        if message["body"] and given is not None:
            seen.setdefault(message["body"], set()).add(given.get("id"))

    for crash in range(ROUNDS):
        bob = await enter("bob", "desk")
        bob.add_event_handler("groupchat_message", take)
        ann = await enter("ann", f"laptop{crash}")
        ann.add_event_handler("stanza_acked", lambda s: acknowledged.add(s["body"]) if s.name == "message" else None)
        talking = asyncio.ensure_future(talk(ann, crash * MESSAGES))
        wanted = crash * 1000 + 1000
        await until(lambda: len(acknowledged) > wanted, "a thousand are acknowledged", 30)
        server.kill()
        await asyncio.sleep(0.5)
        await talking
        ann.abort()
        bob.abort()
        server.start()

    bob = await enter("bob", "desk")
    found = [m["mam_result"] async for m in bob.plugin["xep_0313"].iterate(jid=ROOM, rsm={"max": 250})]
    archive = collections.Counter(result["forwarded"]["stanza"]["body"] for result in found)
    ids = {result["forwarded"]["stanza"]["body"]: result["id"] for result in found}
    missing = [body for body in acknowledged if body not in archive]
    twice = [body for body, count in archive.items() if count > 1]
    strange = [body for body, given in seen.items() if len(given) > 1 or (body in ids and given != {ids[body]})]
    print(
        f"acknowledged {len(acknowledged)}, in the room's archive {len(archive)}, seen {len(seen)}, "
        f"missing {len(missing)}, stored twice {len(twice)}, seen under another id {len(strange)}"
    )
    assert len(acknowledged) > ROUNDS * 1000, "the test must send thousands"
    assert not missing and not twice and not strange
    await bob.sign_out()
    assert server.stop() == 0


main(test)
