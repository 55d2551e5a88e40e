"""A trunk over TLS to Kamailio, which wants our certificate: it registers, calls go both ways with sound over the one connection
that we opened, a certificate that nobody vouches for or that is for another name is refused, and it is said why.

peer: kamailio, baresip
server: own
"""

import asyncio
import json
import os
import subprocess

from carillon import DATA, PROGRAM, Baresip, Server, folder, free_port, main, until, verb

TONES = (440, 697, 941)
KAMAILIO = """#!KAMAILIO
debug=0
log_stderror=yes
children=2
auto_aliases=no
alias="kam.test"
listen=tls:127.0.0.1:{port}
listen=udp:127.0.0.1:{port}
enable_tls=yes
tcp_connection_lifetime=3600
dns=no
rev_dns=no
mpath="{modules}/"
loadmodule "tls.so"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "nathelper.so"
modparam("tls", "tls_method", "TLSv1.2+")
modparam("tls", "certificate", "{path}/kam.pem")
modparam("tls", "private_key", "{path}/kam.key")
modparam("tls", "ca_list", "{ours}")
modparam("tls", "verify_certificate", 1)
modparam("tls", "require_certificate", 1)
modparam("usrloc", "db_mode", 0)
modparam("registrar", "min_expires", 30)
modparam("registrar", "received_avp", "$avp(received)")
modparam("nathelper", "received_avp", "$avp(received)")
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
    if (is_method("REGISTER")) {{
        # What comes for us goes back over the connection that we opened.
        fix_nated_register();
        if (!save("location", "0x04")) {{ sl_reply_error(); }}
        exit;
    }}
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
PLAN = """
[settings]
search_space = "all"
[[search_space]]
name = "all"
partitions = ["internal", "out"]
[[search_space]]
name = "from-outside"
partitions = ["internal"]
[[route]]
pattern = "9.XXXX"
partition = "out"
to = {{ trunk = "kam" }}
called = {{ strip_pre_dot = true }}
[[outside.security_profile]]
name = "kamailio"
mode = "authenticated"
{profile}
[[outside.trunk]]
name = "kam"
search_space = "from-outside"
security_profile = "kamailio"
[outside.trunk.sip]
address = "127.0.0.1:{port}"
domain = "kam.test"
options_seconds = 5
account = {{ username = "carillon", password = "not asked for", register = true, expires_seconds = 60 }}
"""


def openssl(*arguments):
    return subprocess.run(["openssl", *arguments], check=True, capture_output=True, text=True).stdout


def certificate(path, name):
    """A key and a certificate for `name` from the authority in `path`."""
    key, request, pem = (os.path.join(path, f"{name.split('.')[0]}.{end}") for end in ("key", "csr", "pem"))
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", request, "-subj", f"/CN={name}")
    extension = os.path.join(path, "names")
    with open(extension, "w") as out:
        out.write(f"subjectAltName=URI:sip:{name},DNS:host.{name}\n")
    authority = ["-CA", os.path.join(path, "ca.pem"), "-CAkey", os.path.join(path, "ca.key"), "-CAcreateserial"]
    openssl("x509", "-req", "-in", request, *authority, "-days", "30", "-extfile", extension, "-out", pem)
    return pem


class Kamailio:
    """A registrar and proxy that speaks TLS only with who shows our server's certificate; its phones come over UDP."""

    def __init__(self):
        self.port, self.path = free_port(), folder("kamailio-tls")
        authority = ["-keyout", os.path.join(self.path, "ca.key"), "-out", os.path.join(self.path, "ca.pem")]
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", *authority, "-days", "30", "-subj", "/CN=Test authority")
        self.pem = certificate(self.path, "kam.test")
        modules = next(
            path for path in (f"/usr/lib/{m}-linux-gnu/kamailio/modules" for m in ("x86_64", "aarch64")) if os.path.isdir(path)
        )
        ours = next(os.path.join(at, name) for at, _, names in os.walk(DATA) for name in names if name == "certificate.pem")
        self.config = os.path.join(self.path, "kamailio.cfg")
        with open(self.config, "w") as config:
            config.write(KAMAILIO.format(port=self.port, modules=modules, path=self.path, ours=ours))

    def start(self):
        command = ["kamailio", "-f", self.config, "-DD", "-E", "-m", "64", "-M", "8", "-Y", self.path, "-P", f"{self.path}/pid"]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=open(f"{self.path}/log", "a"), stderr=subprocess.STDOUT)
        return self

    def stop(self):
        self.process.terminate()
        self.process.wait(10)

    def apply(self, profile):
        path = os.path.join(DATA, "dialplan.toml")
        with open(path, "w") as out:
            out.write(PLAN.format(port=self.port, profile=profile))
        run = subprocess.run([PROGRAM, "dialplan", "apply", path, "--data", DATA], capture_output=True, text=True)
        assert run.returncode == 0, run.stdout + run.stderr


def trunk():
    return json.loads(verb("trunk", "list", "--json"))[0]


async def refused(kamailio, profile, why):
    kamailio.apply(profile)
    await until(lambda: why in (trunk()["problem"] or ""), why, 15)
    assert not trunk()["registered"]
    listed = verb("trunk", "list")
    assert why in listed, listed
    print(listed)


async def call(caller, callee, target):
    caller.events.clear()
    callee.events.clear()
    caller.command("dial", target)
    await until(lambda: caller.event("CALL_ESTABLISHED"), f"{target} answers", 15)
    await asyncio.sleep(3)
    caller.command("hangup")
    await until(lambda: callee.event("CALL_CLOSED"), f"{callee.line} hears the end")
    for phone, expected in ((caller, callee.hertz), (callee, caller.hertz)):
        heard, above = phone.heard(TONES)
        assert heard == expected and above > 10, (phone.line, heard, above)


async def test():
    server = Server().start()
    kamailio = Kamailio().start()
    ann, bob, carol = (
        Baresip("ann", 440),
        Baresip("bob", 697, answer="auto"),
        Baresip("carol", 941, answer="auto", domain="kam.test", server=f"127.0.0.1:{kamailio.port}"),
    )
    authority = f'ca_file = "{kamailio.path}/ca.pem"'
    fingerprint = openssl("x509", "-in", kamailio.pem, "-noout", "-fingerprint", "-sha256").strip().split("=")[1]
    try:
        for phone in (ann, bob, carol):
            await phone.open()
        await refused(kamailio, "client_certificate = true", "not from an authority that is trusted here")
        # The DNS name does not count beside the URI.
        await refused(kamailio, f'{authority}\nsubject_names = ["host.kam.test"]', "for kam.test, not for host.kam.test")
        await refused(kamailio, authority, "TLS: ")  # It wants our certificate.
        for believed in (authority, f'pinned = ["{fingerprint}"]'):
            kamailio.apply(f"{believed}\nclient_certificate = true")
            await until(lambda: trunk()["registered"], "it is registered over TLS", 40)
            assert trunk()["problem"] is None, trunk()
            await until(lambda: trunk()["servers"][0]["state"] == "up", "it is up", 15)
            assert trunk()["servers"][0]["server"] == f"tls 127.0.0.1:{kamailio.port}"
            print(verb("trunk", "list"), verb("trunk", "show", "kam"), verb("trunk", "test", "kam"))
            if believed == authority:
                await call(ann, carol, "sip:91003@localhost")
                await call(carol, bob, "sip:1002@kam.test")
        # Kamailio restarts: the connection is opened again, and the registration with it.
        kamailio.stop()
        await until(lambda: trunk()["servers"][0]["problem"], "it is gone", 20)
        kamailio.start()
        await until(lambda: trunk()["problem"] is None and trunk()["servers"][0]["state"] == "up", "it is back", 45)
    finally:
        for phone in (ann, bob, carol):
            phone.close()
        kamailio.stop()
        server.stop()


if __name__ == "__main__":
    main(test)
