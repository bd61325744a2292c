"""What formats share to replace values of a body in place."""

from collections.abc import Iterable
from itertools import pairwise
from typing import Any, TypeVar

from gateway.contract import Path, Payload, Unencodable

T = TypeVar("T", str, bytes)

Edit = tuple[int, int, Any, Path]
"""From, to, what stands there instead, and the path that it is for."""


def edited(text: T, edits: Iterable[Edit]) -> T:
    """The text with these edits. Raises Unencodable where two touch the same place."""
    ordered = sorted(edits, key=lambda edit: edit[:2])
    for before, after in pairwise(ordered):
        if after[0] < before[1]:
            raise Unencodable(f"{spelled(before[3])} and {spelled(after[3])} cannot be replaced both.")
    parts: list[T] = []
    place = 0
    for start, end, new, _ in ordered:
        parts += [text[place:start], new]
        place = end
    parts.append(text[place:])
    return text[:0].join(parts)


def spelled(path: Path) -> str:
    """A path as errors show it."""
    return ".".join(str(step) for step in path) or "root"


def inside(path: Path, many: bool) -> Path:
    """The path from what the body holds on: with `many`, from the list. Raises Unencodable for the whole of it."""
    if len(path) <= many or (many and path[0] != "records"):
        raise Unencodable(f"The reply has no {spelled(path)} that can be replaced.")
    return path[1:] if many else path


def listed(payload: Payload) -> list[Payload]:
    """The records of a payload. Raises Unencodable where it has anything else."""
    records = payload.get("records")
    if payload.keys() != {"records"} or not isinstance(records, list | tuple):
        raise Unencodable('A body of many records is written from {"records": [...]}.')
    return list(records)
