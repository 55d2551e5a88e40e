"""Moving in from Prosody: its data folder is read, and everybody signs in with the password they had.

peer: prosody
server: running
"""

import os
import signal
import socket
import subprocess
import time

from carillon import DATA, DOMAIN, PROGRAM, XMPP, folder, free_port, main, password, verb
from old_house import USERS, certificate, furnish, inspect


def configure(path, port):
    certificate_file, key = certificate(path)
    config = os.path.join(path, "prosody.cfg.lua")
    with open(config, "w") as out:
        out.write(f"""
run_as_root = true
daemonize = false
pidfile = "{path}/prosody.pid"
data_path = "{path}/data"
interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {port} }}
modules_enabled = {{ "disco"; "roster"; "saslauth"; "tls"; "blocklist"; "bookmarks"; "pep"; "private"; "vcard_legacy"; "ping"; "posix"; "mam"; "lastactivity" }}
modules_disabled = {{ "s2s"; "http" }}
authentication = "internal_hashed"
storage = "internal"
archive_expires_after = "never"
default_archive_policy = true
log = {{ info = "{path}/log" }}
ssl = {{ certificate = "{certificate_file}"; key = "{key}" }}
VirtualHost "{DOMAIN}"
""")
    os.makedirs(os.path.join(path, "data"))
    return config


def start(path, config, port):
    with open(os.path.join(path, "out"), "w") as log:
        server = subprocess.Popen(["prosody", "-F", "--config", config], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    end = time.monotonic() + 20
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return server
        except OSError:
            time.sleep(0.05)
    raise AssertionError("prosody does not listen")


async def test():
    path = folder("prosody")
    port = free_port()
    config = configure(path, port)
    for user in USERS:
        subprocess.run(["prosodyctl", "--root", "--config", config, "register", user, DOMAIN, password(user)], check=True, capture_output=True)
    server = start(path, config, port)
    try:
        await furnish(port)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=10)
    await moved_in(("prosody", os.path.join(path, "data")))


async def moved_in(*sources):
    """Imports into the running server, twice, and looks."""
    for user in USERS:
        subprocess.run([PROGRAM, "user", "remove", f"{user}@{DOMAIN}", "--data", DATA], capture_output=True)
    plan = verb("import", *sources[0], "--dry-run")
    assert "3 accounts would be added, 3 with their passwords" in plan, plan
    users = verb("user", "list")
    assert "dave" not in users, users
    for source in sources:
        verb("import", *source)
    for source in sources:
        again = verb("import", *source)
        assert "0 accounts" in again and "0 archived" in again and "0 waiting" in again, again
    await inspect(XMPP)


if __name__ == "__main__":
    main(test)
