"""A foreign phone waits in a queue with the imported music while the agent is signed out, and talks to the agent, both ways, when the agent has signed in; what waits is seen meanwhile.

peer: baresip
server: own
scenes of baresip: queue, music on hold
"""

import asyncio
import json
import os

from carillon import DATA, DOMAIN, Baresip, Server, main, tone, until, verb
from heard import windows

MUSIC, ANN, BOB = 1209, 440, 697
PLAN = """
[[reception.queue]]
name = "support"
number = "5100"
distribution = "longest-idle"
agents = ["1002-1003"]
sounds = { music = "waltz" }
"""


def shown():
    return json.loads(verb("queue", "show", "support", "--json"))[0]


def states(queue):
    return {agent["line"]["number"]: agent["state"] for agent in queue["agents"]}


async def wait_and_talk(ann, bob):
    ann.command("dial", f"sip:5100@{DOMAIN}")
    await until(lambda: ann.event("CALL_ESTABLISHED"), "the queue answers")
    await asyncio.sleep(4)
    queue = shown()
    assert [caller["number"] for caller in queue["callers"]] == ["1001"], queue
    assert states(queue) == {"1002": "loggedOff", "1003": "outOfService"}, queue
    assert not bob.event("CALL_INCOMING"), "nobody rings who has signed out"
    verb("queue", "sign-in", "1002")
    await until(lambda: bob.event("CALL_ESTABLISHED"), "the agent is rung, and answers", 10)
    await asyncio.sleep(4)
    queue = shown()
    assert queue["callers"] == [] and states(queue)["1002"] == "busy" and queue["agents"][0]["taken"] == 1, queue
    ann.command("hangup")
    await until(lambda: bob.event("CALL_CLOSED"), "the agent hears the end")
    await asyncio.sleep(3)


async def test():
    tone(os.path.join(DATA, "waltz.wav"), MUSIC, 3, 16000)
    plan = os.path.join(DATA, "plan.toml")
    with open(plan, "w") as out:
        out.write(PLAN)
    server = Server().start()
    phones = []
    try:
        # Beside the running server: it holds at once.
        verb("sound", "import", "waltz", os.path.join(DATA, "waltz.wav"))
        verb("dialplan", "apply", plan)
        verb("queue", "sign-out", "1002")
        ann, bob = Baresip("ann", ANN), Baresip("bob", BOB, answer="auto")
        for phone in (ann, bob):
            phones.append(await phone.open())
        await wait_and_talk(ann, bob)
        # The record says how long the caller waited: a leg with the number of the queue.
        [call] = json.loads(verb("call", "list", "--json"))
        record = json.loads(verb("call", "show", call["id"], "--json"))
    finally:
        for phone in phones:
            phone.close()
        server.stop()
    everything = (MUSIC, ANN, BOB)
    heard = windows(ann.recordings()[-1], everything)
    print("ann", heard)
    assert heard[:4].count(MUSIC) >= 3, "the imported music while ann waits"
    assert MUSIC not in heard[-3:] and heard.count(BOB) >= 3, "then the agent"
    assert windows(bob.recordings()[-1], everything).count(ANN) >= 3, "who hears ann"


main(test)
