"""The observer's end of the pipe: frames whole and in order, and no more read than can be judged."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.contract import Raw
from gateway.feed import Feed
from gateway.pipe import Counts, Sighting
from tests.unit.test_pipe import SIGHTING, Seen, framed, sightings


class Wire(asyncio.ReadTransport):
    """A transport whose reading can be seen to pause."""

    def __init__(self) -> None:
        super().__init__()
        self.reading = True

    def is_reading(self) -> bool:
        return self.reading

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


def connected(seen: Seen) -> tuple[Feed, Wire]:
    feed, wire = seen.feed(), Wire()
    feed.connection_made(wire)
    return feed, wire


def pieces(data: bytes, cuts: Sequence[int]) -> list[bytes]:
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[start:end] for start, end in pairwise(places)]


@settings(max_examples=50)
@given(st.lists(sightings, max_size=3), st.lists(st.integers(0, 10**6), max_size=6))
def test_frames_are_read_whole_wherever_the_bytes_are_cut(handed: list[Sighting], cuts: list[int]) -> None:
    seen = Seen()
    feed, _ = connected(seen)
    told = Counts("worker.7", {"loan": len(handed)}, {})
    for piece in pieces(told.frame() + b"".join(framed(one) for one in handed), cuts):
        feed.data_received(piece)
    assert seen.counts == [told]
    assert [worker for worker, _ in seen.sightings] == ["worker.7"] * len(handed)
    assert [one for _, one in seen.sightings] == handed


def test_a_frame_may_be_split_at_every_single_byte() -> None:
    data = Counts("w", {}, {}).frame() + framed(SIGHTING) + framed(replace(SIGHTING, request=Raw(b"")))
    for cut in range(len(data) + 1):
        seen = Seen()
        feed, _ = connected(seen)
        feed.data_received(data[:cut])
        feed.data_received(data[cut:])
        assert [one.request.body for _, one in seen.sightings] == [b"request", b""]


def test_what_follows_a_whole_frame_is_kept_for_the_next_read() -> None:
    seen = Seen()
    feed, _ = connected(seen)
    data = framed(SIGHTING)
    feed.data_received(data + data + data[:20])
    assert len(seen.sightings) == 2
    feed.data_received(data[20:])
    assert len(seen.sightings) == 3


def test_reading_pauses_while_the_observer_is_behind() -> None:
    seen = Seen()
    feed, wire = connected(seen)
    feed.data_received(framed(SIGHTING))
    assert wire.reading
    seen.full = True
    feed.data_received(framed(SIGHTING))
    assert not wire.reading
    feed.resume()
    assert wire.reading


def test_a_connection_that_ends_in_the_middle_of_a_frame_leaves_nothing_behind() -> None:
    seen = Seen()
    feed, _ = connected(seen)
    feed.data_received(framed(SIGHTING)[:-1])
    feed.connection_lost(None)
    assert seen.feeds == set() and seen.sightings == []
    feed.resume()  # the observer may still know it
