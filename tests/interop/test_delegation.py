"""Namespace delegation (XEP-0355): a component made of slixmpp answers for the server what the operator names.

peer: slixmpp
server: own
"""

import asyncio
import os
import xml.etree.ElementTree as ET

import slixmpp
from carillon import DATA, DOMAIN, OFFSET, Server, client, main
from slixmpp.exceptions import IqError
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath

GATEWAY, SECRET, PORT = f"gateway.{DOMAIN}", "the north wind", 5347 + OFFSET
DELEGATION, FORWARD, WEATHER = "urn:xmpp:delegation:2", "urn:xmpp:forward:0", "urn:example:weather"


class Gateway(slixmpp.ComponentXMPP):
    def __init__(self):
        super().__init__(GATEWAY, SECRET, "127.0.0.1", PORT)
        self.told, self.asked = asyncio.Queue(), []
        message = f"{{{self.default_ns}}}message/{{{DELEGATION}}}delegation"
        self.register_handler(Callback("told", MatchXPath(message), self.told.put_nowait))
        iq = f"{{{self.default_ns}}}iq/{{{DELEGATION}}}delegation"
        self.register_handler(Callback("asked", MatchXPath(iq), self.answer))

    def answer(self, iq):
        inner = iq.xml.find(f"{{{DELEGATION}}}delegation/{{{FORWARD}}}forwarded/{{jabber:client}}iq")
        self.asked.append(inner)
        result = ET.Element("{jabber:client}iq", {"type": "result", "id": inner.get("id"), "to": inner.get("from")})
        ET.SubElement(result, f"{{{WEATHER}}}now").text = "sun"
        delegation = ET.Element(f"{{{DELEGATION}}}delegation")
        ET.SubElement(delegation, f"{{{FORWARD}}}forwarded").append(result)
        reply = iq.reply()
        reply.append(delegation)
        reply.send()


async def ask(who, to):
    iq = who.make_iq_get(ito=to)
    iq.append(ET.Element(f"{{{WEATHER}}}now"))
    return await iq.send(timeout=10)


async def test():
    with open(os.path.join(DATA, "components.secret"), "w") as file:
        file.write(SECRET)
    path = os.path.join(DATA, "carillon.toml")
    text = open(path).read().replace("[listen]\n", "[listen]\ncomponents = 5347\n", 1)
    lines = [line for line in text.splitlines(True) if not line.startswith("[components]")]
    with open(path, "w") as file:
        file.writelines(lines)
        file.write(f'\n[components]\ndomains = ["{GATEWAY}"]\nsecret_file = "components.secret"\n')
        file.write(f'delegations = ["{GATEWAY} {WEATHER}"]\n')
    server = Server().start()
    try:
        ann = await client("ann", "desk", plugins=("xep_0030", "xep_0092")).sign_in()
        try:
            await ask(ann, DOMAIN)
            raise AssertionError("nobody is there to answer")
        except IqError as error:
            assert error.condition == "service-unavailable", error.condition

        gateway = Gateway()
        gateway.connect()
        told = await asyncio.wait_for(gateway.told.get(), 15)
        delegated = told.xml.findall(f"{{{DELEGATION}}}delegation/{{{DELEGATION}}}delegated")
        assert [one.get("namespace") for one in delegated] == [WEATHER], str(told)

        for to in (DOMAIN, f"ann@{DOMAIN}"):
            answer = await ask(ann, to)
            assert answer.xml.find(f"{{{WEATHER}}}now").text == "sun", str(answer)
            assert answer["from"].bare == to, str(answer)
        assert {inner.get("from") for inner in gateway.asked} == {f"ann@{DOMAIN}/desk"}
        version = await ann.plugin["xep_0092"].get_version(DOMAIN)
        assert version["software_version"]["name"] == "Carillon", str(version)
        await gateway.disconnect()
    finally:
        server.kill()


main(test)
