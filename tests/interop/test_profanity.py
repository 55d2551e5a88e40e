"""profanity in a terminal signs in over TLS, sees a colleague, and chats both ways.

peer: profanity
server: running
"""

from carillon import DOMAIN, befriend, client, main, until
from terminal import Profanity


async def test():
    bob = await client("bob", "desk").sign_in()
    ann_first = await client("ann", "setup").sign_in()
    await befriend(ann_first, bob)
    await ann_first.sign_out()

    ann = Profanity("ann")
    try:
        await until(ann.started, "profanity starts")
        ann.connect()
        await until(lambda: bob.seen(f"ann@{DOMAIN}", show=""), "bob sees profanity's user", 20)
        ann.type(f"/msg bob@{DOMAIN} hello from a terminal")
        await until(lambda: bob.heard("hello from a terminal"), "bob hears profanity")
        bob.send_message(f"ann@{DOMAIN}", "hello back", mtype="chat")
        await until(lambda: "hello back" in ann.screen(), "profanity shows the answer")
    except AssertionError:
        print(ann.screen())
        raise
    finally:
        ann.stop()


main(test)
