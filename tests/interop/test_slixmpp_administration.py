"""An administrator makes, disables and removes a user and announces with a chat client; colleagues appear without being added.

peer: slixmpp
server: own
"""

import os

from slixmpp.exceptions import IqError

from carillon import DATA, DOMAIN, Server, client, main, until, verb

PLUGINS = ("xep_0199", "xep_0004", "xep_0030", "xep_0050", "xep_0133")
ADMIN = "http://jabber.org/protocol/admin#"


async def order(who, word, **values):
    """Runs a command of the server in its two stages; gives the last answer."""
    commands = who.plugin["xep_0050"]
    first = await commands.send_command(DOMAIN, ADMIN + word)
    if first["command"]["status"] == "completed":
        return first["command"]
    asked = {field["var"] for field in first["command"]["form"]}
    assert set(values) <= asked, asked
    form = who.plugin["xep_0004"].make_form(ftype="submit")
    form.add_field(var="FORM_TYPE", ftype="hidden", value="http://jabber.org/protocol/admin")
    for name, value in values.items():
        form.add_field(var=name, ftype="text-multi" if isinstance(value, list) else "text-single", value=value)
    session = first["command"]["sessionid"]
    last = await commands.send_command(DOMAIN, ADMIN + word, sessionid=session, payload=form, action="complete")
    assert last["command"]["status"] == "completed", str(last)
    return last["command"]


async def test():
    path = os.path.join(DATA, "carillon.toml")
    with open(path) as config:
        text = config.read()
    with open(path, "w") as config:
        config.write(text.replace("[im]\n", f'[im]\nadministrators = ["ann@{DOMAIN}"]\n'))
    server = Server().start()
    ann = await client("ann", "laptop", plugins=PLUGINS).sign_in()
    bob = await client("bob", "desk", plugins=PLUGINS).sign_in()
    items = await ann.plugin["xep_0030"].get_items(DOMAIN, node="http://jabber.org/protocol/commands")
    assert f"{ADMIN}add-user" in {node for _, node, _ in items["disco_items"]["items"]}, str(items)
    try:
        await order(bob, "add-user")
        raise AssertionError("bob is no administrator")
    except IqError as error:
        assert error.condition == "forbidden", error.condition

    await order(ann, "add-user", accountjid=f"dora@{DOMAIN}", password="correct horse", **{"password-verify": "correct horse"})
    dora = await client("dora", "phone", plugins=PLUGINS, password="correct horse").sign_in()
    numbers = await order(ann, "get-registered-users-num")
    assert numbers["form"].get_values()["registeredusersnum"] == "4", str(numbers)

    verb("group", "add", "Crew", "--shared")
    verb("group", "member", "add", "Crew", f"ann@{DOMAIN}", f"dora@{DOMAIN}")
    await until(lambda: ann.seen(f"dora@{DOMAIN}") and dora.seen(f"ann@{DOMAIN}"), "colleagues see each other")
    assert ann.client_roster[f"dora@{DOMAIN}"]["subscription"] == "both" and ann.client_roster[f"dora@{DOMAIN}"]["groups"] == ["Crew"]
    assert f"bob@{DOMAIN}" not in ann.client_roster

    await order(ann, "announce", announcement="Tea is ready")
    for who in (ann, bob, dora):
        await until(lambda who=who: who.heard("Tea is ready"), f"{who.boundjid.user} hears the announcement")
    verb("announce", "message-of-the-day", "No duels today")
    await until(lambda: bob.heard("No duels today"), "bob gets the message of the day")
    carol = await client("carol", "desk", plugins=PLUGINS).sign_in()
    await until(lambda: carol.heard("No duels today"), "carol gets it when she signs in")

    await order(ann, "disable-user", accountjids=[f"dora@{DOMAIN}"])
    await until(lambda: ann.seen(f"dora@{DOMAIN}", kind="unavailable"), "dora is sent away")
    assert "disabled" in verb("user", "show", f"dora@{DOMAIN}")
    await order(ann, "delete-user", accountjids=[f"dora@{DOMAIN}"])
    assert "dora" not in verb("user", "list")
    for who in (ann, bob, carol):
        await who.sign_out()
    assert server.stop() == 0


main(test)
