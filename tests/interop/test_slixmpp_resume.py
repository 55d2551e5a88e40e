"""A stream that breaks is resumed (XEP-0198) and nothing that was sent meanwhile is lost or doubled.

peer: slixmpp
server: running
"""

import asyncio

from carillon import DOMAIN, XMPP, client, main, until


async def test():
    ann = await client("ann", "laptop").sign_in()
    bob = client("bob", "mobile", plugins=("xep_0198", "xep_0199"))
    resumed = asyncio.Event()
    bob.add_event_handler("session_resumed", lambda _: resumed.set())
    await bob.sign_in()
    await until(lambda: bob.plugin["xep_0198"].enabled_in, "stream management is on")

    ann.send_message(f"bob@{DOMAIN}", "before", mtype="chat")
    await until(lambda: bob.heard("before"), "a message before the break")

    bob.transport.abort()
    await asyncio.sleep(0.2)
    for number in range(5):
        ann.send_message(f"bob@{DOMAIN}", f"during {number}", mtype="chat")
    await asyncio.sleep(0.2)
    bob.connect("127.0.0.1", XMPP)
    await asyncio.wait_for(resumed.wait(), 15)
    await until(lambda: len(bob.messages) == 6, "five messages after the break")
    assert [m["body"] for m in bob.messages] == ["before", *(f"during {n}" for n in range(5))]
    ann.send_message(f"bob@{DOMAIN}", "after", mtype="chat")
    await until(lambda: bob.heard("after"), "a message after the break")
    assert len(bob.messages) == 7


main(test)
