"""The directory as slixmpp searches it (XEP-0055): found by service discovery, asked by data form (XEP-0004).

peer: slixmpp
server: running
"""

from slixmpp.exceptions import IqError

from carillon import DOMAIN, client, main

PLUGINS = ("xep_0004", "xep_0030", "xep_0055")


async def search(who, service, **fields):
    """The rows that a filled-in form finds."""
    iq = who.make_iq_set(ito=service)
    iq["search"]["form"].set_type("submit")
    iq["search"]["form"].add_field(var="FORM_TYPE", ftype="hidden", value="jabber:iq:search")
    for name, value in fields.items():
        iq["search"]["form"].add_field(var=name, value=value)
    answer = await iq.send()
    return [dict(row) for row in answer["search"]["form"].get_items()]


async def test():
    ann = await client("ann", "desk", plugins=PLUGINS).sign_in()
    disco = ann.plugin["xep_0030"]
    found = []
    for jid, _, _ in (await disco.get_items(DOMAIN))["disco_items"]["items"]:
        if "jabber:iq:search" in (await disco.get_info(jid))["disco_info"]["features"]:
            found.append(jid)
    assert found == [f"search.{DOMAIN}"], found
    iq = ann.make_iq_get(ito=found[0])
    iq.enable("search")
    offered = (await iq.send())["search"]["form"].get_fields()
    assert {"first", "last", "nick"} <= set(offered), list(offered)

    rows = await search(ann, found[0], nick="bob@")
    assert [(row["jid"], row["first"]) for row in rows] == [(f"bob@{DOMAIN}", "bob")], rows
    rows = await search(ann, found[0], nick=DOMAIN)
    assert [row["nick"] for row in rows] == ["ann", "bob", "carol"], rows
    try:
        await search(ann, found[0], nick="o")
        raise AssertionError("one letter is enough")
    except IqError as error:
        assert error.condition == "not-acceptable", error
    await ann.sign_out()


main(test)
