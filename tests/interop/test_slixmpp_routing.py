"""Which of a user's devices get a message, by the standard and with the conversation held by the device that answers.

peer: slixmpp
server: own
"""

import os

from carillon import DATA, DOMAIN, Server, client, main, until, verb

PLUGINS = ("xep_0199", "xep_0313")


async def said(ann, bobs, body, hear):
    """ann says something to bob: these of his devices hear it, and no other."""
    ann.send_message(f"bob@{DOMAIN}", body, mtype="chat")
    for bob in hear:
        await until(lambda bob=bob: bob.heard(body), f"{bob.boundjid.resource} hears {body}")
    for bob in bobs:
        # A ping's answer comes behind what was on its way.
        await bob.plugin["xep_0199"].ping(DOMAIN)
        assert bool(bob.heard(body)) == (bob in hear), (bob.boundjid.resource, body)


async def test():
    server = Server().start()
    ann = await client("ann", "laptop", plugins=PLUGINS).sign_in()
    desk = await client("bob", "desk", plugins=PLUGINS).sign_in(priority=5)
    phone = await client("bob", "phone", plugins=PLUGINS).sign_in(priority=1)
    watch = await client("bob", "watch", plugins=PLUGINS).sign_in(priority=-1)
    bobs = (desk, phone, watch)
    await until(lambda: len(desk.presences) >= 3, "bob's desk sees his other devices")

    await said(ann, bobs, "standard one", (desk, phone))
    phone.send_message(f"ann@{DOMAIN}", "standard answer", mtype="chat")
    await until(lambda: ann.heard("standard answer"), "ann hears")
    await said(ann, bobs, "standard two", (desk, phone))

    path = os.path.join(DATA, "carillon.toml")
    with open(path) as config:
        text = config.read()
    with open(path, "w") as config:
        config.write(text.replace("[im]\n", '[im]\nrouting = "answering-device"\n'))
    assert "routing" in verb("reload"), "the setting is taken by a reload"
    await said(ann, bobs, "one", (desk, phone))
    phone.send_message(f"ann@{DOMAIN}", "answer", mtype="chat")
    await until(lambda: ann.heard("answer"), "ann hears")
    await said(ann, bobs, "two", (phone,))
    desk.send_message(f"ann@{DOMAIN}", "now here", mtype="chat")
    await until(lambda: ann.heard("now here"), "ann hears")
    await said(ann, bobs, "three", (desk,))
    await desk.sign_out()
    await said(ann, (phone, watch), "four", (phone,))

    # Whatever way they went: all are in the archive.
    found = [m["mam_result"]["forwarded"]["stanza"]["body"] async for m in phone.plugin["xep_0313"].iterate(with_jid=f"ann@{DOMAIN}")]
    assert found == ["standard one", "standard answer", "standard two", "one", "answer", "two", "now here", "three", "four"], found
    for who in (ann, phone, watch):
        await who.sign_out()
    assert server.stop() == 0


main(test)
