"""Takes the pictures of the pages: an office that talks and calls, then ui/e2e/pictures.mjs; run by `cargo xtask picture`, which starts the server afresh."""

import asyncio
import os
import shutil
import subprocess
import sys

from carillon import DATA, DOMAIN, Baresip, Server, line_password, main, password, verb
from office import ROOM, people, talk
from page_checks import check
from telephony import apply, established, forget, phones

ADMINISTRATOR = "a-password-of-ones-own"
PLAN = """[[route]]
pattern = "0.!"
to = { trunk = "city" }
called = { strip_pre_dot = true }

[[outside.trunk]]
name = "city"
sip = { address = "127.0.0.1:9", options_seconds = 0 }
"""
# So many colours are enough for a page, and make a fifth of the bytes.
COLOURS = 128
PEOPLE = (
    "ann,Ann Berger,1001", "bob,Bob Okafor,1002", "carol,Carol Lindqvist,1003", "dana,Dana Iversen,1004", "emil,Emil Novák,1005",
    "farah,Farah Siddiqui,1006", "goran,Goran Petrović,1007", "hana,Hana Sato,1008",
)  # fmt: skip


def everybody():
    """People with whole names, the three whom the tests know among them."""
    rows = [f"{user}@{DOMAIN},{name},{password(user)},{line},{line_password(line)}" for user, name, line in (one.split(",") for one in PEOPLE)]
    for user in ("ann", "bob", "carol"):
        verb("user", "remove", f"{user}@{DOMAIN}")
    path = os.path.join(DATA, "people.csv")
    with open(path, "w") as out:
        out.write("jid,name,password,line,line_password\n" + "\n".join(rows) + "\n")
    verb("user", "import", path)


async def test():
    verb("recover-admin", "--password-stdin", stdin=ADMINISTRATOR + "\n")
    everybody()
    apply(PLAN)
    server = Server().start()
    ann, bob, carol = await people()
    await talk(ann, bob, carol)
    desk, workshop = Baresip("ann", 440, answer="auto"), Baresip("bob", 697, answer="auto")
    async with phones(desk, workshop):
        workshop.command("dial", f"sip:1001@{DOMAIN}")
        await established(desk, workshop)
        await asyncio.sleep(1)
        workshop.command("hangup")
        forget(desk, workshop)

        def answer(event):
            if event == "call":
                workshop.command("dial", f"sip:1001@{DOMAIN}")
            elif event == "hang-up":
                workshop.command("hangup")

        told = await check("pictures.mjs", seconds=240, answer=answer, tolerant=True, room=ROOM, called="1002", administrator=ADMINISTRATOR)
    server.stop()
    for one in told:
        if one["event"] == "wrong":
            print("not taken:", one["what"])
    taken = [one["name"] for one in told if one["event"] == "taken"]
    for name in taken:
        small(os.path.join(DATA, "peers", "pictures.mjs", f"{name}.png"), os.path.join(sys.argv[1], f"{name}.png"))
    print(f"{len(taken)} pictures in {sys.argv[1]}")


def small(path, to):
    os.makedirs(os.path.dirname(to), exist_ok=True)
    command = [shutil.which("convert") or "magick", path, "-strip", "+dither", "-colors", str(COLOURS), "-define", "png:compression-level=9", f"PNG8:{to}"]
    subprocess.run(command, check=True)


main(test)
