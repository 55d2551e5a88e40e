"""Hostile streams end with the stream error of RFC 6120, cost little, and leave everybody else alone.

peer: slixmpp
server: own
"""

import base64
import os
import re
import socket
import ssl
import threading
import time

from carillon import DOMAIN, XMPP, XMPP_TLS, Server, client, main, password, until

OPEN = f"<?xml version='1.0'?><stream:stream to='{DOMAIN}' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
GROWTH_MAX_KIB = 20 * 1024
FAILURES_PER_ACCOUNT = 10  # [limits] of a fresh server
BYTES_BEFORE_SIGN_IN = 65_536
SECONDS_BEFORE_SIGN_IN = 30


class Stream:
    """A connection without manners, as the address it is made from."""

    def __init__(self, tls=False, source="127.0.0.1"):
        self.socket = socket.create_connection(("127.0.0.1", XMPP_TLS if tls else XMPP), 10, (source, 0))
        if tls:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            self.socket = context.wrap_socket(self.socket, server_hostname=DOMAIN)
        self.text = ""

    def send(self, data):
        self.socket.sendall(data.encode() if isinstance(data, str) else data)
        return self

    def until(self, word):
        """Reads until `word` or the end; gives all that came."""
        while word not in self.text:
            try:
                data = self.socket.recv(65536)
            except (ConnectionResetError, ssl.SSLError):
                data = b""
            if not data:
                break
            self.text += data.decode(errors="replace")
        return self.text

    def error(self):
        """The stream error's condition; the connection must end after it."""
        found = re.search(r"<stream:error[^>]*><([a-z-]+)", self.until("</stream:stream>"))
        return found and found.group(1)


def plain(user, secret):
    return base64.b64encode(f"\0{user}\0{secret}".encode()).decode()


def sign_in(user, secret, source):
    """One attempt with PLAIN on a stream of its own; gives the element that answers."""
    stream = Stream(tls=True, source=source).send(OPEN)
    assert "</stream:features>" in stream.until("</stream:features>")
    stream.text = ""
    stream.send(f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{plain(user, secret)}</auth>")
    while not re.search(r"<success|</failure>", stream.text):
        before = stream.text
        stream.socket.settimeout(30)
        stream.text += stream.socket.recv(65536).decode()
        assert stream.text != before, f"no answer to {user}"
    stream.socket.close()
    return re.search(r"<(?:success|failure).*", stream.text).group()


def restricted_xml(_):
    """RFC 6120 §11.1 and §11.3, before sign-in and after it."""
    bad = {
        "<!DOCTYPE lolz [<!ENTITY lol 'lol'>]>": ("restricted-xml", "not-well-formed"),
        "<!-- a comment -->": ("restricted-xml",),
        "<?processing instruction?>": ("restricted-xml",),
        "<message><body>&undeclared;</body></message>": ("restricted-xml", "not-well-formed"),
        "<message><body></message>": ("not-well-formed",),
        "<message a='1' a='2'/>": ("not-well-formed",),
        "<x:message/>": ("bad-namespace-prefix", "not-well-formed"),
        b"<message><body>\xff\xfe</body></message>": ("unsupported-encoding", "bad-format", "not-well-formed"),
        "<a>" * 70: ("policy-violation",),
        "<message " + " ".join(f"a{n}='x'" for n in range(70)) + "/>": ("policy-violation",),
        "<message><body>" + "x" * 20_000 + "</body></message>": ("policy-violation",),
        "words": ("bad-format", "not-well-formed", "invalid-xml"),
    }
    for data, allowed in bad.items():
        condition = Stream(tls=True).send(OPEN).send(data).error()
        assert condition in allowed, (data[:60], condition)
    assert Stream().send(f"<!DOCTYPE x>{OPEN}").error() in ("restricted-xml", "not-well-formed")
    assert Stream().send("GET / HTTP/1.1\r\n\r\n").error() in ("not-well-formed", "bad-format", "invalid-xml")
    assert Stream().send(OPEN.replace("version='1.0' xmlns", "xmlns")).error() in ("unsupported-version",)
    assert Stream().send(OPEN.replace(DOMAIN, "elsewhere.example")).error() == "host-unknown"
    assert Stream().send(OPEN.replace("http://etherx", "http://wrong")).error() == "invalid-namespace"
    assert Stream().send(OPEN).send("<message to='bob@localhost'><body>not signed in</body></message>").error() == "not-authorized"


def garbage_for_tls(_):
    """Bytes that are no handshake close the connection, with a TLS alert at most."""
    direct = socket.create_connection(("127.0.0.1", XMPP_TLS), 10)
    direct.sendall(os.urandom(2000))
    assert len(ended(direct)) < 100
    upgraded = Stream().send(OPEN)
    upgraded.until("</stream:features>")
    upgraded.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>").until("<proceed")
    upgraded.send(os.urandom(2000))
    assert len(ended(upgraded.socket)) < 100


def ended(connection):
    data = b""
    try:
        while more := connection.recv(4096):
            data += more
    except ConnectionResetError:
        pass
    return data


def half_open(server):
    """Streams that never finish their header, are held at little cost until their time is up."""
    before = resident(server)
    waiting = [Stream().send(OPEN[:60]) for _ in range(500)]
    endless = Stream().send("<?xml version='1.0'?><stream:stream ")
    with_attribute = 0
    try:
        while with_attribute < 100_000:
            endless.send(f"a{with_attribute}='x' ")
            with_attribute += 1
    except (BrokenPipeError, ConnectionResetError):
        pass
    assert with_attribute < 100_000, "an endless header is read without end"
    assert resident(server) - before < GROWTH_MAX_KIB, (before, resident(server))
    for stream in waiting:
        stream.socket.close()


def many_bytes(_):
    """All that comes before sign-in has a limit, though no piece of it is too big, nor anything but white space."""
    for tls in (False, True):
        stream = Stream(tls=tls).send(OPEN)
        stream.until("</stream:features>")
        left = BYTES_BEFORE_SIGN_IN - len(OPEN)
        while left > 0:
            stream.send(" " * min(left, 4096))
            left -= 4096
        stream.socket.settimeout(1)
        try:
            assert stream.socket.recv(1) is None, "cut before the limit"
        except TimeoutError:
            stream.socket.settimeout(10)
        assert stream.send(" ").error() == "policy-violation", (tls, stream.text)


def slow_drip(server):
    """Who sends a byte now and then and never signs in is cut when the time is over, wherever it has come to."""
    fronts = {
        "in the header": (False, "", OPEN[:40]),
        "in a name": (False, "", "<stream:stream a"),
        "between stanzas": (False, OPEN, " "),
        "in a header inside TLS": (True, "", OPEN[:40]),
        "between stanzas inside TLS": (True, OPEN, " "),
        "in a password": (True, OPEN, "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AA"),
    }
    before, ends = resident(server), {}

    def drip(name, tls, first, then):
        start = time.monotonic()
        stream = Stream(tls=tls).send(first + then)
        stream.socket.settimeout(0.5)
        while time.monotonic() - start < 2 * SECONDS_BEFORE_SIGN_IN and "</stream:stream>" not in stream.text:
            try:
                stream.send(" " if then == " " else "a")
                data = stream.socket.recv(4096)
                if not data:
                    break
                stream.text += data.decode()
            except TimeoutError:
                pass
            except (BrokenPipeError, ConnectionResetError):
                break
        ends.setdefault(name, []).append((time.monotonic() - start, stream.error()))

    drips = [threading.Thread(target=drip, args=(name, *front)) for name, front in fronts.items() for _ in range(10)]
    for one in drips:
        one.start()
    for one in drips:
        one.join()
    for name in fronts:
        assert len(ends.get(name, ())) == 10, (name, ends)
        for seconds, condition in ends[name]:
            assert condition == "connection-timeout", (name, condition)
            assert SECONDS_BEFORE_SIGN_IN - 1 < seconds < SECONDS_BEFORE_SIGN_IN + 5, (name, seconds)
    assert resident(server) - before < GROWTH_MAX_KIB, (before, resident(server))


def resident(server):
    with open(f"/proc/{server.process.pid}/status") as status:
        return int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1))


def failures(_):
    """Nobody learns whether an account exists; only failures are limited, and no neighbour suffers."""
    wrong, unknown = sign_in("bob", "wrong", "127.0.0.4"), sign_in("nobody", "wrong", "127.0.0.4")
    assert wrong == unknown and "not-authorized" in wrong, (wrong, unknown)
    for _ in range(FAILURES_PER_ACCOUNT):
        assert "not-authorized" in sign_in("ann", "wrong", "127.0.0.2")
    assert "temporary-auth-failure" in sign_in("ann", "wrong", "127.0.0.2")
    for user, source in (("ann", "127.0.0.3"), ("bob", "127.0.0.2")):
        assert sign_in(user, password(user), source).startswith("<success"), (user, source)


async def test():
    server = Server().start()
    try:
        ann = await client("ann", "laptop").sign_in()
        bob = await client("bob", "desk").sign_in()
        before = resident(server)
        for part in (restricted_xml, garbage_for_tls, half_open, many_bytes, slow_drip, failures):
            start = time.monotonic()
            part(server)
            print(f"{part.__name__}: {time.monotonic() - start:.1f} s", flush=True)
        assert resident(server) - before < GROWTH_MAX_KIB, (before, resident(server))
        ann.send_message(f"bob@{DOMAIN}", "still here", mtype="chat")
        await until(lambda: bob.heard("still here"), "others go on")
    finally:
        server.stop()


main(test)
