"""The eight clients: what they need, how each is generated from a served WSDL, and how it is started."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests import services
from tests.services import Service

HERE = Path(__file__).parent
PATIENCE = 300.0
"""Seconds that one program may take; only a broken one takes them."""
JAXWS = "/usr/share/jaxws/lib/jaxws-rt.jar"
GSOAP = "/usr/share/gsoap/import"

Build = Callable[[Path, str], None]
"""Makes a client in a folder from the WSDL at a URL."""


@dataclass(frozen=True)
class Client:
    """One client library with the program that uses it."""

    name: str
    title: str
    versions: Sequence[str]
    """Of SOAP."""
    command: Sequence[str]
    """Starts the program; `{folder}` is where it was built, `{version}` is 1 or 2."""
    release: Sequence[str]
    """Says which release of the library this is: the last number with dots that it prints."""
    build: Build = lambda folder, wsdl: None
    service: Service | None = None
    """None: a development requirement of Python."""
    tells_nil: bool = True
    """Whether its users can tell nil from absent."""
    detail: str = "typed"
    """What its users get of a declared fault: an object with fields (`typed`), or `XML`."""
    tells_code: bool = True
    """Whether its users get the fault code beside a declared detail."""

    def start(self, folder: Path, version: str) -> list[str]:
        """The command without its arguments."""
        return [word.format(folder=folder, version=version[-1]) for word in self.command]

    def released(self, folder: Path) -> str:
        """The release of the library."""
        return released([word.format(folder=folder) for word in self.release])


def released(command: Sequence[str]) -> str:
    """The last number with dots that a program prints."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)
    return str(re.findall(r"\d+(?:\.\d+)+", done.stdout + done.stderr)[-1])


def run(command: Sequence[str], folder: Path) -> str:
    """What a program says, in UTF-8. Fails the test with its errors where it fails."""
    environment = os.environ | {"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "NODE_PATH": str(folder / "node_modules")}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=False, timeout=PATIENCE)
    said = done.stdout.decode() + done.stderr.decode(errors="replace")
    assert done.returncode == 0, f"{' '.join(command)[:500]} ended with {done.returncode}:\n{said[-4000:]}"
    return done.stdout.decode()


def _gsoap(folder: Path, wsdl: str) -> None:
    run(["wsdl2h", "-o", "loans.h", wsdl], folder)
    for version in ("1", "2"):
        made = folder / version
        made.mkdir()
        run(["soapcpp2", f"-{version}", "-j", "-C", "-L", "-x", "-w", f"-I{GSOAP}", "../loans.h"], made)
        sources = [str(HERE / "gsoap" / "client.cpp"), "soapC.cpp", "soapLoanScoringSoapProxy.cpp"]
        run(["g++", "-O0", "-w", "-I.", "-o", "client", *sources, "-lgsoap++"], made)


def _jaxws(folder: Path, wsdl: str) -> None:
    run(["wsimport", "-extension", "-keep", "-Xnocompile", "-p", "loans", wsdl], folder)
    sources = [*map(str, sorted((folder / "loans").glob("*.java"))), str(HERE / "jaxws" / "Client.java")]
    run(["javac", "-nowarn", "-encoding", "UTF-8", "-cp", JAXWS, "-d", "classes", *sources], folder)


def _mono(folder: Path, wsdl: str) -> None:
    run(["wsdl", "-out:Proxy.cs", "-namespace:Loans", wsdl], folder)
    source = str(HERE / "mono" / "Client.cs")
    run(["mcs", "-out:client.exe", "-r:System.Web.Services", source, "Proxy.cs"], folder)


def _node(folder: Path, wsdl: str) -> None:
    shutil.copy(HERE / "node" / "package.json", folder)
    run(["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--silent"], folder)


def package(name: str) -> Sequence[str]:
    """The command that says which release of a Python package is installed."""
    return (sys.executable, "-c", f"import importlib.metadata as known; print(known.version({name!r}))")


BOTH = ("1.1", "1.2")
CLIENTS = (
    Client("php", "PHP SoapClient", BOTH, ("php", str(HERE / "php" / "client.php")),
           ("php", "-r", "echo PHP_MAJOR_VERSION, '.', PHP_MINOR_VERSION, '.', PHP_RELEASE_VERSION;"),
           service=services.PHP),
    Client("perl", "Perl SOAP::Lite", BOTH, ("perl", str(HERE / "perl" / "client.pl")),
           ("perl", "-MSOAP::Lite", "-e", "print SOAP::Lite->VERSION"), service=services.PERL),
    Client("gsoap", "gSOAP", BOTH, ("{folder}/{version}/client",), ("wsdl2h", "-V"), _gsoap, services.GSOAP,
           tells_nil=False),
    Client("jaxws", "JAX-WS RI", BOTH, ("java", "-cp", "{folder}/classes:" + JAXWS, "Client"),
           ("wsimport", "-version"), _jaxws, services.JAXWS, tells_code=False),
    Client("mono", ".NET (Mono)", BOTH, ("mono", "{folder}/client.exe"),
           ("mono", "--version=number"), _mono, services.MONO, detail="XML"),
    Client("node", "node-soap", BOTH, ("node", str(HERE / "node" / "client.js")),
           ("node", "-p", "require('{folder}/node_modules/soap/package.json').version"), _node, services.NODE,
           tells_nil=False),
    Client("suds", "suds", ("1.1",), (sys.executable, str(HERE / "suds" / "client.py")), package("suds-community"),
           tells_nil=False),
    Client("zeep", "zeep", BOTH, (sys.executable, str(HERE / "zeep" / "client.py")), package("zeep"),
           tells_nil=False),
)  # fmt: skip
CALLERS = tuple((client, version) for client in CLIENTS for version in client.versions)
