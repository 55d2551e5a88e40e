"""Federation with ejabberd: messages, presence, rooms both ways, a peer that is away, and a message that comes back in time.

peer: ejabberd
server: own
"""

import asyncio

from carillon import main, until
from federation import OURS, PLUGINS, Ejabberd, arrives, away, begin, carillon_server, federation, meet, ours, state, talk

AUTHORITY, NAMES = begin()


async def test():
    server = carillon_server(AUTHORITY, NAMES, limits__federation_queue_seconds="60").start(5222)
    peer = Ejabberd(AUTHORITY, NAMES).start()
    ann = await ours("ann", plugins=PLUGINS).sign_in()
    bob = await peer.client("bob", plugins=PLUGINS).sign_in()
    await talk(ann, bob)
    await meet(ann, bob, f"ball@conference.{OURS}")
    await meet(bob, ann, f"ball@conference.{peer.domain}")
    assert state(peer.domain)["state"] == "connected", state(peer.domain)
    steps, code = federation("test", peer.domain)
    assert code == 0, steps

    await bob.sign_out()
    count = await away(peer, ann, "bob")
    peer.start()
    bob = await arrives(peer, "bob", count)
    await bob.sign_out()
    await asyncio.sleep(0.2)
    peer.stop()
    ann.send_message(f"bob@{peer.domain}", "too late", mtype="chat")
    returned = lambda: [e for e in ann.errors if e["error"]["condition"] == "remote-server-timeout"]
    await until(returned, "after a minute the sender is told", 90)
    assert state(peer.domain)["returned"] >= 1
    await ann.sign_out()
    assert server.stop() == 0


main(test)
