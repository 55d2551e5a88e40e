"""Push notifications (XEP-0357) over real HTTPS with our own service: Web Push (RFC 8030), decrypted by http_ece (RFC 8291), signed
(RFC 8292), and UnifiedPush. A push service that is busy is asked again, one that forgot the device ends the registration, and nobody
registers an address inside the operator's network. The push service is a mock of the test, in place of a vendor's.

peer: http_ece
server: own
"""

import asyncio
import base64
import json
import os
import ssl
import time
import urllib.request
import xml.etree.ElementTree as ET

import http_ece
from aiohttp import web
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

import federation
from carillon import DOMAIN, OFFSET, Server, client, free_port, main, until

NS, PUSH, SERVICE = "carillon:push:0", "urn:xmpp:push:0", f"push.{DOMAIN}"
CURVE = ec.SECP256R1()


def encoded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decoded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def point(public):
    return public.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


class PushService:
    """A push service over HTTPS that answers as it is told, device by device."""

    def __init__(self, port):
        self.port, self.asked, self.answers = port, {}, {}

    async def open(self):
        os.makedirs(federation.FOLDER, exist_ok=True)
        authority = federation.Authority("push")
        self.authority = authority.certificate
        certificate, key = authority.issue("localhost", names=["localhost"])
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        app = web.Application()
        app.router.add_post("/{device}", self.take)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self.port, ssl_context=context).start()
        return self

    def endpoint(self, device):
        return f"https://localhost:{self.port}/{device}"

    def requests(self, device):
        return self.asked.get(device, [])

    async def take(self, request):
        device = request.match_info["device"]
        self.asked.setdefault(device, []).append((time.monotonic(), request.headers.copy(), await request.read()))
        answers = self.answers.get(device) or [(201, {})]
        status, headers = answers.pop(0) if len(answers) > 1 else answers[0]
        return web.Response(status=status, headers=headers)


class Device:
    """A device that registers, with the keys of a Web Push receiver or without."""

    def __init__(self, name, keys=True):
        self.name, self.node = name, None
        self.private = ec.generate_private_key(CURVE) if keys else None
        self.secret = os.urandom(16)

    async def register(self, who, service):
        request = ET.Element(f"{{{NS}}}register", {"endpoint": service.endpoint(self.name)})
        if self.private:
            ET.SubElement(request, f"{{{NS}}}p256dh").text = encoded(point(self.private.public_key()))
            ET.SubElement(request, f"{{{NS}}}auth").text = encoded(self.secret)
        answer = await ask(who, "set", request, SERVICE)
        registered = answer.xml.find(f"{{{NS}}}registered")
        self.node = registered.get("node")
        await ask(who, "set", ET.Element(f"{{{PUSH}}}enable", {"jid": registered.get("jid"), "node": self.node}))
        return self

    def text(self, body):
        return json.loads(http_ece.decrypt(body, private_key=self.private, auth_secret=self.secret, version="aes128gcm"))


async def ask(who, kind, payload, to=None):
    iq = who.make_iq(id=who.new_id(), ito=to, itype=kind)
    iq.append(payload)
    return await iq.send(timeout=10)


async def refused(who, endpoint):
    """Why an endpoint is not taken."""
    from slixmpp.exceptions import IqError

    try:
        await ask(who, "set", ET.Element(f"{{{NS}}}register", {"endpoint": endpoint}), SERVICE)
    except IqError as error:
        return error.condition
    return None


async def registered(who):
    answer = await ask(who, "get", ET.Element(f"{{{NS}}}registrations"), SERVICE)
    return {one.get("node") for one in answer.xml.iter(f"{{{NS}}}registration")}


def verify(headers, service, key):
    """RFC 8292: the token is for this service, for a day at most, from the operator, and signed with the key that devices know."""
    scheme, _, rest = headers["Authorization"].partition(" ")
    values = dict(part.strip().split("=", 1) for part in rest.split(","))
    assert scheme == "vapid" and values["k"] == key, headers
    head, claims, signature = values["t"].split(".")
    assert json.loads(decoded(head)) == {"typ": "JWT", "alg": "ES256"}
    told = json.loads(decoded(claims))
    assert told["aud"] == f"https://localhost:{service.port}" and told["sub"] == f"mailto:postmaster@{DOMAIN}", told
    assert 0 < told["exp"] - time.time() <= 24 * 3600, told
    raw = decoded(signature)
    signature = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    public = ec.EllipticCurvePublicKey.from_encoded_point(CURVE, decoded(key))
    public.verify(signature, f"{head}.{claims}".encode(), ec.ECDSA(hashes.SHA256()))


def counted(outcome):
    """What the server's metrics say of requests to push services."""
    with urllib.request.urlopen(f"http://127.0.0.1:{9464 + OFFSET}/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    found = [line for line in lines if line.startswith("carillon_web_push_requests_total") and f'outcome="{outcome}"' in line]
    return int(float(found[0].split()[-1])) if found else 0


async def test():
    service = await PushService(free_port()).open()
    os.environ["CARILLON__PUSH__AUTHORITIES"] = service.authority
    os.environ["CARILLON__PUSH__PRIVATE_ENDPOINTS"] = "true"
    server = Server().start()
    ann = await client("ann", "desk").sign_in()
    bob = await client("bob", "phone").sign_in()
    key = (await ask(bob, "get", ET.Element(f"{{{NS}}}key"), SERVICE)).xml.findtext(f"{{{NS}}}key")
    phone, plain = await Device("phone").register(bob, service), await Device("plain", keys=False).register(bob, service)
    gone, lost, busy = [await Device(name).register(bob, service) for name in ("gone", "lost", "busy")]
    service.answers = {"gone": [(410, {})], "lost": [(404, {})], "busy": [(503, {}), (429, {"Retry-After": "3"}), (201, {})]}
    assert len(await registered(bob)) == 5
    await bob.sign_out()
    ann.send_message(f"bob@{DOMAIN}", "the words", mtype="chat")
    await until(lambda: all(service.requests(name) for name in ("phone", "plain", "gone", "lost", "busy")), "all are told")

    _, headers, body = service.requests("phone")[0]
    assert headers["Content-Encoding"] == "aes128gcm" and int(headers["TTL"]) > 0 and headers["Urgency"] == "high", headers
    verify(headers, service, key)
    assert phone.text(body) == {"count": 1} and b"the words" not in body
    _, headers, body = service.requests("plain")[0]
    verify(headers, service, key)
    assert json.loads(body) == {"count": 1}, body

    await until(lambda: len(service.requests("busy")) == 3, "who was busy is asked again, and again", 30)
    first, second, third = (at for at, _, _ in service.requests("busy"))
    assert 1.9 <= second - first < 6 and 7.9 <= third - second < 14, (second - first, third - second)
    assert busy.text(service.requests("busy")[2][2]) == {"count": 1}
    await until(lambda: counted("taken") == 3, "three are counted")
    assert (counted("gone"), counted("retried")) == (2, 2)

    # Who is gone is not asked any more, and neither is who was busy, beyond that.
    ann.send_message(f"bob@{DOMAIN}", "more", mtype="chat")
    await until(lambda: len(service.requests("phone")) == 2, "the next message is told")
    assert phone.text(service.requests("phone")[1][2]) == {"count": 2}
    await asyncio.sleep(1)
    assert [len(service.requests(name)) for name in ("gone", "lost", "busy")] == [1, 1, 4]
    bob = await client("bob", "phone").sign_in()
    assert await registered(bob) == {phone.node, plain.node, busy.node}
    await bob.sign_out()
    await ann.sign_out()
    assert server.stop() == 0

    # Without the setting nothing goes inside: not by an address, nor by a name that leads there.
    os.environ["CARILLON__PUSH__PRIVATE_ENDPOINTS"] = "false"
    server.start()
    before = {name: len(asked) for name, asked in service.asked.items()}
    carol = await client("carol", "phone").sign_in()
    inside = ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "[::1]", "[fd00::1]", "[::ffff:127.0.0.1]", "100.64.0.1"]
    for address in inside:
        assert await refused(carol, f"https://{address}:{service.port}/x") == "not-acceptable", address
    assert await refused(carol, f"http://localhost:{service.port}/x") == "not-acceptable", "without TLS"
    for number, name in enumerate(("localhost", "2130706433", "127.1", "0x7f000001")):
        device = Device(f"inside{number}", keys=False)
        service_here = type("Elsewhere", (), {"endpoint": staticmethod(lambda device, name=name: f"https://{name}:{service.port}/{device}")})
        if await refused(carol, service_here.endpoint(device.name)) is None:
            await device.register(carol, service_here)
    await carol.sign_out()
    ann = await client("ann", "desk").sign_in()
    ann.send_message(f"carol@{DOMAIN}", "inside?", mtype="chat")
    await until(lambda: counted("retried") >= 1, "it was tried, and came nowhere", 20)
    await asyncio.sleep(3)
    assert {name: len(asked) for name, asked in service.asked.items()} == before, "a request came inside"
    await ann.sign_out()
    assert server.stop() == 0


main(test)
