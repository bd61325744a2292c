"""The services that some tests need: how they are found, installed and started. Standard library only.

`python -m tests.services` prints the apt packages of those that are missing, on one line.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gateway.examples.credit.broker import PROGRAM, Broker, free_port
from gateway.parent import ends_with_parent

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
RABBITMQ = Service("RabbitMQ", "rabbitmq-server", folder_of(str(PROGRAM).lstrip("/")))
MARIADB = Service("MariaDB", "mariadb-server", folder_of("usr/sbin/mariadbd"))
AMQP_TOOLS = Service("the C tools of AMQP", "amqp-tools librabbitmq-dev gcc",
                     programs("amqp-publish", "gcc", library="usr/include/amqp.h"))  # fmt: skip
# The clients of tests/interop that are no Python libraries.
PHP = Service("PHP with SoapClient", "php-cli php-soap", programs("php", library="usr/lib/php/*/soap.so"))
PHP_AMQP = Service("PHP with AMQP", "php-cli php-amqp", programs("php", library="usr/lib/php/*/amqp.so"))
PERL = Service("SOAP::Lite", "libsoap-lite-perl", programs("perl", library="usr/share/perl5/SOAP/Lite.pm"))
GSOAP = Service("gSOAP", "gsoap libgsoap-dev g++",
                programs("soapcpp2", "wsdl2h", "g++", library="usr/include/stdsoap2.h"))  # fmt: skip
JAXWS = Service("JAX-WS RI", "jaxws default-jdk-headless",
                programs("wsimport", "javac", library="usr/share/jaxws/lib/jaxws-rt.jar"))  # fmt: skip
MONO = Service("Mono", "mono-devel", programs("wsdl", "mcs", "mono"))
# Debian's npm conflicts with a newer Node.js that brings its own.
NODE = Service("Node.js with npm", "nodejs npm", programs("node", "npm"))
SERVICES = (POSTGRESQL, RABBITMQ, MARIADB, AMQP_TOOLS, PHP, PHP_AMQP, PERL, GSOAP, JAXWS, MONO, NODE)


class Postgresql:
    """A private PostgreSQL server on 127.0.0.1."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self.port = free_port()
        self._programs = programs
        self.folder = folder
        self._user = owner(folder, "postgres")
        self._databases = 0
        self._process: subprocess.Popen[bytes] | None = None

    def database(self) -> str:
        """The SQLAlchemy URL of a new, empty database."""
        self._databases += 1
        name = f"test_{self._databases}"
        self._client("createdb", name)
        return f"postgresql+psycopg://understudy@127.0.0.1:{self.port}/{name}"

    def drop(self, url: str) -> None:
        """Removes a database."""
        self._client("dropdb", "--force", url.rpartition("/")[2])

    def answers(self) -> bool:
        """Whether the server takes connections."""
        command = [str(self._programs / "pg_isready"), *self._address()]
        return subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode == 0

    def install(self) -> None:
        """Makes the data folder."""
        initdb = ["--auth=trust", "--username=understudy", "--encoding=UTF8", "--locale=C", "--no-sync"]
        command = [str(self._programs / "initdb"), *initdb, f"--pgdata={self.folder / 'data'}"]
        with self._log.open("ab") as log:
            subprocess.run(command, user=self._user, check=True, stdout=log, stderr=log, cwd=self.folder)

    def start(self) -> None:
        """Starts it; returns when it takes connections. It ends with the thread that calls this, so with a killed
        pytest too. Raises RuntimeError with its log."""
        settings = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off", "port": self.port}
        options = [text for name, value in settings.items() for text in ("-c", f"{name}={value}")]
        command = [str(self._programs / "postgres"), "-D", str(self.folder / "data"), *options]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command, user=self._user, stdout=log, stderr=log, cwd=self.folder,
                preexec_fn=ends_with_parent(signal.SIGINT),
            )  # fmt: skip
        deadline = time.monotonic() + PATIENCE
        while not self.answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start:\n{self._log.read_text()}")
            time.sleep(0.05)

    def end(self, sign: signal.Signals = signal.SIGINT) -> None:
        """Ends it: by SIGINT fast, without waiting for clients; by SIGQUIT immediately, as a crash would."""
        if self._process:
            self._process.send_signal(sign)
            self._process.wait(PATIENCE)

    def restart(self) -> None:
        """Ends it immediately and starts it again on the same port: it has to recover, and every client is cut off."""
        self.end(signal.SIGQUIT)
        self.start()

    def _client(self, program: str, *arguments: str) -> None:
        subprocess.run([self._programs / program, *self._address(), *arguments], check=True)

    def _address(self) -> tuple[str, ...]:
        return ("--host=127.0.0.1", f"--port={self.port}", "--username=understudy")

    @property
    def _log(self) -> Path:
        return self.folder / "log"


@contextmanager
def running_postgresql(programs: Path) -> Iterator[Postgresql]:
    """A private server for as long as the block lasts. Raises RuntimeError with its log when it does not start."""
    folder = Path(tempfile.mkdtemp(prefix="understudy-postgresql-"))
    server = Postgresql(programs, folder)
    try:
        server.install()
        server.start()
        yield server
    finally:
        server.end()
        shutil.rmtree(folder)


def owner(folder: Path, *users: str) -> str | None:
    """The first of these users, else nobody, which now owns the folder: databases refuse to run as root."""
    if os.geteuid() != 0:
        return None
    known = {each.pw_name for each in pwd.getpwall()}
    user = next(each for each in (*users, "nobody") if each in known)
    shutil.chown(folder, user)
    return user


class Rabbitmq(Broker):
    """A private RabbitMQ node on 127.0.0.1, with a name server of its own. Its data outlast a stop and a kill."""

    tls_port: int | None = None

    def serve_tls(self, ca: Path, certificate: Path) -> None:
        """Has the next start serve TLS too, at `tls_port`, for callers that show a certificate of this authority.

        The certificate's file has its key as well."""
        self.tls_port = free_port()
        self.settings += (
            f"listeners.ssl.1 = 127.0.0.1:{self.tls_port}\nssl_options.cacertfile = {ca}\n"
            f"ssl_options.certfile = {certificate}\nssl_options.keyfile = {certificate}\n"
            "ssl_options.verify = verify_peer\nssl_options.fail_if_no_peer_cert = true\n"
        )

    def kill(self) -> None:
        """kill -9, of the virtual machine itself."""
        self.signal(signal.SIGKILL)

    def freeze(self) -> None:
        """Stops the virtual machine as a hung host would."""
        os.kill(self.pid(), signal.SIGSTOP)

    def thaw(self) -> None:
        """Ends a freeze."""
        os.kill(self.pid(), signal.SIGCONT)

    def control(self, *words: str) -> str:
        """What `rabbitmqctl` says; it takes a second or more."""
        command = [str(self.program.with_name("rabbitmqctl")), *words]
        done = subprocess.run(command, env=self.environment(), capture_output=True, text=True, check=True)
        return done.stdout


@contextmanager
def running_rabbitmq(programs: Path, prepare: Callable[[Rabbitmq], None] = lambda _: None) -> Iterator[Rabbitmq]:
    """A private node for as long as the block lasts; `prepare` is done before it starts.

    Raises RuntimeError with its log when it does not start."""
    folder = Path(tempfile.mkdtemp(prefix="understudy-rabbitmq-"))
    node = Rabbitmq(programs / "rabbitmq-server", folder)
    try:
        prepare(node)
        node.start()
        yield node
    finally:
        node.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    print(*(each.package for each in SERVICES if each.programs() is None))
