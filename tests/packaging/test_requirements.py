"""The pinned requirements install the same files from any index, and agree with pyproject.toml."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.packaging.tree import PACKAGES, ROOT

FILES = ("build.txt", "run.txt", "dev.txt", "alone.txt")
PROJECT: Mapping[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
EXTRAS: Mapping[str, list[str]] = PROJECT["project"]["optional-dependencies"]
TAKEN = ("soap", "demo", "amqp", "messagepack", "postgresql", "mysql", "parquet")
"""The extras that are installed, as in the Makefile."""
SHIPPED = [*PROJECT["project"]["dependencies"], *(each for extra in TAKEN for each in EXTRAS[extra])]


def entries(name: str) -> Iterator[str]:
    """The logical lines of a requirements file, without comments."""
    text = re.sub(r"^\s*#.*\n", "", (ROOT / "requirements" / name).read_text(), flags=re.MULTILINE)
    return (line for line in text.replace("\\\n", " ").splitlines() if line.strip())


def pins(name: str) -> dict[str, str]:
    """The version of each pinned distribution."""
    pairs = (line.split()[0].split("==") for line in entries(name))
    return {canonicalize_name(distribution): version for distribution, version in pairs}


@pytest.mark.parametrize("name", FILES)
def test_every_requirement_is_one_version_with_hashes(name: str) -> None:
    pattern = re.compile(r"[a-z0-9.-]+==[a-z0-9.]+( ;.*)?(\s+--hash=sha256:[0-9a-f]{64})+\s*")
    assert [line for line in entries(name) if not pattern.fullmatch(line)] == []
    assert pins(name)


def test_what_is_developed_with_is_what_is_shipped() -> None:
    developed = pins("dev.txt")
    for name in ("build.txt", "run.txt"):
        assert {each: developed.get(each, version) for each, version in pins(name).items()} == pins(name)
    assert pins("run.txt").keys() <= developed.keys()


@pytest.mark.parametrize(
    ("name", "declared"),
    [
        ("build.txt", PROJECT["build-system"]["requires"]),
        ("run.txt", SHIPPED),
        ("dev.txt", EXTRAS["dev"]),
        ("alone.txt", [each for each in EXTRAS["db2"] if Requirement(each).name == "ibm_db_sa"]),
    ],
)
def test_the_pins_fit_what_the_project_declares(name: str, declared: list[str]) -> None:
    pinned = pins(name)
    wanted = [Requirement(each) for each in declared]
    assert [str(each) for each in wanted if pinned.get(canonicalize_name(each.name), "0") not in each.specifier] == []


def test_bentoml_is_the_measured_version() -> None:
    assert "bentoml==1.4.39" in SHIPPED


def imported(path: Path) -> set[str]:
    """The top-level packages that a file imports."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    origins = {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level}
    return {name.partition(".")[0] for name in plain | origins}


@pytest.mark.parametrize(
    ("folders", "declared"), [(PACKAGES, SHIPPED), (("tests", "bench"), [*SHIPPED, *EXTRAS["dev"]])]
)
def test_everything_imported_is_declared(folders: tuple[str, ...], declared: list[str]) -> None:
    """What comes along with something else today may not come tomorrow."""
    allowed = {canonicalize_name(Requirement(each).name) for each in declared} | {"understudy-gateway"}
    known = packages_distributions()
    files = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    strangers = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in files
        for name in imported(path) - sys.stdlib_module_names - {*PACKAGES, "tests", "bench"}
        if not allowed & {canonicalize_name(each) for each in known.get(name, [name])}
    }
    assert sorted(strangers) == []
