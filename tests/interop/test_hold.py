"""Whoever is put on hold by a foreign phone hears the music of the server, not what that phone sends, and the phone again afterwards.

peer: baresip, linphone-cli
server: own
scenes of baresip: hold, music on hold
scenes of linphone-cli: music on hold
"""

import asyncio
import os
import struct
import wave

from carillon import DATA, DOMAIN, Baresip, Server, loudest, main, tone, until
from linphone import Linphone

TALK, MUSIC = 697, 1477
WINDOW = 0.6


def heard(path):
    """Which of the two tones a recording holds, window by window; None is neither."""
    with wave.open(path, "rb") as sound:
        rate, raw = sound.getframerate(), sound.readframes(sound.getnframes())
    samples = [s[0] for s in struct.iter_unpack("<h", raw)]
    length, found = int(rate * WINDOW), []
    for begin in range(0, len(samples) - length, length):
        window = samples[begin : begin + length]
        if max(map(abs, window)) < 500:
            found.append(None)
            continue
        piece = path + ".window"
        with wave.open(piece, "wb") as out:
            out.setnchannels(1)
            out.setsampwidth(2)
            out.setframerate(rate)
            out.writeframes(struct.pack(f"<{length}h", *window))
        hertz, above = loudest(piece, (TALK, MUSIC, 440), 0)
        found.append(hertz if above > 10 else None)
    return found


async def hold(ann, bob):
    await ann.status("register", ["registered,"])
    ann.say(f"call sip:1002@{DOMAIN}")
    await until(lambda: bob.event("CALL_ESTABLISHED"), "ann talks to bob", 20)
    await asyncio.sleep(3)
    bob.command("hold")
    await asyncio.sleep(4)
    bob.command("resume")
    await asyncio.sleep(4)
    assert not bob.event("CALL_CLOSED"), "the call goes on"
    ann.say("terminate")
    await until(lambda: bob.event("CALL_CLOSED"), "bob hears the end")
    await asyncio.sleep(1)


async def test():
    music = os.path.join(DATA, "music.wav")
    tone(music, MUSIC, 10)
    with open(os.path.join(DATA, "carillon.toml"), "r+") as config:
        text = config.read().replace("[calls]\n", f'[calls]\nmusic_on_hold = "{music}"\n', 1)
        assert "music_on_hold" in text
        config.seek(0)
        config.write(text)
    server = Server().start()
    try:
        bob = await Baresip("bob", TALK, answer="auto").open()
        ann = Linphone("1001", 440)
        try:
            await hold(ann, bob)
        finally:
            bob.close()
            ann.close()
        parts = heard(ann.first)
        print(parts)
        first, last = parts.index(MUSIC), len(parts) - 1 - parts[::-1].index(MUSIC)
        assert parts[:first].count(TALK) >= 3, "ann hears bob first"
        assert 4 <= last - first + 1 <= 10 and set(parts[first : last + 1]) <= {MUSIC, None}, "then the music, for as long as he holds"
        assert parts[last + 1 :].count(TALK) >= 3, "and then bob again"
        recorded = sorted(os.path.join(bob.path, f) for f in os.listdir(bob.path) if f.endswith("-dec.wav"))
        assert all(MUSIC not in heard(path) for path in recorded), "whoever holds hears no music"
    finally:
        server.stop()


main(test)
