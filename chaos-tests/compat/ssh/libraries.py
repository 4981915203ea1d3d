"""One way to call each SSH library: paramiko, asyncssh, and libssh2 through ssh2-python."""

import asyncio
import base64
import os
import select
import socket
import sys
import threading

HOST = os.environ["SSH_HOST"]
PORT = int(os.environ["SSH_PORT"])
USER = os.environ["SSH_USER"]
KEY = os.environ["SSH_KEY"]
KNOWN_HOSTS = os.environ["SSH_KNOWN_HOSTS"]
PROMPT = b"sh> "
CHUNK = 32 * 1024
# How a program's standard descriptors are opened, by number.
MODES = ("rb", "wb", "wb")


class Paramiko:
    def __init__(self):
        import paramiko
        import scp

        self.scp = scp
        self.client = paramiko.SSHClient()
        self.client.load_host_keys(KNOWN_HOSTS)
        self.client.set_missing_host_key_policy(paramiko.RejectPolicy())
        self.client.connect(
            HOST, PORT, USER, key_filename=KEY, allow_agent=False, look_for_keys=False, timeout=30
        )
        self.failure = paramiko.SSHException
        self.transport = self.client.get_transport()
        self.sftp = None

    def files(self):
        self.sftp = self.sftp or self.client.open_sftp()
        return self.sftp

    def run(self, command, given):
        stdin, stdout, stderr = self.client.exec_command(command)
        feeder = threading.Thread(target=self.feed, args=(stdin, given))
        feeder.start()
        out, err = stdout.read(), stderr.read()
        feeder.join()
        return stdout.channel.recv_exit_status(), out, err

    @staticmethod
    def feed(stdin, given):
        try:
            stdin.write(given)
            stdin.channel.shutdown_write()
        except OSError:
            pass  # A command may end before it has read everything.

    def shell(self, lines):
        channel = self.client.invoke_shell(width=80, height=24)
        said = b""
        for line in lines:
            before = said.count(PROMPT)
            while said.count(PROMPT) == before and (more := channel.recv(CHUNK)):
                said += more
            channel.sendall(line.encode() + b"\r")
        while more := channel.recv(CHUNK):
            said += more
        return said, channel.recv_exit_status()

    def sftp_put(self, here, there):
        self.files().put(here, there)

    def sftp_get(self, there, here):
        self.files().get(there, here)

    def sftp_size(self, there):
        return self.files().stat(there).st_size

    def sftp_rename(self, before, after):
        self.files().rename(before, after)

    def sftp_list(self, folder):
        return sorted(self.files().listdir(folder))

    def sftp_remove(self, there):
        self.files().remove(there)

    def scp_put(self, here, there):
        with self.scp.SCPClient(self.transport, socket_timeout=60) as client:
            client.put(here, there)

    def scp_get(self, there, here):
        with self.scp.SCPClient(self.transport, socket_timeout=60) as client:
            client.get(there, here)

    def forward(self, host, port):
        try:
            self.transport.open_channel("direct-tcpip", (host, port), ("127.0.0.1", 1))
        except self.failure:
            return "refused"
        return "open"

    def subsystem(self, name):
        channel = self.transport.open_session()
        try:
            channel.invoke_subsystem(name)
        except self.failure:
            return "refused"
        return "refused" if channel.recv_exit_status() != 0 else "open"

    def pipe(self, command):
        channel = self.transport.open_session()
        channel.exec_command(command)

        def feed():
            while given := os.read(0, CHUNK):
                channel.sendall(given)
            channel.shutdown_write()

        threading.Thread(target=feed, daemon=True).start()
        threading.Thread(target=self.errors, args=(channel,), daemon=True).start()
        while said := channel.recv(CHUNK):
            sys.stdout.buffer.write(said)
            sys.stdout.buffer.flush()
        return channel.recv_exit_status()

    @staticmethod
    def errors(channel):
        while said := channel.recv_stderr(CHUNK):
            sys.stderr.buffer.write(said)

    def close(self):
        self.client.close()


class Asyncssh:
    def __init__(self):
        import asyncssh

        self.asyncssh = asyncssh
        self.loop = asyncio.new_event_loop()
        self.connection = self.wait(
            asyncssh.connect(
                HOST,
                PORT,
                username=USER,
                client_keys=[KEY],
                known_hosts=KNOWN_HOSTS,
                agent_path=None,
                config=None,
            )
        )

    def wait(self, what):
        async def waited():
            return await what

        return self.loop.run_until_complete(waited())

    def run(self, command, given):
        ended = self.wait(self.connection.run(command, input=given, encoding=None))
        return ended.exit_status, ended.stdout, ended.stderr

    def shell(self, lines):
        return self.wait(self.typed(lines))

    async def typed(self, lines):
        size = (80, 24)
        process = await self.connection.create_process(
            term_type="xterm", term_size=size, encoding=None
        )
        said = b""
        for line in lines:
            before = said.count(PROMPT)
            while said.count(PROMPT) == before and (more := await process.stdout.read(CHUNK)):
                said += more
            process.stdin.write(line.encode() + b"\r")
        while more := await process.stdout.read(CHUNK):
            said += more
        await process.wait()
        return said, process.exit_status

    def files(self, do):
        async def done():
            async with self.connection.start_sftp_client() as client:
                return await do(client)

        return self.wait(done())

    def sftp_put(self, here, there):
        self.files(lambda client: client.put(here, there))

    def sftp_get(self, there, here):
        self.files(lambda client: client.get(there, here))

    def sftp_size(self, there):
        return self.files(lambda client: client.stat(there)).size

    def sftp_rename(self, before, after):
        self.files(lambda client: client.rename(before, after))

    def sftp_list(self, folder):
        return sorted(self.files(lambda client: client.listdir(folder)))

    def sftp_remove(self, there):
        self.files(lambda client: client.remove(there))

    def scp_put(self, here, there):
        self.wait(self.asyncssh.scp(here, (self.connection, there)))

    def scp_get(self, there, here):
        self.wait(self.asyncssh.scp((self.connection, there), here))

    def forward(self, host, port):
        try:
            self.wait(self.connection.open_connection(host, port))
        except self.asyncssh.ChannelOpenError:
            return "refused"
        return "open"

    def subsystem(self, name):
        try:
            process = self.wait(self.connection.create_process(subsystem=name, encoding=None))
            ended = self.wait(process.wait())
        except self.asyncssh.ChannelOpenError:
            return "refused"
        return "refused" if ended.exit_status != 0 else "open"

    def pipe(self, command):
        return self.wait(self.piped(command))

    async def piped(self, command):
        # It closes what it is given, and Python, which says at its end that it cannot write to what
        # is closed, then ends with another status.
        given, said, errors = (os.fdopen(os.dup(fd), mode) for fd, mode in enumerate(MODES))
        process = await self.connection.create_process(
            command, stdin=given, stdout=said, stderr=errors, encoding=None
        )
        return (await process.wait()).exit_status

    def close(self):
        self.connection.close()
        self.wait(self.connection.wait_closed())


class Libssh2:
    def __init__(self):
        from ssh2.session import Session
        from ssh2 import sftp

        self.flags = sftp
        self.socket = socket.create_connection((HOST, PORT), timeout=30)
        self.socket.settimeout(None)
        self.session = Session()
        self.session.handshake(self.socket)
        key, _ = self.session.hostkey()
        with open(KNOWN_HOSTS, encoding="ascii") as known:
            if base64.b64encode(key).decode() not in known.read():
                sys.exit("the host key is another one")
        self.session.userauth_publickey_fromfile(USER, KEY, passphrase="")

    def ready(self):
        """Waits until the socket goes on in the direction that the library waits for."""
        directions = self.session.block_directions()
        wanted = [self.socket]
        select.select(wanted if directions & 1 else [], wanted if directions & 2 else [], [], 1)

    def run(self, command, given):
        channel = self.session.open_session()
        channel.execute(command)
        heard = {0: b"", 1: b""}
        self.session.set_blocking(False)
        sent = 0
        ended = False
        while not channel.eof():
            moved = 0
            for stream in heard:
                size, said = channel.read_ex(CHUNK, stream)
                if size > 0:
                    heard[stream] += said
                    moved += size
            if sent < len(given):
                count = channel.write(given[sent : sent + CHUNK])[1]
                sent += max(count, 0)
                moved += max(count, 0)
            elif not ended:
                ended = channel.send_eof() == 0
            if not moved:
                self.ready()
        self.session.set_blocking(True)
        channel.close()
        channel.wait_closed()
        return channel.get_exit_status(), heard[0], heard[1]

    def shell(self, lines):
        channel = self.session.open_session()
        channel.pty("xterm")
        channel.shell()
        said = b""
        for line in lines:
            before = said.count(PROMPT)
            while said.count(PROMPT) == before:
                size, more = channel.read(CHUNK)
                if size <= 0:
                    break
                said += more
            channel.write(line.encode() + b"\r")
        while True:
            size, more = channel.read(CHUNK)
            if size <= 0:
                break
            said += more
        channel.close()
        channel.wait_closed()
        return said, channel.get_exit_status()

    def sftp_put(self, here, there):
        flags = self.flags
        how = flags.LIBSSH2_FXF_CREAT | flags.LIBSSH2_FXF_WRITE | flags.LIBSSH2_FXF_TRUNC
        with open(here, "rb") as ours, self.session.sftp_init().open(there, how, 0o644) as theirs:
            while given := ours.read(CHUNK):
                theirs.write(given)

    def sftp_get(self, there, here):
        read = self.flags.LIBSSH2_FXF_READ
        with open(here, "wb") as ours, self.session.sftp_init().open(there, read, 0) as theirs:
            for _, said in theirs:
                ours.write(said)

    def sftp_size(self, there):
        return self.session.sftp_init().stat(there).filesize

    def sftp_rename(self, before, after):
        self.session.sftp_init().rename(before, after)

    def sftp_list(self, folder):
        with self.session.sftp_init().opendir(folder) as listed:
            return sorted(name.decode() for _, name, _ in listed.readdir())

    def sftp_remove(self, there):
        self.session.sftp_init().unlink(there)

    def scp_put(self, here, there):
        size = os.stat(here).st_size
        channel = self.session.scp_send64(there, 0o644, size, 0, 0)
        with open(here, "rb") as ours:
            while given := ours.read(CHUNK):
                channel.write(given)
        channel.send_eof()
        channel.wait_eof()
        channel.wait_closed()

    def scp_get(self, there, here):
        channel, about = self.session.scp_recv2(there)
        left = about.st_size
        with open(here, "wb") as ours:
            while left > 0:
                size, said = channel.read(min(CHUNK, left))
                ours.write(said)
                left -= size
        channel.close()

    def forward(self, host, port):
        try:
            self.session.direct_tcpip(host, port)
        except Exception as error:
            return "refused" if "Channel" in type(error).__name__ else repr(error)
        return "open"

    def subsystem(self, name):
        channel = self.session.open_session()
        try:
            channel.subsystem(name)
        except Exception as error:
            return "refused" if "Channel" in type(error).__name__ else repr(error)
        channel.wait_eof()
        channel.close()
        channel.wait_closed()
        return "refused" if channel.get_exit_status() != 0 else "open"

    def pipe(self, command):
        channel = self.session.open_session()
        channel.execute(command)
        self.session.set_blocking(False)
        given, open_ended = b"", True
        while not channel.eof():
            moved = False
            for stream, sink in ((0, sys.stdout.buffer), (1, sys.stderr.buffer)):
                size, said = channel.read_ex(CHUNK, stream)
                if size > 0:
                    sink.write(said)
                    sink.flush()
                    moved = True
            if not given and open_ended and select.select([0], [], [], 0)[0]:
                given = os.read(0, CHUNK)
                if not given:
                    open_ended = False
                    self.session.set_blocking(True)
                    channel.send_eof()
                    self.session.set_blocking(False)
            if given:
                count = max(channel.write(given)[1], 0)
                given = given[count:]
                moved = moved or count > 0
            if not moved:
                select.select([self.socket] + ([0] if open_ended and not given else []), [], [], 0.1)
        self.session.set_blocking(True)
        channel.close()
        channel.wait_closed()
        return channel.get_exit_status()

    def close(self):
        self.session.disconnect()


LIBRARIES = {"paramiko": Paramiko, "asyncssh": Asyncssh, "libssh2": Libssh2}
