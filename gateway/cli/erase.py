"""`understudy erase`: removes a person from what the gateway keeps, and lists what it cannot reach."""

import asyncio
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from gateway import assembly
from gateway.capabilities import Buries, Erased, Erases, Leaves
from gateway.cli import console
from gateway.cli.audit import noted
from gateway.cli.dead import burials
from gateway.cli.standing import route_of
from gateway.cli.who import who
from gateway.config import Loaded, load
from gateway.contract import ConfigError, Payload, Unmappable
from gateway.keeping import keyring
from gateway.mapping import RouteMapping, compile_route, read_key
from gateway.seal import Keyring, Unopened, place
from gateway.store.dead import erased as forgotten
from gateway.store.engine import connect
from gateway.store.erasure import erase as remove
from gateway.store.erasure import forget, scrub
from gateway.store.model import Pending
from gateway.store.secret import digest, secret

BEYOND = (
    "the legacy system's own data, which keeps being asked about this person as long as callers do",
    "backups and replicas of the store; on PostgreSQL removed rows until VACUUM, and its write-ahead log",
    "logs, which have ids of calls and no values, and what proxies and brokers log by themselves",
    "files that were exported, reports that were saved, and the model's training data",
    "what running gateways hold in memory: calls of the last seconds, and stored replies until they expire",
    "sums, which name nobody as long as no answer field under `keep` does",
)
"""What no command of ours removes."""


def erase(path: Path, route: str, spelled: str, reason: str) -> None:
    """Erases and says what was removed. Raises ConfigError, Unmappable, StoreDown, Unfinished."""
    loaded = load(path.absolute(), os.environ)
    settings = route_of(loaded, route)
    if settings.key is None:
        raise ConfigError(f"route {route!r} has no key, so nothing that it keeps can be told to be of one person")
    person = Person(route, compile_route(route, settings), settings.key, read_key(settings, spelled))
    engine = connect(loaded.config.store, loaded.path.parent)
    hashed = partial(digest, secret(engine))
    name = hashed(route, str(person.key))
    left: list[str] = []
    ring = keyring(loaded.config.records, hashed)
    removed: dict[str, int] = dict(remove(engine, route, name, partial(person.waits, ring, left)))
    scopes = [f"{kind}/{source}" for kind, source in _kinds(loaded, person.sources)]
    removed["stored replies"], removed["stored replies of unknown persons"] = forget(engine, scopes, name)
    for what, many in removed.items():
        console.line(f"{what}: {many} removed")
    for adapter, erased in _adapters(loaded, person):
        for sentence in erased.removed:
            console.line(f"{adapter}: {sentence}")
        left += [f"{adapter}: {sentence}" for sentence in erased.left]
        if erased.letters:
            forgotten(engine, adapter, burials(adapter, erased.letters), datetime.now(UTC), who())
    if removed["stored replies of unknown persons"]:
        left.append(
            "of some replies nobody can tell whose they were: where such a request comes again, it is scored again"
        )
    scrub(engine)
    _conclude(engine, route, name, removed, left, reason)


def _conclude(
    engine: Engine, route: str, name: bytes, removed: Mapping[str, int], left: Sequence[str], reason: str
) -> None:
    for sentence in left:
        console.warn(sentence)
    console.line("out of reach, to be looked after elsewhere:")
    for sentence in BEYOND:
        console.line(f"  {sentence}")
    counts = {what: str(many) for what, many in removed.items()}
    noted(engine, "erase", route, f"key {name.hex()}", "", reason, **counts, left=str(len(left)))
    engine.dispose()


class Person:
    """Whom a message is about."""

    def __init__(self, route: str, rules: RouteMapping, field: str, key: Any) -> None:
        self.key = key
        self.sources = list(rules.sources)
        self._route = route
        self._rules = rules
        self._field = field

    def within(self, adapter: str, operation: str, payload: Payload) -> tuple[int, int]:
        """How many records of a message are hers, and how many it has; none of what the route does not read."""
        mapping = self._rules.sources.get(f"{adapter}/{operation}")
        try:
            records = mapping.requests(payload) if mapping else []
        except Unmappable:
            return 0, 0
        return sum(record.get(self._field) == self.key for record in records), len(records)

    def waits(self, ring: Keyring, left: list[str], pending: Pending) -> bool:
        """Whether a waiting call is hers; of many records one that is makes all of it go, with its verdicts to come."""
        try:
            records = ring.open(pending.request, place(self._route, pending.call_id))
        except Unopened as error:
            left.append(f"a waiting call cannot be looked into: {error}")
            return False
        return any(record.get(self._field) == self.key for record in records)


def _kinds(loaded: Loaded, sources: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The kind of each source's adapter: stored replies are kept under KIND/ADAPTER/OPERATION."""
    for source in sources:
        yield loaded.config.adapters[source.partition("/")[0]].type, source


def _adapters(loaded: Loaded, person: Person) -> Sequence[tuple[str, Erased]]:
    """What each adapter of the route's sources removed."""
    names = list(dict.fromkeys(source.partition("/")[0] for source in person.sources))
    made = assembly.adapters(loaded)

    async def all_of_them() -> list[tuple[str, Erased]]:
        return [(name, await _one(made[name], partial(person.within, name))) for name in names]

    async def _one(adapter: Any, about: Any) -> Erased:
        try:
            if isinstance(adapter, Erases):
                return await adapter.erase(about)
            if isinstance(adapter, Leaves | Buries):
                return Erased((), ["keeps rows or messages of its own, to be looked after by hand"])
            return Erased(())
        finally:
            await adapter.close()

    return asyncio.run(all_of_them())
