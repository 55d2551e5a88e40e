"""The server on PostgreSQL: users, chat, offline messages over a restart; the database going away is said, not hidden.

peer: postgresql-15
server: own
"""

import asyncio
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time

from carillon import DATA, DOMAIN, PROGRAM, Server, client, free_port, main, until, verb

BIN = "/usr/lib/postgresql/15/bin"


class PostgreSQL:
    """A database of our own on a private port; initdb refuses root, so it runs as `postgres` then."""

    def __init__(self):
        self.path = tempfile.mkdtemp(prefix="carillon-pg-")
        self.port = free_port()
        self.user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        if self.user:
            shutil.chown(self.path, "postgres")
        self.run("initdb", "-D", f"{self.path}/d", "-A", "trust", "-U", "carillon", "--no-sync")

    def run(self, program, *words):
        run = subprocess.run([*self.user, f"{BIN}/{program}", *words], capture_output=True, text=True, cwd="/")
        assert run.returncode == 0, run.stderr

    def start(self):
        options = f"-p {self.port} -k {self.path} -c listen_addresses=127.0.0.1"
        self.run("pg_ctl", "-D", f"{self.path}/d", "-w", "-l", f"{self.path}/log", "-o", options, "start")

    def stop(self):
        if os.path.exists(f"{self.path}/d/postmaster.pid"):
            self.run("pg_ctl", "-D", f"{self.path}/d", "-w", "-m", "immediate", "stop")

    def url(self):
        return f"postgres://carillon@127.0.0.1:{self.port}/postgres"


def refused(client):
    return {m["id"] for m in client.errors if m["error"]["condition"] == "resource-constraint"}


def send(client, body, to="bob"):
    message = client.make_message(f"{to}@{DOMAIN}", body, mtype="chat")
    message.send()
    return message["id"]


def verb_fails(*words):
    return subprocess.run([PROGRAM, *words, "--data", DATA], capture_output=True).returncode != 0


async def test():
    database = PostgreSQL()
    database.start()
    server = None
    try:
        path = os.path.join(DATA, "carillon.toml")
        with open(path) as config:
            text = config.read()
        text, count = re.subn(r'(?m)^url\s*=.*$', f'url = "{database.url()}"', text)
        assert count == 1, "the configuration names the storage url once"
        with open(path, "w") as config:
            config.write(text)
        verb("user", "import", os.path.join(DATA, "users.csv"))
        server = Server().start()

        ann = await client("ann", "laptop", plugins=("xep_0199",)).sign_in()
        bob, carol = await client("bob", "desk").sign_in(), await client("carol", "desk").sign_in()
        ann.send_message(f"bob@{DOMAIN}", "on PostgreSQL", mtype="chat")
        await until(lambda: bob.heard("on PostgreSQL"), "bob hears")
        await bob.sign_out()
        await asyncio.sleep(0.3)
        ann.send_message(f"bob@{DOMAIN}", "for later", mtype="chat")
        await ann.plugin["xep_0199"].ping(DOMAIN)
        await asyncio.sleep(0.3)

        database.stop()
        await asyncio.sleep(0.5)
        lost = ["into the void", "into the void again"]
        ids = {send(ann, body) for body in lost}
        # Carol is there, so that no question comes before the journal: it takes this one, and cannot keep it.
        ids.add(send(ann, "taken, not kept", to="carol"))
        await until(lambda: refused(ann) == ids, "all three are refused while the database is away")
        assert verb_fails("user", "disable", f"bob@{DOMAIN}"), "a change that cannot be kept is refused"
        database.start()

        for attempt in range(40):
            back = f"back again {attempt}"
            id = send(ann, back)
            await ann.plugin["xep_0199"].ping(DOMAIN, timeout=10)
            if id not in refused(ann):
                break
            await asyncio.sleep(0.25)
        assert id not in refused(ann), "the database is back, and the server does not notice"
        await asyncio.sleep(0.5)
        database.stop()
        last = send(ann, "last words", to="carol")
        await until(lambda: carol.heard("last words"), "the journal takes it before it knows")
        began = time.monotonic()
        assert await asyncio.to_thread(server.stop) == 0
        assert time.monotonic() - began < 5, "the end waits for no database"
        await until(lambda: last in refused(ann), "what is not kept at the end is refused at the end")
        database.start()
        server = Server().start()
        bob = await client("bob", "desk").sign_in()
        await until(lambda: bob.heard("for later") and bob.heard(back), "what was taken comes after restarts")
        assert not any(bob.heard(body) for body in lost), "what was refused does not come"
    finally:
        if server:
            server.process.kill()
        database.stop()
        shutil.rmtree(database.path, ignore_errors=True)


main(test)
