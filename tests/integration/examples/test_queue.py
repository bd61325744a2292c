"""The bank's old worker and its mainframe as the containers run them, on a real broker."""

import subprocess
import sys
from collections.abc import Mapping
from os import environ

from tests.load import until
from tests.services import Rabbitmq

USER = {"UNDERSTUDY_BROKER_USER": "bank", "UNDERSTUDY_BROKER_PASSWORD": "1998"}


def command(node: Rabbitmq, *options: str) -> list[str]:
    """The module's own command line."""
    return [sys.executable, "-m", "gateway.examples.credit.queue", "--broker", node.address, *options]


def run(node: Rabbitmq, env: Mapping[str, str], *options: str) -> "subprocess.CompletedProcess[str]":
    """What it says when it ends by itself."""
    return subprocess.run(
        command(node, *options), env=environ | env, capture_output=True, text=True, check=False, timeout=60
    )


def test_the_worker_is_healthy_once_it_takes_requests_and_the_mainframe_hears_from_it(rabbitmq: Rabbitmq) -> None:
    rabbitmq.control("add_user", "bank", "1998")
    rabbitmq.control("set_permissions", "bank", ".*", ".*", ".*")
    assert run(rabbitmq, USER, "--check").returncode != 0  # not even its queue is there
    worker = subprocess.Popen(command(rabbitmq, "--queue", "loans"), env=environ | USER)
    try:
        until(lambda: run(rabbitmq, USER, "--queue", "loans", "--check").returncode == 0, "the worker to be healthy")
        assert run(rabbitmq, USER, "--check").returncode == 1  # nobody takes from that queue
        sent = run(rabbitmq, USER, "--send", "20")
        assert (sent.stdout, sent.stderr) == ("20 replies: 20 of the old worker's own, 0 by the candidate\n", "")
    finally:
        worker.terminate()
        assert worker.wait(30) == 0
