"""A room (XEP-0045) with three people: history, nicknames, private words, moderation, self-ping (XEP-0410), invitations (XEP-0249), its
archive (XEP-0313); and a crash that it survives.

peer: slixmpp
server: own
"""

import asyncio

from carillon import DOMAIN, Server, client, main, until

ROOM = f"ball@conference.{DOMAIN}"
PLUGINS = ("xep_0199", "xep_0030", "xep_0045", "xep_0313", "xep_0004", "xep_0249", "xep_0410", "xep_0198")


async def enter(user, nick=None, **options):
    who = client(user, "desk", plugins=PLUGINS)
    who.room = []
    who.add_event_handler("groupchat_message", who.room.append)
    await who.sign_in()
    await who.plugin["xep_0045"].join_muc_wait(ROOM, nick or user, timeout=10, **options)
    return who


def bodies(who):
    return [m["body"] for m in who.room if m["body"]]


async def configure(owner, **fields):
    form = await owner.plugin["xep_0045"].get_room_config(ROOM)
    values = form.get_values()
    for name, value in fields.items():
        values[f"muc#roomconfig_{name}"] = value
    answer = owner.plugin["xep_0004"].make_form("submit")
    for name, value in values.items():
        answer.add_field(var=name, value=value)
    await owner.plugin["xep_0045"].set_room_config(ROOM, answer)


async def test():
    server = Server().start()
    ann = await enter("ann")
    await configure(ann, roomname="The Ball", persistentroom=True)
    rooms = await ann.plugin["xep_0030"].get_items(f"conference.{DOMAIN}")
    assert (ROOM, "The Ball") in {(jid, name) for jid, _, name in rooms["disco_items"]["items"]}, str(rooms)

    bob = await enter("bob")
    ann.send_message(ROOM, "Welcome", mtype="groupchat")
    await until(lambda: "Welcome" in bodies(bob) and "Welcome" in bodies(ann), "both hear, the speaker too")
    carol = await enter("carol")
    await until(lambda: "Welcome" in bodies(carol), "who comes later hears what was said")
    assert set(carol.plugin["xep_0045"].get_roster(ROOM)) == {"ann", "bob", "carol"}

    await bob.plugin["xep_0199"].ping(f"{ROOM}/bob")
    invited = []
    carol.add_event_handler("groupchat_direct_invite", lambda m: invited.append(m["groupchat_invite"]["jid"]))
    bob.plugin["xep_0249"].send_invitation(f"carol@{DOMAIN}", ROOM, reason="come")
    await until(lambda: invited == [ROOM], "an invitation from person to person")
    bob.send_message(f"{ROOM}/carol", "Just us", mtype="chat")
    await until(lambda: carol.heard("Just us"), "a private word")
    assert carol.heard("Just us")[0]["from"] == f"{ROOM}/bob" and not ann.heard("Just us")

    await ann.plugin["xep_0045"].set_role(ROOM, "carol", "none", reason="late")
    await until(lambda: "carol" not in ann.plugin["xep_0045"].get_roster(ROOM), "carol is sent out")
    await ann.plugin["xep_0045"].set_affiliation(ROOM, "outcast", jid=f"carol@{DOMAIN}")
    refused = []
    carol.add_event_handler(f"muc::{ROOM}::presence-error", lambda p: refused.append(p["error"]["condition"]))
    carol.plugin["xep_0045"].join_muc(ROOM, "carol")
    await until(lambda: refused == ["forbidden"], "who is banned does not come in")

    kept = []
    bob.add_event_handler("stanza_acked", lambda s: kept.append(s["body"]) if s.name == "message" else None)
    for number in range(30):
        bob.send_message(ROOM, f"round {number}", mtype="groupchat")
    await until(lambda: "round 29" in bodies(ann), "all of it arrives")
    assert [b for b in bodies(ann) if b.startswith("round")] == [f"round {n}" for n in range(30)]
    # What is acknowledged (XEP-0198) survives; what only was heard may not.
    bob.plugin["xep_0198"].request_ack()
    await until(lambda: "round 29" in kept, "all of it is acknowledged")
    server.kill()
    for who in (ann, bob, carol):
        who.abort()

    server.start()
    bob = await enter("bob")
    await until(lambda: "round 29" in bodies(bob), "what was said is remembered over a crash")
    found = [m["mam_result"]["forwarded"]["stanza"]["body"] async for m in bob.plugin["xep_0313"].iterate(jid=ROOM, rsm={"max": 10})]
    assert found == ["Welcome", *(f"round {number}" for number in range(30))], found
    info = await bob.plugin["xep_0030"].get_info(ROOM)
    assert {"muc_persistent", "muc_public", "urn:xmpp:mam:2"} <= set(info["disco_info"]["features"]), str(info)
    await bob.sign_out()
    await asyncio.sleep(0.2)
    assert server.stop() == 0


main(test)
