"""What people do with an SSH library: suite.py LIBRARY runs it all and says what it saw.

Where to is in the environment: SSH_HOST, SSH_PORT, SSH_USER, SSH_KEY, SSH_KNOWN_HOSTS, and
SSH_FOLDER, a folder on the target. `suite.py LIBRARY COMMAND` is a client such as rsync and git call.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from libraries import LIBRARIES

FOLDER = os.environ["SSH_FOLDER"]
# More than any window, and nothing in it is a secret by chance.
BULK = bytes(byte % 31 + 65 for byte in range(251)) * 20_000


def commands(client):
    for command, given in [
        ("echo out; echo err >&2; exit 3", b""),
        ("cat", b"there and back"),
        ("printf '\\303\\244\\000\\377'", b""),
        ("head -c 3", b"abcdef"),
        ("sleep 0.1; true", b""),
    ]:
        print("exec", command, *client.run(command, given))
    status, out, err = client.run("cat", BULK)
    print("bulk", status, out == BULK, err)


def shell(client):
    said, status = client.shell(["echo one=$((1+1))", "stty size", "exit 3"])
    lines = [line.strip() for line in said.decode().replace("\r", "\n").splitlines()]
    print("shell", [line for line in lines if line in ("one=2", "24 80")], status)


def files(client, here):
    (here / "up").write_bytes(BULK)
    remote = f"{FOLDER}/by-sftp"
    client.sftp_put(str(here / "up"), remote)
    client.sftp_get(remote, str(here / "down"))
    print("sftp", (here / "down").read_bytes() == BULK, client.sftp_size(remote))
    client.sftp_rename(remote, f"{remote}-moved")
    print("sftp", [name for name in client.sftp_list(FOLDER) if name.startswith("by-sftp")])
    client.sftp_remove(f"{remote}-moved")
    print("sftp", [name for name in client.sftp_list(FOLDER) if name.startswith("by-sftp")])
    remote = f"{FOLDER}/by-scp"
    client.scp_put(str(here / "up"), remote)
    client.scp_get(remote, str(here / "scp"))
    print("scp", (here / "scp").read_bytes() == BULK)


def run(*command, **environment):
    """Runs a program that calls this one as its ssh."""
    environment = {**os.environ, **environment}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        sys.exit(f"{command}: {ended.stdout}{ended.stderr}")


def programs(library, here):
    ssh = f"{sys.executable} {os.path.abspath(__file__)} {library}"
    tree = here / "tree"
    (tree / "below").mkdir(parents=True)
    (tree / "below" / "file").write_text("a file\n")
    (tree / "bulk").write_bytes(BULK)
    place = f"x:{FOLDER}/by-rsync/"
    run("rsync", "-a", "-e", ssh, f"{tree}/", place)
    run("rsync", "-a", "-e", ssh, place, f"{here}/back/")
    same = subprocess.run(["diff", "-r", tree, here / "back"], check=False).returncode == 0
    print("rsync", same)

    # git says that it speaks its second protocol by a variable, which this ssh does not pass on.
    git = {"GIT_SSH_COMMAND": ssh, "GIT_SSH_VARIANT": "simple", "GIT_CONFIG_GLOBAL": "/dev/null"}
    who = ["-c", "user.name=x", "-c", "user.email=x@example.com"]
    origin = f"x:{FOLDER}/origin.git"
    run("git", "clone", "-q", origin, str(here / "clone"), **git)
    (here / "clone" / "new").write_text("new\n")
    run("git", "-C", str(here / "clone"), "add", "new", **git)
    run("git", "-C", str(here / "clone"), *who, "commit", "-q", "-m", "new", **git)
    run("git", "-C", str(here / "clone"), "push", "-q", "origin", "HEAD:refs/heads/main", **git)
    run("git", "clone", "-q", "-b", "main", origin, str(here / "again"), **git)
    print("git", (here / "again" / "new").read_text().strip())


def refusals(client):
    print("forward", client.forward("127.0.0.1", int(os.environ["SSH_FORWARD_TO"])))
    print("subsystem", client.subsystem("netconf"))


def main():
    library, *command = sys.argv[1:]
    client = LIBRARIES[library]()
    if command:
        # rsync hands over pipes that do not block.
        for descriptor in range(3):
            os.set_blocking(descriptor, True)
        # They say where to first; that is in the environment already.
        status = client.pipe(" ".join(command[1:]))
        client.close()
        sys.exit(status)
    with tempfile.TemporaryDirectory() as here:
        commands(client)
        shell(client)
        files(client, Path(here))
        programs(library, Path(here))
    refusals(client)
    client.close()
    print("done")


main()
