"""Dino, a graphical client, checks the certificate, signs in, fetches what was said before it was installed (XEP-0313), enters the room
that its user has bookmarked (XEP-0402, XEP-0045), and chats both ways by window and keys.

peer: dino-im
server: running
"""

import asyncio
import os

from carillon import DATA, DOMAIN, befriend, client, main, until
from desktop import Dino, Screen

ROOM = f"works@conference.{DOMAIN}"
BOOKMARK = f"""<iq xmlns='jabber:client' type='set' id='bookmark'><pubsub xmlns='http://jabber.org/protocol/pubsub'>
<publish node='urn:xmpp:bookmarks:1'><item id='{ROOM}'><conference xmlns='urn:xmpp:bookmarks:1' name='Works' autojoin='true'>
<nick>Ann</nick></conference></item></publish><publish-options><x xmlns='jabber:x:data' type='submit'>
<field var='FORM_TYPE' type='hidden'><value>http://jabber.org/protocol/pubsub#publish-options</value></field>
<field var='pubsub#persist_items'><value>true</value></field><field var='pubsub#access_model'><value>whitelist</value></field>
<field var='pubsub#max_items'><value>max</value></field></x></publish-options></pubsub></iq>"""
BEFORE, ASKED, ANSWER, SAID = "See you on Monday", "Good morning! Is the meeting at ten?", "Yes, at ten, in the small room.", "The lift works again"


async def before(bob):
    """What Dino's user did with another client, before there was Dino."""
    setup = await client("ann", "setup").sign_in()
    await befriend(setup, bob)
    bob.send_message(f"ann@{DOMAIN}", BEFORE, mtype="chat")
    await until(lambda: setup.heard(BEFORE), "the other client hears it")
    setup.send_raw(BOOKMARK)
    await asyncio.sleep(0.5)
    await setup.sign_out()
    await until(lambda: bob.seen(f"ann@{DOMAIN}", kind="unavailable"), "ann is away")
    bob.presences.clear()


async def test():
    bob = await client("bob", "desk", plugins=("xep_0004", "xep_0030", "xep_0045", "xep_0199")).sign_in()
    room = bob.plugin["xep_0045"]
    await room.join_muc_wait(ROOM, "Bob", timeout=10)
    await room.set_room_config(ROOM, bob.plugin["xep_0004"].make_form("submit"))
    await before(bob)
    screen = Screen()
    ann = Dino("ann", screen)
    try:
        await ann.prepare()
        ann.start(trusted=False)
        await until(lambda: ann.connections, "Dino connects", 20)
        await asyncio.sleep(3)
        assert not bob.seen(f"ann@{DOMAIN}"), "Dino signs in to a server that it does not trust"
        ann.stop()

        ann.start()
        await until(lambda: bob.seen(f"ann@{DOMAIN}", show=""), "bob sees Dino's user", 40)
        await until(lambda: ann.messages(BEFORE) == [(0,)], "Dino has fetched what it missed", 20)
        await until(lambda: "Ann" in room.get_roster(ROOM), "Dino enters the bookmarked room", 20)
        bob.send_message(ROOM, SAID, mtype="groupchat")
        await until(lambda: ann.messages(SAID) == [(0,)], "Dino hears the room", 20)

        await asyncio.sleep(2)  # so that the conversation with bob is the newest, on top of the list
        bob.send_message(f"ann@{DOMAIN}", ASKED, mtype="chat")
        await until(lambda: ann.messages(ASKED) == [(0,)], "Dino keeps what it received", 20)
        await asyncio.sleep(2)
        screen.click(150, 80)
        await asyncio.sleep(1)
        screen.type(ANSWER)
        screen.key("Return")
        await until(lambda: [m for m in bob.heard(ANSWER) if m["type"] == "chat"], "bob hears what was typed into Dino", 20)
        screen.run("xdotool", "mousemove", "150", "300")
        await asyncio.sleep(2)  # until the window is drawn
    except AssertionError:
        print(open(os.path.join(ann.home, "log")).read()[-2000:])
        raise
    finally:
        screen.picture(os.path.join(DATA, "dino.png"), 911, 389)
        ann.stop()
        await asyncio.sleep(0.5)  # its connections end
        screen.close()


main(test)
