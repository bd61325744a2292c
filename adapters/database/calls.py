"""Rows as calls of the gateway, and its answers as what is to be written."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from adapters.database.layout import Key
from adapters.database.rows import RowCodec, RowRaw, decode
from adapters.database.work import Ended, Seen
from gateway.contract import (
    Answer,
    Call,
    Failed,
    IncumbentFailed,
    ModelTimeout,
    ModelUnavailable,
    Payload,
    Undecodable,
    UnderstudyError,
    Unencodable,
    Unmappable,
)

NOBODY = (IncumbentFailed, ModelUnavailable, ModelTimeout)
"""Errors that say nothing about the row: nobody could be asked."""
NEVER = (Undecodable, Unmappable, Unencodable)
"""Errors that the same row will have again."""


class Calls:
    """Makes calls of one operation."""

    def __init__(self, source: str, operation: str, codec: RowCodec, timeout: float) -> None:
        self.source = source
        self.operation = operation
        self._codec = codec
        self._timeout = timeout
        self._prefix = f"{source}/{operation}\0".encode()

    def call(self, seen: Seen) -> Call:
        """The call of a row; the same row is the same call, whoever reads it and when. Its key is not in the id."""
        located = locator(seen.key)
        id = hashlib.blake2b(self._prefix + located.encode(), digest_size=12).hexdigest()
        return Call(
            self.source, self.operation, RowRaw(seen.row), self._codec, timeout=self._timeout, id=id,
            locator=located,
        )  # fmt: skip


def locator(key: Key) -> str:
    """A row's key as text."""
    return orjson.dumps(key, str).decode()


def located(locator: str) -> Key:
    """The key in a locator."""
    return tuple(orjson.loads(locator))


def sorted_out(rows: Sequence[Seen], answers: Sequence[Answer], batch: bool) -> Ended:
    """What becomes of rows by their answers. Beside a batch a row that nobody answered counts as tried: it is the
    candidate that failed, since the batch never answers at once."""
    found: dict[Key, Payload] = {}
    failed: dict[Key, str] = {}
    again: dict[Key, str] = {}
    unasked: list[Key] = []
    for seen, answer in zip(rows, answers, strict=True):
        if not isinstance(answer, Failed):
            raw = answer.raw
            found[seen.key] = raw.row if isinstance(raw, RowRaw) else decode(raw.body)
        elif isinstance(answer.error, NEVER):
            failed[seen.key] = told(answer.error)
        elif isinstance(answer.error, NOBODY) and not batch:
            unasked.append(seen.key)
        else:
            again[seen.key] = told(answer.error)
    return Ended(found, failed, again, unasked)


def told(error: UnderstudyError) -> str:
    """An error as the side table keeps it: its kind, and the field, never a value."""
    return f"{type(error).__name__} {error.field}" if isinstance(error, Unmappable) else type(error).__name__


def merged(parts: Sequence[Ended]) -> Ended:
    """Several as one."""
    whole: Mapping[str, Any] = {"answers": {}, "failed": {}, "again": {}}
    unasked: list[Key] = []
    for part in parts:
        for name in whole:
            whole[name].update(getattr(part, name))
        unasked += part.unasked
    return Ended(**whole, unasked=unasked)
