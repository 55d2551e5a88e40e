"""Dialback with Prosody, where neither side trusts the other's certificate (XEP-0220, XEP-0185): both ways, and
refused where it is not allowed.

peer: prosody
server: own
"""

import asyncio
import os

from carillon import main, until
from federation import OURS, PLUGINS, Authority, Prosody, begin, carillon_server, federation, meet, ours, state, talk

AUTHORITY, NAMES = begin()


async def test():
    stranger = Authority("stranger")
    server = carillon_server(AUTHORITY, NAMES, federation__unverified='["*.lan"]').start(5222)
    peer = Prosody(stranger, NAMES, secure=False).start()
    ann = await ours("ann", plugins=PLUGINS).sign_in()
    bob = await peer.client("bob", plugins=PLUGINS).sign_in()
    await talk(ann, bob)
    await meet(ann, bob, f"ball@conference.{OURS}")
    await meet(bob, ann, f"ball@conference.{peer.domain}")
    assert "dialback" in str(state(peer.domain)), state(peer.domain)
    steps, code = federation("test", peer.domain)
    grades = {step["what"]: step["grade"] for step in steps}
    assert code == 0 and grades["certificate"] == "warning", steps
    await ann.sign_out()
    assert server.stop() == 0

    # Without that setting the same server is refused, in both directions.
    os.environ["CARILLON__FEDERATION__UNVERIFIED"] = "[]"
    server.start(5222)
    steps, code = federation("test", peer.domain)
    assert code == 8 and "not from an authority" in steps[-1]["text"], steps
    ann = await ours("ann", plugins=PLUGINS).sign_in()
    bob.send_message(f"ann@{OURS}", "let me in", mtype="chat")
    await until(lambda: bob.errors, "bob is told that it did not go out", 60)
    await asyncio.sleep(1)
    assert not ann.heard("let me in")
    await ann.sign_out()
    await bob.sign_out()
    await asyncio.sleep(0.2)
    peer.stop()
    assert server.stop() == 0


main(test)
