"""The main job with foreign software only: bob's call shows as presence to ann, chat reaches all devices, a tone sent is the tone heard.

peer: baresip
server: running
alone: it keeps the machine busy, or counts time
scenes of baresip: registration, call, presence
"""

import asyncio
import time

from carillon import DOMAIN, Baresip, befriend, client, main, until

TONES = (440, 697, 941, 1209)


async def test():
    ann = await client("ann", "laptop").sign_in()
    desk = await client("bob", "desk").sign_in()
    mobile = await client("bob", "mobile").sign_in()
    await befriend(ann, desk)

    phones = [await Baresip("ann", 440, answer="auto").open(), await Baresip("bob", 697, answer="auto").open()]
    ann_phone, bob_phone = phones
    try:
        bob = f"bob@{DOMAIN}"
        ann.presences.clear()
        start = time.monotonic()
        bob_phone.command("dial", f"sip:600@{DOMAIN}")
        await until(lambda: ann.seen(bob, status="On the phone"), "ann sees bob on the phone")
        print(f"on the phone after {time.monotonic() - start:.2f} s")
        assert ann.seen(bob, show="away", status="On the phone")

        ann.send_message(bob, "call me when you are free", mtype="chat")
        await until(lambda: desk.heard("call me when you are free"), "bob's desk hears")
        await until(lambda: mobile.heard("call me when you are free"), "bob's mobile hears")

        await asyncio.sleep(3)
        ann.presences.clear()
        bob_phone.command("hangup")
        await until(lambda: ann.seen(bob, show=""), "bob is available again")
        assert bob_phone.heard(TONES)[0] == 697, "the echo gives back bob's own tone"

        ann_phone.command("dial", f"sip:1002@{DOMAIN}")
        await until(lambda: ann_phone.event("CALL_ESTABLISHED"), "ann's call is answered")
        await asyncio.sleep(4)
        ann_phone.command("hangup")
        await until(lambda: bob_phone.event("CALL_CLOSED"), "bob's phone hears the end")
        for phone, hertz in ((ann_phone, 697), (bob_phone, 440)):
            heard, above = phone.heard(TONES)
            assert heard == hertz and above > 10, (phone.line, heard, above)

        bob_phone.events.clear()
        ann_phone.events.clear()
        ann_phone.command("dial", f"sip:bob@{DOMAIN}")
        await until(lambda: ann_phone.event("CALL_ESTABLISHED"), "a call by user name is answered")
        ann_phone.command("hangup")
    finally:
        for phone in phones:
            phone.close()


main(test)
