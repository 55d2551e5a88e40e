"""Messages to someone who is away are kept over a restart and come at the next sign-in, stamped.

peer: slixmpp
server: own
"""

from carillon import DOMAIN, Server, client, main, until


async def test():
    server = Server().start()
    ann = await client("ann", "laptop", plugins=("xep_0203", "xep_0199")).sign_in()
    for number in range(3):
        ann.send_message(f"bob@{DOMAIN}", f"while you were out {number}", mtype="chat")
    await ann.plugin["xep_0199"].ping(DOMAIN)
    await ann.sign_out()
    assert server.stop() == 0
    server.start()

    bob = await client("bob", "desk", plugins=("xep_0203",)).sign_in()
    await until(lambda: len(bob.messages) == 3, "three kept messages")
    assert [m["body"] for m in bob.messages] == [f"while you were out {n}" for n in range(3)]
    for message in bob.messages:
        assert message["delay"]["stamp"] is not None
        assert message["from"].bare == f"ann@{DOMAIN}"
    await bob.sign_out()

    again = await client("bob", "desk", plugins=("xep_0199",)).sign_in()
    await again.plugin["xep_0199"].ping(DOMAIN)
    assert not again.messages, "a kept message comes once"
    server.stop()


main(test)
