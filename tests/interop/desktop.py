"""What the tests with graphical clients share: a screen without a monitor, and Dino in a network where our server has the usual port.

Dino takes its server's address from the name service and otherwise from the domain, with port 5222, and trusts what the system
trusts. So it runs in a network and a mount namespace of its own: there 127.0.0.1:5222 leads to the server of the test, and the
system's authorities are the server's certificate and nothing else. Nothing of the machine's own trust is touched.
"""

import asyncio
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time

from carillon import DATA, DOMAIN, XMPP, folder, password

AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"
WIDTH, HEIGHT = 1000, 640


class Screen:
    """An X server of its own that shows nothing to anybody, with a pointer and keys that a program moves."""

    def __init__(self):
        reading, writing = os.pipe()
        self.process = subprocess.Popen(
            ["Xvfb", "-displayfd", str(writing), "-screen", "0", f"{WIDTH}x{HEIGHT}x24", "-nolisten", "tcp"],
            pass_fds=(writing,), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(writing)
        with os.fdopen(reading) as answer:
            self.display = f":{answer.readline().strip()}"
        self.run("xdotool", "mousemove", str(WIDTH - 1), str(HEIGHT - 1))

    def run(self, *words):
        environment = {**os.environ, "DISPLAY": self.display}
        return subprocess.run(words, env=environment, capture_output=True, text=True, timeout=30).stdout

    def type(self, text):
        self.run("xdotool", "type", "--delay", "40", text)

    def key(self, *names):
        self.run("xdotool", "key", "--delay", "60", *names)

    def click(self, x, y):
        self.run("xdotool", "mousemove", str(x), str(y), "click", "1")

    def picture(self, path, width=WIDTH, height=HEIGHT):
        self.run("import", "-window", "root", "-crop", f"{width}x{height}+0+0", "+repage", path)

    def close(self):
        self.process.terminate()
        self.process.wait()


class Dino:
    """Dino with a profile that was made before, so that it signs in by itself; what it knows is read from its database."""

    def __init__(self, user, screen):
        self.user, self.screen = user, screen
        self.home = folder(f"dino-{user}")
        self.database = os.path.join(self.home, "data", "dino", "dino.db")
        self.socket = os.path.join(self.home, "server.sock")
        self.connections = 0
        self.process = None

    async def prepare(self):
        """Lets Dino make its database, and puts the account into it."""
        os.makedirs(os.path.join(self.home, "run"), mode=0o700)
        self.relay = await asyncio.start_unix_server(self.connected, self.socket)
        self.start()
        end = time.monotonic() + 40
        while not self.rows("SELECT name FROM sqlite_master WHERE name = 'account'"):
            assert time.monotonic() < end, f"Dino makes no database; see {self.home}/log"
            await asyncio.sleep(0.2)
        await asyncio.sleep(1)
        self.stop()
        with sqlite3.connect(self.database) as database:
            database.execute(
                "INSERT INTO account (bare_jid, resourcepart, password, alias, enabled) VALUES (?, 'dino', ?, NULL, 1)",
                (f"{self.user}@{DOMAIN}", password(self.user)),
            )

    def start(self, trusted=True):
        """Starts Dino, which trusts the server's certificate or no authority at all."""
        authorities = os.path.join(DATA, "certificate.pem") if trusted else os.devnull
        home = {name: os.path.join(self.home, name[4:-5].lower()) for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME")}
        environment = {
            **os.environ, **home, "HOME": self.home, "XDG_RUNTIME_DIR": os.path.join(self.home, "run"), "DISPLAY": self.screen.display,
            "GDK_BACKEND": "x11", "GSK_RENDERER": "cairo", "LC_ALL": "C.UTF-8", "GIO_USE_NETWORK_MONITOR": "base", "NO_AT_BRIDGE": "1",
        }  # fmt: skip
        self.log = open(os.path.join(self.home, "log"), "a")
        self.process = subprocess.Popen(
            ["unshare", "--net", "--mount", sys.executable, os.path.abspath(__file__), self.socket, authorities],
            env=environment, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, start_new_session=True,
        )  # fmt: skip

    def stop(self):
        """Ends Dino with all that it started."""
        try:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        except ProcessLookupError:
            self.process.wait()

    async def connected(self, reader, writer):
        self.connections += 1
        await relay((reader, writer), await asyncio.open_connection("127.0.0.1", XMPP))

    def rows(self, query, *values):
        try:
            with sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=5) as database:
                return database.execute(query, values).fetchall()
        except sqlite3.OperationalError:
            return []

    def messages(self, body):
        """The messages with this text in Dino's history: 0 for received and 1 for sent."""
        return self.rows("SELECT direction FROM message WHERE body = ?", body)


async def relay(one, other):
    """Carries bytes both ways until one side ends."""

    async def copy(reader, writer):
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    await asyncio.gather(copy(one[0], other[1]), copy(other[0], one[1]))


async def inside(path, authorities):
    """In the namespaces: the name service says no at once, port 5222 is our server, and these are the authorities."""
    resolver = os.path.join(os.path.dirname(path), "resolv.conf")
    with open(resolver, "w") as out:
        out.write("nameserver 127.0.0.1\n")
    for source, target in ((authorities, AUTHORITIES), (resolver, "/etc/resolv.conf")):
        subprocess.run(["mount", "--bind", source, os.path.realpath(target)], check=True)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)

    async def connected(reader, writer):
        await relay((reader, writer), await asyncio.open_unix_connection(path))

    await asyncio.start_server(connected, "127.0.0.1", 5222)
    dino = await asyncio.create_subprocess_exec("dbus-run-session", "--", shutil.which("dino-im"))
    await dino.wait()


if __name__ == "__main__":
    asyncio.run(inside(*sys.argv[1:]))
