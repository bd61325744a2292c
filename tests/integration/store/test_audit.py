"""The audit chain shows whatever was done to it, on both databases."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Connection, Engine, delete, select, update

from gateway.store.audit import EMPTY, Event, append, entries, head, record, verify
from gateway.store.engine import writing
from gateway.store.holds import hold, resume
from gateway.store.tables import audit as table

TEXTS = [column.name for column in table.columns if column.name != "number"]


def event(number: int) -> Event:
    return Event("ada", "stage", "loans", f"canary {number} %", f"canary {number + 1} %", "fine", {"version": "abc"})


@pytest.fixture
def chain(engine: Engine) -> Engine:
    """Twelve entries."""
    for number in range(12):
        record(engine, event(number))
    return engine


def test_an_event_is_kept_with_its_place_and_its_time(engine: Engine) -> None:
    assert head(engine) == EMPTY and verify(engine).problems == []
    heads = [record(engine, event(number)) for number in range(3)]
    assert head(engine) == heads[-1]
    newest, *_ = found = entries(engine, limit=2)
    assert [one.number for one in found] == [3, 2]
    assert (newest.event, f"3:{newest.hash}") == (event(2), heads[-1])
    assert newest.at.utcoffset() is not None
    assert entries(engine, "cards") == []


@pytest.mark.parametrize("column", TEXTS)
def test_an_entry_that_was_changed_shows(chain: Engine, rng: random.Random, column: str) -> None:
    number = rng.randrange(1, 13)
    with writing(chain) as connection:
        connection.execute(update(table).where(table.c.number == number).values({column: "f" * 64}))
    assert any(f"entry {number}" in problem for problem in verify(chain).problems)


def without(number: int) -> Callable[[Connection], object]:
    return lambda connection: connection.execute(delete(table).where(table.c.number == number))


def without_and_closed_up(connection: Connection) -> None:
    without(5)(connection)
    for number in range(6, 13):
        connection.execute(update(table).where(table.c.number == number).values(number=number - 1))


def swapped(connection: Connection) -> None:
    for old, new in ((4, 99), (7, 4), (99, 7)):
        connection.execute(update(table).where(table.c.number == old).values(number=new))


def swapped_with_their_links(connection: Connection) -> None:
    rows = {row.number: dict(row._mapping) for row in connection.execute(select(table))}
    for place, other in ((4, 7), (7, 4)):
        values = {name: rows[other][name] for name in TEXTS if name != "previous"}
        connection.execute(update(table).where(table.c.number == place).values(values))


@pytest.mark.parametrize(
    "done", [without(1), without(6), without_and_closed_up, swapped, swapped_with_their_links],
    ids=["first dropped", "one dropped", "dropped and closed up", "swapped", "swapped with links"],
)  # fmt: skip
def test_an_entry_that_was_dropped_or_moved_shows(chain: Engine, done: Callable[[Connection], object]) -> None:
    with writing(chain) as connection:
        done(connection)
    assert verify(chain).problems


def test_an_end_that_was_cut_off_shows_against_a_head_kept_elsewhere(chain: Engine) -> None:
    kept = head(chain)
    assert verify(chain, kept).problems == [] and verify(chain, kept.partition(":")[2]).problems == []
    record(chain, event(12))
    assert verify(chain, kept).problems == []
    with writing(chain) as connection:
        without(13)(connection)
        without(12)(connection)
    assert verify(chain).problems == []
    [problem] = verify(chain, kept).problems
    assert "cut off" in problem


def test_a_chain_that_was_written_anew_shows_against_a_head_kept_elsewhere(chain: Engine) -> None:
    kept = head(chain)
    with writing(chain) as connection:
        connection.execute(delete(table))
    for number in range(12):
        record(chain, event(number + 1))
    assert verify(chain).problems == []
    assert verify(chain, kept).problems


def test_appends_from_everywhere_make_one_chain(engine: Engine) -> None:
    with ThreadPoolExecutor(6) as pool:
        heads = list(pool.map(lambda number: record(engine, event(number)), range(30)))
    found = verify(engine)
    assert (found.entries, found.problems, len(set(heads))) == (30, [], 30)


def test_what_is_rolled_back_was_never_in_the_chain(engine: Engine) -> None:
    with pytest.raises(RuntimeError), writing(engine) as connection:
        append(connection, event(1))
        raise RuntimeError("the change failed")
    assert head(engine) == EMPTY


def test_holds_and_resumes_are_in_the_chain_with_their_reasons(engine: Engine) -> None:
    hold(engine, "loans", "agreement below 95 %", "guard", kind="guard")
    hold(engine, "loans", "agreement below 94 %", "guard", kind="guard")
    resume(engine, "loans", "ada", "looked into it")
    resume(engine, "loans", "ada", "nothing to end")
    told = [(one.event.action, one.event.who, one.event.reason) for one in reversed(entries(engine, "loans"))]
    assert told == [("hold", "guard", "agreement below 95 %"), ("resume", "ada", "looked into it")]


def test_a_hostile_text_is_kept_as_far_as_a_database_can(engine: Engine) -> None:
    record(engine, Event("a\0b", "stage", "\ud800", reason="é" * 5000))
    assert verify(engine).problems == []
