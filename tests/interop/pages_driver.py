"""The browser client of the project, driven as people use it: ui/e2e/calls.mjs in node, asked one thing after the other."""

import asyncio
import json
import os
import shutil

from browser import HTTP, Node
from carillon import DOMAIN, folder, password, until
from page_checks import UI, install


class Pages(Node):
    """Several people, a browser each. `BUILT_PAGES` is a build to look at in place of the one in the server."""

    async def open(self):
        install()
        self.folder, self.count = folder("pages"), 0
        settings = {"page": f"http://localhost:{HTTP}", "domain": DOMAIN, "folder": self.folder, "chromium": shutil.which("chromium")}
        if built := os.environ.get("BUILT_PAGES"):
            settings["pages"] = built
        environment = {**os.environ, "SETTINGS": json.dumps(settings)}
        self.log = open(os.path.join(self.folder, "log"), "w")
        self.process = await asyncio.create_subprocess_exec(
            os.environ.get("NODE", "node"), os.path.join(UI, "e2e", "calls.mjs"), env=environment, cwd=UI,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=self.log,
        )  # fmt: skip
        self.reader = asyncio.ensure_future(self.read())
        return self

    async def ask(self, what, seconds=15, **words):
        """Does it, and gives what it told; fails with what the page showed."""
        self.count += 1
        number = self.count
        self.do(what, id=number, seconds=seconds, **words)
        told = await until(lambda: self.heard("done", id=number) or self.heard("failed", id=number), what, seconds + 45)
        assert told[0]["event"] == "done", (words, told[0])
        return told[0]

    async def sign_in(self, user, **words):
        await self.ask("sign-in", user=user, password=password(user), seconds=40, **words)

    async def leave(self, user):
        """Closes the browser; nothing has gone wrong in its page."""
        complaints = (await self.ask("leave", user=user))["complaints"]
        assert not complaints, (user, complaints)

    async def close(self):
        """The script ends its browsers when nothing more is asked."""
        self.process.stdin.close()
        try:
            await asyncio.wait_for(self.process.wait(), 10)
        except asyncio.TimeoutError:
            self.process.kill()
