"""`understudy stage`: shows the stage of a route, or sets it in the configuration, every other byte kept."""

import os
import shutil
import tempfile
import time
from decimal import Decimal
from pathlib import Path

from gateway.cli import console
from gateway.cli.audit import noted
from gateway.cli.running import running
from gateway.cli.standing import Standing, caps_of, opened, route_of, standings
from gateway.config import Loaded, parse
from gateway.contract import ConfigError, Stage
from gateway.cutover import Caps
from gateway.edit import edit
from gateway.store.audit import Entry, entries
from gateway.store.engine import connect
from gateway.store.model import StoreDown

PATIENCE = 10.0
"""Seconds that a running gateway may take to serve the new version."""
LOOK = 0.1


def show(path: Path, route: str) -> int:
    """Prints the stage configured and in force, and the last change that was made here."""
    loaded, engine = opened(path)
    route_of(loaded, route)
    engine.dispose()
    _tell(loaded, route)
    if last := _last(loaded, route):
        reason = f": {last.event.reason}" if last.event.reason else ""
        when = f"{last.at:%Y-%m-%d %H:%M:%S} UTC"
        console.line(f"last changed from {last.event.before} by {last.event.who} at {when}{reason}")
    return 0


def stage(path: Path, route: str, wanted: str | None, percent: Decimal | None, reason: str) -> int:
    """Sets it, if the whole would be valid, and waits for a running gateway; 0 once it serves it or none runs.

    Raises ConfigError, and then the file is as it was."""
    before, engine = opened(path)
    route_of(before, route)
    engine.dispose()
    changes: dict[tuple[str | int, ...], str | Decimal] = {}
    if wanted is not None and wanted != str(before.config.routes[route].stage):
        changes["routes", route, "stage"] = wanted
    if percent is not None and percent != before.config.routes[route].percent:
        changes["routes", route, "percent"] = Decimal(format(percent.normalize(), "f"))
    if not changes:
        console.line(f"{route} is so already")
        _tell(before, route)
        return 0
    after = parse(edit(before.text, changes, before.path.name), before.path, os.environ, withhold=True)
    _refuse_worse(before, after)
    _write(before, after)
    _note(before, after, route, reason)
    _tell(after, route)
    return _await(after)


def _refuse_worse(before: Loaded, after: Loaded) -> None:
    """Raises ConfigError where the change makes a problem; one that was there before must not keep from going back."""
    _, known = standings(before, Caps())
    _, problems = standings(after, Caps())
    if new := [problem for problem in problems if problem not in known]:
        raise ConfigError(*new)


def _write(before: Loaded, after: Loaded) -> None:
    """Replaces the file whole, where it really is."""
    target = before.path.resolve()
    draft = ""
    try:
        with tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}.", delete=False) as file:
            draft = file.name
            file.write(after.text.encode())
            file.flush()
            os.fsync(file.fileno())
        shutil.copymode(target, draft)
        if target.read_bytes() != before.text.encode():
            raise ConfigError(f"{before.path}: somebody else has just changed it; look, and try again")
        Path(draft).replace(target)
    except OSError as error:
        raise ConfigError(f"{error.filename or target}: cannot be written: {error.strerror}") from error
    finally:
        if draft:
            Path(draft).unlink(missing_ok=True)


def _note(before: Loaded, after: Loaded, route: str, reason: str) -> None:
    """Appends the change to the audit chain, once it is made: going back must never wait for a store."""
    engine = connect(after.config.store, after.path.parent)
    old, new = (one.config.routes[route].configured for one in (before, after))
    try:
        noted(engine, "stage", route, old, new, reason, version=after.version)
    except StoreDown as error:
        console.warn(f"not in the audit chain: {error}; a gateway notes there what it takes up")
    finally:
        engine.dispose()


def _last(loaded: Loaded, route: str) -> Entry | None:
    engine = connect(loaded.config.store, loaded.path.parent)
    try:
        return next((one for one in entries(engine, route) if one.event.action == "stage"), None)
    except StoreDown:
        return None  # which is said where the holds are looked at
    finally:
        engine.dispose()


def _tell(loaded: Loaded, route: str) -> None:
    """Says what is configured, what is in force, and why that is less."""
    stood, problems = standings(loaded, _caps(loaded))
    standing = stood[route]
    console.line(f"{route}: configured {standing.configured}, in force {_in_force(standing)}")
    for why in (*standing.reasons, *problems):
        console.warn(f"{route}: {why}" if why in standing.reasons else why)
    if standing.settings.stage is Stage.CANARY and not standing.settings.percent:
        console.warn(f"{route}: canary with percent 0 moves nobody; say --percent")
    if standing.settings.percent and standing.settings.stage is not Stage.CANARY:
        console.warn(f"{route}: percent {standing.settings.percent} counts in canary only")


def _caps(loaded: Loaded) -> Caps:
    """The holds; while the store does not answer they are not known, which is what a gateway that starts now sees."""
    engine = connect(loaded.config.store, loaded.path.parent)
    try:
        return caps_of(engine)
    except StoreDown as error:
        console.warn(f"holds are not known: {error}")
        return Caps()
    finally:
        engine.dispose()


def _in_force(standing: Standing) -> str:
    if standing.in_force is None:
        return "not known"
    return standing.configured if standing.in_force is standing.settings.stage else str(standing.in_force)


def _await(loaded: Loaded) -> int:
    """Returns 0 as soon as a running gateway serves this version, or at once where none runs; else 1."""
    if running(loaded.folder) is None:
        console.line("no gateway runs on this host with this configuration: it takes effect at start")
        return 0
    deadline = time.monotonic() + PATIENCE
    while now := running(loaded.folder):
        if now.version == loaded.version:
            console.line(f"the running gateway serves it (version {now.version})")
            return 0
        if time.monotonic() > deadline:
            console.warn(f"the running gateway still serves version {now.version}; its log says why")
            return 1
        time.sleep(LOOK)
    console.warn("the gateway has ended meanwhile: it takes effect at start")
    return 0
