"""Trunks: Kamailio as registrar upstream and as peer with digest, calls in both directions with sound both ways, servers that are
silent or answer 503 are passed over, a phone behind a trunk cannot go out over it again, an unknown sender learns nothing; two
servers of ours trunked with each other by credentials, a call and a transfer over them.

peer: kamailio, baresip
server: own
scenes of baresip: blind transfer, trunks, trunk down
scenes of kamailio: trunks, registration
"""

import asyncio
import json
import os
import socket
import subprocess
import threading
import time

from carillon import DATA, LINES, OFFSET, PROGRAM, SIP, Baresip, Server, folder, free_port, main, until, verb

TONES = (440, 697, 941, 1209, 1477)
KAMAILIO = """#!KAMAILIO
debug=0
log_stderror=yes
children=2
auto_aliases=no
alias="kam.test"
listen=udp:127.0.0.1:{port}
dns=no
rev_dns=no
mpath="{modules}/"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "auth.so"
modparam("usrloc", "db_mode", 0)
modparam("registrar", "min_expires", 30)
modparam("auth", "nonce_expire", 300)
modparam("tm", "fr_inv_timer", 60000)
request_route {{
    if (!mf_process_maxfwd_header("10")) {{ sl_send_reply("483", "Too Many Hops"); exit; }}
    if (is_method("CANCEL")) {{ if (t_check_trans()) {{ t_relay(); }} exit; }}
    if (has_totag()) {{
        if (loose_route()) {{ t_relay(); exit; }}
        if (is_method("ACK")) {{ if (t_check_trans()) {{ t_relay(); }} exit; }}
        sl_send_reply("404", "Not here"); exit;
    }}
    if (is_method("ACK")) {{ t_check_trans(); exit; }}
    if (is_method("OPTIONS")) {{ sl_send_reply("200", "Keepalive"); exit; }}
    t_check_trans();
    $var(password) = "line-" + $au;
    if ($au == "carillon") {{ $var(password) = "trunk-secret"; }}
    if (is_method("REGISTER")) {{
        if (!pv_www_authenticate("kam.test", "$var(password)", "0")) {{ www_challenge("kam.test", "1"); exit; }}
        if (!save("location", "0x04")) {{ sl_reply_error(); }}
        exit;
    }}
    if (!pv_proxy_authenticate("kam.test", "$var(password)", "0")) {{ proxy_challenge("kam.test", "1"); exit; }}
    consume_credentials();
    record_route();
    $ru = "sip:" + $rU + "@kam.test";
    if (!lookup("location")) {{
        # Every other number is behind the trunk: To keeps it, the Request-URI becomes the Contact that was registered.
        $ru = "sip:carillon@kam.test";
        if (!lookup("location")) {{ sl_send_reply("404", "Not Found"); exit; }}
    }}
    if (!t_relay()) {{ sl_reply_error(); }}
    exit;
}}
"""


class Kamailio:
    """A registrar and proxy that asks everybody for a password."""

    def __init__(self):
        self.port = free_port()
        self.path = folder("kamailio")
        modules = next(
            path for path in (f"/usr/lib/{m}-linux-gnu/kamailio/modules" for m in ("x86_64", "aarch64")) if os.path.isdir(path)
        )
        self.config = os.path.join(self.path, "kamailio.cfg")
        with open(self.config, "w") as config:
            config.write(KAMAILIO.format(port=self.port, modules=modules))

    def start(self):
        command = ["kamailio", "-f", self.config, "-DD", "-E", "-m", "64", "-M", "8", "-Y", self.path, "-P", f"{self.path}/pid"]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=open(f"{self.path}/log", "a"), stderr=subprocess.STDOUT)
        return self

    def stop(self):
        self.process.terminate()
        self.process.wait(10)


class Sick:
    """A server that answers everything with 503, or (`status=None`) nothing; it counts the INVITEs."""

    def __init__(self, status):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port, self.status, self.invites = self.socket.getsockname()[1], status, 0
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            data, sender = self.socket.recvfrom(65535)
            text = data.decode(errors="replace")
            method = text.split(" ", 1)[0]
            self.invites += method == "INVITE"
            if self.status is None or method == "ACK":
                continue
            kept = [l for l in text.split("\r\n") if l.lower().startswith(("via:", "from:", "call-id:", "cseq:"))]
            to = next(l for l in text.split("\r\n") if l.lower().startswith("to:"))
            answer = [f"SIP/2.0 {self.status} Service Unavailable", *kept, f"{to};tag=sick", "Content-Length: 0", "", ""]
            self.socket.sendto("\r\n".join(answer).encode(), sender)


def apply(plan, data=DATA):
    path = os.path.join(data, "dialplan.toml")
    with open(path, "w") as out:
        out.write(plan)
    run = subprocess.run([PROGRAM, "dialplan", "apply", path, "--data", data], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr


def trunks(data=DATA):
    return {trunk["name"]: trunk for trunk in json.loads(verb("trunk", "list", "--json", data=data))}


SPACES = """
[settings]
search_space = "all"
[[search_space]]
name = "all"
partitions = ["internal", "out"]
[[search_space]]
name = "from-outside"
partitions = ["internal", "out"]
[[route]]
pattern = "{pattern}"
partition = "out"
to = {{ group = "outside" }}
called = {called}
[emergency]
to = {{ group = "outside" }}
[[outside.route_group]]
name = "outside"
trunks = {trunks}
"""


def plan(kamailio, before=()):
    """Numbers behind 9 go to Kamailio; before it, servers that cannot."""
    names = [name for name, _ in before]
    text = SPACES.format(pattern="9.XXXX", called="{ strip_pre_dot = true }", trunks=json.dumps([*names, "kam"]))
    for name, port in before:
        text += f'[[outside.trunk]]\nname = "{name}"\nsearch_space = "from-outside"\n'
        text += f'[outside.trunk.sip]\naddress = "127.0.0.1:{port}"\noptions_seconds = 5\nanswer_seconds = 2\n'
    return text + f"""
[[outside.trunk]]
name = "kam"
search_space = "from-outside"
[outside.trunk.sip]
address = "127.0.0.1:{kamailio.port}"
domain = "kam.test"
options_seconds = 5
caller_id = "p-asserted-identity"
[outside.trunk.sip.account]
username = "carillon"
password = "trunk-secret"
register = true
expires_seconds = 60
"""


async def call(caller, callee, target, hertz):
    """A call that is answered by itself; both hear the other's tone."""
    caller.events.clear()
    callee.events.clear()
    caller.command("dial", target)
    await until(lambda: caller.event("CALL_ESTABLISHED"), f"{target} answers", 15)
    await until(lambda: callee.event("CALL_ESTABLISHED"), f"{callee.line} talks")
    await asyncio.sleep(3)
    caller.command("hangup")
    await until(lambda: callee.event("CALL_CLOSED"), f"{callee.line} hears the end")
    for phone, expected in ((caller, callee.hertz), (callee, caller.hertz)):
        heard, above = phone.heard(TONES)
        assert heard == expected and above > 10, (phone.line, heard, above)


def knock(port, text):
    """What an unknown sender gets: the status of the first answer."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.bind(("127.0.0.1", 0))
        out.settimeout(5)
        host, own = out.getsockname()
        lines = text.format(own=f"{host}:{own}", branch=f"z9hG4bK{time.monotonic_ns()}").replace("\n", "\r\n")
        out.sendto(lines.encode(), ("127.0.0.1", port))
        return int(out.recv(65535).split(b" ")[1])


STRANGER = """{method} sip:{called}@127.0.0.1 SIP/2.0
Via: SIP/2.0/UDP {{own}};branch={{branch}}
Max-Forwards: 70
From: <sip:100@127.0.0.1>;tag=x
To: <sip:{called}@127.0.0.1>
Call-ID: {{branch}}
CSeq: 1 {method}
Contact: <sip:100@{{own}}>
{more}Content-Length: 0

"""


async def with_kamailio():
    kamailio = Kamailio().start()
    server = Server().start()
    apply(plan(kamailio))
    ann, bob, carol = (
        Baresip("ann", 440),
        Baresip("bob", 697, answer="auto"),
        Baresip("carol", 941, answer="auto", domain="kam.test", server=f"127.0.0.1:{kamailio.port}"),
    )
    try:
        for phone in (ann, bob, carol):
            await phone.open()
        await until(lambda: trunks()["kam"]["registered"] and trunks()["kam"]["servers"][0]["state"] == "up", "registered", 15)
        tested = verb("trunk", "test", "kam")
        assert "ok" in tested and "200 OK" in tested, tested
        await call(ann, carol, "sip:91003@localhost", 941)
        await call(carol, bob, "sip:1002@kam.test", 697)
        # Who came over the trunk does not go out over it.
        carol.events.clear()
        carol.command("dial", "sip:91003@kam.test")
        await until(lambda: carol.event("CALL_CLOSED"), "a call through is refused")
        assert "403" in str(carol.event("CALL_CLOSED")), carol.event("CALL_CLOSED")
        # Strangers are asked who they are, whatever they dial; a REFER of theirs is not served.
        for called in ("1001", "4711", "91003"):
            assert knock(SIP, STRANGER.format(method="INVITE", called=called, more="")) == 401, called
        refer = STRANGER.format(method="REFER", called="1001", more="Refer-To: <sip:91003@localhost>\n")
        assert knock(SIP, refer) in (403, 405)
        # Servers that cannot are passed over: at first by the call itself, then they are known to be down.
        silent, sick = Sick(None), Sick(503)
        apply(plan(kamailio, [("silent", silent.port), ("sick", sick.port)]))
        await call(ann, carol, "sip:91003@localhost", 941)
        await until(lambda: not trunks()["silent"]["usable"] and not trunks()["sick"]["usable"], "both are down", 30)
        before = silent.invites, sick.invites
        began = time.monotonic()
        await call(ann, carol, "sip:91003@localhost", 941)
        assert (silent.invites, sick.invites) == before and time.monotonic() - began < 8, (silent.invites, sick.invites, before)
        # A registrar that restarts has forgotten us, and hears of us again.
        shown = verb("trunk", "show", "silent")
        assert "down for" in shown, shown
    finally:
        for phone in (ann, bob, carol):
            phone.close()
        server.stop()
        kamailio.stop()


def second_server():
    """A server at 127.0.0.2 with lines 2001 and 2002."""
    data = os.path.join(DATA, "peers", "second")
    os.makedirs(os.path.dirname(data), exist_ok=True)
    subprocess.run(["rm", "-rf", data], check=True)
    init = [PROGRAM, "init", "--data", data, "--domain", "second.lan", "--listen", "127.0.0.2", "--port-offset", str(OFFSET)]
    subprocess.run(init, check=True, capture_output=True)
    config = os.path.join(data, "carillon.toml")
    with open(config) as text:
        # Some doors are on this machine's own address, whatever --listen says.
        closed = text.read().replace("[listen]\n", "[listen]\nhttp_loopback = 0\nmetrics = 0\n", 1)
    with open(config, "w") as out:
        out.write(closed)
    users = os.path.join(data, "users.csv")
    with open(users, "w") as out:
        out.write("jid,name,password,line,line_password\n")
        out.write("dora@second.lan,dora,pw-dora,2001,line-2001\nemil@second.lan,emil,pw-emil,2002,line-2002\n")
    subprocess.run([PROGRAM, "user", "import", users, "--data", data], check=True, capture_output=True)
    LINES.update(dora="2001", emil="2002")
    return Server(data, "127.0.0.2")


def between(pattern, name, address):
    """Each signs in at the other with the same name and password."""
    return SPACES.format(pattern=pattern, called="{}", trunks=json.dumps([name])) + f"""
[[outside.trunk]]
name = "{name}"
search_space = "from-outside"
[outside.trunk.sip]
address = "{address}:{SIP}"
transport = "tcp"
options_seconds = 5
account = {{ username = "between", password = "two houses", inbound = true }}
"""


async def two_servers():
    first, second = Server().start(), second_server()
    second.start()
    apply(between("2XXX", "second", "127.0.0.2"))
    apply(between("1XXX", "first", "127.0.0.1"), second.data)
    phones = [
        Baresip("ann", 440),
        Baresip("bob", 697, answer="auto"),
        Baresip("dora", 1209, answer="auto", domain="second.lan", server=f"127.0.0.2:{SIP}"),
        Baresip("emil", 1477, answer="auto", domain="second.lan", server=f"127.0.0.2:{SIP}"),
    ]
    try:
        ann, bob, dora, emil = [await phone.open() for phone in phones]
        await until(lambda: trunks()["second"]["servers"][0]["state"] == "up", "the second is up", 15)
        await call(ann, dora, "sip:2001@localhost", 1209)
        await call(dora, bob, "sip:1002@second.lan", 697)
        # dora transfers ann to emil at her own server, who answers by himself.
        for phone in phones:
            phone.events.clear()
        ann.command("dial", "sip:2001@localhost")
        await until(lambda: ann.event("CALL_ESTABLISHED") and dora.event("CALL_ESTABLISHED"), "ann talks to dora", 15)
        await asyncio.sleep(1)
        dora.command("transfer", "sip:2002@second.lan")
        await until(lambda: emil.event("CALL_ESTABLISHED"), "emil talks", 15)
        await until(lambda: dora.event("CALL_CLOSED"), "dora is out of it")
        await asyncio.sleep(3)
        assert not ann.event("CALL_CLOSED") and not emil.event("CALL_CLOSED"), "ann and emil still talk"
        emil.command("hangup")
        await until(lambda: ann.event("CALL_CLOSED"), "ann hears the end")
        heard, above = emil.heard(TONES)
        assert heard == 440 and above > 10, ("emil", heard, above)
        # And out over the trunk: ann calls bob in her own house, who has her transferred to the second one.
        for phone in phones:
            phone.events.clear()
        ann.command("dial", "sip:1002@localhost")
        await until(lambda: ann.event("CALL_ESTABLISHED"), "ann talks to bob", 15)
        await asyncio.sleep(1)
        bob.command("transfer", "sip:2001@localhost")
        await until(lambda: dora.event("CALL_ESTABLISHED"), "dora talks", 15)
        await until(lambda: bob.event("CALL_CLOSED"), "bob is out of it")
        await asyncio.sleep(3)
        ann.command("hangup")
        await until(lambda: dora.event("CALL_CLOSED"), "dora hears the end")
        heard, above = dora.heard(TONES)
        assert heard == 440 and above > 10, ("dora", heard, above)
    finally:
        for phone in phones:
            phone.close()
        second.stop()
        first.stop()


async def test():
    await with_kamailio()
    await two_servers()


if __name__ == "__main__":
    main(test)
