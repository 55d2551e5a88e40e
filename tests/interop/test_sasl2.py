"""@xmpp/client signs in with one request (XEP-0388, XEP-0386), comes back with a token (XEP-0484) and resumes (XEP-0198).

peer: @xmpp/client
server: running
"""

import json
import subprocess

from browser import Network, Node
from carillon import DATA, DOMAIN, PROGRAM, XMPP_TLS, client, main, until


def verb(*words):
    done = subprocess.run([PROGRAM, *words, "--data", DATA, "--json"], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


async def sign_in(user, port, **more):
    service = f"xmpps://localhost:{port}"
    peer = await Node().open("sign_in.mjs", service=service, domain=DOMAIN, username=user, password=f"pw-{user}", resource="Bench", **more)
    signed_in = await peer.wait("signed-in", f"{user} signs in")
    return peer, signed_in["jid"]


async def test():
    for mechanism in ("SCRAM-SHA-1", "PLAIN"):
        carol, _ = await sign_in("carol", XMPP_TLS, mechanism=mechanism)
        assert [tried["mechanism"] for tried in carol.heard("tries", by="authenticate")] == [mechanism], carol.events
        await carol.close()

    network = await Network(XMPP_TLS).open()
    bob, address = await sign_in("bob", network.port)
    assert address.startswith(f"bob@{DOMAIN}/Bench/"), address
    success = bob.heard("success")[0]["xml"]
    assert "<bound " in success and "<enabled " in success and "<metadata " in success, success
    token = await bob.wait("token", "a token")
    assert token["mechanism"] == "HT-SHA-256-NONE" and token["token"].startswith("secret-token:"), token

    # It is a session as any other.
    ann = await client("ann", "laptop").sign_in()
    ann.send_message(f"bob@{DOMAIN}", "hello", mtype="chat")
    await bob.wait("message", "a message", body="hello")
    bob.do("send", to=f"ann@{DOMAIN}", body="hello, too")
    await until(lambda: ann.heard("hello, too"), "an answer")

    # The connection breaks: signed in by token and resumed within one exchange.
    network.cut()
    ann.send_message(f"bob@{DOMAIN}", "still there?", mtype="chat")
    await bob.wait("resumed", "the session is resumed")
    await bob.wait("message", "what was said during the break", body="still there?")
    assert [tried["mechanism"] for tried in bob.heard("tries")][1:] == ["HT-SHA-256-NONE"], bob.events
    assert "<resumed " in bob.heard("success")[-1]["xml"], bob.events

    # A new session without the password, at the same address, for it is the same client.
    bob.do("stop")
    await bob.wait("stopped", "the stream is closed")
    bob.do("come-back")
    await until(lambda: len(bob.heard("success")) == 3, "signed in by token")
    await until(lambda: len(bob.heard("signed-in", jid=address)) == 2, "at the same address")
    assert bob.heard("tries")[-1]["mechanism"] == "HT-SHA-256-NONE", bob.events

    # The administrator sees the token, and takes it back: without a password there is no way in.
    tokens = verb("user", "tokens", f"bob@{DOMAIN}")
    assert [(shown["software"], shown["device"]) for shown in tokens] == [("interop", "bench")], tokens
    bob.do("stop")
    await until(lambda: len(bob.heard("stopped")) == 2, "the stream is closed")
    assert verb("user", "revoke", f"bob@{DOMAIN}") == 1
    bob.do("come-back")
    await bob.wait("refused", "it is refused")
    assert len(bob.heard("success")) == 3, bob.events
    await bob.close()


main(test)
