"""Starts the bank's own service as a process of its own."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Start = Callable[..., tuple[str, "subprocess.Popen[str]"]]


def launch(*options: str) -> tuple[str, "subprocess.Popen[str]"]:
    """The address and the process of a service that listens."""
    command = [sys.executable, "-m", "gateway.examples.credit.legacy", "--port", "0", *options]
    root = Path(__file__).parents[3]
    process = subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process.stdout.readline().removeprefix("listening ").strip(), process


def end(process: "subprocess.Popen[str]") -> int:
    """The exit code after SIGTERM."""
    process.terminate()
    code = process.wait(10)
    assert process.stdout is not None
    process.stdout.close()
    return code


@pytest.fixture(scope="session")
def legacy() -> Iterator[str]:
    """The address of a running legacy service."""
    url, process = launch()
    yield url
    end(process)


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a legacy service with the options given; it ends with the test."""
    started = []

    def begin(*options: str) -> tuple[str, "subprocess.Popen[str]"]:
        url, process = launch(*options)
        started.append(process)
        return url, process

    yield begin
    for process in started:
        if process.poll() is None:
            end(process)
        elif process.stdout is not None:
            process.stdout.close()
