"""What calls out may cost: a line that has called abroad often enough is refused, administrators see it and forgive it.

peer: baresip
server: own
"""

import json
import os
import socket
import subprocess
import threading

from carillon import DATA, PROGRAM, Baresip, Server, main, until, verb

PLAN = """
[settings]
search_space = "all"
[[search_space]]
name = "all"
partitions = ["internal", "out"]
[[route]]
pattern = "9.!"
partition = "out"
to = {{ trunk = "pstn" }}
called = {{ strip_pre_dot = true }}
[emergency]
to = {{ trunk = "pstn" }}
[outside.costs.limits.international]
calls_per_hour = 2
[[outside.trunk]]
name = "pstn"
search_space = "all"
sip = {{ address = "127.0.0.1:{port}", options_seconds = 0 }}
"""


class Busy:
    """A provider where everybody is busy; it keeps the numbers that were called."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port, self.called = self.socket.getsockname()[1], []
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            data, sender = self.socket.recvfrom(65535)
            lines = data.decode(errors="replace").split("\r\n")
            if not lines[0].startswith("INVITE"):
                continue
            self.called.append(lines[0].split(" ")[1].split("@")[0].removeprefix("sip:"))
            kept = [line for line in lines if line.lower().startswith(("via:", "from:", "call-id:", "cseq:"))]
            to = next(line for line in lines if line.lower().startswith("to:"))
            answer = ["SIP/2.0 486 Busy Here", *kept, f"{to};tag=busy", "Content-Length: 0", "", ""]
            self.socket.sendto("\r\n".join(answer).encode(), sender)


async def call(phone, number):
    """What the caller is told."""
    phone.events.clear()
    phone.command("dial", f"sip:{number}@localhost")
    await until(lambda: phone.event("CALL_CLOSED"), f"{number} is over")
    return str(phone.event("CALL_CLOSED"))


async def test():
    provider = Busy()
    server = Server().start()
    plan = os.path.join(DATA, "dialplan.toml")
    with open(plan, "w") as out:
        out.write(PLAN.format(port=provider.port))
    verb("dialplan", "apply", plan)
    ann = Baresip("ann", 440)
    try:
        await ann.open()
        for number in ("90044201", "90044202"):
            assert "486" in await call(ann, number), number
        assert "403" in await call(ann, "90044203")
        assert provider.called == ["0044201", "0044202"], provider.called
        shown = verb("line", "show", "1001")
        assert "2 of 2 this hour" in shown and "BARRED" in shown, shown
        print(shown)
        alerts = json.loads(verb("status", "--json"))["alerts"]
        assert [(alert["what"], alert["who"]) for alert in alerts] == [("limit", "1001")], alerts
        check = subprocess.run([PROGRAM, "check", "alerts", "--data", DATA], capture_output=True, text=True).stdout
        assert "line release 1001" in check, check
        print(check)
        records = json.loads(verb("call", "list", "--json"))
        await until(lambda: "cost_limit" in verb("call", "list", "--json"), f"the record says why: {records}")
        assert "BARRED" not in verb("line", "release", "1001")
        assert "486" in await call(ann, "90044203")
    finally:
        ann.close()
        server.stop()


if __name__ == "__main__":
    main(test)
