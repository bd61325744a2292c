"""What is missing on a machine is named, installed by its package, and never goes untested unnoticed in CI."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import programs
from tests.services import NODE, PHP, SERVICES, Service

ROOT = Path(__file__).parents[2]
MISSING = Service("Anything", "any-package", lambda: None)


def test_the_packages_of_what_is_missing_are_printed_on_one_line(tmp_path: Path) -> None:
    """Without any program on the path these are those of all clients; what is there is not named again."""
    command = [sys.executable, "-m", "tests.services"]
    environment = os.environ | {"PATH": str(tmp_path)}
    said = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout
    assert said.count("\n") == 1
    assert f"{PHP.package} " in said
    assert NODE.package in said
    there = {service.package for service in SERVICES if service.programs()}
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert not [package for package in there if package in said]


def test_a_missing_service_skips_a_test_that_needs_it_and_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a developer's machine."""
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="Anything is missing; `make services` installs it"):
        programs(MISSING)


def test_a_missing_service_fails_a_test_that_needs_it_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where everything is to be tested."""
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="Anything is missing; `make services` installs it"):
        programs(MISSING)
