"""Measures the pages in Chromium: starts the server, gives Ann 200 contacts and Bob 1,000 whose presence changes, and runs ui/bench/pages.mjs.

Prints the readings, one JSON document a line. The contacts live in a component (XEP-0114): their subscriptions and presence are real.
"""

import asyncio
import json
import os
import random
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "interop"))

import slixmpp  # noqa: E402
from browser import NODE_MODULES  # noqa: E402
from carillon import DATA, DOMAIN, OFFSET, Server, client, until  # noqa: E402
from page_checks import check  # noqa: E402

PEOPLE, SECRET, PORT = f"people.{DOMAIN}", "bench", 5347 + OFFSET
FEW, MANY = 200, 1000  # The most that a roster holds (store::ROSTER_ITEMS_MAX).
CHANGES_PER_SECOND = 50
# Subscriptions under way at once.
AT_ONCE = 100
SHOWS = ("", "<show>away</show>", "<show>dnd</show>", "<show>away</show><status>On the phone</status>")


class People(slixmpp.ComponentXMPP):
    """Everybody whom Ann and Bob know; each says yes, and is there."""

    def __init__(self):
        super().__init__(PEOPLE, SECRET, "127.0.0.1", PORT)
        self.auto_authorize = self.auto_subscribe = None
        self.ready = asyncio.Event()
        self.changes = None
        self.add_event_handler("session_start", lambda _: self.ready.set())
        self.add_event_handler("presence_subscribe", self.subscribed)
        self.add_event_handler("presence_probe", lambda p: self.is_there(p["to"].bare, p["from"].bare))

    def subscribed(self, presence):
        one, who = presence["to"].bare, presence["from"].bare
        self.send_raw(f"<presence from='{one}' to='{who}' type='subscribed'/>")
        self.is_there(one, who)

    def is_there(self, one, who, words=""):
        self.send_raw(f"<presence from='{one}/desk' to='{who}'>{words}</presence>")

    async def change(self, who, count):
        choose = random.Random(1)
        while True:
            self.is_there(f"p{choose.randrange(count):04}@{PEOPLE}", who, choose.choice(SHOWS))
            await asyncio.sleep(1 / CHANGES_PER_SECOND)

    def answer(self, event):
        if event == "changes-on":
            self.changes = asyncio.ensure_future(self.change(f"bob@{DOMAIN}", MANY))
        elif event == "changes-off":
            self.changes.cancel()


async def know(user, count):
    """The real flows, some at a time."""
    who = client(user, "fill", auto_authorize=None, auto_subscribe=False)
    there = set()
    who.add_event_handler("presence_available", lambda p: there.add(p["from"].bare))
    await who.sign_in()
    there.clear()
    for begin in range(0, count, AT_ONCE):
        for number in range(begin, min(begin + AT_ONCE, count)):
            one = f"p{number:04}@{PEOPLE}"
            who.send_raw(
                f"<iq type='set' id='r{number}'><query xmlns='jabber:iq:roster'><item jid='{one}' name='Person {number:04}'>"
                f"<group>Group {number % 20:02}</group></item></query></iq><presence to='{one}' type='subscribe'/>"
            )
        wanted = min(begin + AT_ONCE, count)
        await until(lambda wanted=wanted: len(there) >= wanted, f"{user} sees {wanted}", 120)
    await who.sign_out()


def components():
    with open(os.path.join(DATA, "components.secret"), "w") as file:
        file.write(SECRET)
    path = os.path.join(DATA, "carillon.toml")
    text = open(path).read().replace("[listen]\n", "[listen]\ncomponents = 5347\n", 1)
    lines = [line for line in text.splitlines(True) if not line.startswith("[components]")]
    with open(path, "w") as file:
        file.writelines(lines)
        file.write(f'\n[components]\ndomains = ["{PEOPLE}"]\nsecret_file = "components.secret"\n')


async def measure():
    components()
    server = Server().start()
    try:
        people = People()
        people.connect()
        await asyncio.wait_for(people.ready.wait(), 15)
        await know("ann", FEW)
        await know("bob", MANY)
        converse = os.path.join(NODE_MODULES, "converse.js", "dist")
        told = await check("pages.mjs", seconds=420, place="bench", answer=people.answer, converse=converse, few=FEW, many=MANY)
        for one in told:
            if one["event"] == "reading":
                print(json.dumps(one))
    finally:
        server.stop()


asyncio.run(measure())
