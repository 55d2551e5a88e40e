"""Phones in pages: JsSIP in Chromium, which say a tone and tell what they hear."""

import asyncio

from browser import HTTPS, Browser
from carillon import line_password


async def phone(number, hertz, **settings):
    """A page that has registered; it says a tone."""
    page = Browser("webphone", "", server=f"wss://localhost:{HTTPS}/sip", number=number, password=line_password(number), hertz=hertz, **settings)
    await page.open("--allow-loopback-in-peer-connection", "--autoplay-policy=no-user-gesture-required")
    await page.wait("registered", f"{number} registers")
    return page


async def hears(page, hertz, what):
    """What the page hears, once it is that."""
    for _ in range(40):
        page.events = [event for event in page.events if event["event"] != "heard"]
        page.do("listen")
        heard = await page.wait("heard", "what it hears")
        if abs(heard["hertz"] - hertz) < 15 and heard["above"] > 10:
            return print(what, heard)
        await asyncio.sleep(0.25)
    raise AssertionError(f"{what}: {heard}")
