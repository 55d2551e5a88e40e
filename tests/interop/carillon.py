"""What the tests against foreign software share: the server, an XMPP client made of slixmpp, phones made of baresip and sipp, sound."""

import asyncio
import atexit
import json
import math
import os
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import time
import wave

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAM = os.environ["CARILLON"]
DATA = os.environ["CARILLON_DATA"]
OFFSET = int(os.environ["CARILLON_PORT_OFFSET"])
DOMAIN = "localhost"
XMPP, XMPP_TLS, SIP, SIP_TLS = (5222 + OFFSET, 5223 + OFFSET, 5060 + OFFSET, 5061 + OFFSET)
LINES = {"ann": "1001", "bob": "1002", "carol": "1003"}


def password(user):
    return f"pw-{user}"


def line_password(line):
    return f"line-{line}"


def folder(name):
    path = os.path.join(DATA, "peers", name)
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(path)
    return path


_next_port = [20000 + (OFFSET * 7 + os.getpid() * 13) % 9000 // 4 * 4]


def free_port():
    """A port below 32768 (the kernel hands the upper ones to clients) that is free with the three above it, for datagrams and streams."""
    while True:
        port = _next_port[0]
        _next_port[0] = 20000 if port > 31900 else port + 4
        try:
            for offset in range(4):
                for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                    with socket.socket(socket.AF_INET, kind) as probe:
                        probe.bind(("127.0.0.1", port + offset))
            return port
        except OSError:
            continue


async def until(condition, what, seconds=10.0):
    """Waits until `condition()` gives something true, and gives that; fails by name."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        await asyncio.sleep(0.02)


class Server:
    """The server, where a test starts and kills it itself."""

    def __init__(self, data=DATA, address="127.0.0.1"):
        self.data, self.address = data, address
        self.process = None

    def start(self, port=XMPP):
        path = os.path.join(self.data, "server.log")
        with open(path, "a") as log:
            begin = log.tell()
            self.process = subprocess.Popen(
                [PROGRAM, "serve", "--data", self.data], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        # A test that fails leaves no server behind, in which the next one would find old things.
        atexit.register(self.process.kill)
        end = time.monotonic() + 20
        while time.monotonic() < end:
            try:
                socket.create_connection((self.address, port), 1).close()
            except OSError:
                time.sleep(0.02)
                continue
            # It listens for chat before it does all else.
            with open(path, errors="replace") as log:
                log.seek(begin)
                if ": serving " in log.read():
                    return self
            time.sleep(0.02)
        raise AssertionError("the server does not serve")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        self.process.terminate()
        return self.process.wait(timeout=10)


def verb(*words, stdin=None, data=DATA):
    """Runs a verb of the command; gives what it prints."""
    run = subprocess.run([PROGRAM, *words, "--data", data], input=stdin, capture_output=True, text=True)
    assert run.returncode == 0, f"carillon {' '.join(words)}: {run.stderr}"
    return run.stdout


def client(user, resource, **options):
    """A slixmpp client that keeps what it hears in lists."""
    import slixmpp

    class Client(slixmpp.ClientXMPP):
        def __init__(self):
            super().__init__(f"{user}@{options.get('domain', DOMAIN)}/{resource}", options.get("password", password(user)))
            self.ssl_context.check_hostname = False
            self.ssl_context.verify_mode = ssl.CERT_NONE
            self.messages, self.errors, self.presences, self.events = [], [], [], []
            for plugin in options.get("plugins", ()):
                self.register_plugin(plugin)
            self.add_event_handler("message", self.messages.append)
            self.add_event_handler("message_error", self.errors.append)
            self.add_event_handler("presence", self.presences.append)
            self.ready = asyncio.Event()
            self.failed = asyncio.Event()
            self.add_event_handler("session_start", lambda _: self.ready.set())
            self.add_event_handler("failed_all_auth", lambda _: self.failed.set())
            self.auto_authorize = options.get("auto_authorize", True)
            self.auto_subscribe = options.get("auto_subscribe", True)

        async def sign_in(self, available=True, priority=None):
            self.connect(options.get("host", "127.0.0.1"), options.get("port", XMPP))
            await asyncio.wait_for(self.ready.wait(), 15)
            await self.get_roster()
            if available:
                self.send_presence(ppriority=priority)
            return self

        def heard(self, body):
            return [m for m in self.messages if m["body"].strip() == body]

        def seen(self, bare, show=None, status=None, kind=None):
            """Presences of somebody, newest last, that match."""
            found = [p for p in self.presences if p["from"].bare == bare]
            if show is not None:
                found = [p for p in found if (p.xml.findtext("{jabber:client}show") or "") == show]
            if status is not None:
                found = [p for p in found if p["status"] == status]
            if kind is not None:
                found = [p for p in found if p["type"] == kind]
            return found

        async def sign_out(self):
            await self.disconnect(wait=1)

    return Client()


async def befriend(one, other):
    """Mutual subscription by the real flows."""
    one.send_presence_subscription(pto=other.boundjid.bare)
    await until(lambda: one.seen(other.boundjid.bare), f"{one.boundjid.user} sees {other.boundjid.user}")
    await until(lambda: other.seen(one.boundjid.bare), f"{other.boundjid.user} sees {one.boundjid.user}")


def tone(path, hertz, seconds=10, rate=8000):
    """Writes a sine as a mono wave file."""
    with wave.open(path, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        samples = (int(12000 * math.sin(2 * math.pi * hertz * n / rate)) for n in range(int(rate * seconds)))
        out.writeframes(b"".join(struct.pack("<h", s) for s in samples))


def loudest(path, candidates, begin=0.25):
    """The candidate frequency with most energy in two seconds of a wave file, and how far it stands above the others."""
    with wave.open(path, "rb") as sound:
        rate, channels = sound.getframerate(), sound.getnchannels()
        raw = sound.readframes(sound.getnframes())
    samples = [s[0] for s in struct.iter_unpack("<h", raw)][::channels]
    samples = samples[int(len(samples) * begin) :][: 2 * rate]
    assert len(samples) > rate // 2, f"{path}: only {len(samples)} samples"

    def energy(hertz):
        coefficient = 2 * math.cos(2 * math.pi * hertz / rate)
        a = b = 0.0
        for sample in samples:
            a, b = sample + coefficient * a - b, a
        return a * a + b * b - coefficient * a * b

    energies = sorted(((energy(h), h) for h in candidates), reverse=True)
    return energies[0][1], energies[0][0] / max(energies[1][0], 1.0)


class Baresip:
    """One baresip: a phone on a line that plays a tone and records what it hears."""

    def __init__(
        self, user, hertz, answer=None, domain=DOMAIN, transport="udp", address="127.0.0.1", server=None, prefix=(), account="", settings=""
    ):
        self.line, self.hertz = LINES[user], hertz
        self.path = folder(f"baresip-{user}")
        self.control = free_port()
        self.tone = os.path.join(self.path, "tone.wav")
        tone(self.tone, hertz, 90)
        sip_port = free_port()
        server = server or f"127.0.0.1:{SIP_TLS if transport == 'tls' else SIP}"
        with open(os.path.join(self.path, "config"), "w") as config:
            config.write(
                f"""sip_listen {address}:{sip_port}
sip_verify_server no
net_interface {address}
ctrl_tcp_listen 127.0.0.1:{self.control}
audio_source aufile,{self.tone}
audio_player aubridge,{user}
audio_alert aubridge,{user}-alert
ausrc_srate 8000
auplay_srate 8000
ausrc_channels 1
auplay_channels 1
audio_buffer 20-160
rtp_ports {free_port()}-31999
snd_path {self.path}
module_path /usr/lib/baresip/modules
module g711.so
module aufile.so
module aubridge.so
module sndfile.so
module_app account.so
module_app menu.so
module_app ctrl_tcp.so
{settings}
"""
            )
        mode = f";answermode={answer}" if answer else ""
        with open(os.path.join(self.path, "accounts"), "w") as accounts:
            accounts.write(
                f'<sip:{self.line}@{domain};transport={transport}>;auth_user={self.line};auth_pass={line_password(self.line)}'
                f';outbound="sip:{server};transport={transport}";regint=300{mode}{account}\n'
            )
        open(os.path.join(self.path, "contacts"), "w").close()
        self.log = open(os.path.join(self.path, "log"), "w+")
        self.process = subprocess.Popen(
            [*prefix, "baresip", "-f", self.path], stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT, cwd=self.path
        )
        self.prefix = prefix
        self.events = []
        self.reader = None

    async def open(self):
        """Connects the control socket and waits for the registration."""
        end = time.monotonic() + 10
        while True:
            try:
                reader, self.writer = await asyncio.open_connection("127.0.0.1", self.control)
                break
            except OSError:
                assert time.monotonic() < end, f"baresip does not start; see {self.path}/log"
                await asyncio.sleep(0.05)
        self.reader = asyncio.ensure_future(self.read(reader))
        await self.registered()
        return self

    async def registered(self):
        await until(lambda: "200 OK" in self.text() or self.event("REGISTER_OK"), f"line {self.line} registers")

    def text(self):
        self.log.flush()
        with open(self.log.name, errors="replace") as log:
            return log.read()

    async def read(self, reader):
        while True:
            length = await reader.readuntil(b":")
            body = await reader.readexactly(int(length[:-1]) + 1)
            self.events.append(json.loads(body[:-1]))

    def event(self, kind):
        return [e for e in self.events if e.get("type") == kind]

    def command(self, name, params=""):
        body = json.dumps({"command": name, "params": params, "token": name}).encode()
        self.writer.write(b"%d:%s," % (len(body), body))

    def recordings(self):
        """What this phone received, one file for each session, in order."""
        return sorted(os.path.join(self.path, f) for f in os.listdir(self.path) if f.startswith("dump-") and f.endswith("-dec.wav"))

    def heard(self, candidates):
        """The loudest of the candidate tones in what this phone received last."""
        files = self.recordings()
        assert files, f"line {self.line} recorded nothing"
        # baresip writes the header when it has put the call away.
        for _ in range(50):
            try:
                return loudest(files[-1], candidates)
            except (wave.Error, EOFError):
                time.sleep(0.1)
        raise AssertionError(f"line {self.line}: {files[-1]} was never finished")

    def close(self):
        if self.reader:
            self.reader.cancel()
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()


def sipp(name, steps, user, dialled="", port=None, seconds=20, wait=True, more=()):
    """Runs sipp once as `user`'s phone with the steps of sipp_scenario.py (and `more` words); fails when the call fails."""
    from sipp_scenario import scenario

    path = folder(f"sipp-{name}")
    line = LINES[user]
    with open(os.path.join(path, "scenario.xml"), "w") as out:
        out.write(scenario(*steps))
    with open(os.path.join(path, "values.csv"), "w") as out:
        digest = f"[authentication username={line} password={line_password(line)}]"
        out.write(f"SEQUENTIAL\n{line};{digest};{DOMAIN};{dialled}\n")
    command = ["sipp", f"127.0.0.1:{SIP}", "-sf", "scenario.xml", "-inf", "values.csv", "-i", "127.0.0.1", "-m", "1"]
    command += ["-p", str(port or free_port()), "-mp", str(free_port()), "-nostdin", "-timeout", f"{seconds}s"]
    command += ["-timeout_error", "-trace_err", "-error_file", "errors", "-trace_msg", "-message_file", "messages", *more]
    log = open(os.path.join(path, "out"), "w")
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, cwd=path)
    process.folder, process.scenario = path, name
    if wait:
        return finish(process)
    # Whoever is called must be there before the caller acts.
    for _ in range(500 if port else 0):
        if process.poll() is not None or _is_bound(port):
            break
        time.sleep(0.01)
    return process


def _is_bound(port):
    """Does some socket for datagrams have this port?"""
    with open("/proc/net/udp") as table:
        return any(line.split()[1].endswith(f":{port:04X}") for line in table.readlines()[1:])


def finish(process):
    """Waits for a sipp that was started with wait=False; fails with its last messages."""
    code = process.wait()
    if code != 0:
        text = ""
        for name in ("errors", "messages"):
            try:
                with open(os.path.join(process.folder, name), errors="replace") as log:
                    text += f"--- {name}\n" + log.read()[-3000:]
            except OSError:
                pass
        raise AssertionError(f"sipp {process.scenario} exited with {code}; {process.folder}\n{text}")
    return process


def main(test):
    """Runs an async test; the driver reads the exit code."""
    asyncio.run(test())
    print("passed")
    sys.stdout.flush()
    os._exit(0)
