"""linphone registers, calls the echo and hears its own tone, and is called by baresip.

peer: linphone-cli, baresip
server: running
scenes of linphone-cli: registration, call, echo
scenes of baresip: call
"""

import asyncio

from carillon import DOMAIN, Baresip, loudest, main, until
from linphone import Linphone

TONES = (440, 697, 941, 1209)


async def test():
    linphone = Linphone("1003", 941)
    baresip = None
    try:
        await linphone.status("register", ["registered,"])
        linphone.say(f"call sip:600@{DOMAIN}")
        await linphone.status("hook", ["Call out, hook="])
        await asyncio.sleep(4)
        linphone.say("terminate")
        await linphone.status("hook", ["hook=offhook", "hook=on-hook", "hook=on hook"])

        linphone.say(f"record {linphone.second}")
        baresip = await Baresip("ann", 440).open()
        baresip.command("dial", f"sip:1003@{DOMAIN}")
        await linphone.status("hook", ["Incoming call", "hook=ringing"])
        linphone.say("answer")
        await until(lambda: baresip.event("CALL_ESTABLISHED"), "baresip's call is answered", 20)
        await asyncio.sleep(4)
        baresip.command("hangup")
        await until(lambda: baresip.event("CALL_CLOSED"), "baresip's call ends")
        heard, above = baresip.heard(TONES)
        assert heard == 941 and above > 10, (heard, above)
    except AssertionError:
        print(linphone.text()[-3000:])
        raise
    finally:
        linphone.close()
        if baresip:
            baresip.close()
    for recorded, expected in ((linphone.first, 941), (linphone.second, 440)):
        heard, above = loudest(recorded, TONES)
        assert heard == expected and above > 10, (recorded, heard, above)


main(test)
