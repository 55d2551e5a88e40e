"""Behind NAT on both sides (a rented server, a phone at home): audio flows both ways, and local phones stay local.

peer: baresip
server: own
scenes of baresip: call
"""

# home 10.9.2.2 --masqueraded as 198.51.100.2--> router --198.51.100.1 forwarded to--> 10.9.1.2 server, 10.9.1.3 phone beside it

import asyncio
import os
import subprocess
import sys
import time

import carillon
from carillon import DATA, DOMAIN, PROGRAM, Baresip, main, until

TONES = (440, 697, 941, 1209)
NAMES = {name: f"{name}{os.getpid()}" for name in ("net", "srv", "desk", "home")}
PUBLIC, SERVER, PHONE, HOME = "198.51.100.1", "10.9.1.2", "10.9.1.3", "10.9.2.2"


def run(*words):
    subprocess.run(words, check=True, capture_output=True)


def inside(name, *words):
    run("ip", "netns", "exec", NAMES[name], *words)


def plug(name, bridge, address, router):
    """A namespace with one address, on a bridge of the router."""
    run("ip", "-n", NAMES["net"], "link", "add", name, "type", "veth", "peer", "name", "up0", "netns", NAMES[name])
    run("ip", "-n", NAMES["net"], "link", "set", name, "master", bridge, "up")
    run("ip", "-n", NAMES[name], "address", "add", f"{address}/24", "dev", "up0")
    run("ip", "-n", NAMES[name], "link", "set", "up0", "up")
    run("ip", "-n", NAMES[name], "route", "add", "default", "via", router)


def build():
    for name in NAMES.values():
        run("ip", "netns", "add", name)
        run("ip", "-n", name, "link", "set", "lo", "up")
    for bridge, router in (("office", "10.9.1.1"), ("flat", "10.9.2.1")):
        run("ip", "-n", NAMES["net"], "link", "add", bridge, "type", "bridge")
        run("ip", "-n", NAMES["net"], "address", "add", f"{router}/24", "dev", bridge)
        run("ip", "-n", NAMES["net"], "link", "set", bridge, "up")
    plug("srv", "office", SERVER, "10.9.1.1")
    plug("desk", "office", PHONE, "10.9.1.1")
    plug("home", "flat", HOME, "10.9.2.1")
    for address in (PUBLIC, "198.51.100.2"):
        run("ip", "-n", NAMES["net"], "address", "add", f"{address}/32", "dev", "lo")
    inside("net", "sysctl", "-qw", "net.ipv4.ip_forward=1")
    # As at home: nothing comes in that was not asked for.
    inside("net", "iptables", "-A", "FORWARD", "-d", "10.9.2.0/24", "-m", "conntrack", "--ctstate", "NEW", "-j", "DROP")
    # The office does not reach itself from outside: a phone there that is told the public address hears nothing.
    inside("net", "iptables", "-t", "mangle", "-A", "PREROUTING", "-s", "10.9.1.0/24", "-d", PUBLIC, "-j", "DROP")
    inside("net", "iptables", "-t", "nat", "-A", "PREROUTING", "-d", PUBLIC, "-j", "DNAT", "--to-destination", SERVER)
    inside("net", "iptables", "-t", "nat", "-A", "POSTROUTING", "-s", "10.9.2.0/24", "-j", "SNAT", "--to-source", "198.51.100.2")
    inside("net", "iptables", "-t", "nat", "-A", "POSTROUTING", "-s", SERVER, "-o", "flat", "-j", "SNAT", "--to-source", PUBLIC)


def tear_down():
    for name in NAMES.values():
        subprocess.run(["ip", "netns", "delete", name], capture_output=True)


def configure():
    """The server's own address is private; what it writes for others is the public one."""
    path = os.path.join(DATA, "carillon.toml")
    with open(path) as config:
        text = config.read()
    text = text.replace("127.0.0.1", SERVER)
    for section, lines in {
        "[media]": f'advertise = "{PUBLIC}"',
        "[sip]": f'advertise = "{PUBLIC}"',
        "[network]": 'local = ["10.9.1.0/24"]',
    }.items():
        text = text.replace(section, f"{section}\n{lines}", 1) if section in text else f"{text}\n{section}\n{lines}\n"
    with open(path, "w") as config:
        config.write(text)


async def phone(user, address, server, hertz, dial):
    """Runs inside a namespace: registers, dials or answers, and says what it heard."""
    baresip = await Baresip(user, hertz, answer="auto", address=address, server=f"{server}:{carillon.SIP}").open()
    try:
        print("registered", flush=True)
        if dial:
            baresip.command("dial", f"sip:{dial}@{DOMAIN}")
        await until(lambda: baresip.event("CALL_ESTABLISHED"), f"{user}'s call is established", 20)
        await asyncio.sleep(4)
        if dial:
            baresip.command("hangup")
        await until(lambda: baresip.event("CALL_CLOSED") or dial, f"{user}'s call ends")
        print("heard", *baresip.heard(TONES), flush=True)
    finally:
        baresip.close()


def role(name, *words):
    return subprocess.Popen(
        ["ip", "netns", "exec", NAMES[name], sys.executable, __file__, *words], stdout=subprocess.PIPE, text=True
    )


async def test():
    tear_down()
    build()
    server = None
    try:
        configure()
        log = open(os.path.join(DATA, "server.log"), "a")
        server = subprocess.Popen(
            ["ip", "netns", "exec", NAMES["srv"], PROGRAM, "serve", "--data", DATA], stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
        time.sleep(1.5)
        beside = role("desk", "bob", PHONE, SERVER, "697", "")
        assert beside.stdout.readline().strip() == "registered"
        home = role("home", "ann", HOME, PUBLIC, "440", "1002")
        assert home.stdout.readline().strip() == "registered"
        for process, hertz in ((home, "697"), (beside, "440")):
            heard = process.stdout.readline().split()
            print(heard)
            assert heard[:2] == ["heard", hertz], heard
            assert float(heard[2]) > 10, heard
    finally:
        if server:
            server.terminate()
            server.wait()
        tear_down()


if len(sys.argv) > 1:
    user, address, server, hertz, dial = sys.argv[1:6]
    asyncio.run(phone(user, address, server, int(hertz), dial))
else:
    main(test)
