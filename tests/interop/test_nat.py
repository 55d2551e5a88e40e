"""Behind NAT on both sides (a rented server, a phone at home): audio flows both ways, and local phones stay local.

peer: baresip
server: own
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
NAMES = {"srv": f"cs{os.getpid()}", "net": f"cn{os.getpid()}", "home": f"ch{os.getpid()}"}
PUBLIC, SERVER, PHONE, HOME = "198.51.100.1", "10.9.1.2", "10.9.1.3", "10.9.2.2"


def run(*words):
    subprocess.run(words, check=True, capture_output=True)


def inside(name, *words):
    run("ip", "netns", "exec", NAMES[name], *words)


def build():
    for name in NAMES.values():
        run("ip", "netns", "add", name)
        run("ip", "-n", name, "link", "set", "lo", "up")
    for side, router, addresses in (("srv", "10.9.1.1/24", (f"{SERVER}/24", f"{PHONE}/24")), ("home", "10.9.2.1/24", (f"{HOME}/24",))):
        run("ip", "-n", NAMES["net"], "link", "add", side, "type", "veth", "peer", "name", "up0", "netns", NAMES[side])
        run("ip", "-n", NAMES["net"], "address", "add", router, "dev", side)
        run("ip", "-n", NAMES["net"], "link", "set", side, "up")
        for address in addresses:
            run("ip", "-n", NAMES[side], "address", "add", address, "dev", "up0")
        run("ip", "-n", NAMES[side], "link", "set", "up0", "up")
        run("ip", "-n", NAMES[side], "route", "add", "default", "via", router.split("/")[0])
    for address in (PUBLIC, "198.51.100.2"):
        run("ip", "-n", NAMES["net"], "address", "add", f"{address}/32", "dev", "lo")
    inside("net", "sysctl", "-qw", "net.ipv4.ip_forward=1")
    inside("net", "iptables", "-t", "nat", "-A", "PREROUTING", "-d", PUBLIC, "-j", "DNAT", "--to-destination", SERVER)
    inside("net", "iptables", "-t", "nat", "-A", "POSTROUTING", "-s", "10.9.2.0/24", "-j", "SNAT", "--to-source", "198.51.100.2")
    inside("net", "iptables", "-t", "nat", "-A", "POSTROUTING", "-s", SERVER, "-j", "SNAT", "--to-source", PUBLIC)


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
        beside = role("srv", "bob", PHONE, SERVER, "697", "")
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
