"""linphonec as a phone on a line, driven over its standard input."""

import os
import subprocess
import time

from carillon import DOMAIN, SIP, folder, free_port, line_password, tone, until


# What is recorded of a call in another codec has another rate than the rest of the file.
CODECS = (("opus", 48000, 2), ("speex", 32000, 1), ("speex", 16000, 1), ("speex", 8000, 1), ("G722", 8000, 1), ("PCMU", 8000, 1), ("PCMA", 8000, 1))


class Linphone:
    """`wide` lets it speak more than G.711; `info` sends digits by INFO."""

    def __init__(self, line, hertz, wide=False, info=False):
        self.line = line
        self.home = folder(f"linphone-{line}")
        os.makedirs(os.path.join(self.home, ".local/share/linphone"))
        settings = os.path.join(self.home, ".linphonerc")
        with open(settings, "w") as out:
            out.write(
                f"""[sip]
sip_port={free_port()}
sip_tcp_port=-1
sip_tls_port=-1
guess_hostname=0
default_proxy=0
use_info={int(info)}
use_rfc2833={int(not info)}
[video]
enabled=0
[rtp]
audio_rtp_port={free_port()}
[auth_info_0]
username={line}
passwd={line_password(line)}
realm={DOMAIN}
domain={DOMAIN}
[proxy_0]
reg_proxy=sip:127.0.0.1:{SIP}
reg_route=<sip:127.0.0.1:{SIP};lr>
reg_identity=sip:{line}@{DOMAIN}
reg_expires=300
reg_sendregister=1
publish=0
"""
            )
            for number, (mime, rate, channels) in enumerate(CODECS):
                enabled = int(wide or mime.startswith("PCM"))
                out.write(f"[audio_codec_{number}]\nmime={mime}\nrate={rate}\nchannels={channels}\nenabled={enabled}\n")
        self.seen = 0
        self.play, self.first, self.second = (os.path.join(self.home, name) for name in ("play.wav", "first.wav", "second.wav"))
        tone(self.play, hertz, 60)
        self.log = open(os.path.join(self.home, "log"), "w")
        environment = {**os.environ, "HOME": self.home}
        self.process = subprocess.Popen(
            ["stdbuf", "-o0", "linphonec", "-c", settings], stdin=subprocess.PIPE, stdout=self.log, stderr=subprocess.STDOUT, env=environment, text=True
        )
        self.say("ipv6 disable", "soundcard use files", f"play {self.play}", f"record {self.first}")

    def say(self, *commands):
        for command in commands:
            self.process.stdin.write(command + "\n")
            self.process.stdin.flush()

    async def status(self, of, wanted):
        """Asks until the status is the wanted one: linphonec tells changes only to a terminal."""
        asked = []

        def told():
            if not asked or time.monotonic() - asked[-1] > 0.5:
                asked.append(time.monotonic())
                self.say(f"status {of}")
            return any(word in self.text()[self.seen :] for word in wanted)

        await until(told, f"linphone's {of} is {' or '.join(wanted)}", 20)
        self.seen = len(self.text())

    def text(self):
        with open(self.log.name, errors="replace") as log:
            return log.read()

    def close(self):
        self.say("quit")
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
