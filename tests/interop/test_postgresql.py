"""The server on PostgreSQL: users, chat, offline messages over a restart; the database going away is said, not hidden.

peer: postgresql-15
server: own
"""

import os
import re
import shutil
import subprocess
import tempfile
import time

from carillon import DATA, DOMAIN, Server, client, free_port, main, until, verb
import socket

BIN = "/usr/lib/postgresql/15/bin"


class PostgreSQL:
    """A database of our own on a private port; initdb refuses root, so it runs as `postgres` then."""

    def __init__(self):
        self.path = tempfile.mkdtemp(prefix="carillon-pg-")
        self.port = free_port(socket.SOCK_STREAM)
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
        self.run("pg_ctl", "-D", f"{self.path}/d", "-w", "-m", "immediate", "stop")

    def url(self):
        return f"postgres://carillon@127.0.0.1:{self.port}/postgres"


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
        bob = await client("bob", "desk").sign_in()
        ann.send_message(f"bob@{DOMAIN}", "on PostgreSQL", mtype="chat")
        await until(lambda: bob.heard("on PostgreSQL"), "bob hears")
        await bob.sign_out()
        time.sleep(0.3)
        ann.send_message(f"bob@{DOMAIN}", "for later", mtype="chat")
        await ann.plugin["xep_0199"].ping(DOMAIN)
        time.sleep(0.3)

        database.stop()
        time.sleep(0.5)
        ann.send_message(f"bob@{DOMAIN}", "into the void", mtype="chat")
        ann.send_message(f"bob@{DOMAIN}", "into the void again", mtype="chat")
        database.start()
        time.sleep(8)
        assert server.stop() == 0
        server = Server().start()
        bob = await client("bob", "desk").sign_in()
        await until(lambda: bob.heard("for later"), "the offline message comes after restarts")
        refused = {m["body"] for m in ann.messages if m["type"] == "error"}
        for body in ("into the void", "into the void again"):
            assert body in refused or await until(lambda: bob.heard(body), f"`{body}` is refused or delivered")
    finally:
        if server:
            server.process.kill()
        database.stop()
        shutil.rmtree(database.path, ignore_errors=True)


main(test)
