"""What is heard in a recording, second by second."""

import struct
import wave

from carillon import loudest


def windows(path, candidates):
    """The loudest of the tones in each second of a recording; None where it is still, or where none stands out."""
    with wave.open(path, "rb") as sound:
        rate, raw = sound.getframerate(), sound.readframes(sound.getnframes())
    samples, found = [s[0] for s in struct.iter_unpack("<h", raw)], []
    for begin in range(0, len(samples) - rate + 1, rate):
        window = samples[begin : begin + rate]
        if max(map(abs, window)) < 500:
            found.append(None)
            continue
        with wave.open(path + ".window", "wb") as out:
            out.setnchannels(1)
            out.setsampwidth(2)
            out.setframerate(rate)
            out.writeframes(struct.pack(f"<{rate}h", *window))
        hertz, above = loudest(path + ".window", candidates, 0)
        found.append(hertz if above > 5 else None)
    return found
