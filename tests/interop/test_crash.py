"""kill -9 in the middle of chat loses nothing that was acknowledged, stores nothing twice, doubles nothing.
SIGTERM there, at last, loses nothing that anybody has seen either.

peer: slixmpp
server: own
alone: it keeps the machine busy, or counts time
"""

import asyncio
import collections
import os
import re
import sqlite3
import time

from carillon import DATA, DOMAIN, Server, client, main, until

# As fast as the client can: what is tried is the loss, not the pace.
os.environ["CARILLON__LIMITS__STANZAS_PER_SECOND"] = "100000"
ROUNDS = 4
MESSAGES = 2500
STANZA_ID = "{urn:xmpp:sid:0}stanza-id"


class Receiver:
    """Counts what bob's devices see over all crashes: body -> stanza-ids."""

    def __init__(self):
        self.seen = {}

    def take(self, message):
        if message["body"]:
            given = message.xml.find(STANZA_ID)
            self.seen.setdefault(message["body"], []).append(given.get("id") if given is not None else None)


async def sender(acknowledged, name, start):
    """Sends as fast as acknowledgements come; records what the server acknowledged."""
    ann = client("ann", name, plugins=("xep_0198",))
    management = ann.plugin["xep_0198"]
    management.window = 20
    order = []
    await ann.sign_in()
    await until(lambda: management.enabled_in, "stream management is on")
    ann.add_event_handler("stanza_acked", lambda stanza: acknowledged.add(stanza["body"]) if stanza.name == "message" else None)
    for number in range(start, start + MESSAGES):
        if not ann.is_connected():
            break
        body = f"message {number}"
        order.append(body)
        ann.send_message(f"bob@{DOMAIN}", body, mtype="chat")
        if number % 20 == 0:
            management.request_ack()
            await asyncio.sleep(0.005)
    return ann, order


def archived():
    """How often each body stands in the journal, counted in the database itself."""
    with sqlite3.connect(os.path.join(DATA, "carillon.db")) as database:
        rows = database.execute("SELECT stanza FROM journal WHERE owner = ?", (f"bob@{DOMAIN}",))
        return collections.Counter(re.search(rb"<body>(.*?)</body>", stanza).group(1).decode() for (stanza,) in rows)


async def stop(server):
    """SIGTERM while messages go on coming."""
    began = time.monotonic()
    assert await asyncio.to_thread(server.stop) == 0, "SIGTERM ends the server in good order"
    took = time.monotonic() - began
    print(f"stopped in the middle of chat in {took:.2f} s")
    assert took < 5, "a stop takes less than five seconds"


async def test():
    server = Server().start()
    receiver, acknowledged = Receiver(), set()
    for crash in range(ROUNDS):
        bob = client("bob", "desk", plugins=("xep_0198",) if crash % 2 else ())
        bob.add_event_handler("message", receiver.take)
        await bob.sign_in()
        task = asyncio.ensure_future(sender(acknowledged, f"laptop{crash}", crash * MESSAGES))
        await until(lambda: len(acknowledged) > crash * 1000 + 1000 or task.done(), "a thousand are acknowledged", 60)
        if crash < ROUNDS - 1:
            server.kill()
        else:
            await stop(server)
        await asyncio.sleep(0.5)
        ann, _ = await task
        ann.abort()
        bob.abort()
        seen = {body for body in receiver.seen if int(body.split()[1]) >= crash * MESSAGES}
        server.start()
    unkept = seen - set(archived())
    print(f"seen before the stop {len(seen)}, and not in the archive {len(unkept)}")
    assert len(seen) > 200 and not unkept
    bob = client("bob", "desk")
    bob.add_event_handler("message", receiver.take)
    await bob.sign_in()
    await until(lambda: acknowledged <= set(receiver.seen), "everything acknowledged has arrived", 30)
    await asyncio.sleep(1)

    missing = [body for body in acknowledged if body not in receiver.seen]
    twice_stored = [body for body, ids in receiver.seen.items() if len(set(ids)) > 1]
    unmarked = [body for body, ids in receiver.seen.items() if None in ids]
    again = sum(len(ids) > 1 for ids in receiver.seen.values())
    print(
        f"acknowledged {len(acknowledged)}, received {len(receiver.seen)}, seen again with the same stanza-id {again}, "
        f"missing {len(missing)}, stored twice {len(twice_stored)}, without stanza-id {len(unmarked)}"
    )
    assert len(acknowledged) > ROUNDS * 1000, "the test must send thousands"
    assert not missing and not twice_stored and not unmarked
    assert server.stop() == 0
    archive = archived()
    lost, doubled = [body for body in acknowledged if body not in archive], [body for body, count in archive.items() if count > 1]
    print(f"in the archive {len(archive)}, acknowledged and missing there {len(lost)}, there twice {len(doubled)}")
    assert not lost and not doubled


main(test)
