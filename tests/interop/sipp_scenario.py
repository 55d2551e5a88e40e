"""sipp scenarios as a list of steps, so that a test reads as what is said on the wire.

Fields of a row: 0 the caller's line, 1 its digest, 2 the domain, 3 what is dialled.
"""

import re

OFFER = """v=0
o=- 1 {version} IN IP4 [local_ip]
s=-
c=IN IP4 [local_ip]
t=0 0
m=audio [media_port] RTP/AVP 0 101
a=rtpmap:0 PCMU/8000
a=rtpmap:101 telephone-event/8000
{direction}"""

END = "Content-Length: 0\n\n"


def offer(direction="sendrecv", version=1):
    """A description; a changed one needs a higher version (RFC 3264 §8)."""
    return OFFER.format(direction=f"a={direction}", version=version)


def _body(content, content_type):
    if content is None:
        return END
    return f"Content-Type: {content_type}\nContent-Length: [len]\n\n{content}\n"


def _send(text, retransmit):
    attribute = ' retrans="500"' if retransmit else ""
    return f"<send{attribute}><![CDATA[\n{text}\n]]></send>\n"


def request(
    method, number, headers=(), content=None, content_type="application/sdp", target="sip:[field3]@[field2]", branch="[branch]", to=None, hops=70
):
    """A request outside of a dialog, or (with `to`) inside one."""
    lines = [
        f"{method} {target} SIP/2.0",
        f"Via: SIP/2.0/[transport] [local_ip]:[local_port];rport;branch={branch}",
        f"Max-Forwards: {hops}",
        "From: <sip:[field0]@[field2]>;tag=[pid]c[call_number]",
        to or "To: <sip:[field3]@[field2]>",
        "Call-ID: [call_id]",
        f"CSeq: {number} {method}",
        "Contact: <sip:[field0]@[local_ip]:[local_port];transport=[transport]>",
        *headers,
    ]
    return _send("\n".join(lines) + "\n" + _body(content, content_type), method not in ("ACK",))


def within(method, number, headers=(), content=None, content_type="application/sdp", branch="[branch]"):
    """A request inside the dialog that a 2xx made."""
    to = "To: <sip:[field3]@[field2]>[peer_tag_param]"
    return request(method, number, headers, content, content_type, "[next_url]", branch, to)


def challenged(method, headers=(), content=None, content_type="application/sdp", number=1, **more):
    """A request, its challenge, and the same with the digest; `number` is the first CSeq of the two."""
    first = request(method, number, headers, content, content_type, **more)
    challenge = f'<recv response="100" optional="true"/>\n<recv response="407" auth="true" optional="true" next="{number}"/>\n'
    challenge += f'<recv response="401" auth="true" next="{number}"/>\n<label id="{number}"/>\n'
    if method == "INVITE":
        to = "[last_To:]"
        challenge += request("ACK", number, branch="[branch-4]", to=to)
    return first + challenge + request(method, number + 1, ("[field1]", *headers), content, content_type, **more)


def registration(expires=300):
    """REGISTER with digest, contact on sipp's own port."""
    to = "To: <sip:[field0]@[field2]>"
    return challenged("REGISTER", (f"Expires: {expires}",), target="sip:[field2]", to=to) + receive(200)


def receive(code, optional=False, routes=False, check=None):
    """A response; `check` is a regular expression that must be found in it."""
    words = f'response="{code}"' + (' optional="true"' if optional else "") + (' rrs="true"' if routes else "")
    if not check:
        return f"<recv {words}/>\n"
    return f'<recv {words}><action><ereg regexp="{check}" search_in="msg" check_it="true" assign_to="1"/></action></recv>\n'


def accepted():
    """200 or 202: a MESSAGE was taken (RFC 3428 §7)."""
    return '<recv response="202" optional="true" next="8"/>\n<recv response="200"/>\n<label id="8"/>\n'


def ringing():
    """Whatever a server may say before the final answer."""
    return receive(100, optional=True) + receive(180, optional=True) + receive(183, optional=True)


def expect(method, check=None, routes=False, keep=None):
    """A request that must come; `check` is a regular expression that must be found in it; `keep` is a header for later (as 6)."""
    words = f'request="{method}"' + (' rrs="true"' if routes else "")
    if keep:
        return f'<recv {words}><action><ereg regexp=".*" search_in="hdr" header="{keep}" assign_to="6"/></action></recv>\n'
    if not check:
        return f"<recv {words}/>\n"
    return f'<recv {words}><action><ereg regexp="{check}" search_in="msg" check_it="true" assign_to="1"/></action></recv>\n'


# What a response repeats, and the variables that hold it when other messages come before the response.
KEPT = {"Via:": 11, "From:": 12, "To:": 13, "CSeq:": 14}


def expect_for_later(method):
    """A request that is answered only after other messages: by `respond(.., kept=True)`."""
    kept = "".join(f'<ereg regexp=".*" search_in="hdr" header="{name}" assign_to="{number}"/>' for name, number in KEPT.items())
    return f'<recv request="{method}" rrs="true"><action>{kept}</action></recv>\n'


def respond(code, reason, content=None, tag=True, headers=(), kept=False):
    """A response to the request that came last, or to the one that was kept."""
    via, sender, to, sequence = (f"{name} [${number}]" if kept else f"[last_{name}]" for name, number in KEPT.items())
    lines = [
        f"SIP/2.0 {code} {reason}",
        via,
        "" if kept else "[last_Record-Route:]",
        sender,
        to + (";tag=[pid]s[call_number]" if tag else ""),
        "Call-ID: [call_id]" if kept else "[last_Call-ID:]",
        sequence,
        "Contact: <sip:uas@[local_ip]:[local_port];transport=[transport]>",
        *headers,
    ]
    return _send("\n".join(line for line in lines if line) + "\n" + _body(content, "application/sdp"), False)


def said_by_callee(method, number, content=None, branch="[branch]", headers=()):
    """A request inside the dialog from the one who was called; its INVITE was expected with `keep="From:"`."""
    lines = [
        f"{method} [next_url] SIP/2.0",
        f"Via: SIP/2.0/[transport] [local_ip]:[local_port];rport;branch={branch}",
        "Max-Forwards: 70",
        "From: <sip:[field0]@[field2]>;tag=[pid]s[call_number]",
        "To:[$6]",
        "Call-ID: [call_id]",
        f"CSeq: {number} {method}",
        "Contact: <sip:uas@[local_ip]:[local_port];transport=[transport]>",
        *headers,
    ]
    return _send("\n".join(lines) + "\n" + _body(content, "application/sdp"), method != "ACK")


def _kept_attribute(name, variable):
    expression = f"{name}=&quot;([^&quot;]*)&quot;"
    return f'<ereg regexp="{expression}" search_in="msg" check_it="true" assign_to="{variable},{variable + 1}"/>'


def by_lamp(header):
    """Looks at the lamp of a line, and comes to the dialog that it shows by Replaces or Join; until it is hung up on.

    The document names the dialog from the side of the watched phone (RFC 4235 §4.1.2), and so does the header here.
    """
    ids = _kept_attribute("call-id", 21) + _kept_attribute("local-tag", 23) + _kept_attribute("remote-tag", 25)
    # One look: what changes afterwards is not told (RFC 6665 §4.4.3).
    looks = challenged("SUBSCRIBE", ("Event: dialog", "Accept: application/dialog-info+xml", "Expires: 0")) + receive(200)
    looks += f'<recv request="NOTIFY"><action>{ids}</action></recv>\n' + respond(200, "OK", tag=False)
    comes = challenged("INVITE", (f"{header}: [$22];to-tag=[$24];from-tag=[$26]",), offer(), number=3) + ringing()
    comes += receive(200, routes=True) + request("ACK", 4, target="[next_url]", to="To: <sip:[field3]@[field2]>[peer_tag_param]")
    return [looks, comes, expect("BYE") + respond(200, "OK", tag=False)]


def command(*lines):
    """Says something to the other sipp of a 3PCC pair; the Call-ID is how it finds the call."""
    text = "\n".join(("Call-ID: [call_id]", *lines))
    return f"<sendCmd><![CDATA[\n{text}\n]]></sendCmd>\n"


def commanded(*keeps):
    """Waits for the other sipp of a 3PCC pair; each pair of a regular expression and variables keeps a part of what it says."""
    kept = (f'<ereg regexp="{what}" search_in="msg" check_it="true" assign_to="{names}"/>' for what, names in keeps)
    return f"<recvCmd><action>{''.join(kept)}</action></recvCmd>\n" if keeps else "<recvCmd/>\n"


def pause(milliseconds):
    return f'<pause milliseconds="{milliseconds}"/>\n'


def scenario(*steps):
    text = "".join(steps)
    names = sorted({name for names in re.findall(r'assign_to="([0-9,]+)"', text) for name in names.split(",")})
    used = f'<Reference variables="{",".join(names)}"/>\n' if names else ""
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<scenario name="test">\n{text}{used}</scenario>\n'
