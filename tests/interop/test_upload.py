"""XEP-0363: files go up by the slot that the service gives, come down whole and in parts, and nobody else can change them.

peer: slixmpp
server: running
"""

import io
import os

from carillon import DATA, DOMAIN, befriend, client, main, until

# The certificate of the test's server is its own authority.
os.environ["SSL_CERT_FILE"] = os.path.join(DATA, "certificate.pem")

import aiohttp  # noqa: E402
from slixmpp.exceptions import IqError  # noqa: E402
from slixmpp.plugins.xep_0363.http_upload import HTTPError  # noqa: E402

PLUGINS = ("xep_0199", "xep_0030", "xep_0363", "xep_0066")
SERVICE = f"upload.{DOMAIN}"


async def fetch(url, **headers):
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as response:
        return response.status, response.headers, await response.read()


async def test():
    ann = await client("ann", "laptop", plugins=PLUGINS).sign_in()
    bob = await client("bob", "desk", plugins=PLUGINS).sign_in()
    await befriend(ann, bob)
    upload = ann.plugin["xep_0363"]

    photo = os.urandom(3_000_000)
    url = await upload.upload_file("Été à la plage.jpg", input_file=io.BytesIO(photo))
    assert upload.upload_service == SERVICE and upload.max_file_size == 100 << 20, (upload.upload_service, upload.max_file_size)
    ann.send_message(f"bob@{DOMAIN}", url, mtype="chat")
    got = (await until(lambda: [m for m in bob.messages if "/upload/" in m["body"]], "bob gets the address"))[0]["body"]

    status, headers, body = await fetch(got)
    assert (status, headers["Content-Type"], body == photo) == (200, "image/jpeg", True), (status, headers)
    assert headers["X-Content-Type-Options"] == "nosniff" and "Set-Cookie" not in headers, headers

    # A download that breaks off goes on where it was.
    half = len(photo) // 2
    status, headers, first = await fetch(got, Range=f"bytes=0-{half - 1}")
    assert (status, headers["Content-Range"]) == (206, f"bytes 0-{half - 1}/{len(photo)}"), headers
    status, headers, rest = await fetch(got, Range=f"bytes={half}-", **{"If-Range": headers["ETag"]})
    assert status == 206 and first + rest == photo
    status, headers, _ = await fetch(got, Range=f"bytes={len(photo)}-")
    assert (status, headers["Content-Range"]) == (416, f"bytes */{len(photo)}"), headers

    # Whoever has the address cannot write there, and the one who has put the file cannot either.
    async with aiohttp.ClientSession() as session:
        for authorization in ({}, {"Authorization": "Bearer 00"}):
            async with session.put(got, data=b"x" * len(photo), headers=authorization) as response:
                assert response.status == 409, response.status
    assert (await fetch(got))[2] == photo

    # What could run in a browser is saved instead.
    page = await bob.plugin["xep_0363"].upload_file("page.html", input_file=io.BytesIO(b"<script>alert(1)</script>"))
    status, headers, _ = await fetch(page)
    assert headers["Content-Type"] == "application/octet-stream" and headers["Content-Disposition"].startswith("attachment"), headers

    # What is larger than announced, and what is larger than allowed.
    try:
        await upload.upload_file("a.bin", size=10, input_file=io.BytesIO(b"x" * 5))
        raise AssertionError("half a file was taken")
    except (HTTPError, aiohttp.ClientError):
        pass
    try:
        await upload.request_slot(SERVICE, "a.bin", (100 << 20) + 1)
        raise AssertionError("a slot for too large a file was given")
    except IqError as refused:
        limit = refused.iq.xml.find(".//{urn:xmpp:http:upload:0}max-file-size")
        assert limit.text == str(100 << 20), refused.iq
    for who in (ann, bob):
        await who.sign_out()


main(test)
