"""The services that some tests need: how they are found, installed and started. Standard library only.

`python -m tests.services` prints the apt packages of those that are missing, on one line.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

PATIENCE = 60.0
"""Seconds that a service may take to start; only a broken one takes them."""


@dataclass(frozen=True)
class Service:
    """A service that tests need: its name, its apt packages, and where its programs are, if they are."""

    name: str
    package: str
    programs: Callable[[], Path | None]


def postgresql_programs() -> Path | None:
    """The folder with PostgreSQL's server programs: on the path, or where Debian keeps the newest."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    folders = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest = max(folders, key=lambda each: int(each.parts[-3]), default=None)
    return newest.parent if newest else None


def programs(*names: str, library: str = "*") -> Callable[[], Path | None]:
    """Finds the folder of the first of these programs, if all are on the path and so is the library, a glob below /."""

    def found() -> Path | None:
        paths = [shutil.which(name) for name in names]
        there = all(paths) and next(Path("/").glob(library), None)
        return Path(str(paths[0])).parent if there else None

    return found


def folder_of(program: str) -> Callable[[], Path | None]:
    """Finds the folder of a program that stands where Debian puts it, a path below /."""

    def found() -> Path | None:
        place = Path("/") / program
        return place.parent if place.exists() else None

    return found


POSTGRESQL = Service("PostgreSQL", "postgresql", postgresql_programs)
# Debian's wrappers on the path switch the user; the ones here do not.
RABBITMQ = Service("RabbitMQ", "rabbitmq-server", folder_of("usr/lib/rabbitmq/bin/rabbitmq-server"))
MARIADB = Service("MariaDB", "mariadb-server", folder_of("usr/sbin/mariadbd"))
AMQP_TOOLS = Service("the C tools of AMQP", "amqp-tools librabbitmq-dev gcc",
                     programs("amqp-publish", "gcc", library="usr/include/rabbitmq-c/amqp.h"))  # fmt: skip
# The clients of tests/interop that are no Python libraries.
PHP = Service("PHP with SoapClient", "php-cli php-soap", programs("php", library="usr/lib/php/*/soap.so"))
PERL = Service("SOAP::Lite", "libsoap-lite-perl", programs("perl", library="usr/share/perl5/SOAP/Lite.pm"))
GSOAP = Service("gSOAP", "gsoap libgsoap-dev g++",
                programs("soapcpp2", "wsdl2h", "g++", library="usr/include/stdsoap2.h"))  # fmt: skip
JAXWS = Service("JAX-WS RI", "jaxws default-jdk-headless",
                programs("wsimport", "javac", library="usr/share/jaxws/lib/jaxws-rt.jar"))  # fmt: skip
MONO = Service("Mono", "mono-devel", programs("wsdl", "mcs", "mono"))
# Debian's npm conflicts with a newer Node.js that brings its own.
NODE = Service("Node.js with npm", "nodejs npm", programs("node", "npm"))
SERVICES = (POSTGRESQL, RABBITMQ, MARIADB, AMQP_TOOLS, PHP, PERL, GSOAP, JAXWS, MONO, NODE)


class Postgresql:
    """A private PostgreSQL server on 127.0.0.1."""

    def __init__(self, programs: Path, port: int) -> None:
        self.port = port
        self._programs = programs
        self._databases = 0

    def database(self) -> str:
        """The SQLAlchemy URL of a new, empty database."""
        self._databases += 1
        name = f"test_{self._databases}"
        self._client("createdb", name)
        return f"postgresql+psycopg://understudy@127.0.0.1:{self.port}/{name}"

    def answers(self) -> bool:
        """Whether the server takes connections."""
        command = [str(self._programs / "pg_isready"), *self._address()]
        return subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode == 0

    def _client(self, program: str, *arguments: str) -> None:
        subprocess.run([self._programs / program, *self._address(), *arguments], check=True)

    def _address(self) -> tuple[str, ...]:
        return ("--host=127.0.0.1", f"--port={self.port}", "--username=understudy")


@contextmanager
def running_postgresql(programs: Path) -> Iterator[Postgresql]:
    """A private server for as long as the block lasts. Raises RuntimeError with its log when it does not start."""
    folder = Path(tempfile.mkdtemp(prefix="understudy-postgresql-"))
    log = folder / "log"
    try:
        server = Postgresql(programs, _free_port())
        with log.open("wb") as output, _process(programs, folder, server.port, output) as process:
            _wait_until_ready(server, process, log)
            yield server
    finally:
        shutil.rmtree(folder)


@contextmanager
def _process(programs: Path, folder: Path, port: int, log: IO[bytes]) -> Iterator["subprocess.Popen[bytes]"]:
    user = _owner(folder)
    data = folder / "data"
    initdb = ["--auth=trust", "--username=understudy", "--encoding=UTF8", "--locale=C", "--no-sync", f"--pgdata={data}"]
    subprocess.run([str(programs / "initdb"), *initdb], user=user, check=True, stdout=log, stderr=log, cwd=folder)
    settings = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off", "port": port}
    options = [text for name, value in settings.items() for text in ("-c", f"{name}={value}")]
    command = [str(programs / "postgres"), "-D", str(data), *options]
    process = subprocess.Popen(command, user=user, stdout=log, stderr=log, cwd=folder)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)  # PostgreSQL's fast shutdown: it does not wait for its clients
        process.wait(PATIENCE)


def _wait_until_ready(server: Postgresql, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while not server.answers():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text()}")
        time.sleep(0.05)


def _owner(folder: Path) -> str | None:
    """The user that PostgreSQL runs as, which now owns the folder: never root, as it refuses to."""
    if os.geteuid() != 0:
        return None
    user = next(each for each in ("postgres", "nobody") if any(each == known.pw_name for known in pwd.getpwall()))
    shutil.chown(folder, user)
    return user


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


if __name__ == "__main__":
    print(*(each.package for each in SERVICES if each.programs() is None))
