"""Runs a check of ui/e2e in node against the server of a test, and fails with what it found wrong."""

import asyncio
import json
import os
import shutil
import subprocess

from browser import HTTP
from carillon import DOMAIN, HERE, folder, password

UI = os.path.join(os.path.dirname(os.path.dirname(HERE)), "ui")


def install():
    """What the scripts stand on, if it is not there."""
    if not os.path.isdir(os.path.join(UI, "node_modules", "playwright-core")):
        subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], cwd=UI, check=True)


async def check(script, seconds, place="e2e", answer=None, tolerant=False, **settings):
    """What the script told, line by line; `answer` hears each event at once and gives a line to answer it with, or nothing; `tolerant` leaves it to the caller what is wrong. `BUILT_PAGES` is a build to look at in place of the one in the server."""
    install()
    made = folder(script)
    people = [{"user": name, "password": password(name)} for name in ("ann", "bob", "carol")]
    words = {"page": os.environ.get("PAGES_URL", f"http://localhost:{HTTP}"), "domain": DOMAIN, "folder": made, "people": people, "chromium": shutil.which("chromium"), **settings}
    if built := os.environ.get("BUILT_PAGES"):
        words["pages"] = built
    with open(os.path.join(made, "log"), "w") as log:
        process = await asyncio.create_subprocess_exec(
            "nice", "-n", "5", os.environ.get("NODE", "node"), os.path.join(UI, place, script), cwd=UI, env={**os.environ, "SETTINGS": json.dumps(words)},
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=log, limit=1 << 22, start_new_session=True,
        )  # fmt: skip
    told, kept = [], open(os.path.join(made, "told"), "wb", buffering=0)

    async def listen():
        async for line in process.stdout:
            kept.write(line)
            told.append(json.loads(line))
            if answer and (words := answer(told[-1]["event"])):
                process.stdin.write(words.encode() + b"\n")
        await process.wait()

    try:
        await asyncio.wait_for(listen(), seconds)
    finally:
        if process.returncode is None:
            os.killpg(process.pid, 9)
    with open(os.path.join(made, "log")) as log:
        assert process.returncode == 0 or tolerant, "\n".join([one["what"] for one in told if one["event"] == "wrong"] or [log.read()[-2000:], str(told[-3:])])
    return told
