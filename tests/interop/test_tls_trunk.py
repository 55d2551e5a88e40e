"""A trunk over TLS: it registers, calls go both ways over one connection, and a certificate that nobody vouches for is refused.

peer: baresip
server: own
"""

import asyncio
import json
import os
import subprocess

from carillon import DATA, LINES, OFFSET, PROGRAM, SIP, SIP_TLS, Baresip, Server, main, until, verb

TONES = (440, 1209)
PLAN = """
[settings]
search_space = "all"
[[search_space]]
name = "all"
partitions = ["internal", "out"]
[[search_space]]
name = "inside"
partitions = ["internal"]
[[route]]
pattern = "9.XXXX"
partition = "out"
to = {{ trunk = "first" }}
called = {{ strip_pre_dot = true }}
[emergency]
to = {{ trunk = "first" }}
[[outside.trunk]]
name = "first"
search_space = "inside"
called_in = {{ strip_leading = 4, prefix = "2001" }}
[outside.trunk.sip]
address = "localhost:{port}"
transport = "tls"
authorities = '''
{authorities}'''
options_seconds = 5
account = {{ username = "1003", password = "line-1003", register = true, expires_seconds = 60 }}
"""


def second_server():
    """A server at 127.0.0.2 with the line 2001; for the first one it is the phone of the line 1003."""
    data = os.path.join(DATA, "peers", "second")
    os.makedirs(os.path.dirname(data), exist_ok=True)
    subprocess.run(["rm", "-rf", data], check=True)
    init = [PROGRAM, "init", "--data", data, "--domain", "second.lan", "--listen", "127.0.0.2", "--port-offset", str(OFFSET)]
    subprocess.run(init, check=True, capture_output=True)
    config = os.path.join(data, "carillon.toml")
    with open(config) as text:
        closed = text.read().replace("[listen]\n", "[listen]\nhttp_loopback = 0\nmetrics = 0\n", 1)
    with open(config, "w") as out:
        out.write(closed)
    users = os.path.join(data, "users.csv")
    with open(users, "w") as out:
        out.write("jid,name,password,line,line_password\ndora@second.lan,dora,pw-dora,2001,line-2001\n")
    subprocess.run([PROGRAM, "user", "import", users, "--data", data], check=True, capture_output=True)
    LINES.update(dora="2001")
    return Server(data, "127.0.0.2")


def certificate(data):
    found = next(os.path.join(at, name) for at, _, names in os.walk(data) for name in names if name == "certificate.pem")
    with open(found) as pem:
        return pem.read()


def apply(data, authorities):
    path = os.path.join(data, "dialplan.toml")
    with open(path, "w") as out:
        out.write(PLAN.format(port=SIP_TLS, authorities=authorities))
    run = subprocess.run([PROGRAM, "dialplan", "apply", path, "--data", data], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr


def trunk(data):
    return json.loads(verb("trunk", "list", "--json", data=data))[0]


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
    first, second = Server().start(), second_server()
    second.start()
    ann = Baresip("ann", 440, answer="auto")
    dora = Baresip("dora", 1209, answer="auto", domain="second.lan", server=f"127.0.0.2:{SIP}")
    try:
        for phone in (ann, dora):
            await phone.open()
        # An authority that did not sign it: no call, and the reason is told.
        apply(second.data, certificate(second.data))
        await until(lambda: "certificate" in (trunk(second.data)["problem"] or ""), "the certificate is refused", 20)
        print(trunk(second.data)["problem"])
        assert not trunk(second.data)["registered"]
        apply(second.data, certificate(DATA))
        await until(lambda: trunk(second.data)["registered"], "it is registered over TLS", 40)
        assert trunk(second.data)["problem"] is None
        registered = json.loads(verb("status", "--json"))["registrations"]
        assert any(row["line"] == "1003" and row["source"].startswith("TLS") for row in registered), registered
        await call(dora, ann, "sip:91001@second.lan")
        await call(ann, dora, "sip:1003@localhost")
        servers = [server["server"] for server in trunk(second.data)["servers"]]
        assert servers == [f"tls 127.0.0.1:{SIP_TLS}"], servers
    finally:
        for phone in (ann, dora):
            phone.close()
        second.stop()
        first.stop()


if __name__ == "__main__":
    main(test)
