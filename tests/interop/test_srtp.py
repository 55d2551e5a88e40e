"""SRTP on any leg with any other leg: baresip with keys in SDP, wanted or demanded, over TLS and in the clear, against a plain phone; tones both ways.

peer: baresip
server: running
scenes of baresip: secure media
"""

import asyncio

from carillon import DOMAIN, Baresip, main, until, verb

TONES = (440, 697, 941, 1209)


async def call(caller, callee, kept):
    """A call that must be heard both ways, and what is shown of both legs."""
    for phone in (caller, callee):
        phone.events.clear()
    caller.command("dial", f"sip:{callee.line}@{DOMAIN}")
    for phone in (caller, callee):
        await until(lambda phone=phone: phone.event("CALL_ESTABLISHED"), f"line {phone.line} talks", 20)
    await asyncio.sleep(4)
    shown = verb("call", "list", "--live")
    number = next(word for word in shown.split() if len(word) == 16)
    codecs = [line.strip() for line in verb("call", "show", number).splitlines() if line.startswith("  codecs")]
    print(codecs)
    assert codecs == [f"codecs  {text}" for text in kept], (codecs, kept)
    caller.command("hangup")
    for phone in (caller, callee):
        await until(lambda phone=phone: phone.event("CALL_CLOSED"), f"line {phone.line} is done")
    for phone, other in ((caller, callee), (callee, caller)):
        heard, above = phone.heard(TONES)
        assert heard == other.hertz and above > 10, (phone.line, heard, above)


async def test():
    plain = await Baresip("bob", 697, answer="auto").open()
    try:
        for mode, transport in (("srtp-mand", "tls"), ("srtp", "tls"), ("srtp-mand", "udp")):
            secret = await Baresip("ann", 440, answer="auto", transport=transport, settings="module srtp.so", account=f";mediaenc={mode}").open()
            try:
                print(mode, transport)
                await call(secret, plain, ["PCMU (SRTP)", "PCMU"])
                # Over UDP the server offers no keys, and a phone that demands them does not come to the call.
                if transport == "tls" and mode == "srtp":
                    await call(plain, secret, ["PCMU", "PCMU (SRTP)"])
            finally:
                secret.close()
            for trace in verb("call", "list").split():
                if len(trace) == 16:
                    assert "inline:" not in verb("call", "trace", trace), "keys are shown"
    finally:
        plain.close()


main(test)
