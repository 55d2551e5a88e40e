"""A component beside the server (XEP-0114), made of slixmpp: it chats, is asked, and gets what waited for it.

peer: slixmpp
server: own
"""

import asyncio
import os

import slixmpp
from carillon import DATA, DOMAIN, OFFSET, Server, client, main, until

GATEWAY, SECRET, PORT = f"gateway.{DOMAIN}", "the north wind", 5347 + OFFSET


class Gateway(slixmpp.ComponentXMPP):
    def __init__(self, secret=SECRET):
        super().__init__(GATEWAY, secret, "127.0.0.1", PORT)
        self.register_plugin("xep_0030")
        self.register_plugin("xep_0092", {"software_name": "Gateway", "version": "7"})
        self.messages, self.ready, self.gone = [], asyncio.Event(), asyncio.Event()
        self.add_event_handler("message", self.messages.append)
        self.add_event_handler("session_start", lambda _: self.ready.set())
        self.add_event_handler("disconnected", lambda _: self.gone.set())

    def heard(self, body):
        return [m for m in self.messages if m["body"] == body]


async def test():
    with open(os.path.join(DATA, "components.secret"), "w") as file:
        file.write(SECRET)
    path = os.path.join(DATA, "carillon.toml")
    text = open(path).read().replace("[listen]\n", "[listen]\ncomponents = 5347\n", 1)
    lines = [line for line in text.splitlines(True) if not line.startswith("[components]")]
    with open(path, "w") as file:
        file.writelines(lines)
        file.write(f'\n[components]\ndomains = ["{GATEWAY}"]\nsecret_file = "components.secret"\n')
    server = Server().start()
    try:
        ann = await client("ann", "desk", plugins=("xep_0030", "xep_0092")).sign_in()
        ann.send_message(f"bob@{GATEWAY}", "before", mtype="chat")
        await ann.plugin["xep_0030"].get_info(DOMAIN)

        gateway = Gateway()
        gateway.connect()
        await asyncio.wait_for(gateway.ready.wait(), 15)
        await until(lambda: gateway.heard("before"), "what was said before it came")
        ann.send_message(f"bob@{GATEWAY}", "now", mtype="chat")
        await until(lambda: gateway.heard("now"), "what is said now")
        assert gateway.heard("now")[0]["from"].full == f"ann@{DOMAIN}/desk"
        gateway.send_message(f"ann@{DOMAIN}", "back", mfrom=f"bob@{GATEWAY}/x", mtype="chat")
        await until(lambda: ann.heard("back"), "its answer")
        assert ann.heard("back")[0]["from"].full == f"bob@{GATEWAY}/x"

        version = await ann.plugin["xep_0092"].get_version(GATEWAY)
        assert version["software_version"]["name"] == "Gateway", str(version)
        items = await ann.plugin["xep_0030"].get_items(DOMAIN)
        assert GATEWAY in {jid for jid, _, _ in items["disco_items"]["items"]}, str(items)
        info = await gateway.plugin["xep_0030"].get_info(DOMAIN, ifrom=GATEWAY)
        assert ("server", "im", None, "Carillon") in info["disco_info"]["identities"], str(info)

        wrong = Gateway("guessed")
        wrong.connect()
        await asyncio.wait_for(wrong.gone.wait(), 15)
        assert not wrong.ready.is_set(), "the wrong secret"
        await gateway.disconnect()
    finally:
        server.kill()


main(test)
