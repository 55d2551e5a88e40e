"""XEP-0065: two clients send each other bytes through the proxy (RFC 1928), which joins nobody who
does not belong together.

peer: slixmpp
server: own
"""

import asyncio
import hashlib
import os
import struct

from carillon import DOMAIN, OFFSET, Server, client, main, until

PORT = 1080 + OFFSET
os.environ["CARILLON__LISTEN__PROXY"] = "1080"
os.environ["CARILLON__PROXY__HOST"] = "127.0.0.1"
os.environ["CARILLON__PROXY__KIB_PER_SECOND"] = "16384"

from slixmpp.exceptions import IqError  # noqa: E402

NS = "http://jabber.org/protocol/bytestreams"


async def raw(name):
    """Comes to the proxy by a name without being anybody; gives the code of the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", PORT)
    writer.write(b"\x05\x01\x00\x05\x01\x00\x03" + struct.pack("B", len(name)) + name.encode() + b"\x00\x00")
    answer = await reader.readexactly(2 + 7 + len(name))
    return answer[3], reader, writer


async def test():
    server = Server().start(PORT)
    plugins = ("xep_0199", "xep_0030", "xep_0065")
    ann = await client("ann", "laptop", plugins=plugins).sign_in()
    bob = await client("bob", "desk", plugins=plugins).sign_in()
    bob.plugin["xep_0065"].auto_accept = True

    heard = bytearray()
    bob.add_event_handler("socks5_data", lambda data: heard.extend(data if isinstance(data, bytes) else data["data"]))
    proxies = await ann.plugin["xep_0065"].discover_proxies(f"{DOMAIN}")
    assert {str(jid): (host, int(port)) for jid, (host, port) in proxies.items()} == {f"proxy.{DOMAIN}": ("127.0.0.1", PORT)}, proxies
    stream = await asyncio.wait_for(ann.plugin["xep_0065"].handshake(bob.boundjid.full), 15)
    content = os.urandom(1 << 20)
    stream.transport.write(content)
    await until(lambda: len(heard) >= len(content), "bob has all of it")
    assert bytes(heard) == content

    # The proxy is no way out to the world, and nobody is joined by whom it does not concern.
    code, *_ = await raw("example.org")
    assert code == 2, code
    name = hashlib.sha1(f"sid{ann.boundjid.full}{bob.boundjid.full}".encode()).hexdigest()
    parties = [await raw(name), await raw(name)]
    assert [party[0] for party in parties] == [0, 0]

    async def activate(who, target):
        iq = who.make_iq_set(ito=f"proxy.{DOMAIN}")
        iq["socks"]["sid"] = "sid"
        iq["socks"]["activate"] = target
        await iq.send(timeout=5)

    try:
        await activate(bob, ann.boundjid.full)
        raise AssertionError("bob joined what ann had begun")
    except IqError as refused:
        assert refused.condition == "item-not-found", refused.condition
    await activate(ann, bob.boundjid.full)
    parties[0][2].write(b"hello")
    assert await parties[1][1].readexactly(5) == b"hello"
    for who in (ann, bob):
        await who.sign_out()
    assert server.stop() == 0


main(test)
