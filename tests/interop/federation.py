"""What the tests of federation share: a network of its own with a name service and an authority, and servers in it.

The test runs itself again inside a network namespace. There our server is 127.0.0.1 with its usual ports, the others are further
loopback addresses, and a name service of twenty lines answers for all of them.
"""

import asyncio
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

import carillon
from carillon import DATA, PROGRAM, Server, until

OURS = "carillon.lan"
NAME_SERVER = "10.99.0.53"
FOLDER = os.path.join(DATA, "federation")
USERS = ("ann", "bob")


def enter():
    """Goes on inside a network namespace of its own, which ends with the test."""
    name = f"carillon{os.getpid()}"
    if os.environ.get("CARILLON_NETNS"):
        return
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        os.makedirs(f"/etc/netns/{name}", exist_ok=True)
        with open(f"/etc/netns/{name}/resolv.conf", "w") as out:
            out.write(f"nameserver {NAME_SERVER}\noptions timeout:1 attempts:2\n")
        inside = ["ip", "netns", "exec", name]
        subprocess.run([*inside, "ip", "link", "set", "lo", "up"], check=True)
        # Not a loopback address: libunbound asks no name server there.
        subprocess.run([*inside, "ip", "addr", "add", f"{NAME_SERVER}/32", "dev", "lo"], check=True)
        environment = {**os.environ, "CARILLON_NETNS": name, "CARILLON_PORT_OFFSET": "0"}
        code = subprocess.run([*inside, sys.executable, *sys.argv], env=environment).returncode
    finally:
        # What a test that failed has left behind.
        left = subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True).stdout
        for process in left.split():
            os.kill(int(process), signal.SIGKILL)
        subprocess.run(["ip", "netns", "del", name])
        shutil.rmtree(f"/etc/netns/{name}", ignore_errors=True)
    sys.exit(code)


class Names:
    """The name service: SRV and A records for the domains that it is told of, and a clear no for all others."""

    def __init__(self):
        self.records = {}
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((NAME_SERVER, 53))
        threading.Thread(target=self.serve, daemon=True).start()

    def domain(self, domain, address, services=("_xmpp-server._tcp:5269",)):
        host = f"xmpp.{domain}"
        self.records[(host, 1)] = [socket.inet_aton(address)]
        for name in (domain, f"conference.{domain}"):
            for service in services:
                service, port = service.split(":")
                target = b"".join(bytes([len(label)]) + label.encode() for label in host.split(".")) + b"\0"
                self.records[(f"{service}.{name}", 33)] = [struct.pack("!HHH", 0, 5, int(port)) + target]

    def serve(self):
        while True:
            query, peer = self.socket.recvfrom(4096)
            labels, at = [], 12
            while query[at]:
                labels.append(query[at + 1 : at + 1 + query[at]].decode().lower())
                at += 1 + query[at]
            kind = struct.unpack("!H", query[at + 1 : at + 3])[0]
            question, name = query[12 : at + 5], ".".join(labels)
            answers = self.records.get((name, kind), [])
            known = any(other == name for other, _ in self.records)
            flags = 0x8580 | (0 if known else 3)
            reply = query[:2] + struct.pack("!HHHHH", flags, 1, len(answers), 0, 0) + question
            for data in answers:
                reply += b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 5, len(data)) + data
            self.socket.sendto(reply, peer)


class Authority:
    """An authority that signs certificates, also bad ones."""

    def __init__(self, name="authority"):
        self.folder = os.path.join(FOLDER, name)
        os.makedirs(self.folder)
        self.certificate = os.path.join(self.folder, "ca.pem")
        with open(os.path.join(self.folder, "ca.cnf"), "w") as out:
            out.write(
                f"[ca]\ndefault_ca=own\n[own]\ndir={self.folder}\ndatabase={self.folder}/index\nserial={self.folder}/serial\n"
                f"new_certs_dir={self.folder}\ncertificate={self.certificate}\nprivate_key={self.folder}/ca.key\ndefault_md=sha256\n"
                "policy=any\nunique_subject=no\nrand_serial=yes\ncopy_extensions=copy\n[any]\ncommonName=supplied\n"
            )
        open(os.path.join(self.folder, "index"), "w").close()
        self.openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3650", "-subj", f"/CN=The {name}",
            "-keyout", f"{self.folder}/ca.key", "-out", self.certificate,
        )

    def openssl(self, *words):
        subprocess.run(["openssl", *words], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def issue(self, domain, names=None, until_date="20360101000000Z"):
        """Gives the paths of a certificate for a domain and its rooms, and of its key."""
        names = ",".join(f"DNS:{name}" for name in names or (domain, f"conference.{domain}", f"pubsub.{domain}"))
        path = os.path.join(self.folder, domain)
        self.openssl(
            "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={domain}",
            "-addext", f"subjectAltName={names}", "-keyout", f"{path}.key", "-out", f"{path}.csr",
        )
        self.openssl(
            "ca", "-batch", "-config", f"{self.folder}/ca.cnf", "-notext", "-startdate", "20200101000000Z", "-enddate", until_date,
            "-in", f"{path}.csr", "-out", f"{path}.pem",
        )
        return f"{path}.pem", f"{path}.key"


def carillon_server(authority, names, domain=OURS, address="127.0.0.1", offset=0, **federation):
    """Our server for carillon.lan, or a further one, not yet started."""
    data = os.path.join(FOLDER, domain.split(".")[0])
    init = [PROGRAM, "init", "--data", data, "--domain", domain, "--listen", address, "--port-offset", str(offset)]
    subprocess.run(init, check=True, stdout=subprocess.DEVNULL)
    rows = "".join(f"{user}@{domain},{user},{carillon.password(user)},,\n" for user in USERS)
    path = os.path.join(FOLDER, "users.csv")
    with open(path, "w") as out:
        out.write("jid,name,password,line,line_password\n" + rows)
    subprocess.run([PROGRAM, "user", "import", path, "--data", data], check=True, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    certificate, key = authority.issue(domain)
    shutil.copy(certificate, os.path.join(data, "certificate.pem"))
    shutil.copy(key, os.path.join(data, "key.pem"))
    os.environ["CARILLON__FEDERATION__AUTHORITIES"] = authority.certificate
    for name, value in federation.items():
        os.environ[f"CARILLON__{name.upper()}"] = value
    names.domain(domain, address, (f"_xmpp-server._tcp:{5269 + offset}", f"_xmpps-server._tcp:{5270 + offset}"))
    return Server(data, address)


def ours(user, resource="desk", **options):
    return carillon.client(user, resource, domain=OURS, port=5222, **options)


def federation(*words, of=OURS):
    """What a verb of federation says, and its exit code."""
    data = os.path.join(FOLDER, of.split(".")[0])
    run = subprocess.run([PROGRAM, "federation", *words, "--json", "--data", data], capture_output=True, text=True)
    return json.loads(run.stdout), run.returncode


def state(domain, of=OURS):
    found = [state for state in federation("list", of=of)[0] if state["domain"] == domain and state["local"] == of]
    return found[0] if found else None


class Peer:
    """A foreign server: a process that listens."""

    def __init__(self, domain, address):
        self.domain, self.address, self.process = domain, address, None

    def client(self, user, resource="home", **options):
        return carillon.client(user, resource, domain=self.domain, host=self.address, port=5222, **options)

    def launch(self, command, environment=None, cwd=None):
        self.log = open(os.path.join(self.folder, "out"), "a")
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, env={**os.environ, **(environment or {})}, cwd=cwd, start_new_session=True
        )
        end = time.monotonic() + 40
        for port in (5222, 5269):
            while True:
                try:
                    socket.create_connection((self.address, port), 1).close()
                    break
                except OSError:
                    assert time.monotonic() < end and self.process.poll() is None, f"{self.domain} does not start; see {self.folder}"
                    time.sleep(0.1)
        return self

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Prosody(Peer):
    """Prosody 0.12, with further domains that have bad certificates."""

    def __init__(self, authority, names, bad=(), secure=True, modules=(), settings="", level="debug"):
        super().__init__("prosody.lan", "127.0.0.3")
        self.folder = os.path.join(FOLDER, "prosody")
        os.makedirs(os.path.join(self.folder, "data"))
        certificate, key = authority.issue(self.domain)
        modules = "".join(f'"{module}"; ' for module in modules)
        hosts = "".join(f'VirtualHost "{name}"\n  ssl = {{ certificate = "{c}"; key = "{k}" }}\n' for name, (c, k) in bad)
        self.config = os.path.join(self.folder, "prosody.cfg.lua")
        with open(self.config, "w") as out:
            out.write(
                f"""
run_as_root = true
daemonize = false
pidfile = "{self.folder}/pid"
data_path = "{self.folder}/data"
interfaces = {{ "{self.address}" }}
c2s_ports = {{ 5222 }}
s2s_ports = {{ 5269 }}
s2s_direct_tls_ports = {{ 5270 }}
modules_enabled = {{ "disco"; "roster"; "saslauth"; "tls"; "dialback"; "pep"; "ping"; "smacks"; "s2s_bidi"; "offline"; {modules}}}
modules_disabled = {{ "http" }}
s2s_require_encryption = true
s2s_secure_auth = {str(secure).lower()}
authentication = "internal_plain"
log = {{ {level} = "{self.folder}/log" }}
ssl = {{ certificate = "{certificate}"; key = "{key}"; cafile = "{authority.certificate}"; capath = "/nowhere" }}
s2s_direct_tls_ssl = {{ certificate = "{certificate}"; key = "{key}"; cafile = "{authority.certificate}" }}
unbound = {{ resolvconf = true; hoststxt = false }}
{settings}
VirtualHost "{self.domain}"
{hosts}
Component "conference.{self.domain}" "muc"
  restrict_room_creation = false
  muc_room_default_persistent = true
"""
            )
        for user in USERS:
            subprocess.run(["prosodyctl", "--root", "--config", self.config, "register", user, self.domain, carillon.password(user)], check=True, stdout=subprocess.DEVNULL)
        for domain in (self.domain, *(name for name, _ in bad)):
            names.domain(domain, self.address)

    def start(self):
        return self.launch(["lua5.4", "/usr/bin/prosody", "-F", "--config", self.config])


class Ejabberd(Peer):
    """ejabberd 23.01, undistributed."""

    def __init__(self, authority, names):
        super().__init__("ejabberd.lan", "127.0.0.4")
        self.folder = os.path.join(FOLDER, "ejabberd")
        os.makedirs(os.path.join(self.folder, "spool"))
        certificate, key = authority.issue(self.domain)
        both = os.path.join(self.folder, "server.pem")
        with open(both, "w") as out:
            out.write(open(certificate).read() + open(key).read())
        self.config = os.path.join(self.folder, "ejabberd.yml")
        with open(self.config, "w") as out:
            out.write(
                f"""
loglevel: debug
log_rotate_count: 0
hosts: ["{self.domain}"]
certfiles: ["{both}"]
ca_file: "{authority.certificate}"
s2s_cafile: "{authority.certificate}"
s2s_use_starttls: required
listen:
  - {{port: 5222, ip: "{self.address}", module: ejabberd_c2s, starttls_required: true}}
  - {{port: 5269, ip: "{self.address}", module: ejabberd_s2s_in}}
disable_sasl_mechanisms: ["digest-md5", "X-OAUTH2"]
auth_method: internal
auth_password_format: plain
access_rules:
  all_ok: {{allow: all}}
modules:
  mod_disco: {{}}
  mod_muc: {{access: all_ok, access_create: all_ok, access_persistent: all_ok, default_room_options: {{persistent: true}}}}
  mod_offline: {{}}
  mod_ping: {{}}
  mod_roster: {{}}
  mod_s2s_dialback: {{}}
"""
            )
        names.domain(self.domain, self.address)

    def start(self):
        environment = {
            "EJABBERD_CONFIG_PATH": self.config, "EJABBERD_LOG_PATH": f"{self.folder}/log", "EJABBERD_PID_PATH": f"{self.folder}/pid",
            "ERL_LIBS": "/usr/lib/x86_64-linux-gnu", "ERL_CRASH_DUMP": "/dev/null", "HOME": self.folder,
        }
        users = ",".join(f'<<"{user}">>' for user in USERS)
        register = (
            f"spawn(fun() -> timer:sleep(1500), [ejabberd_auth:try_register(U, <<\"{self.domain}\">>, <<\"pw-\", U/binary>>)"
            f" || U <- [{users}]] end)."
        )
        command = ["erl", "-noinput", "-noshell", "-mnesia", "dir", f'"{self.folder}/spool"', "-ejabberd", "log_rotate_count", "0", "-s", "ejabberd", "-eval", register]
        self.launch(command, environment, cwd=os.path.join(self.folder, "spool"))
        time.sleep(2)
        return self


async def talk(one, other):
    """Messages both ways, presence after real subscriptions, and requests."""
    one.send_message(other.boundjid.bare, "from one", mtype="chat")
    await until(lambda: other.heard("from one"), "the first message arrives", 20)
    other.send_message(one.boundjid.full, "from the other", mtype="chat")
    await until(lambda: one.heard("from the other"), "the answer arrives", 20)
    assert len(other.heard("from one")) == 1
    await carillon.befriend(one, other)
    one.send_presence(pshow="dnd", pstatus="writing")
    await until(lambda: other.seen(one.boundjid.bare, "dnd", "writing"), "a change of presence is seen")
    other.send_presence(pshow="away", pstatus="reading")
    await until(lambda: one.seen(other.boundjid.bare, "away", "reading"), "and the other way")
    for who, whom in ((one, other.boundjid.host), (other, one.boundjid.host), (one, other.boundjid.full), (other, one.boundjid.full)):
        await asyncio.wait_for(who.plugin["xep_0199"].send_ping(whom, timeout=10), 15)


async def meet(host, guest, room):
    """A room of the host's server, where a guest from elsewhere comes in, speaks, hears and leaves."""
    for who in (host, guest):
        who.room = []
        who.add_event_handler("groupchat_message", who.room.append)
    await host.plugin["xep_0045"].join_muc_wait(room, "host", timeout=15)
    form = host.plugin["xep_0004"].make_form("submit")
    await host.plugin["xep_0045"].set_room_config(room, form)
    await guest.plugin["xep_0045"].join_muc_wait(room, "guest", timeout=15)
    guest.send_message(room, "good evening", mtype="groupchat")
    host.send_message(room, "welcome", mtype="groupchat")
    for who in (host, guest):
        words = lambda: {m["body"] for m in who.room}
        await until(lambda: {"good evening", "welcome"} <= words(), "everybody hears everybody", 15)
    assert set(host.plugin["xep_0045"].get_roster(room)) == {"host", "guest"}
    guest.plugin["xep_0045"].leave_muc(room, "guest")
    await until(lambda: set(host.plugin["xep_0045"].get_roster(room)) == {"host"}, "the guest is gone", 15)


PLUGINS = ("xep_0199", "xep_0030", "xep_0045", "xep_0004", "xep_0198")


async def away(peer, ann, user, count=20):
    """The other server is down: what is sent waits, and our server has acknowledged it. Gives how many."""
    peer.stop()
    acknowledged = set()
    ann.add_event_handler("stanza_acked", lambda stanza: acknowledged.add(stanza["id"]) if stanza.name == "message" else None)
    for number in range(count):
        ann.send_message(f"{user}@{peer.domain}", f"waiting {number}", mtype="chat")
    ann.plugin["xep_0198"].request_ack()
    await until(lambda: len(acknowledged) >= count, "they are acknowledged", 20)
    await until(lambda: (state(peer.domain) or {}).get("queued") == count, "they wait", 20)
    return count


async def arrives(peer, user, count):
    bob = await peer.client(user, plugins=PLUGINS).sign_in()
    bodies = lambda: [m["body"] for m in bob.messages if m["body"].startswith("waiting")]
    await until(lambda: len(bodies()) >= count, "all of it arrives", 60)
    await asyncio.sleep(2)
    assert bodies() == [f"waiting {number}" for number in range(count)], bodies()
    return bob


def begin():
    """Enters the network and makes its authority and name service."""
    enter()
    shutil.rmtree(FOLDER, ignore_errors=True)
    os.makedirs(FOLDER)
    return Authority(), Names()
