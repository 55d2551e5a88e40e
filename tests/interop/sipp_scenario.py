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


def request(method, number, headers=(), content=None, content_type="application/sdp", target="sip:[field3]@[field2]", branch="[branch]", to=None):
    """A request outside of a dialog, or (with `to`) inside one."""
    lines = [
        f"{method} {target} SIP/2.0",
        f"Via: SIP/2.0/[transport] [local_ip]:[local_port];rport;branch={branch}",
        "Max-Forwards: 70",
        "From: <sip:[field0]@[field2]>;tag=[pid]c[call_number]",
        to or "To: <sip:[field3]@[field2]>",
        "Call-ID: [call_id]",
        f"CSeq: {number} {method}",
        "Contact: <sip:[field0]@[local_ip]:[local_port];transport=[transport]>",
        *headers,
    ]
    return _send("\n".join(lines) + "\n" + _body(content, content_type), method not in ("ACK",))


def within(method, number, headers=(), content=None, content_type="application/sdp"):
    """A request inside the dialog that a 2xx made."""
    to = "To: <sip:[field3]@[field2]>[peer_tag_param]"
    return request(method, number, headers, content, content_type, "[next_url]", to=to)


def challenged(method, headers=(), content=None, content_type="application/sdp", **more):
    """A request, its challenge, and the same with the digest."""
    first = request(method, 1, headers, content, content_type, **more)
    challenge = '<recv response="100" optional="true"/>\n<recv response="407" auth="true" optional="true" next="1"/>\n'
    challenge += '<recv response="401" auth="true" next="1"/>\n<label id="1"/>\n'
    if method == "INVITE":
        to = "[last_To:]"
        challenge += request("ACK", 1, branch="[branch-4]", to=to)
    return first + challenge + request(method, 2, ("[field1]", *headers), content, content_type, **more)


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


def respond(code, reason, content=None, tag=True, headers=()):
    """A response to the request that came last."""
    lines = [
        f"SIP/2.0 {code} {reason}",
        "[last_Via:]",
        "[last_Record-Route:]",
        "[last_From:]",
        "[last_To:]" + (";tag=[pid]s[call_number]" if tag else ""),
        "[last_Call-ID:]",
        "[last_CSeq:]",
        "Contact: <sip:uas@[local_ip]:[local_port];transport=[transport]>",
        *headers,
    ]
    return _send("\n".join(lines) + "\n" + _body(content, "application/sdp"), False)


def said_by_callee(method, number):
    """A request inside the dialog from the one who was called; its INVITE was expected with `keep="From:"`."""
    lines = [
        f"{method} [next_url] SIP/2.0",
        "Via: SIP/2.0/[transport] [local_ip]:[local_port];rport;branch=[branch]",
        "Max-Forwards: 70",
        "From: <sip:[field0]@[field2]>;tag=[pid]s[call_number]",
        "To:[$6]",
        "Call-ID: [call_id]",
        f"CSeq: {number} {method}",
    ]
    return _send("\n".join(lines) + "\n" + END, True)


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
