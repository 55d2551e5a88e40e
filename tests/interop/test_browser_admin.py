"""The administration console in Chromium: from the first sign-in and the set-up to a phone that registers, the dial plan's tester
with a case, a call over a trunk with its ladder; search, a user added by keyboard alone, and what axe-core finds on every page in light and dark.

peer: chromium, baresip, sip-tester
server: own
"""

import asyncio
import json
import os

import carillon
from browser import HTTP, Node
from carillon import DOMAIN, HERE, LINES, Baresip, Server, finish, folder, free_port, main, sipp, until, verb
from sipp_scenario import expect, offer, respond
from telephony import address, established, phones

UI = os.path.join(os.path.dirname(os.path.dirname(HERE)), "ui")
GATEWAY = free_port()
PLAN = f"""[[route]]
pattern = "9.XXXX"
to = {{ trunk = "city" }}
called = {{ strip_pre_dot = true }}

[[outside.trunk]]
name = "city"
sip = {{ address = "127.0.0.1:{GATEWAY}", options_seconds = 0 }}
"""
WRONG = PLAN.replace('trunk = "city"', 'trunk = "town"')
ANSWERS = [expect("INVITE", routes=True), respond(200, "OK", offer()), expect("ACK"), expect("BYE"), respond(200, "OK", tag=False)]
CHOSEN = "a-password-of-ones-own"
PAGES = (
    "", "setup", "setup/dns", "setup/numbers", "setup/users", "setup/phone", "setup/finish", "users", f"users/ann%40{DOMAIN}", "users/ann%40localhost/devices",
    "groups", "invitations", "sessions", f"presence?user=ann%40{DOMAIN}", "announcements", "lines", "lines/2001", "devices", "devices/all", "dialplan",
    "dialplan/parts", "dialplan/test?from=2001&dial=91234", "dialplan/cases", "trunks", "trunks/city", "calls", "calls/live", "calls/recordings", "queues",
    "sounds", "rooms", "federation", "certificates", "logs", "backup", "own",
)  # fmt: skip


class Console(Node):
    """The console in a browser. `PAGES` is a folder of built pages to be served in place of the server's own."""

    async def open(self):
        self.folder, self.count = folder("console"), 0
        settings = {"page": f"http://localhost:{HTTP}", "pages": os.environ.get("PAGES"), "folder": self.folder}
        self.log = open(os.path.join(self.folder, "log"), "w")
        self.process = await asyncio.create_subprocess_exec(
            "node", os.path.join(UI, "e2e", "admin.mjs"), env={**os.environ, "SETTINGS": json.dumps(settings)}, cwd=UI,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=self.log,
        )  # fmt: skip
        self.reader = asyncio.ensure_future(self.read())
        return self

    async def close(self):
        """The script ends its browser when nothing more is asked; a browser that is terminated stays while it can be asked."""
        self.process.stdin.close()
        try:
            await asyncio.wait_for(self.process.wait(), 10)
        except asyncio.TimeoutError:
            self.process.kill()

    async def ask(self, what, seconds=15, **words):
        """Does it, and gives what it told; fails with what the page said."""
        self.count += 1
        number = self.count
        self.do(what, id=number, seconds=seconds, **words)
        told = await until(lambda: self.heard("done", id=number) or self.heard("failed", id=number), what, seconds + 45)
        assert told[0]["event"] == "done", (words, told[0])
        return told[0]

    async def fill(self, **fields):
        for label, text in fields.items():
            await self.ask("fill", label=label.replace("_", " "), text=text)


async def sign_in(console, first):
    """The password that was made up lets in only to choose another one."""
    await console.ask("open", path="/admin/")
    await console.fill(User_name="admin", Password="not-that")
    await console.ask("press", key="Enter")
    await console.ask("shows", text="That is not right.")
    await console.fill(Password=first)
    await console.ask("press", key="Enter")
    await console.ask("shows", text="Choose a password of your own")
    await console.fill(New_password=CHOSEN, New_password_again=CHOSEN)
    await console.ask("press", key="Enter")
    await console.ask("shows", text="Dashboard", within="h1")


async def set_up(console):
    """From the numbers to the first phone; gives the password of its line."""
    await console.ask("open", path="/admin/setup/numbers")
    await console.fill(First_number="2001", Last_number="2099")
    await console.ask("shows", text="the next one that is free is 2001")
    await console.ask("click", name="Use this range")
    await console.ask("click", name="Next: First users", role="link")
    await console.fill(Name="Dóra Meier")
    assert (await console.ask("texts", within=".person-row"))["texts"], "a row for each person"
    await console.ask("click", name="Add these people")
    await console.ask("shows", text="1 person was added")
    await console.ask("shows", text=f"dora@{DOMAIN}", within=".table-scroll")
    await console.ask("click", name="Next: First phone", role="link")
    await console.ask("choose", label="Number", value="2001")
    await console.ask("click", name="Make a password for its phones")
    await console.ask("shows", text="Waits for a phone to register")
    facts = (await console.ask("texts", within=".facts code"))["texts"]
    assert facts[:2] == [DOMAIN, "2001"], facts
    return facts[2]


async def plan(console):
    """A wrong plan is refused with the line that is wrong; the right one is tried, and its outcome kept as a case."""
    await console.ask("open", path="/admin/dialplan")
    await console.ask("fill", label="The dial plan, TOML or JSON", text=WRONG)
    await console.ask("click", name="Check")
    await console.ask("shows", text="there is no trunk", within=".findings")
    await console.ask("shows", text="Line 1", within=".findings")
    await console.ask("fill", label="The dial plan, TOML or JSON", text=PLAN)
    await console.ask("click", name="Let it take effect")
    await console.ask("click", name="Let it take effect", within="dialog")
    await console.ask("shows", text="Revision 1 is in force.")
    await console.ask("open", path="/admin/dialplan/test")
    await console.fill(Who_calls="2001", What_is_dialled="91234")
    await console.ask("click", name="Try")
    await console.ask("shows", text="trunk city", within=".goes-to")
    await console.ask("shows", text="9.XXXX", within=".candidates .taken")
    assert (await console.ask("address"))["address"] == "/admin/dialplan/test?from=2001&dial=91234", "others can be given the address"
    await console.ask("click", name="Save as case")
    await console.fill(What_the_case_is_there_for="out over the city")
    await console.ask("click", name="Save as case", within="dialog")
    await console.ask("shows", text="The case is saved.")
    await console.ask("open", path="/admin/dialplan/cases")
    await console.ask("click", name="Run all")
    await console.ask("shows", text="Passes", within=".table-scroll")


async def ladder(console, dora):
    """A call over the trunk is found at the trunk, and drawn."""
    gateway = sipp("console-gateway", ANSWERS, "bob", port=GATEWAY, wait=False)
    dora.command("dial", address("91234"))
    await established(dora)
    await console.ask("open", path="/admin/calls/live")
    await console.ask("shows", text="Talks", within=".table-scroll")
    await asyncio.sleep(1)
    dora.command("hangup")
    finish(gateway)
    await until(lambda: json.loads(verb("call", "list", "--json")), "the record of the call", 15)
    await console.ask("open", path="/admin/calls")
    await console.ask("click", name="Dóra Meier", role="link", within=".table-scroll")
    await console.ask("shows", text="INVITE", within=".ladder svg")
    labels = (await console.ask("texts", within=".ladder .pole"))["texts"]
    assert any("Carillon" in label for label in labels) and len(labels) == 3, labels
    rungs = (await console.ask("texts", within=".ladder .rung"))["texts"]
    assert any("200 OK (BYE)" in rung for rung in rungs), rungs
    await console.ask("press", key="Tab")
    text = (await console.ask("texts", within=".ladder-text pre"))["texts"][0]
    assert "INVITE sip:91234@" in text and carillon.line_password("2001") not in text, text


async def looked_at(console):
    """No page breaks, says an error, is wider than a small phone, or has what axe-core or the browser complains of."""
    wrong = []
    for path in PAGES:
        await console.ask("open", path=f"/admin/{path}")
        await asyncio.sleep(0.7)
        failures = (await console.ask("texts", within="main"))["texts"][0]
        if "That did not work" in failures:
            wrong.append((path, failures[:200]))
        wrong += [(path, found) for found in (await console.ask("look", seconds=30))["found"]]
    assert not wrong, "\n".join(f"{path}: {what}" for path, what in wrong)


async def by_keyboard(console):
    """A user is added without a pointer: search for the page, its button, the form, Enter."""
    await console.ask("press", key="Control+k")
    await console.ask("type", text="Users")
    await console.ask("shows", text="Users", within="dialog [aria-selected=true]")
    await console.ask("press", key="Enter")
    await console.ask("focus", name="Add user", keys=80)
    await console.ask("press", key="Enter")
    await console.ask("type", text="emil")
    await console.ask("press", key="Enter")
    await console.ask("shows", text="emil was added")
    await console.ask("press", key="Escape")
    await console.ask("shows", text=f"emil@{DOMAIN}", within=".table-scroll")
    await console.ask("focus", name=f"More about emil@{DOMAIN}", keys=200)
    await console.ask("press", key="Enter")
    for key in ("ArrowDown", "Enter"):
        await console.ask("press", key=key)
    await console.ask("shows", text="Disable: emil", within="dialog")
    await console.ask("focus", name="Disable", keys=10)
    await console.ask("press", key="Enter")
    await console.ask("shows", text="emil cannot sign in any more.")


async def test():
    first = json.loads(verb("recover-admin", "--json"))["password"]
    Server().start()
    console = await Console().open()
    await sign_in(console, first)
    made = await set_up(console)
    LINES["dora"] = "2001"
    usual = carillon.line_password
    carillon.line_password = lambda line: made if line == "2001" else usual(line)
    dora = Baresip("dora", 440)
    async with phones(dora):
        await console.ask("shows", text="Registered:")
        await plan(console)
        await ladder(console, dora)
        await console.ask("press", key="Control+k")
        await console.fill(**{"Users, numbers, devices, rooms, trunks, pages": "dóra"})
        await console.ask("shows", text="Dóra Meier", within="dialog")
        await console.ask("press", key="Enter")
        await console.ask("shows", text="Dóra Meier", within="h1")
        await by_keyboard(console)
        await looked_at(console)
    await console.close()


main(test)
