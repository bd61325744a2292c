"""A private MariaDB server for tests, in a folder of its own, on a free port, without a service."""

import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gateway.examples.credit.broker import free_port
from gateway.parent import ends_with_parent
from tests.services import PATIENCE, owner

USER, PASSWORD = "understudy", "not-very-secret"
OPTIONS = (
    "--no-defaults", "--skip-log-bin", "--innodb-flush-log-at-trx-commit=2", "--innodb-buffer-pool-size=64M",
    "--bind-address=127.0.0.1", "--skip-name-resolve", "--innodb-log-file-size=32M", "--innodb-use-native-aio=0",
)  # fmt: skip


class Mariadb:
    """A private MariaDB server on 127.0.0.1."""

    def __init__(self, programs: Path, folder: Path, user: str | None) -> None:
        self.port = free_port()
        self._programs = programs
        self._folder = folder
        self._user = user
        self._databases = 0
        self._process: subprocess.Popen[bytes] | None = None

    def database(self) -> str:
        """The SQLAlchemy URL of a new, empty database."""
        self._databases += 1
        name = f"test_{self._databases}"
        self._sql(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        return f"mariadb+pymysql://{USER}:{PASSWORD}@127.0.0.1:{self.port}/{name}"

    def install(self) -> None:
        """Makes the data folder."""
        user = [f"--user={self._user}"] if self._user else []
        options = ["--auth-root-authentication-method=normal", "--skip-test-db", "--innodb-use-native-aio=0", *user]
        command = ["mariadb-install-db", "--no-defaults", f"--datadir={self._data}", *options]
        with self._log.open("ab") as log:
            done = subprocess.run(command, check=False, stdout=log, stderr=log, cwd=self._folder)
        if done.returncode:
            raise RuntimeError(f"MariaDB could not be set up:\n{self._log.read_text()}")

    def start(self) -> None:
        """Starts it; returns when it takes connections. It ends with the thread that calls this, so with a killed
        pytest too. Raises RuntimeError with its log."""
        command = [str(self._programs / "mariadbd"), *OPTIONS, f"--datadir={self._data}", f"--port={self.port}",
                   f"--socket={self._socket}", f"--pid-file={self._folder / 'pid'}"]  # fmt: skip
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command, user=self._user, stdout=log, stderr=log, cwd=self._folder,
                preexec_fn=ends_with_parent(signal.SIGKILL),
            )  # fmt: skip
        deadline = time.monotonic() + PATIENCE
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"MariaDB did not start:\n{self._log.read_text()}")
            time.sleep(0.05)

    def grant(self) -> None:
        """Makes the user of the tests."""
        self._sql(f"CREATE USER {USER}@'127.0.0.1' IDENTIFIED BY '{PASSWORD}'",
                  f"GRANT ALL ON *.* TO {USER}@'127.0.0.1'")  # fmt: skip

    def end(self, sign: signal.Signals = signal.SIGKILL) -> None:
        """Ends it: nothing in it is worth an orderly end."""
        if self._process:
            with suppress(ProcessLookupError):
                self._process.send_signal(sign)
            self._process.wait(PATIENCE)

    def restart(self) -> None:
        """Kills it and starts it again on the same port."""
        self.end()
        self.start()

    def _sql(self, *statements: str) -> None:
        subprocess.run([*self._client("mariadb"), "--execute", "; ".join(statements)], check=True)

    def _answers(self) -> bool:
        command = [*self._client("mariadb-admin"), "ping"]
        return (
            subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 0
        )

    def _client(self, program: str) -> list[str]:
        return [program, "--no-defaults", f"--socket={self._socket}", "--user=root"]

    @property
    def _log(self) -> Path:
        return self._folder / "log"

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    @property
    def _socket(self) -> Path:
        return self._folder / "socket"


@contextmanager
def running_mariadb(programs: Path) -> Iterator[Mariadb]:
    """A private server for as long as the block lasts. Raises RuntimeError with its log when it does not start."""
    folder = Path(tempfile.mkdtemp(prefix="understudy-mariadb-"))
    server = Mariadb(programs, folder, owner(folder, "mysql"))
    try:
        server.install()
        server.start()
        server.grant()
        yield server
    finally:
        server.end()
        shutil.rmtree(folder)
