"""A relay of one's own: coturn takes the credentials that the server gives (XEP-0215), and no others.

peer: coturn
server: own
"""

import os
import socket
import subprocess
import time
import xml.etree.ElementTree as ET

from carillon import DATA, DOMAIN, Server, client, folder, free_port, main

NS = "{urn:xmpp:extdisco:2}"
SECRET = "the north wind"


def relay(port):
    """Starts coturn on loopback."""
    home = folder("coturn")
    process = subprocess.Popen(
        [
            "turnserver", "-n", "--no-cli", "--no-tls", "--no-dtls", "--no-stdout-log", "--lt-cred-mech", "--use-auth-secret",
            f"--static-auth-secret={SECRET}", f"--realm={DOMAIN}", "--listening-ip=127.0.0.1", "--relay-ip=127.0.0.1",
            f"--listening-port={port}", "--allow-loopback-peers", f"--pidfile={home}/pid", f"--userdb={home}/db",
            f"--log-file={home}/log", "--simple-log",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return process
        except OSError:
            time.sleep(0.05)
    raise AssertionError("coturn does not listen")


def relays(port, username, password):
    """Does coturn relay for these credentials?"""
    run = subprocess.run(
        ["turnutils_uclient", "-y", "-c", "-n", "1", "-m", "1", "-u", username, "-w", password, "-p", str(port), "127.0.0.1"],
        capture_output=True, text=True, timeout=60,
    )
    return run.returncode == 0 and "Total lost packets 0" in run.stdout


async def test():
    port = free_port()
    with open(os.path.join(DATA, "turn.secret"), "w") as file:
        file.write(SECRET + "\n")
    path = os.path.join(DATA, "carillon.toml")
    lines = [line for line in open(path) if not line.startswith("[turn]")]
    with open(path, "w") as file:
        file.writelines(lines)
        file.write(f'\n[turn]\nservices = ["stun:127.0.0.1:{port}", "turn:127.0.0.1:{port}?transport=udp"]\n')
        file.write('secret_file = "turn.secret"\ncredentials_seconds = 600\n')
    server, coturn = Server().start(), relay(port)
    try:
        ann = await client("ann", "desk").sign_in()
        iq = ann.make_iq_get(ito=DOMAIN)
        iq.append(ET.Element(f"{NS}services"))
        answer = await iq.send()
        stun, turn = answer.xml.findall(f"{NS}services/{NS}service")
        assert (stun.get("type"), stun.get("username")) == ("stun", None)
        assert (turn.get("type"), turn.get("host"), turn.get("port")) == ("turn", "127.0.0.1", str(port))
        expires, user = turn.get("username").split(":")
        assert user == "ann" and 500 < int(expires) - time.time() <= 601, turn.get("username")
        assert relays(port, turn.get("username"), turn.get("password")), "coturn takes them"
        assert not relays(port, turn.get("username"), "guessed"), "coturn takes no others"
        later = f"{int(expires) + 3600}:{user}"
        assert not relays(port, later, turn.get("password")), "nobody lengthens them"
    finally:
        coturn.terminate()
        server.kill()


main(test)
