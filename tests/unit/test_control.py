"""What parent and child tell each other."""

import asyncio
import socket
from pathlib import Path

import orjson
import pytest

from gateway.control import Orders, orders, report

FIRST = Orders(
    "routes: {}\n# ünï\n",
    "/etc/understudy.yaml",
    {"credit": "/run/credit.sock"},
    "/run/understudy",
    "home.1",
    "routes: {}\n",
)
SECOND = Orders("x" * 300_000, "/etc/understudy.yaml", {}, "/run/understudy", "home.2", "routes: {}\n")


def test_orders_arrive_as_they_were_given_until_the_parent_is_gone() -> None:
    async def case() -> list[Orders]:
        ours, theirs = socket.socketpair()
        found: list[Orders] = []
        with ours:
            further = orders(theirs)
            ours.sendall(FIRST.line())
            found.append(await anext(further))
            # Larger than a socket takes at once, and cut anywhere on its way.
            sending = asyncio.create_task(asyncio.to_thread(ours.sendall, SECOND.line()))
            found.append(await anext(further))
            await sending
        return [*found, *[one async for one in further]]

    assert asyncio.run(asyncio.wait_for(case(), 20)) == [FIRST, SECOND]


def test_half_an_order_of_a_parent_that_died_is_an_error_and_no_order() -> None:
    async def case() -> None:
        ours, theirs = socket.socketpair()
        with ours:
            ours.sendall(FIRST.line()[:40])
        further = orders(theirs)
        with pytest.raises(orjson.JSONDecodeError):
            await anext(further)

    asyncio.run(asyncio.wait_for(case(), 20))


def test_the_folder_of_a_run_says_where_the_observer_and_the_metrics_are() -> None:
    assert (FIRST.observer, FIRST.metrics) == ("/run/understudy/observer.sock", Path("/run/understudy/metrics"))


def test_a_report_is_one_line() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        report(theirs, serving="v1")
        report(theirs, refused="two\nlines")
        lines = ours.recv(1000).splitlines()
    assert [orjson.loads(line) for line in lines] == [{"serving": "v1"}, {"refused": "two\nlines"}]


def test_a_parent_that_does_not_read_is_not_waited_for() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        for _ in range(10_000):
            report(theirs, refused="x" * 200)
        assert len(ours.recv(1 << 24)) < 10_000 * 200


def test_a_parent_that_is_gone_is_no_error() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        ours.close()
        report(theirs, serving="v1")


def test_a_socket_that_was_closed_when_the_orders_ended_is_no_error() -> None:
    ours, theirs = socket.socketpair()
    ours.close()
    theirs.close()
    report(theirs)
