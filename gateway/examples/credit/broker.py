"""A private RabbitMQ node on 127.0.0.1, with a name server of its own. Standard library only."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from gateway.parent import ends_with_parent

PATIENCE = 60.0
"""Seconds that a node may take to start, or to stop; only a broken one takes them."""
PROGRAM = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
"""Debian's own: the wrappers on the path switch the user, this one does not."""


class Broker:
    """One node. Its data outlast a stop and a kill."""

    def __init__(self, program: Path, folder: Path) -> None:
        """`folder` is where everything of the node is kept. Starts nothing."""
        self.folder = folder
        self.settings = "vm_memory_high_watermark.relative = 0.5\n"
        self.port, self._distribution, self._epmd = free_port(), free_port(), free_port()
        self.program = program
        self._node = f"understudy-{os.getpid()}-{folder.name[-8:]}@localhost"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """`127.0.0.1:PORT`."""
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Starts the node in its folder; returns when it takes connections. It ends with this thread.

        Raises RuntimeError with its log."""
        folder = self.folder
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "rabbitmq.conf").write_text(self.settings)
        (folder / "plugins").write_text("[].\n")
        with (folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(self.program)], env=self.environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                cwd=folder, preexec_fn=ends_with_parent(signal.SIGTERM), start_new_session=True,
            )  # fmt: skip
        deadline = time.monotonic() + PATIENCE
        while not self.answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"RabbitMQ did not start:\n{(folder / 'log').read_text()}")
            time.sleep(0.05)

    def answers(self) -> bool:
        """Whether it speaks AMQP: a connection that is only accepted would be closed while the node boots."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
                connection.sendall(b"AMQP\x00\x00\x09\x01")
                return connection.recv(1) == b"\x01"
        except OSError:
            return False

    def stop(self) -> None:
        """An orderly stop; its name server ends too."""
        self.signal(signal.SIGTERM)
        _end_by_port(self._epmd)

    def signal(self, sign: signal.Signals) -> None:
        """Sends a signal to the virtual machine itself, and waits until it has ended."""
        if self._process and self._process.poll() is None:
            with suppress(FileNotFoundError, ProcessLookupError):  # it had not come so far
                os.kill(self.pid(), sign)
            try:
                self._process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def pid(self) -> int:
        """The virtual machine's process."""
        return int((self.folder / "pid").read_text())

    def environment(self) -> dict[str, str]:
        """What makes all of RabbitMQ's programs mean this node."""
        folder = self.folder
        own = {
            "HOME": folder, "RABBITMQ_NODENAME": self._node, "RABBITMQ_NODE_PORT": self.port,
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1", "RABBITMQ_DIST_PORT": self._distribution,
            "RABBITMQ_MNESIA_BASE": folder / "mnesia", "RABBITMQ_LOG_BASE": folder / "logs",
            "RABBITMQ_CONFIG_FILE": folder / "rabbitmq.conf", "RABBITMQ_ENABLED_PLUGINS_FILE": folder / "plugins",
            "RABBITMQ_PID_FILE": folder / "pid", "ERL_EPMD_ADDRESS": "127.0.0.1", "ERL_EPMD_PORT": self._epmd,
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 2:2 +sbwt none",
        }  # fmt: skip
        return {**os.environ, **{name: str(value) for name, value in own.items()}}


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _end_by_port(port: int) -> None:
    """Ends the name server of this port, which has detached itself, by the environment that it was started with."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and f"ERL_EPMD_PORT={port}".encode() in _environment_of(entry):
            with suppress(ProcessLookupError):
                os.kill(int(entry.name), signal.SIGTERM)


def _environment_of(process: Path) -> Sequence[bytes]:
    try:
        return (process / "environ").read_bytes().split(b"\0")
    except OSError:
        return ()
