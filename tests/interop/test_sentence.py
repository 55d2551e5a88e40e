"""A spoken sentence goes through the server in every way that sound can go, and what comes out is held against what went in: relayed, transcoded
(G.711 with Opus and with G.722), and from SRTP to RTP.

The score is the correlation over time of the loudness (in dB) of 16 bands from 200 to 3,400 Hz, in frames of 32 ms where the sentence is
heard, at the best delay of each second; the median second counts, as a busy machine holds up the phones themselves. 1 is the same, 0 is unlike. It
does not punish a codec for another phase or level, as people do not.

peer: baresip, espeak-ng, sox
server: running
alone: it keeps the machine busy, or counts time
"""

import asyncio
import cmath
import glob
import math
import os
import struct
import subprocess
import time
import wave

from carillon import DATA, DOMAIN, Baresip, main, until

WORDS = "The quick brown fox jumps over the lazy dog, while the old bell of the tower strikes nine times."
RATE, FRAME, HOP = 8000, 256, 128
BANDS = 16
# A piece of the sentence, and how far it may have moved, in frames: a second, and 0.4 seconds.
PIECE, SHIFT = 62, 25
# What is more than so much below the loudest is not heard beside it, in dB.
AUDIBLE = 45
# How often a call is made again when the phones themselves could not keep up.
TRIES = 5


def read(path):
    with wave.open(path, "rb") as sound:
        assert sound.getsampwidth() == 2, path
        rate, channels = sound.getframerate(), sound.getnchannels()
        raw = sound.readframes(sound.getnframes())
    samples = [pair[0] for pair in struct.iter_unpack("<h", raw)][::channels]
    assert rate == RATE, (path, rate)
    return samples


def spectrum(samples):
    """The powers of a frame, by the fast Fourier transform."""

    def transform(values):
        if len(values) == 1:
            return values
        even, odd = transform(values[::2]), transform(values[1::2])
        turned = [cmath.exp(-2j * math.pi * k / len(values)) * odd[k] for k in range(len(odd))]
        return [e + t for e, t in zip(even, turned)] + [e - t for e, t in zip(even, turned)]

    window = [0.5 - 0.5 * math.cos(2 * math.pi * n / FRAME) for n in range(FRAME)]
    values = transform([complex(s * w) for s, w in zip(samples, window)])
    return [abs(value) ** 2 for value in values[: FRAME // 2]]


# Bands as wide as the ear has them: equal steps of the logarithm.
EDGES = [200 * (3400 / 200) ** (n / BANDS) for n in range(BANDS + 1)]


def loudness(samples):
    """For every frame the loudness of each band, in dB."""
    frames = []
    for begin in range(0, len(samples) - FRAME, HOP):
        powers = spectrum(samples[begin : begin + FRAME])
        bands = []
        for low, high in zip(EDGES, EDGES[1:]):
            first = int(low * FRAME / RATE)
            last = max(first + 1, math.ceil(high * FRAME / RATE))
            bands.append(10 * math.log10(sum(powers[first:last]) + 1e4))
        frames.append(bands)
    # What is so far below the loudest is not heard beside it.
    floor = max(max(bands) for bands in frames) - AUDIBLE
    return [[max(value, floor) for value in bands] for bands in frames]


def correlation(one, other):
    n = len(one)
    if n < 2:
        return 0.0
    a, b = sum(one) / n, sum(other) / n
    up = sum((x - a) * (y - b) for x, y in zip(one, other))
    down = math.sqrt(sum((x - a) ** 2 for x in one) * sum((y - b) ** 2 for y in other))
    return up / down if down else 0.0


def score(said, heard):
    """How well what was heard agrees with what was said: piece by piece, as a phone may shift its sound now and then to keep up."""
    said, heard = loudness(said), loudness(heard)
    total, energy = [sum(frame) for frame in said], [sum(frame) for frame in heard]
    limit = max(total) - BANDS * 35
    loud = [place for place, value in enumerate(total) if value > limit]

    def at(places, delay):
        """Does the loudness of these frames of the sentence agree with that of the frames so much later?"""
        pairs = [(total[place], energy[place + delay]) for place in places if 0 <= place + delay < len(heard)]
        return correlation([a for a, _ in pairs], [b for _, b in pairs]) if len(pairs) > len(places) * 0.8 else -1

    whole = max(range(-50, max(1, len(heard) - len(said) // 2)), key=lambda delay: at(loud, delay))
    scores = []
    for begin in range(0, len(said), PIECE):
        places = [place for place in loud if begin <= place < begin + PIECE]
        if len(places) < PIECE // 3:
            continue
        delay = max(range(whole - SHIFT, whole + SHIFT + 1), key=lambda delay: at(places, delay))
        pairs = [(place, place + delay) for place in places if 0 <= place + delay < len(heard)]
        if len(pairs) < len(places) // 2:
            scores.append(0.0)
            continue
        bands = [([said[a][band] for a, _ in pairs], [heard[b][band] for _, b in pairs]) for band in range(BANDS)]
        # A band in which nothing is said has nothing to agree with.
        bands = [correlation(*band) for band in bands if max(band[0]) - min(band[0]) > 6]
        scores.extend([sum(bands) / len(bands)] if bands else [])
    return sorted(scores)[len(scores) // 2] if scores else 0.0


def sentence():
    path = os.path.join(DATA, "sentence.wav")
    subprocess.run(["espeak-ng", "-v", "en", "-s", "150", "-w", path + ".raw.wav", WORDS], check=True)
    subprocess.run(["sox", path + ".raw.wav", "-r", "8000", "-b", "16", "-c", "1", path, "gain", "-n", "-6", "pad", "1", "3"], check=True)
    return path


def kept(phone, side):
    """What a phone said (`enc`) or heard (`dec`), as it wrote it down."""
    files = sorted(glob.glob(os.path.join(phone.path, f"dump-*-{side}.wav")), key=os.path.getmtime)
    assert files, f"line {phone.line} recorded nothing"
    path = files[-1] + ".8000.wav"
    subprocess.run(["sox", files[-1], "-r", str(RATE), path], check=True)
    return read(path)


async def said(phones, callee, talks, sound):
    """The first phone calls; the sentence is said by those phones whose file it is."""
    caller = phones[0]
    for phone in phones:
        phone.events.clear()
    caller.command("dial", f"sip:{callee}@{DOMAIN}")
    for phone in talks:
        await until(lambda phone=phone: phone.event("CALL_ESTABLISHED"), f"line {phone.line} talks", 20)
    begin = time.monotonic()
    with wave.open(sound, "rb") as file:
        await asyncio.sleep(file.getnframes() / file.getframerate() + 0.5)
    seconds = time.monotonic() - begin
    caller.command("hangup")
    for phone in talks:
        await until(lambda phone=phone: phone.event("CALL_CLOSED"), f"line {phone.line} is done")
    await asyncio.sleep(1)
    return seconds


async def way(name, sound, threshold, caller, callee):
    """The sentence from caller to callee and, at the same time, back."""
    phones = []
    try:
        for user, options in (("ann", caller), ("bob", callee)):
            phone = Baresip(user, 440, answer="auto", **options)
            phones.append(phone)
            subprocess.run(["cp", sound, phone.tone], check=True)
            await phone.open()
        for _ in range(TRIES):
            seconds = await said(phones, phones[1].line, phones, sound)
            pace = min(len(kept(phone, side)) / RATE for phone in phones for side in ("enc", "dec")) / seconds
            if pace > 0.9:
                break
            print(f"{name}: the phones themselves kept up with {pace:.0%} of the call only; once more")
        assert pace > 0.9, "this machine is too busy for phones"
        for phone, other in (phones, phones[::-1]):
            # baresip's own resampler takes much away on the way to a wideband codec: what counts is what it then said.
            value = score(kept(other, "enc"), kept(phone, "dec"))
            print(f"{name}, heard by {phone.line}: {value:.3f}")
            assert value > threshold, (name, phone.line, value)
    finally:
        for phone in phones:
            phone.close()


G711 = {"account": ";audio_codecs=PCMA/8000/1"}
OPUS = {"settings": "module opus.so", "account": ";audio_codecs=opus/48000/2"}
G722 = {"settings": "module g722.so", "account": ";audio_codecs=G722/16000/1"}
SRTP = {"settings": "module srtp.so", "account": ";audio_codecs=PCMA/8000/1;mediaenc=srtp-mand", "transport": "tls"}


async def test():
    sound = sentence()
    assert score(read(sound), read(sound)) > 0.999
    noise = [((n * 1103515245 + 12345) >> 8) % 4000 - 2000 for n in range(len(read(sound)))]
    assert score(read(sound), noise) < 0.4, "the score tells speech from noise"
    await way("relayed", sound, 0.95, G711, G711)
    await way("G.711 with G.722", sound, 0.93, G711, G722)
    await way("G.711 with Opus", sound, 0.85, G711, OPUS)
    await way("SRTP with RTP", sound, 0.95, SRTP, G711)


main(test)
