"""What the tests of calls share: settings and dial plans, phones that end with the test, and what was heard when."""

import contextlib
import math
import os
import re
import struct
import subprocess
import wave

from carillon import DATA, DOMAIN, PROGRAM, Baresip, tone, until
from linphone import Linphone

TONES = (440, 697, 941, 1209, 1477)
MUSIC = 1477
WINDOW_SECONDS = 0.4
# A window holds a tone when this part of its energy is at that frequency.
TONE_PART = 0.5
# Below this a window is silent.
LOUD = 500


def setting(*lines, section="calls"):
    """Writes settings into the configuration, before the server starts."""
    with open(os.path.join(DATA, "carillon.toml"), "r+") as config:
        text = config.read()
        text, found = re.subn(rf"(?m)^\[{section}\].*\n", lambda head: head.group() + "\n".join(lines) + "\n", text)
        assert found == 1, section
        config.seek(0)
        config.write(text)


def music_on_hold():
    """The server's music is one tone."""
    path = os.path.join(DATA, "music.wav")
    tone(path, MUSIC, 10)
    setting(f'music_on_hold = "{path}"')


def apply(plan, data=DATA):
    """Applies a dial plan, beside a running server or without one."""
    path = os.path.join(data, "dialplan.toml")
    with open(path, "w") as out:
        out.write(plan)
    run = subprocess.run([PROGRAM, "dialplan", "apply", path, "--data", data], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr


@contextlib.asynccontextmanager
async def phones(*phones):
    """Registers baresips and linphones; ends them with the block, and shows what linphones said when it failed."""
    try:
        for phone in phones:
            if isinstance(phone, Baresip):
                await phone.open()
            else:
                await phone.status("register", ["registered,"])
        yield phones
    except AssertionError:
        for phone in phones:
            print("---", phone.text()[-1500:])
        raise
    finally:
        for phone in phones:
            phone.close()


def address(number):
    return f"sip:{number}@{DOMAIN}"


async def established(*phones):
    """All of these baresips talk."""
    for phone in phones:
        await until(lambda phone=phone: phone.event("CALL_ESTABLISHED"), f"line {phone.line} talks", 15)


async def closed(*phones):
    """These baresips' calls have ended, and what they recorded is whole."""
    for phone in phones:
        await until(lambda phone=phone: phone.event("CALL_CLOSED"), f"line {phone.line} hears the end", 15)


def forget(*phones):
    """What happened before does not count any more."""
    for phone in phones:
        phone.events.clear()


def _part(samples, rate, hertz):
    """How much of the energy of a piece is at this frequency, from 0 to 1 (Goertzel)."""
    coefficient, a, b, total = 2 * math.cos(2 * math.pi * hertz / rate), 0.0, 0.0, 1.0
    for sample in samples:
        a, b, total = sample + coefficient * a - b, a, total + sample * sample
    return 2 * (a * a + b * b - coefficient * a * b) / len(samples) / total


def heard(*paths, tones=TONES, part=TONE_PART):
    """The tones in recordings, window by window: a set each, which is empty for silence and for anything else."""
    found = []
    for path in paths:
        with wave.open(path, "rb") as sound:
            rate, channels = sound.getframerate(), sound.getnchannels()
            raw = sound.readframes(sound.getnframes())
        samples = [s[0] for s in struct.iter_unpack("<h", raw[: len(raw) // 2 * 2])][::channels]
        length = int(rate * WINDOW_SECONDS)
        for begin in range(0, len(samples) - length, length):
            window = samples[begin : begin + length]
            loud = max(map(abs, window)) > LOUD
            found.append({hertz for hertz in tones if loud and _part(window, rate, hertz) > part})
    return found


def one_after_the_other(windows):
    """What was heard, in order: each tone or group of tones that filled two windows or more, once. Silence counts for nothing: a busy
    machine makes gaps."""
    order, before = [], None
    for window in filter(None, windows):
        if window == before and (not order or order[-1] != window):
            order.append(window)
        before = window
    return [next(iter(w)) if len(w) == 1 else w for w in order]


def told(phone):
    """What a phone heard in all its calls, in order."""
    paths = phone.recordings()
    return one_after_the_other(heard(*(path for path in paths if os.path.getsize(path) > 44)))
