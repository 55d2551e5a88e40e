"""profanity in a terminal of its own: typed into and read as a person would."""

import os
import subprocess
import time

from carillon import DATA, DOMAIN, XMPP, folder, password


class Profanity:
    def __init__(self, user):
        self.user = user
        self.home = folder(f"profanity-{user}")
        self.socket = os.path.join(DATA, f"tmux-{user}.sock")
        names = ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")
        environment = " ".join(f"{name}={self.home}" for name in names)
        program = f"profanity -l DEBUG -f {os.path.join(self.home, 'log')}"
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", "140", "-y", "40", f"env {environment} LC_ALL=C.UTF-8 TERM=screen {program}")

    def tmux(self, *words):
        return subprocess.run(["tmux", "-S", self.socket, *words], capture_output=True, text=True).stdout

    def type(self, text):
        self.tmux("send-keys", "-l", text)
        time.sleep(0.5)  # profanity takes what comes at once for a paste
        self.tmux("send-keys", "Enter")

    def screen(self):
        return self.tmux("capture-pane", "-p")

    def started(self):
        return "/help" in self.screen()

    def connect(self):
        """Asks for the password, which is typed then."""
        self.type(f"/connect {self.user}@{DOMAIN} server 127.0.0.1 port {XMPP} tls trust")
        time.sleep(0.5)
        self.type(password(self.user))

    def stop(self):
        self.tmux("kill-server")
