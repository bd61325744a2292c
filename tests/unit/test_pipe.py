"""Frames of the pipe, and the worker's end of it: bounded, never waited for, every call counted."""

import asyncio
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.contract import Raw
from gateway.feed import Feed
from gateway.pipe import LENGTHS, Counts, Pipe, Sighting, read_frame
from tests.parts import until

names = st.text(st.characters(codec="utf-8"), max_size=12)
raws = st.builds(Raw, st.binary(max_size=60), names, st.integers(0, 599))
times = st.none() | st.floats(0, 1e9)
sightings = st.builds(
    Sighting, raws, st.none() | raws, st.none() | raws, st.sampled_from(["call", "opened", "answered"]), names, names,
    names, names, st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)), names, names, names,
    names, names, times, times, times,
)  # fmt: skip
totals = st.dictionaries(names, st.integers(0, 2**53))
counts = st.builds(Counts, names, totals, st.dictionaries(names, totals))

SIGHTING = Sighting(
    Raw(b"request", "text/xml"), Raw(b"reply", "text/xml", 200), None, "call", "loan", "old", "Score", "id-1",
    datetime(2026, 1, 2, 3, 4, 5, 678901, UTC), "shadow", "incumbent", "shadow", "v1", "", 1.5, None, 2.5,
)  # fmt: skip


def framed(one: Sighting) -> bytes:
    return b"".join(one.frame())


def read(frame: bytes) -> Sighting | Counts:
    return read_frame(LENGTHS.unpack_from(frame), frame[LENGTHS.size :])


@given(sightings)
def test_a_sighting_comes_out_as_it_went_in(sighting: Sighting) -> None:
    # Microseconds are what a float of seconds keeps; a moment is equal when it is as near as that.
    found = read(framed(sighting))
    assert isinstance(found, Sighting)
    assert abs((found.received - sighting.received).total_seconds()) < 1e-5
    assert replace(found, received=sighting.received) == sighting


@given(counts)
def test_counts_come_out_as_they_went_in(told: Counts) -> None:
    assert read(told.frame()) == told


def test_an_empty_body_is_not_a_missing_answer() -> None:
    found = read(framed(replace(SIGHTING, request=Raw(b""), incumbent=Raw(b""), candidate=Raw(b"", "", 500))))
    assert isinstance(found, Sighting)
    assert (found.request.body, found.incumbent, found.candidate) == (b"", Raw(b""), Raw(b"", "", 500))


class Seen:
    """A sink that keeps everything."""

    def __init__(self) -> None:
        self.sightings: list[tuple[str, Sighting]] = []
        self.counts: list[Counts] = []
        self.full = False
        self.feeds: set[Feed] = set()
        self.keeping: asyncio.Task[None] | None = None

    def sighted(self, worker: str, sighting: Sighting) -> None:
        self.sightings.append((worker, sighting))

    def counted(self, counts: Counts) -> None:
        self.counts.append(counts)

    def feed(self) -> Feed:
        return Feed(self, self.feeds, lambda: self.full)

    async def all_told(self) -> None:
        """Ends the pipe, which tells everything before."""
        if self.keeping:
            self.keeping.cancel()
            await asyncio.gather(self.keeping, return_exceptions=True)


@asynccontextmanager
async def piped(limit: int = 1 << 20, listening: bool = True) -> AsyncIterator[tuple[Pipe, Seen, str]]:
    """A pipe that keeps, and what is at its other end."""
    with tempfile.TemporaryDirectory(prefix="understudy-pipe-") as folder:
        path, seen = str(Path(folder) / "observer.sock"), Seen()
        pipe = Pipe("worker.1", path, limit)
        server = await asyncio.get_running_loop().create_unix_server(seen.feed, path) if listening else None
        seen.keeping = asyncio.create_task(pipe.keep())
        try:
            if server:
                await until(lambda: pipe.connected and bool(seen.counts))
            yield pipe, seen, path
        finally:
            await seen.all_told()
            if server:
                server.close()


def test_the_first_frame_of_a_connection_names_the_worker() -> None:
    async def case() -> None:
        async with piped() as (pipe, seen, _):
            pipe.hand(SIGHTING)
            await until(lambda: bool(seen.sightings))
            assert seen.counts[0] == Counts("worker.1", {}, {})
            assert seen.sightings == [("worker.1", SIGHTING)]

    asyncio.run(case())


def test_what_is_handed_over_before_there_is_an_observer_waits_for_it_as_far_as_it_fits() -> None:
    async def case() -> None:
        async with piped(limit=5 * SIGHTING.size, listening=False) as (pipe, seen, path):
            for _ in range(7):
                pipe.hand(SIGHTING)
            pipe.count("loan", "sampled_out")
            server = await asyncio.get_running_loop().create_unix_server(seen.feed, path)
            await until(lambda: len(seen.sightings) == 6)
            assert seen.counts[0] == Counts("worker.1", {}, {"loan": {"dropped": 1, "sampled_out": 1}})
            server.close()

    asyncio.run(case())


@pytest.mark.parametrize("listening", [True, False])
def test_what_waits_for_what_was_handed_over_waits_until_the_observer_has_it_or_its_time_is_over(
    listening: bool,
) -> None:
    """The observer stands still, with its socket full, or is not there: nothing is let go before, and all in order."""

    async def case() -> None:
        gone: list[int] = []
        async with piped(limit=1 << 30, listening=listening) as (pipe, seen, path):
            seen.full = True
            for number in range(50):
                pipe.hand(replace(SIGHTING, request=Raw(bytes(100_000))))
                pipe.after(partial(gone.append, number), 3600)
            await asyncio.sleep(0.02)
            assert len(gone) < 50
            seen.full = False
            for feed in seen.feeds:
                feed.resume()
            server = None if listening else await asyncio.get_running_loop().create_unix_server(seen.feed, path)
            await until(lambda: len(gone) == 50)
            assert gone == list(range(50))
            await until(lambda: len(seen.sightings) == 50)
            if server:
                server.close()

    asyncio.run(case())


def test_whose_time_is_over_goes_and_then_nobody_waits_until_the_observer_has_caught_up() -> None:
    async def case() -> None:
        gone: list[int] = []
        async with piped(listening=False) as (pipe, seen, path):
            pipe.hand(SIGHTING)
            pipe.after(partial(gone.append, 1), 0.01)
            pipe.after(partial(gone.append, 2), 3600)
            assert not gone
            await until(lambda: bool(gone))
            pipe.hand(SIGHTING)
            pipe.after(partial(gone.append, 3), 3600)
            assert gone == [1, 2, 3]
            server = await asyncio.get_running_loop().create_unix_server(seen.feed, path)
            await until(lambda: len(seen.sightings) == 2)
            seen.full = True
            pipe.hand(replace(SIGHTING, request=Raw(bytes(1_000_000))))
            pipe.after(partial(gone.append, 4), 3600)
            assert gone == [1, 2, 3]
            seen.full = False
            for feed in seen.feeds:
                feed.resume()
            await until(lambda: gone == [1, 2, 3, 4])
            server.close()

    asyncio.run(case())


def test_what_was_written_is_read_though_the_worker_is_killed(tmp_path: Path) -> None:
    """kill -9 of a process right after it was told that all is handed over, while the observer has read nothing."""
    program = """
import asyncio, os, signal, sys
from gateway.pipe import Pipe
from tests.unit.test_pipe import SIGHTING

async def main():
    pipe = Pipe("worker.1", sys.argv[1], 1 << 20)
    keeping = asyncio.create_task(pipe.keep())
    for _ in range(60):
        pipe.hand(SIGHTING)
    pipe.after(lambda: os.kill(os.getpid(), signal.SIGKILL), 60)
    await asyncio.sleep(60)

asyncio.run(main())
"""

    async def case() -> None:
        seen, path = Seen(), str(tmp_path / "observer.sock")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen()
            process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, path)
            assert await process.wait() == -signal.SIGKILL
            server = await asyncio.get_running_loop().create_unix_server(seen.feed, sock=listener)
            await until(lambda: len(seen.sightings) == 60)
            server.close()

    asyncio.run(case())


def test_what_does_not_fit_is_dropped_and_what_was_handed_is_read() -> None:
    """The observer stands still: not one call more than fits is taken, and handed plus dropped is all there were."""

    async def case() -> None:
        async with piped(limit=100_000) as (pipe, seen, _):
            seen.full = True
            big = replace(SIGHTING, request=Raw(bytes(10_000)))
            for _ in range(500):
                pipe.hand(big)
                await asyncio.sleep(0)
            seen.full = False
            for feed in seen.feeds:
                feed.resume()
            await until(lambda: bool(seen.counts[-1].terms))
            await until(lambda: len(seen.sightings) == seen.counts[-1].handed["loan"])
            dropped = seen.counts[-1].terms["loan"]["dropped"]
            assert dropped > 0 and len(seen.sightings) + dropped == 500

    asyncio.run(case())


def test_a_worker_that_ends_waits_until_what_it_handed_over_is_read() -> None:
    async def case() -> None:
        async with piped(limit=1 << 30) as (pipe, seen, _):
            for _ in range(300):
                pipe.hand(replace(SIGHTING, request=Raw(bytes(100_000))))
        assert len(seen.sightings) == 300
        assert seen.counts[-1].handed == {"loan": 300}

    asyncio.run(case())


def test_a_sighting_that_cannot_be_written_is_counted_and_harms_nobody() -> None:
    async def case() -> None:
        async with piped() as (pipe, seen, _):
            pipe.hand(replace(SIGHTING, call_id="half a pair \ud800"))
            pipe.hand(SIGHTING)
            await until(lambda: len(seen.counts) > 1)
            assert seen.counts[-1] == Counts("worker.1", {"loan": 1}, {"loan": {"not_observable:unwritable": 1}})

    asyncio.run(case())


def test_a_new_observer_is_told_everything_since_the_start() -> None:
    async def case() -> None:
        async with piped() as (pipe, seen, _):
            pipe.hand(SIGHTING)
            await until(lambda: bool(seen.sightings))
            before = len(seen.counts)
            for feed in list(seen.feeds):
                assert feed._transport
                feed._transport.close()
            await until(lambda: not pipe.connected)
            pipe.hand(SIGHTING)
            await until(lambda: len(seen.counts) > before and pipe.connected)
            assert seen.counts[before] == Counts("worker.1", {"loan": 1}, {})
            await until(lambda: len(seen.sightings) == 2)

    asyncio.run(case())
