"""`understudy reseal`: seals what records hold encrypted with the key that seals now, so that old keys can go."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Row

from gateway.cli import console
from gateway.cli.audit import noted
from gateway.cli.standing import opened
from gateway.keeping import keyring
from gateway.seal import SEALED, Keyring, Unopened, place, sealed
from gateway.store.secret import digest, secret
from gateway.store.stream import rewrite, stream
from gateway.store.text import dumps, loads

SIDES = ("fields", "incumbent", "candidate")


def reseal(path: Path, reason: str) -> int:
    """Reseals every route's records; 0 where none needs another key any more, else 1. Can be run again, and beside a
    gateway. Raises ConfigError, StoreDown."""
    loaded, engine = opened(path)
    ring = keyring(loaded.config.records, partial(digest, secret(engine)))
    done, lost = 0, 0
    for route in loaded.config.routes:
        for step in stream(engine, route):
            changes = []
            for row in step:
                try:
                    if change := _resealed(ring, route, row):
                        changes.append({"id": row.id, **change})
                except Unopened:
                    lost += 1
            rewrite(engine, changes)
            done += len(changes)
    console.line(f"{done} records resealed with the key {ring.sealing!r}")
    if lost:
        console.warn(f"{lost} records could not be opened and stay as they are: name their keys in records.keys too")
    noted(engine, "reseal", "*", "", f"{done} records with {ring.sealing}", reason, unopened=str(lost))
    engine.dispose()
    return 1 if lost else 0


def _resealed(ring: Keyring, route: str, row: Row[Any]) -> dict[str, str]:
    """The sides in which something was sealed with another key. Raises Unopened."""
    changed = {}
    for side in SIDES:
        values = loads(getattr(row, side))
        if isinstance(values, Mapping) and any(_stale(ring, value) for value in values.values()):
            changed[side] = dumps({name: _again(ring, route, name, value) for name, value in values.items()})
    return changed


def _stale(ring: Keyring, value: Any) -> bool:
    text = sealed(value)
    return text is not None and not text.startswith(f"{ring.sealing}:")


def _again(ring: Keyring, route: str, name: str, value: Any) -> Any:
    if not _stale(ring, value):
        return value
    where = place(route, name)
    return {SEALED: ring.seal(ring.open(sealed(value) or "", where), where)}
