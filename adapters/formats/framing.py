"""Where the records of a body begin and end: back to back, behind separators, or behind descriptor words."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from adapters.formats.record import Damage, Group
from gateway.contract import Undecodable, Unencodable

WORD = 4
"""Bytes of a record descriptor word: two of length, the word's own included, and two zeros. z/OS DFSMS Using Data Sets,
"Record Descriptor Word"."""
LONGEST = 0x7FFF

Frame = tuple[int, int]
"""From and to of a record's own bytes."""


class Framing(Protocol):
    """One way to put records behind each other."""

    def frames(self, body: bytes) -> Iterator[Frame]:
        """The records in order; the last may end beyond the body. Raises Undecodable."""

    def framed(self, record: bytes) -> bytes:
        """The record with what goes around it. Raises Unencodable."""


class Whole:
    """The body is one record."""

    def frames(self, body: bytes) -> Iterator[Frame]:
        """All of it."""
        yield 0, len(body)

    def framed(self, record: bytes) -> bytes:
        """Itself."""
        return record


class Contiguous:
    """Records back to back, each as long as its layout says."""

    def __init__(self, record: Group, header: Group | None, trailer: Group | None) -> None:
        self._record, self._header = record, header
        self._behind = trailer.most if trailer else 0

    def frames(self, body: bytes) -> Iterator[Frame]:
        """By their lengths."""
        at, end = 0, len(body) - self._behind
        if self._header is not None:
            at = _length(self._header, body, at)
            yield 0, at
        while at < end:
            start, at = at, at + _length(self._record, body, at)
            yield start, at
        if self._behind:
            yield at, len(body)

    def framed(self, record: bytes) -> bytes:
        """Itself."""
        return record


def _length(layout: Group, body: bytes, at: int) -> int:
    if layout.least == layout.most:
        return layout.most
    try:
        return layout.values(body[at : at + layout.most], 0, {}, {})
    except Damage:
        return min(layout.most, len(body) - at)  # whoever reads it meets the same damage, and knows its place


class Separated:
    """Records with a separator behind each, which may be left out behind the last."""

    def __init__(self, separator: bytes, layouts: Sequence[Group]) -> None:
        self._separator = separator
        lengths = {length for one in layouts for length in (one.least, one.most)}
        self._length = lengths.pop() if len(lengths) == 1 else None

    def frames(self, body: bytes) -> Iterator[Frame]:
        """Where all have one length, by it: packed and binary numbers may hold the separator's bytes."""
        at = 0
        while at < len(body):
            stop = body.find(self._separator, at) if self._length is None else min(at + self._length, len(body))
            stop = len(body) if stop < 0 else stop
            if stop < len(body) and not body.startswith(self._separator, stop):
                raise Undecodable(f"There is no separator at byte {stop}, where a record ends.")
            yield at, stop
            at = stop + len(self._separator)

    def framed(self, record: bytes) -> bytes:
        """With its separator."""
        return record + self._separator


class Described:
    """Records behind a record descriptor word each."""

    def frames(self, body: bytes) -> Iterator[Frame]:
        """By their words."""
        at = 0
        while at < len(body):
            length = int.from_bytes(body[at : at + 2], "big")
            if at + WORD > len(body) or length <= WORD or at + length > len(body):
                raise Undecodable(
                    f"The record descriptor word at byte {at} does not fit the {len(body)} bytes there are."
                )
            if body[at + 2 : at + WORD] != b"\0\0":
                raise Undecodable(f"The record at byte {at} is in segments, which are not read.")
            yield at + WORD, at + length
            at += length

    def framed(self, record: bytes) -> bytes:
        """Behind its word."""
        if len(record) + WORD > LONGEST:
            raise Unencodable(f"A record of {len(record)} bytes is too long for a record descriptor word.")
        return (len(record) + WORD).to_bytes(2, "big") + b"\0\0" + record
