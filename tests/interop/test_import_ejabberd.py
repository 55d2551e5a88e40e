"""Moving in from ejabberd: what its own `export_piefxis` and `dump` write is read, and everybody signs in with the password they had.

peer: ejabberd
server: running
"""

import asyncio
import glob
import os
import signal
import socket
import subprocess
import time

from carillon import DOMAIN, folder, free_port, main, password
from old_house import USERS, certificate, furnish
from test_import_prosody import moved_in


def configure(path, port):
    certificate_file, key = certificate(path)
    with open(os.path.join(path, "server.pem"), "w") as out:
        for part in (certificate_file, key):
            out.write(open(part).read())
    with open(os.path.join(path, "ejabberd.yml"), "w") as out:
        out.write(f"""
loglevel: warning
hosts: ["{DOMAIN}"]
certfiles: ["{path}/server.pem"]
listen:
  - {{port: {port}, ip: "127.0.0.1", module: ejabberd_c2s, starttls_required: true, access: all_ok}}
auth_method: internal
auth_password_format: scram
acl: {{local: {{user_regexp: ""}}}}
access_rules: {{all_ok: {{allow: all}}}}
modules:
  mod_adhoc: {{}}
  mod_blocking: {{}}
  mod_caps: {{}}
  mod_disco: {{}}
  mod_last: {{}}
  mod_mam: {{default: always, assume_mam_usage: true}}
  mod_offline: {{}}
  mod_ping: {{}}
  mod_privacy: {{}}
  mod_private: {{}}
  mod_pubsub: {{plugins: [flat, pep]}}
  mod_roster: {{versioning: true}}
  mod_vcard: {{search: false}}
""")


def start(path, port):
    environment = dict(
        os.environ,
        EJABBERD_CONFIG_PATH=f"{path}/ejabberd.yml",
        EJABBERD_LOG_PATH=f"{path}/log",
        EJABBERD_PID_PATH=f"{path}/pid",
        ERL_LIBS="/usr/lib/x86_64-linux-gnu",
        ERL_CRASH_DUMP="/dev/null",
        HOME=path,
    )
    # The commands of `ejabberdctl` are called within: no node name, so no epmd and no other port.
    calls = [f'ejabberd_auth:try_register(<<"{user}">>, <<"{DOMAIN}">>, <<"{password(user)}">>)' for user in USERS]
    command = ["erl", "+K", "true", "-noinput", "-noshell", "-mnesia", "dir", f'"{path}/spool"', "-s", "ejabberd", "-eval"]
    export = f'spawn(fun() -> W = fun F() -> case filelib:is_file("{path}/export") of true -> R = ejabberd_piefxis:export_server("{path}/xml"), ejabberd_admin:dump_mnesia("{path}/dump.txt"), file:write_file("{path}/exported", io_lib:format("~p", [R])); false -> timer:sleep(100), F() end end, W() end)'
    command.append(", ".join(["timer:sleep(3000)", *calls, export]) + ".")
    os.makedirs(f"{path}/spool")
    os.makedirs(f"{path}/xml")
    with open(os.path.join(path, "out"), "w") as log:
        server = subprocess.Popen(command, cwd=path, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    end = time.monotonic() + 40
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            time.sleep(4)
            return server
        except OSError:
            time.sleep(0.1)
    raise AssertionError("ejabberd does not listen")


async def test():
    path = folder("ejabberd")
    port = free_port()
    configure(path, port)
    server = start(path, port)
    try:
        await furnish(port)
        open(f"{path}/export", "w").close()
        for _ in range(200):
            if os.path.exists(f"{path}/exported"):
                break
            await asyncio.sleep(0.1)
        assert open(f"{path}/exported").read() == "ok"
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(timeout=10)
    (exported,) = [name for name in glob.glob(f"{path}/xml/*.xml") if "localhost" not in os.path.basename(name)]
    # That file has neither archives nor nodes; the dump has.
    await moved_in(("ejabberd", exported), ("ejabberd", f"{path}/dump.txt"))


if __name__ == "__main__":
    main(test)
