"""`understudy dead`: what nobody could answer, the ledger of it, and having it tried again."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol, cast

from sqlalchemy import Engine

from gateway.capabilities import Buries, DeadLetter
from gateway.cli import HINT, console
from gateway.cli.adapters import adapter_of, asked
from gateway.cli.who import who
from gateway.config import Loaded
from gateway.contract import Adapter, ConfigError, Unfinished
from gateway.store import audit
from gateway.store import dead as ledger
from gateway.store.engine import connect
from gateway.store.model import StoreDown

LISTED, LOOKED = 20, 1000
"""Dead letters in a table, and those that are held against the ledger one by one."""
ACTS = 10
"""The latest that were put back, in a table."""
QUOTED = 200
"""Bytes of a dead letter's body that are shown."""
SETTLED = 10.0
"""Seconds after which a dead letter is in the ledger if ever."""
NAMED = 20
"""Ids that the audit names."""


class BuryingAdapter(Adapter, Buries, Protocol):
    """An adapter that keeps dead letters."""


def dead(path: Path, name: str, show: int, as_json: bool) -> None:
    """Prints how many dead letters an adapter has, the oldest of them, `show` of these whole, and the ledger.

    Raises ConfigError, Unfinished."""
    loaded, adapter = _burying(path, name)
    try:
        count, letters = asked(adapter, lambda: adapter.dead(max(show, LOOKED if adapter.nameless else LISTED)))
    except Unfinished:
        if adapter.nameless and not as_json and (known := _told(loaded, name, None, ())) and known["came"]:
            _print(known)
        raise
    told = _told(loaded, name, count, letters) if adapter.nameless else None
    if as_json:
        listed = [{"id": one.id, "operation": one.operation, "reason": one.reason, "since": one.since,
                   "bytes": len(one.body)} for one in letters[: max(show, LISTED)]]  # fmt: skip
        return console.print_json({"shape": 1, "adapter": name, "count": count, "letters": listed, "ledger": told})
    console.line(f"{name}: {_counted(count)}")
    if letters:
        _list(letters[: max(show, LISTED)], count)
    for letter in letters[:show]:
        _whole(letter)
    if told and told["came"]:
        _print(told)


def resubmit(path: Path, name: str, id: str | None, reason: str) -> None:
    """Has one dead letter, or all of them, tried again. Raises ConfigError, StoreDown, Unfinished."""
    loaded, adapter = _burying(path, name)
    engine = connect(loaded.config.store, loaded.path.parent)
    audit.head(engine)  # what cannot be noted is not done
    began, done = datetime.now(UTC), list[DeadLetter]()

    async def put_back() -> None:
        async for letter in adapter.resubmit(None if id is None else [id]):
            done.append(letter)

    outcome = "interrupted"
    try:
        asked(adapter, put_back)
        outcome = "all put back"
    except Unfinished as error:
        outcome = str(error)
        raise
    finally:
        if done:
            console.line(f"{name}: {len(done)} put back, each with the id that it had")
            _note(engine, name, adapter.nameless, done, began, reason, outcome)
        engine.dispose()
    if not done:
        console.line(f"{name}: there are no dead letters; nothing was put back")


def burials(adapter: str, letters: Sequence[DeadLetter]) -> Sequence[ledger.Burial]:
    """Dead letters as the ledger has them."""
    now = datetime.now(UTC)
    return [ledger.Burial(adapter, one.operation, one.id, one.kind, one.since or now) for one in letters]


def _note(
    engine: Engine, name: str, nameless: bool, done: Sequence[DeadLetter], began: datetime, reason: str, outcome: str
) -> None:  # fmt: skip
    ids = list(dict.fromkeys(one.id for one in done)) if nameless else []
    more = [f"and {len(ids) - NAMED} more"] if ids[NAMED:] else []
    details = {"ids": ", ".join([*ids[:NAMED], *more]), "outcome": outcome if nameless else ""}
    event = audit.Event(who(), "resubmit", f"adapters.{name}", _counted(len(done)), "put back", reason, details)
    noted = ledger.put_back(engine, name, burials(name, done), began, event) if nameless else None
    console.line(f"audit head {noted or audit.record(engine, event)}")


def _told(loaded: Loaded, name: str, count: int | None, letters: Sequence[DeadLetter]) -> dict[str, Any] | None:
    """The ledger held against what is there, where that can be seen; None where it cannot be read. What it did not
    know, it knows then."""
    engine = connect(loaded.config.store, loaded.path.parent)
    try:
        # One that was put aside just now may be on its way into the ledger.
        settled = datetime.now(UTC) - timedelta(seconds=SETTLED)
        there = burials(name, [one for one in letters if one.since is None or one.since < settled])
        ledger.found(engine, name, there)
        sums, acts = ledger.sums(engine, name), ledger.acts(engine, name, ACTS)
        gone = ledger.standing(engine, name) - Counter(one.letter for one in burials(name, letters))
    except StoreDown as error:
        console.warn(f"the ledger cannot be read: {error}; {HINT}")
        return None
    finally:
        engine.dispose()
    came, left = sum(one.came for one in sums), sum(one.left for one in sums)
    return {
        "came": came, "put_back": sum(one.put_back for one in sums), "again": sum(one.again for one in sums),
        "erased": sum(one.erased for one in sums), "there": count, "missing": None if count is None else left - count,
        "gone": [id for id in gone if len(letters) == count], "sums": [asdict(one) for one in sums],
        "acts": [asdict(one) for one in acts],
    }  # fmt: skip


def _list(letters: Sequence[DeadLetter], count: int) -> None:
    title = "The oldest first" if len(letters) == count else f"The oldest {len(letters)}"
    columns = ["id", "operation", "since", "reason", "bytes"]
    rows = [(one.id, one.operation, _moment(one.since), one.reason, len(one.body)) for one in letters]
    console.console().print(console.table(f"{title}, times in UTC", columns, rows))


def _print(told: dict[str, Any]) -> None:
    columns = ["operation", "reason", "came", "put back", "put aside again", "erased", "left"]
    sums = [(one["operation"], one["reason"], one["came"], one["put_back"], one["again"], one["erased"],
             one["came"] - one["put_back"] - one["erased"]) for one in told["sums"]]  # fmt: skip
    console.console().print(console.table("The ledger", columns, sums))
    if told["acts"]:
        acts = [(_moment(one["at"]), one["who"], one["letter"], one["operation"],
                 "put aside again" if one["again"] else "not seen again") for one in told["acts"]]  # fmt: skip
        columns = ["when (UTC)", "who", "id", "operation", "since then"]
        console.console().print(console.table("Put back, the latest first", columns, acts))
    if told["there"] is None:
        return console.line(f"{told['came']} came; how many are still there cannot be seen")
    sentence = f"{told['came']} came = {told['there']} there + {told['put_back']} put back + {told['erased']} erased"
    if not (missing := told["missing"]):
        console.line(f"{sentence}; the ledger balances")
    elif missing > 0:
        named = f": {', '.join(told['gone'][:NAMED])}" if told["gone"] else ""
        console.warn(
            f"{sentence} + {missing} missing{named}; nobody put them back by this command: they were taken from the "
            "queue by something else, purged, or lost with the broker"
        )
    else:
        console.warn(f"{sentence} - {-missing} that the ledger does not know of yet: look again in a minute")


def _counted(count: int) -> str:
    return f"{count} dead letter{'' if count == 1 else 's'}"


def _whole(letter: DeadLetter) -> None:
    console.line(f"{letter.id}: {letter.reason}", style="bold")
    for property, value in letter.properties.items():
        console.line(f"  {property}: {value}")
    console.line(f"  body, {len(letter.body)} bytes: {letter.body[:QUOTED]!r}")


def _moment(value: datetime | None) -> str | None:
    return None if value is None else f"{value:%Y-%m-%d %H:%M:%S}"


def _burying(path: Path, name: str) -> tuple[Loaded, BuryingAdapter]:
    loaded, adapter = adapter_of(path, name)
    if not isinstance(adapter, Buries):
        raise ConfigError(f"{name} keeps no dead letters: its callers get their errors themselves")
    return loaded, cast(BuryingAdapter, adapter)
