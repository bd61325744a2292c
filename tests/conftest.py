"""What all tests share: services, seeds, and an environment of their own.

A test that needs a service asks for its fixture. Where the service is missing the test is skipped and says which one,
but with CI=true it fails: nothing goes untested unnoticed.
"""

import hashlib
import os
import random
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from tests.certificates import made
from tests.mariadb import Mariadb, running_mariadb
from tests.services import (
    MARIADB,
    POSTGRESQL,
    RABBITMQ,
    Postgresql,
    Rabbitmq,
    Service,
    running_postgresql,
    running_rabbitmq,
)

SEED = int(os.environ.get("UNDERSTUDY_TEST_SEED") or random.SystemRandom().randrange(2**32))
os.environ["UNDERSTUDY_TEST_SEED"] = str(SEED)  # the same in every process that runs tests beside this one
BENTO_STORE = pytest.StashKey[Path]()

# Times are never asserted, so a slow machine fails nothing; what failed is printed so that it can be repeated.
hypothesis.settings.register_profile(
    "understudy", deadline=None, print_blob=True, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("understudy")


def pytest_configure(config: pytest.Config) -> None:
    """Keeps BentoML, which reads these when it is imported, out of the home folder and off the network."""
    config.stash[BENTO_STORE] = Path(tempfile.mkdtemp(prefix="understudy-bentoml-"))
    os.environ["BENTOML_HOME"] = str(config.stash[BENTO_STORE])
    os.environ["BENTOML_DO_NOT_TRACK"] = "True"


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leaves nothing behind."""
    shutil.rmtree(config.stash[BENTO_STORE])


def pytest_report_header() -> str:
    """The seed that repeats this run's random choices."""
    return f"random seed: UNDERSTUDY_TEST_SEED={SEED}"


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """A seed of the test's own, the same whenever UNDERSTUDY_TEST_SEED is, whichever tests run; printed on failure."""
    digest = hashlib.blake2b(f"{SEED} {request.node.nodeid}".encode(), digest_size=4).digest()
    print(f"repeat with UNDERSTUDY_TEST_SEED={SEED}")
    return int.from_bytes(digest, "big")


@pytest.fixture
def rng(seed: int) -> random.Random:
    """A random generator of the test's own."""
    return random.Random(seed)


def programs(service: Service) -> Path:
    """Where the service's programs are; fails or skips the test where they are missing."""
    found = service.programs()
    if found is None:
        reason = f"{service.name} is missing; `make services` installs it"
        if os.environ.get("CI") == "true":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    return found


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Postgresql]:
    """A private PostgreSQL server, shared by all tests; it is slow to start."""
    with running_postgresql(programs(POSTGRESQL)) as server:
        yield server


@pytest.fixture
def postgresql(postgresql_server: Postgresql) -> str:
    """The SQLAlchemy URL of a new, empty PostgreSQL database."""
    return postgresql_server.database()


@pytest.fixture(scope="session")
def rabbitmq() -> Iterator[Rabbitmq]:
    """A private RabbitMQ node, shared by all tests of this process; whoever stops or kills it starts it again.

    It also serves TLS to those who show `client.pem` of its folder; `authority.pem` has signed its own certificate."""

    def prepare(node: Rabbitmq) -> None:
        authority = made(node.folder, "authority")
        made(node.folder, "client", authority)
        node.serve_tls(authority.file, made(node.folder, "server", authority).file)

    with running_rabbitmq(programs(RABBITMQ), prepare) as node:
        yield node


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[Mariadb]:
    """A private MariaDB server, shared by all tests of this process."""
    with running_mariadb(programs(MARIADB)) as server:
        yield server


@pytest.fixture
def mariadb(mariadb_server: Mariadb) -> str:
    """The SQLAlchemy URL of a new, empty MariaDB database."""
    return mariadb_server.database()
