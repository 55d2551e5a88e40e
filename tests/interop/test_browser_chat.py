"""The chat of the browser client: sign-in by discovery, chat with slixmpp both ways, a room of three, a file, search, a restart of the
server while somebody writes, hostile messages, and what axe-core finds in light and dark.

peer: chromium, slixmpp
server: own
"""

import asyncio
import json
import os
import time

from browser import HTTP, Node
from carillon import DOMAIN, HERE, Server, befriend, client, folder, main, password, until

BEGUN = time.monotonic()
UI = os.path.join(os.path.dirname(os.path.dirname(HERE)), "ui")
PLUGINS = ("xep_0045", "xep_0184", "xep_0308", "xep_0444", "xep_0085")
# What stands in the page as text, whatever it looks like.
HOSTILE = ("<img src=x onerror=alert(1)>", "<b>bold</b> &amp; {{7*7}}", "\u202egnp.exe \u2067x\u2069", "https://bank.example@evil.example/", "javascript:alert(1)")


class Pages(Node):
    """The pages of several people in one browser. `PAGES_URL` says where they are when the server does not serve them itself."""

    async def open(self):
        self.folder, self.count = folder("chat-pages"), 0
        settings = {"page": os.environ.get("PAGES_URL", f"http://localhost:{HTTP}"), "domain": DOMAIN}
        self.log = open(os.path.join(self.folder, "log"), "w")
        self.process = await asyncio.create_subprocess_exec(
            "node", os.path.join(UI, "e2e", "chat.mjs"), env={**os.environ, "SETTINGS": json.dumps(settings)}, cwd=UI,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=self.log, limit=1 << 24,
        )  # fmt: skip
        self.reader = asyncio.ensure_future(self.read())
        return self

    async def ask(self, user, what, **words):
        """Has the page of a person do something; gives the answer."""
        self.count += 1
        number = self.count
        self.do(what, id=number, user=user, **words)
        await until(lambda: any(e["id"] == number for e in self.events), f"{user}: {what} {words}", 60)
        answer = next(e for e in self.events if e["id"] == number)
        print(f"{time.monotonic() - BEGUN:6.1f} {user}: {what} {words}", file=self.log, flush=True)
        if answer["event"] == "failed":
            path = os.path.join(self.folder, "failed.png")
            if what != "shot":
                await self.ask(user, "shot", path=path)
            raise AssertionError(f"{user}: {what} {words}: {answer['text']} ({path})")
        return answer["value"]

    async def close(self):
        """The browser ends with what tells it what to do."""
        self.process.stdin.close()
        await self.process.wait()

    async def say(self, user, text):
        await self.ask(user, "fill", css=".composer textarea", value=text)
        await self.ask(user, "press", key="Enter")

    async def bodies(self, user):
        return await self.ask(user, "texts", css=".message .text")

    async def sees(self, user, text):
        await self.ask(user, "shows", text=text, within=".timeline")


async def talk(pages, bob):
    """Each hears the other; receipts and marks of reading arrive; an edit and a reaction too."""
    await pages.ask("ann", "go", path=f"/chats/bob%40{DOMAIN}")
    await pages.say("ann", "Hello Bob")
    await until(lambda: bob.heard("Hello Bob"), "what ann says")
    await pages.ask("ann", "shows", css=".tick.received, .tick.sent")
    bob.send_message(f"ann@{DOMAIN}", "Hello Ann", mtype="chat")
    await pages.sees("ann", "Hello Ann")
    await pages.ask("ann", "focus", css=".composer textarea")
    await pages.ask("ann", "press", key="ArrowUp")
    await pages.ask("ann", "shows", text="Editing your message")
    await pages.say("ann", "Hello dear Bob")
    await until(lambda: bob.heard("Hello dear Bob"), "the edit")
    assert bob.heard("Hello dear Bob")[-1]["replace"]["id"] == bob.heard("Hello Bob")[0]["id"]
    said = bob.heard("Hello Bob")[0]
    bob.plugin["xep_0444"].send_reactions(f"ann@{DOMAIN}", said["id"], {"👍"})
    await pages.ask("ann", "shows", css=".reaction")


async def hostile(pages, bob):
    """What looks like markup or turns the order of letters stays text; a link says where it leads; a long text is cut."""
    for text in HOSTILE:
        bob.send_message(f"ann@{DOMAIN}", text, mtype="chat")
    bob.send_message(f"ann@{DOMAIN}", "x" * 200_000, mtype="chat")
    await pages.sees("ann", "Show all (200000 characters)")
    bodies = await pages.bodies("ann")
    for text in HOSTILE:
        assert any(text in body for body in bodies), (text, bodies)
    assert any("(evil.example)" in body for body in bodies), bodies
    found = await pages.ask("ann", "evaluate", script="document.querySelectorAll('.timeline b, .timeline img, .timeline a[href^=javascript]').length")
    assert found == 0, found


async def room(pages, bob):
    """Ann makes a room in the page, bob comes with the page, carol with slixmpp; a file and a mention reach all."""
    carol = await client("carol", "laptop", plugins=PLUGINS).sign_in()
    await pages.ask("ann", "click", role="link", name="Chats", exact=False)
    await pages.ask("ann", "click", role="button", name="New conversation")
    await pages.ask("ann", "click", role="menuitem", name="New room")
    await pages.ask("ann", "fill", label="Name of the room", value="The Team")
    await pages.ask("ann", "click", role="switch", name="Everybody may join")
    await pages.ask("ann", "click", role="button", name="Create")
    await pages.ask("ann", "shows", text="The Team", within=".conversation-head")
    await pages.ask("bob", "click", role="button", name="New conversation")
    await pages.ask("bob", "click", role="menuitem", name="Find a room")
    await pages.ask("bob", "click", role="button", name="Join", within="dialog .found-room:first-child")
    await pages.ask("bob", "shows", text="The Team", within=".conversation-head")
    await carol.plugin["xep_0045"].join_muc_wait(f"the-team@conference.{DOMAIN}", "carol")
    await pages.say("ann", "Welcome @bob")
    await pages.ask("bob", "shows", css=".message.mention")
    await until(lambda: carol.heard("Welcome @bob"), "what ann says in the room")
    carol.send_message(f"the-team@conference.{DOMAIN}", "I am here, too", mtype="groupchat")
    for user in ("ann", "bob"):
        await pages.sees(user, "I am here, too")
    path = os.path.join(pages.folder, "plan of the house.txt")
    with open(path, "w") as file:
        file.write("four walls and a roof\n" * 50)
    await pages.ask("ann", "upload", path=path)
    await pages.ask("bob", "shows", text="plan of the house.txt", within=".timeline")
    await until(lambda: any("plan" in m["body"] for m in carol.messages), "the file's address")
    await carol.sign_out()


async def search(pages):
    """Words of a message are found and lead to its place; a person of the directory is found by the name."""
    await pages.ask("ann", "press", key="Control+k")
    await pages.ask("ann", "fill", role="combobox", name="Search people, rooms and messages", value="dear")
    await pages.ask("ann", "shows", text="Hello dear Bob", within="#hits")
    await pages.ask("ann", "press", key="Enter")
    await pages.ask("ann", "shows", css=".message.found")
    await pages.ask("ann", "press", key="Control+k")
    await pages.ask("ann", "fill", role="combobox", name="Search people, rooms and messages", value="caro")
    await pages.ask("ann", "shows", text=f"carol@{DOMAIN}", within="#hits")
    await pages.ask("ann", "press", key="Escape")


async def restart(pages, bob, server):
    """The server is killed and comes back while both write: everything arrives, nothing twice, in the order of writing."""
    await pages.ask("ann", "go", path=f"/chats/bob%40{DOMAIN}")
    await pages.say("ann", "before the restart")
    await until(lambda: bob.heard("before the restart"), "the last word before")
    await bob.sign_out()
    # From here on the page opens without the server, too.
    await pages.ask("ann", "evaluate", script="navigator.serviceWorker.ready.then(worker => worker.active.state)")
    server.kill()
    for number in range(5):
        await pages.say("ann", f"while away {number}")
    await pages.ask("ann", "shows", text="The server cannot be reached", within=".banner")
    await pages.ask("ann", "reload")
    await pages.sees("ann", "while away 4")
    server.start()
    bob = await client("bob", "laptop", plugins=PLUGINS).sign_in()
    bob.send_message(f"ann@{DOMAIN}", "after the restart", mtype="chat")
    await pages.sees("ann", "after the restart")
    await until(lambda: bob.heard("while away 4"), "what waited", 60)
    heard = [m["body"] for m in bob.messages if m["body"].startswith("while away")]
    assert heard == [f"while away {number}" for number in range(5)], heard
    bodies = await pages.bodies("ann")
    for number in range(5):
        assert sum(body == f"while away {number}" for body in bodies) == 1, bodies
    await pages.ask("ann", "gone", css=".tick.queued")
    return bob


async def looks(pages):
    """axe-core finds nothing on any screen of chat, light and dark, wide and narrow."""
    talk, card = f"/chats/bob%40{DOMAIN}", f"/contacts/bob%40{DOMAIN}"
    settings = [f"/settings/{name}" for name in ("looks", "privacy", "notifications", "devices", "account", "about")]
    wrong = []
    for width, scheme, screens in ((1280, "light", [talk, "/chats", "/contacts", card, *settings]), (1280, "dark", [talk, card, "/settings/privacy"]), (320, "light", [talk, "/chats", card, "/settings/account"])):  # fmt: skip
        await pages.ask("ann", "size", width=width, height=800, scheme=scheme)
        for path in screens:
            await pages.ask("ann", "evaluate", script=f"history.pushState(null, '', '{path}'); dispatchEvent(new PopStateEvent('popstate'))")
            await pages.ask("ann", "shows", css=".panes")
            await asyncio.sleep(0.4)
            found = await pages.ask("ann", "axe")
            wrong += [(path, width, scheme, one) for one in found]
            wide = await pages.ask("ann", "evaluate", script="document.documentElement.scrollWidth - innerWidth")
            assert wide <= 0, (path, width, wide)
    assert not wrong, "\n".join(map(str, wrong))


async def test():
    server = Server().start()
    pages = await Pages().open()
    bob = await client("bob", "laptop", plugins=PLUGINS).sign_in()
    ann = await client("ann", "old", plugins=PLUGINS).sign_in()
    await befriend(ann, bob)
    await ann.sign_out()
    for user in ("ann", "bob"):
        await pages.ask(user, "open", password=password(user))
    await talk(pages, bob)
    await hostile(pages, bob)
    await room(pages, bob)
    await search(pages)
    bob = await restart(pages, bob, server)
    await looks(pages)
    for user in ("ann", "bob"):
        errors = await pages.ask(user, "errors")
        assert not errors, errors
    await bob.sign_out()
    await pages.close()
    server.stop()


main(test)
