"""Three foreign phones meet at the number of a conference, each hears the other two and not itself, and one comes and goes while the others talk.

peer: baresip
server: own
scenes of baresip: conference
"""

import asyncio
import os
import struct
import wave

from carillon import DATA, DOMAIN, Baresip, Server, main, until

TONES = {"ann": 440, "bob": 697, "carol": 941}


def recorded(phone):
    path = sorted(os.path.join(phone.path, f) for f in os.listdir(phone.path) if f.startswith("dump-") and f.endswith("-dec.wav"))[-1]
    with wave.open(path, "rb") as sound:
        rate, raw = sound.getframerate(), sound.readframes(sound.getnframes())
    return rate, [s[0] for s in struct.iter_unpack("<h", raw)]


def strength(samples, rate, hertz):
    """How much of the energy of a piece is this frequency, from 0 to 1."""
    import math

    re = sum(s * math.cos(2 * math.pi * hertz * n / rate) for n, s in enumerate(samples))
    im = sum(s * math.sin(2 * math.pi * hertz * n / rate) for n, s in enumerate(samples))
    total = sum(s * s for s in samples) or 1
    return 2 * (re * re + im * im) / len(samples) / total


def heard(phone):
    """Which tones the phone heard, second by second."""
    rate, samples = recorded(phone)
    seconds = []
    for begin in range(0, len(samples) - rate, rate):
        piece = samples[begin : begin + rate]
        loud = max(map(abs, piece)) > 500
        seconds.append({user for user, hertz in TONES.items() if loud and strength(piece, rate, hertz) > 0.1})
    return seconds


async def confer(phones):
    ann, bob, carol = phones.values()
    for phone in (ann, bob):
        phone.command("dial", f"sip:800@{DOMAIN}")
        await until(lambda phone=phone: phone.event("CALL_ESTABLISHED"), "the conference answers")
    await asyncio.sleep(4)
    carol.command("dial", f"sip:800@{DOMAIN}")
    await until(lambda: carol.event("CALL_ESTABLISHED"), "the conference answers carol")
    await asyncio.sleep(5)
    carol.command("hangup")
    await asyncio.sleep(4)
    assert not ann.event("CALL_CLOSED") and not bob.event("CALL_CLOSED"), "the others go on"
    ann.command("hangup")
    bob.command("hangup")
    await until(lambda: bob.event("CALL_CLOSED"), "bob has left")
    await asyncio.sleep(1)


async def test():
    with open(os.path.join(DATA, "carillon.toml"), "r+") as config:
        text = config.read().replace("[calls]\n", '[calls]\nconferences = ["800"]\n', 1)
        assert "conferences =" in text
        config.seek(0)
        config.write(text)
    server = Server().start()
    phones = {}
    try:
        for user, hertz in TONES.items():
            phones[user] = await Baresip(user, hertz).open()
        await confer(phones)
    finally:
        for phone in phones.values():
            phone.close()
        server.stop()
    for user, phone in phones.items():
        others = set(TONES) - {user}
        seconds = heard(phone)
        print(user, "".join("".join(sorted(name[0] for name in second)) + "," for second in seconds))
        assert all(user not in second for second in seconds), f"{user} hears itself"
        assert seconds.count(others) >= 3, f"{user} hears both others at once"
    for user, other in (("ann", "bob"), ("bob", "ann")):
        seconds = heard(phones[user])
        both = [at for at, second in enumerate(seconds) if "carol" in second]
        assert seconds[: both[0]].count({other}) >= 2, f"{user} hears {other} alone before carol comes"
        assert seconds[both[-1] + 1 :].count({other}) >= 2, f"{user} hears {other} alone after carol has gone"


main(test)
