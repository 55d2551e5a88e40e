"""linphone registers, calls the echo and hears its own tone, and is called by baresip.

peer: linphone-cli
server: running
"""

import asyncio
import os
import subprocess

from carillon import DOMAIN, SIP, Baresip, folder, free_port, line_password, loudest, main, tone, until

TONES = (440, 697, 941, 1209)


class Linphone:
    """linphonec, driven over its standard input."""

    def __init__(self, line, hertz):
        self.home = folder("linphone")
        os.makedirs(os.path.join(self.home, ".local/share/linphone"))
        settings = os.path.join(self.home, ".linphonerc")
        with open(settings, "w") as out:
            out.write(f"[sip]\nsip_port={free_port()}\nsip_tcp_port=-1\nsip_tls_port=-1\nguess_hostname=0\n[video]\nenabled=0\n[rtp]\naudio_rtp_port={free_port()}\n")
        self.play, self.record = os.path.join(self.home, "play.wav"), os.path.join(self.home, "record.wav")
        tone(self.play, hertz, 60)
        self.log = open(os.path.join(self.home, "log"), "w")
        environment = {**os.environ, "HOME": self.home}
        self.process = subprocess.Popen(
            ["linphonec", "-c", settings], stdin=subprocess.PIPE, stdout=self.log, stderr=subprocess.STDOUT, env=environment, text=True
        )
        self.say("ipv6 disable", "soundcard use files", f"play {self.play}", f"record {self.record}")
        self.say(f"register sip:{line}@{DOMAIN} sip:127.0.0.1:{SIP} {line_password(line)}")

    def say(self, *commands):
        for command in commands:
            self.process.stdin.write(command + "\n")
            self.process.stdin.flush()

    def text(self):
        with open(self.log.name, errors="replace") as log:
            return log.read()

    def close(self):
        self.say("quit")
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()


async def test():
    linphone = Linphone("1003", 941)
    baresip = None
    try:
        await until(lambda: "successful" in linphone.text(), "linphone registers", 20)
        linphone.say(f"call sip:600@{DOMAIN}")
        await until(lambda: "connected" in linphone.text() or "running" in linphone.text(), "the echo answers", 20)
        await asyncio.sleep(4)
        linphone.say("terminate")
        await until(lambda: "ended" in linphone.text() or "terminated" in linphone.text(), "the call ends")

        baresip = await Baresip("ann", 440).open()
        baresip.command("dial", f"sip:1003@{DOMAIN}")
        await until(lambda: "is contacting you" in linphone.text() or "incoming" in linphone.text().lower(), "linphone rings", 20)
        linphone.say("answer")
        await until(lambda: baresip.event("CALL_ESTABLISHED"), "baresip's call is answered", 20)
        await asyncio.sleep(4)
        baresip.command("hangup")
        await asyncio.sleep(0.5)
        heard, above = baresip.heard(TONES)
        assert heard == 941 and above > 10, (heard, above)
    except AssertionError:
        print(linphone.text()[-3000:])
        raise
    finally:
        linphone.close()
        if baresip:
            baresip.close()
    heard, above = loudest(linphone.record, TONES)
    assert heard in (941, 440) and above > 10, (heard, above)


main(test)
