"""A page of ann's: a token over chat (slixmpp), who she is, a lent phone that JsSIP registers over SIP WebSocket with, her missed call, a forward, what a call would do, the directory, another password; then nothing of it is good any more.

peer: jssip
server: running
"""

import asyncio
import json

import aiohttp

from browser import HTTPS, Node
from carillon import DOMAIN, befriend, client, main, password, sipp, until, verb
from sipp_scenario import challenged, registration

NS = "urn:carillon:api:0"


class Page:
    """Requests with a token."""

    def __init__(self, session, token):
        self.session, self.token = session, token

    async def ask(self, method, path, body=None):
        url = f"https://localhost:{HTTPS}/api/v1/self{path}"
        async with self.session.request(method, url, json=body, headers={"Authorization": f"Bearer {self.token}"}) as answer:
            text = await answer.text()
            print(method, path, answer.status, text[:300])
            return answer.status, json.loads(text) if text else None

    async def get(self, path):
        status, answer = await self.ask("GET", path)
        assert status == 200, (path, status, answer)
        return answer


async def token_of(chat):
    iq = chat.make_iq_get(ito=DOMAIN)
    from xml.etree import ElementTree

    iq.append(ElementTree.Element(f"{{{NS}}}token"))
    answer = await iq.send(timeout=10)
    token = answer.xml.find(f"{{{NS}}}token")
    assert token.get("expires").endswith("Z") and len(token.text) >= 32
    return token.text


def registered():
    return [row for row in verb("status").splitlines() if "JsSIP" in row]


async def test():
    ann = await client("ann", "web").sign_in()
    bob = await client("bob", "desk").sign_in()
    await befriend(ann, bob)
    token = await token_of(ann)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=False)) as session:
        page = Page(session, token)
        me = await page.get("/me")
        assert me["jid"] == f"ann@{DOMAIN}" and me["lines"][0]["number"] == "1001", me
        assert (await Page(session, "nothing").ask("GET", "/me"))[0] == 401

        status, lent = await page.ask("POST", "/phone", {})
        assert status == 201 and lent["ws"] == "/sip", lent
        phone = await Node().open(
            "jssip_phone.mjs", server=f"wss://localhost:{HTTPS}{lent['ws']}", number="1001", user=lent["username"], password=lent["password"]
        )
        await phone.wait("registered", "JsSIP registers with the lent account")
        assert len(registered()) == 1 and (await page.get("/me"))["lines"][0]["registered"]
        # JsSIP without sound refuses calls: what is left of one is a missed call.
        sipp("register", [registration()], "bob")
        sipp("call", [challenged("INVITE")], "bob", "1001", wait=False)

        async def missed():
            while True:
                calls = await page.get("/calls?kind=missed")
                if calls["unseen"]:
                    return calls
                await asyncio.sleep(0.2)

        calls = await asyncio.wait_for(missed(), 15)
        assert calls["calls"][0]["peer"] == "1002", calls
        assert (await page.ask("POST", "/calls/seen"))[0] == 204
        assert (await page.get("/calls"))["unseen"] == 0

        status, line = await page.ask("PATCH", "/lines/1001", {"set": "forward", "when": "busy", "to": "1003"})
        assert status == 200 and line["settings"]["forward"]["busy"]["internal"]["to"] == "1003", line
        assert "1003" in verb("line", "show", "1001")
        assert (await page.ask("PATCH", "/lines/1002", {"set": "forward", "when": "busy", "to": "1003"}))[0] == 404
        assert (await page.get("/dial?to=10-02"))["name"] == "bob"
        assert (await page.get("/dial?to=4711"))["goes_to"] == "nowhere"
        assert (await page.get("/directory?q=car"))["people"][0]["numbers"] == ["1003"]
        assert await page.get("/sign-ins") == []

        assert (await page.ask("PUT", "/password", {"old": "guess", "new": "another one"}))[0] == 403
        assert (await page.ask("PUT", "/password", {"old": password("ann"), "new": "another one"}))[0] == 204
        assert (await page.ask("GET", "/me"))[0] == 401
        await until(lambda: registered() == [], "the lent phone has ended with the password")
        again = Page(session, await token_of(ann))
        assert (await again.ask("DELETE", "/token"))[0] == 204
        assert (await again.ask("GET", "/me"))[0] == 401
        await phone.close()


main(test)
