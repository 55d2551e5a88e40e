"""kill -9 in the middle of uploads: each file that was acknowledged is there whole, and no half file is served.

peer: slixmpp
server: own
alone: it keeps the machine busy, or counts time
"""

import asyncio
import hashlib
import os
import random

from carillon import DATA, DOMAIN, OFFSET, Server, client, main, until, verb

os.environ["SSL_CERT_FILE"] = os.path.join(DATA, "certificate.pem")

import aiohttp  # noqa: E402

ROUNDS = 3
FILES = 200
AT_ONCE = 8
HTTPS = 8443 + OFFSET


class Uploads:
    """What was begun and what was acknowledged: address -> hash of the content."""

    def __init__(self):
        self.begun, self.acknowledged = {}, set()

    async def one(self, ann, session, number):
        content = random.Random(number).randbytes(1000 + number * 997 % 200_000)
        plugin = ann.plugin["xep_0363"]
        answer = await plugin.request_slot(f"upload.{DOMAIN}", f"file {number}.bin", len(content), timeout=10)
        slot = answer["http_upload_slot"]
        url = slot["get"]["url"]
        self.begun[url] = hashlib.sha256(content).hexdigest()
        headers = {header["name"]: header["value"] for header in slot["put"]["headers"]}
        headers["Content-Type"] = "application/octet-stream"
        async with session.put(slot["put"]["url"], data=content, headers=headers) as response:
            if response.status == 201:
                self.acknowledged.add(url)

    async def many(self, ann, start):
        numbers = iter(range(start, start + FILES))

        async def worker(session):
            for number in numbers:
                try:
                    await self.one(ann, session, number)
                except Exception:
                    # The server is gone: that is what this test is about.
                    return

        async with aiohttp.ClientSession() as session:
            await asyncio.gather(*(worker(session) for _ in range(AT_ONCE)))


async def test():
    server, uploads = Server().start(HTTPS), Uploads()
    for crash in range(ROUNDS):
        ann = await client("ann", f"laptop{crash}", plugins=("xep_0030", "xep_0363")).sign_in()
        before = len(uploads.acknowledged)
        task = asyncio.ensure_future(uploads.many(ann, crash * FILES))
        await until(lambda: len(uploads.acknowledged) >= before + FILES // 3 or task.done(), "a third are acknowledged", 60)
        assert not task.done(), "the crash must come in the middle"
        server.kill()
        await task
        ann.abort()
        server.start(HTTPS)

    missing, wrong, unacknowledged = [], [], 0
    async with aiohttp.ClientSession() as session:
        for url, digest in uploads.begun.items():
            async with session.get(url) as response:
                body = await response.read()
                if response.status == 200 and hashlib.sha256(body).hexdigest() != digest:
                    wrong.append(url)
                if response.status == 200 and url not in uploads.acknowledged:
                    unacknowledged += 1
                if response.status != 200 and url in uploads.acknowledged:
                    missing.append((url, response.status))
    print(
        f"begun {len(uploads.begun)}, acknowledged {len(uploads.acknowledged)}, missing {len(missing)}, "
        f"not what was sent {len(wrong)}, there though the answer was lost {unacknowledged}"
    )
    assert len(uploads.acknowledged) >= ROUNDS * (FILES // 3)
    assert not missing and not wrong
    assert os.listdir(os.path.join(DATA, "files", "incoming")) == [], "what was coming in is forgotten"
    assert "whole" in verb("verify")
    assert server.stop() == 0


main(test)
