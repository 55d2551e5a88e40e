"""kill -9 in the middle of federation, with thousands of messages on their way and in the queues: of ours (several times), of another
server of ours, and of Prosody while its queue is full. What was acknowledged to its sender (XEP-0198) arrives under its id, what we
acknowledged to another server is in the archive, and nothing is there twice.

peer: prosody
server: own
alone: it keeps the machine busy, or counts time
"""

import asyncio
import collections
import os
import re
import sqlite3
import time

import carillon
import federation
from carillon import main, until
from federation import FOLDER, OURS, Prosody, begin, carillon_server, ours, state

SECOND, SECOND_ADDRESS, SECOND_OFFSET = "second.lan", "127.0.0.2", 100
QUEUED = 1000
"""Messages that wait for a server that is down, before the next crash."""
WINDOW = 400
"""Messages of one sender that are not acknowledged."""
LEAD = 2000
"""Messages of one flow that its receiver has not seen: Prosody is slower than ours."""
TOLD_MAX = 5
"""Messages of ours that may come back to their senders, over seven crashes."""
STANZA_ID = "{urn:xmpp:sid:0}stanza-id"
ORIGIN_ID = "{urn:xmpp:sid:0}origin-id"

AUTHORITY, NAMES = begin()


class Flow:
    """What one user says to another over all crashes. A message's id is also its body."""

    def __init__(self, name, sender, receiver):
        self.name, self.sender, self.receiver = name, sender, receiver
        self.sent, self.last_seen, self.acknowledged, self.refused, self.seen = 0, 0, set(), set(), {}

    def say(self, who):
        if self.sent - self.last_seen >= LEAD:
            return
        self.sent += 1
        message = who.make_message(self.receiver, f"{self.name}-{self.sent}-", mtype="chat")
        message["id"] = f"{self.name}-{self.sent}-"
        message.send()

    def settled(self):
        """Whatever was acknowledged has been seen, or has come back."""
        return self.acknowledged <= self.refused | set(self.seen)

    def take(self, message):
        """The receiver sees one: under which ids its sender's client and server know it."""
        if not message["body"].startswith(f"{self.name}-"):
            return
        given = [one.get("id") for one in message.xml.iter(STANZA_ID) if one.get("by") == self.sender]
        origin = message.xml.find(ORIGIN_ID)
        ids = (message["id"], *given, origin.get("id") if origin is not None else None)
        self.seen.setdefault(message["body"], []).append(ids)
        self.last_seen = max(self.last_seen, int(message["body"].split("-")[1]))

    def repeated(self):
        return sum(len(seen) > 1 for seen in self.seen.values())

    def under_other_ids(self):
        return [body for body, seen in self.seen.items() if len(set(seen)) > 1]


class Side:
    """A server, and its user: who receives, and sends as fast as acknowledgements come."""

    def __init__(self, server, client, out, into, **start):
        self.server, self.client, self.out, self.into, self.start = server, client, out, into, start
        self.who = self.task = None
        self.paused = False

    async def up(self):
        await asyncio.to_thread(self.server.start, **self.start)
        self.who = self.client(plugins=("xep_0198",))
        management = self.who.plugin["xep_0198"]
        management.window = 20
        for flow in self.into:
            self.who.add_event_handler("message", flow.take)
        self.who.add_event_handler("stanza_acked", lambda stanza: self.heard(stanza, "acknowledged"))
        self.who.add_event_handler("message_error", self.came_back)
        await self.who.sign_in()
        await until(lambda: management.enabled_in, "stream management is on")
        self.task = asyncio.ensure_future(self.send(management))

    def heard(self, stanza, what):
        for flow in self.out:
            if stanza.name == "message" and stanza["id"].startswith(f"{flow.name}-"):
                getattr(flow, what).add(stanza["id"])

    def came_back(self, stanza):
        if not isinstance(self.server, Prosody):
            print("came back:", stanza)
        self.heard(stanza, "refused")

    async def send(self, management):
        number = 0
        while True:
            if self.paused or len(management.unacked_queue) > WINDOW:
                await asyncio.sleep(0.01)
                continue
            for flow in self.out:
                flow.say(self.who)
            number += 1
            if number % 10 == 0:
                management.request_ack()
                await asyncio.sleep(0.002)

    async def down(self):
        """kill -9."""
        self.server.kill()
        self.task.cancel()
        await asyncio.sleep(0.05)
        self.who.abort()


async def grow(flows, count, seconds=60):
    """Waits until so many more messages of each flow are acknowledged."""
    before = [len(flow.acknowledged) for flow in flows]
    grown = lambda: all(len(flow.acknowledged) >= was + count for flow, was in zip(flows, before))
    await reached(grown, f"{count} more messages are acknowledged", flows, seconds)


async def reached(condition, what, flows, seconds):
    """Waits, and says how it stands with the flows if that is in vain."""
    try:
        await until(condition, what, seconds)
    except AssertionError:
        for flow in flows:
            missing = sorted(flow.acknowledged - flow.refused - set(flow.seen), key=lambda body: int(body.split("-")[1]))
            print(
                f"{flow.name}: sent {flow.sent}, acknowledged {len(flow.acknowledged)}, came back {len(flow.refused)}, seen {len(flow.seen)} "
                f"up to {flow.last_seen}, waited for {len(missing)}: {missing[:5]} to {missing[-5:]}"
            )
        raise


async def queued(domain, count, of=OURS):
    end = time.monotonic() + 30
    while True:
        found = await asyncio.to_thread(state, domain, of)
        if found and found["queued"] >= count:
            return
        assert time.monotonic() < end, f"{count} wait for {domain}: {found}"
        await asyncio.sleep(0.2)


def archived(domain, owner):
    """How often each message for a user of ours is in the journal, counted in the database itself."""
    with sqlite3.connect(os.path.join(FOLDER, domain.split(".")[0], "carillon.db")) as database:
        rows = database.execute("SELECT stanza FROM journal WHERE owner = ?", (f"{owner}@{domain}",)).fetchall()
    bodies = (re.search(rb"<body>(.*?)</body>", stanza) for (stanza,) in rows)
    return collections.Counter(body.group(1).decode() for body in bodies if body)


def archived_there(peer, owner):
    """The same in Prosody's own archive."""
    path = os.path.join(peer.folder, "data", peer.domain.replace(".", "%2e"), "archive", f"{owner}.list")
    return set(re.findall(r'"([a-z]+-\d+-)"', open(path).read()))


def check(flow, archive, exact):
    """Says how it stands with a flow, and that nothing is missing."""
    missing = flow.acknowledged - flow.refused - set(archive)
    twice = [body for body, count in archive.items() if count > 1 and body.startswith(f"{flow.name}-")] if exact else []
    others = flow.under_other_ids()
    print(
        f"{flow.sender} to {flow.receiver}: sent {flow.sent}, acknowledged {len(flow.acknowledged)}, came back {len(flow.refused)}, "
        f"seen {len(flow.seen)}, seen again under the same ids {flow.repeated()}, missing {len(missing)}, stored twice {len(twice)}, "
        f"seen under other ids {len(others)}"
    )
    return len(missing), len(twice), len(others)


async def test():
    began = time.monotonic()
    limits = {"limits__federation_queued_stanzas": "50000", "limits__federation_queue_seconds": "3600"}
    first = carillon_server(AUTHORITY, NAMES, **limits)
    second = carillon_server(AUTHORITY, NAMES, SECOND, SECOND_ADDRESS, SECOND_OFFSET, **limits)
    settings = 'smacks_max_queue_size = 50000\nstorage_archive_item_limit = 100000\nstorage = { archive = "internal" }'
    peer = Prosody(AUTHORITY, NAMES, modules=("mam",), settings=settings, level="info")
    ann, bob, guest = f"ann@{OURS}", f"bob@{SECOND}", f"bob@{peer.domain}"
    there, prosody = Flow("there", ann, bob), Flow("prosody", ann, guest)
    back, inward = Flow("back", bob, ann), Flow("inward", guest, ann)
    a = Side(first, lambda **options: ours("ann", **options), (there, prosody), (back, inward), port=5222)
    b = Side(
        second, lambda **options: carillon.client("bob", "desk", domain=SECOND, host=SECOND_ADDRESS, port=5222 + SECOND_OFFSET, **options),
        (back,), (there,), port=5222 + SECOND_OFFSET,
    )
    p = Side(peer, lambda **options: peer.client("bob", **options), (inward,), (prosody,))
    for side in (a, b, p):
        await side.up()
    everything = (there, prosody, back, inward)
    await grow(everything, 100)

    for _ in range(2):
        await grow(everything, 250)
        await a.down()
        await asyncio.sleep(0.3)
        await a.up()

    # The other server goes while messages come: its queue fills, and is killed with ours.
    await grow(everything, 150)
    await b.down()
    await queued(SECOND, QUEUED)
    await a.down()
    await a.up()
    await queued(SECOND, QUEUED)
    await b.up()
    await grow((there, back), 150)

    # The same with Prosody. What it has acknowledged to its own users and not sent is not ours to keep.
    p.paused = True
    await reached(inward.settled, "Prosody has sent what it has", (inward,), 120)
    await p.down()
    await queued(peer.domain, QUEUED)
    await a.down()
    await b.down()
    await a.up()
    p.paused = False
    await p.up()
    await b.up()
    await grow(everything, 100)

    for side in (a, b, p):
        side.paused = True
    settled = lambda: all(flow.settled() for flow in (there, back, inward))
    await reached(settled, "all that was acknowledged has been seen", everything, 40)
    empty = lambda: not any(one["queued"] for of in (OURS, SECOND) for one in federation.federation("list", of=of)[0])
    await until(empty, "nothing waits", 40)
    await asyncio.sleep(1)
    for side in (a, b, p):
        side.task.cancel()
        await side.who.sign_out()
    assert first.stop() == 0 and second.stop() == 0
    peer.stop()

    here = archived(OURS, "ann")
    found = [
        check(there, archived(SECOND, "bob"), True),
        check(prosody, dict.fromkeys(archived_there(peer, "bob"), 1), False),
        check(back, here, True),
        check(inward, here, True),
    ]
    accepted = sum(len(flow.acknowledged - flow.refused) for flow in everything)
    print(f"{accepted} messages and 7 crashes in {time.monotonic() - began:.0f} s")
    assert len(there.acknowledged) + len(prosody.acknowledged) >= 3000, "our server must send thousands"
    # Whoever is told can send again: one or two that meet a server in its first moments. A full queue sends back hundreds.
    assert sum(len(flow.refused) for flow in (there, prosody, back)) <= TOLD_MAX, "a queue was full"
    assert found == [(0, 0, 0)] * 4


main(test)
