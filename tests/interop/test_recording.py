"""A call of a line whose calls are recorded: the file has what each side said on its own channel, nobody else may read it, and it is listed.

peer: baresip
server: running
"""

import asyncio
import os
import stat
import wave

from carillon import DATA, DOMAIN, Baresip, loudest, main, until, verb

TONES = (440, 697, 941, 1209)
PLAN = """
[[line]]
number = "1002"
recording = "always"
"""


def channel(path, which):
    """One channel of a recording as a file of its own."""
    with wave.open(path, "rb") as sound:
        assert sound.getnchannels() == 2 and sound.getsampwidth() == 2, path
        rate, raw = sound.getframerate(), sound.readframes(sound.getnframes())
    out = f"{path}.{which}.wav"
    with wave.open(out, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(rate)
        sound.writeframes(b"".join(raw[at + 2 * which : at + 2 * which + 2] for at in range(0, len(raw) - 3, 4)))
    return out


async def test():
    plan = os.path.join(DATA, "plan.toml")
    with open(plan, "w") as out:
        out.write(PLAN)
    print(verb("dialplan", "apply", plan).strip())
    ann, bob = await Baresip("ann", 440, answer="auto").open(), await Baresip("bob", 697, answer="auto").open()
    try:
        ann.command("dial", f"sip:{bob.line}@{DOMAIN}")
        for phone in (ann, bob):
            await until(lambda phone=phone: phone.event("CALL_ESTABLISHED"), f"line {phone.line} talks", 20)
        await asyncio.sleep(5)
        ann.command("hangup")
        for phone in (ann, bob):
            await until(lambda phone=phone: phone.event("CALL_CLOSED"), f"line {phone.line} is done")
        await asyncio.sleep(3)
    finally:
        ann.close()
        bob.close()
    listed = verb("call", "recordings")
    print(listed)
    (path,) = [word for word in listed.split() if word.endswith(".wav")]
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(os.path.dirname(path)).st_mode) == 0o700
    assert "(recorded)" in verb("call", "show", os.path.basename(path)[:16])
    # Left is the line that the policy is of, after the tone that says that it begins.
    for which, phone in ((0, bob), (1, ann)):
        heard, above = loudest(channel(path, which), TONES, begin=0.4)
        assert heard == phone.hertz and above > 10, (which, heard, above)


main(test)
