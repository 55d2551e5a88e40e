"""profanity in a terminal signs in over TLS, sees a colleague, and chats both ways.

peer: profanity
server: running
"""

import asyncio
import os
import subprocess
import time

from carillon import DATA, DOMAIN, XMPP, befriend, client, folder, main, password, until

SOCKET = os.path.join(DATA, "tmux.sock")


def tmux(*words):
    return subprocess.run(["tmux", "-S", SOCKET, *words], capture_output=True, text=True).stdout


def type_line(text):
    tmux("send-keys", "-l", text)
    time.sleep(0.5)  # profanity takes what comes at once for a paste
    tmux("send-keys", "Enter")


def screen():
    return tmux("capture-pane", "-p")


async def test():
    home = folder("profanity")
    log = os.path.join(home, "log")
    names = ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")
    environment = " ".join(f"{name}={home}" for name in names)
    bob = await client("bob", "desk").sign_in()
    ann_first = await client("ann", "setup").sign_in()
    await befriend(ann_first, bob)
    await ann_first.sign_out()

    tmux("-f", "/dev/null", "new-session", "-d", "-x", "140", "-y", "40", f"env {environment} LC_ALL=C.UTF-8 TERM=screen profanity -l DEBUG -f {log}")
    try:
        await until(lambda: "Type '/help'" in screen() or "/help" in screen(), "profanity starts")
        type_line(f"/connect ann@{DOMAIN} server 127.0.0.1 port {XMPP} tls trust")
        await asyncio.sleep(0.5)
        type_line(password("ann"))
        await until(lambda: bob.seen(f"ann@{DOMAIN}", show=""), "bob sees profanity's user", 20)
        type_line(f"/msg bob@{DOMAIN} hello from a terminal")
        await until(lambda: bob.heard("hello from a terminal"), "bob hears profanity")
        bob.send_message(f"ann@{DOMAIN}", "hello back", mtype="chat")
        await until(lambda: "hello back" in screen(), "profanity shows the answer")
    except AssertionError:
        print(screen())
        raise
    finally:
        tmux("kill-server")


main(test)
