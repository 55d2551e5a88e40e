"""Two Carillons watch each other's lines over a trunk: a phone here has a lamp of a line there.

peer: baresip
server: own
"""

import hashlib
import os
import re
import socket
import subprocess
import threading
import time

from carillon import DATA, DOMAIN, LINES, OFFSET, PROGRAM, SIP, Baresip, Server, line_password, main, until

PLAN = """
[settings]
search_space = "all"
subscribe_search_space = "all"
[[search_space]]
name = "all"
partitions = ["internal", "out"]
[[search_space]]
name = "lines"
partitions = ["internal"]
[[route]]
pattern = "{pattern}"
partition = "out"
to = {{ trunk = "other" }}
[emergency]
to = {{ trunk = "other" }}
[[outside.trunk]]
name = "other"
search_space = "lines"
{watched}
[outside.trunk.sip]
address = "{address}:{port}"
transport = "tcp"
options_seconds = 5
account = {{ username = "between", password = "two houses", inbound = true }}
"""


class Lamp:
    """A phone with one lamp, in plain SIP: signs its SUBSCRIBE, answers every NOTIFY, keeps what they say."""

    def __init__(self, user, server, domain):
        self.line, self.server, self.domain = LINES[user], server, domain
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((server[0], 0))
        self.own = "{}:{}".format(*self.socket.getsockname())
        self.status, self.documents, self.cseq, self.challenge = None, [], 0, None
        threading.Thread(target=self.listen, daemon=True).start()

    def subscribe(self, watched):
        self.watched = watched
        self.cseq += 1
        uri = f"sip:{watched}@{self.domain}"
        digest = ""
        if self.challenge:
            realm, nonce = (re.search(rf'{key}="([^"]*)"', self.challenge)[1] for key in ("realm", "nonce"))
            md5 = lambda text: hashlib.md5(text.encode()).hexdigest()
            ha1, ha2 = md5(f"{self.line}:{realm}:{line_password(self.line)}"), md5(f"SUBSCRIBE:{uri}")
            response = md5(f"{ha1}:{nonce}:00000001:c:auth:{ha2}")
            digest = f'Authorization: Digest username="{self.line}", realm="{realm}", nonce="{nonce}", uri="{uri}", '
            digest += f'algorithm=MD5, qop=auth, nc=00000001, cnonce="c", response="{response}"\r\n'
        text = f"SUBSCRIBE {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {self.own};rport;branch=z9hG4bK{time.monotonic_ns()}\r\n"
        text += f"Max-Forwards: 70\r\nFrom: <sip:{self.line}@{self.domain}>;tag=lamp\r\nTo: <{uri}>\r\nCall-ID: lamp-{self.own}\r\n"
        text += f"CSeq: {self.cseq} SUBSCRIBE\r\nContact: <sip:{self.line}@{self.own}>\r\nEvent: dialog\r\n{digest}"
        self.socket.sendto((text + "Expires: 600\r\nContent-Length: 0\r\n\r\n").encode(), self.server)

    def listen(self):
        while True:
            data, sender = self.socket.recvfrom(65535)
            text = data.decode(errors="replace")
            head, _, body = text.partition("\r\n\r\n")
            if text.startswith("SIP/2.0"):
                self.status = int(text.split(" ")[1])
                found = re.search(r"WWW-Authenticate: (Digest [^\r]*algorithm=MD5[^\r]*)", head)
                if self.status == 401 and not self.challenge and found:
                    self.challenge = found[1]
                    self.subscribe(self.watched)
            elif text.startswith("NOTIFY"):
                kept = [l for l in head.split("\r\n") if l.lower().startswith(("via:", "from:", "to:", "call-id:", "cseq:"))]
                self.socket.sendto("\r\n".join(["SIP/2.0 200 OK", *kept, "Content-Length: 0", "", ""]).encode(), sender)
                self.documents.append(body)

    def shows(self, part):
        return self.documents and part in self.documents[-1]


def second_server():
    """A server at 127.0.0.2 with lines 2001 and 2002."""
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
        out.write("jid,name,password,line,line_password\n")
        out.write("dora@second.lan,dora,pw-dora,2001,line-2001\nemil@second.lan,emil,pw-emil,2002,line-2002\n")
    subprocess.run([PROGRAM, "user", "import", users, "--data", data], check=True, capture_output=True)
    LINES.update(dora="2001", emil="2002")
    return Server(data, "127.0.0.2")


def apply(data, pattern, address, watched='subscribe_search_space = "lines"'):
    path = os.path.join(data, "dialplan.toml")
    with open(path, "w") as out:
        out.write(PLAN.format(pattern=pattern, address=address, port=SIP, watched=watched))
    run = subprocess.run([PROGRAM, "dialplan", "apply", path, "--data", data], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr


async def test():
    first, second = Server().start(), second_server()
    second.start()
    apply(DATA, "2XXX", "127.0.0.2")
    apply(second.data, "1XXX", "127.0.0.1")
    second_phone = {"domain": "second.lan", "server": f"127.0.0.2:{SIP}"}
    dora, emil = Baresip("dora", 1209, **second_phone), Baresip("emil", 1477, answer="auto", **second_phone)
    ann = Lamp("ann", ("127.0.0.1", SIP), DOMAIN)
    back = Lamp("dora", ("127.0.0.2", SIP), "second.lan")
    try:
        for phone in (dora, emil):
            await phone.open()
        ann.subscribe("2001")
        await until(lambda: ann.status == 200, "ann's lamp is taken")
        await until(lambda: ann.shows("idle"), "dora's line rests, as ann sees it")
        dora.command("dial", "sip:2002@second.lan")
        await until(lambda: ann.shows("<state>confirmed"), "dora talks, as ann sees it", 15)
        dora.command("hangup")
        await until(lambda: ann.shows("terminated"), "dora's line rests again")
        # And the other way round: a line here that has no phone.
        back.subscribe("1002")
        await until(lambda: back.status == 200 and back.documents, "dora has a lamp of bob's line")
        bob = Baresip("bob", 697)
        await bob.open()
        await until(lambda: back.shows("idle"), "bob's line has a phone now")
        bob.close()
        # Who may not watch over the trunk sees nothing: the line is unknown, there and here.
        apply(second.data, "1XXX", "127.0.0.1", watched="")
        blind = Lamp("bob", ("127.0.0.1", SIP), DOMAIN)
        blind.subscribe("2002")
        await until(lambda: blind.documents, "bob's lamp is answered")
        time.sleep(1)
        assert not blind.shows("<dialog "), blind.documents
        print(len(ann.documents), "documents told ann what dora's line did")
    finally:
        for phone in (dora, emil):
            phone.close()
        second.stop()
        first.stop()


if __name__ == "__main__":
    main(test)
