"""What README and docs tell their readers to type is typed here, in the order in which it stands there."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli import app
from tests.served import Served, served

ROOT = Path(__file__).parents[3]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMAND = re.compile(
    r"^```(?P<language>\w*)\n(?P<block>.*?)^```|`(?P<inline>understudy [^`]*\bloan_decision\b[^`]*)`",
    re.MULTILINE | re.DOTALL,
)
ELSEWHERE = {
    "understudy init loans --db postgresql://gateway@db.bank.example/core --table applications":
        "tests/integration/database/test_init.py",
    "understudy check --config loans/understudy.yaml": "tests/integration/database/test_init.py",
}  # fmt: skip
"""What needs a legacy system of the reader's own, and where it is typed instead."""


def typed(page: Path) -> list[str]:
    """The lines of the page's shell blocks, and the commands in its sentences that name the example's route."""
    found: list[str] = []
    for match in COMMAND.finditer(page.read_text()):
        if match["language"] in (None, "", "sh"):
            found += (match["inline"] or match["block"]).splitlines()
    return [line.partition("  #")[0].removeprefix(".venv/bin/").strip() for line in found]


def commands(page: Path) -> list[str]:
    """Those of `understudy`."""
    return [line for line in typed(page) if line.startswith("understudy ")]


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The example with a store that has seen a call; its gateway has ended, so no command waits for it."""
    with served(tmp_path_factory.mktemp("documented")) as one:
        assert one.terminate() == 0
        yield one


@pytest.mark.parametrize("page", [page for page in PAGES if commands(page)], ids=lambda page: page.name)
def test_the_commands_of_a_page_do_what_they_are_typed_for(
    page: Path, example: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(example.folder)
    for line in commands(page):
        if line in ELSEWHERE:
            assert (ROOT / ELSEWHERE[line]).exists()
            continue
        ran = CliRunner().invoke(app, shlex.split(line)[1:], env=example.environment)
        assert ran.exit_code == 0, f"{line}: {ran.output}"


def test_every_target_that_a_page_names_can_be_made() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    lines = [line for page in PAGES for line in typed(page)]
    named = {line.split()[1] for line in lines if line.startswith("make ")}
    inline = {found for page in PAGES for found in re.findall(r"`make ([a-z]+)[^`]*`", page.read_text())}
    assert named and named | inline <= targets
