"""The ledger of dead letters: each is noted once, what became of it is told, and it balances."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, select, update

from gateway.store import dead, tables
from gateway.store.audit import Event, entries
from gateway.store.dead import Burial
from gateway.store.engine import reading, writing
from gateway.store.retention import kept, prune

NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)
EVENT = Event("ada", "resubmit", "adapters.loans", "1 dead letters", "put back", "mended")


def burial(letter: str, reason: str = "Unmappable", since: datetime = NOW - HOUR) -> Burial:
    return Burial("loans", "Score", letter, reason, since)


def left(engine: Engine) -> int:
    return sum(one.left for one in dead.sums(engine, "loans"))


def test_each_is_noted_once_however_often_that_is_tried_and_alike_ones_each(engine: Engine) -> None:
    some = [burial("a"), burial("a"), burial("b", "Undecodable")]
    for _ in range(2):
        dead.note(engine, some)
    dead.note(engine, [replace(burial("a"), adapter="other")])
    sums = [(one.reason, one.came, one.left) for one in dead.sums(engine, "loans")]
    assert sums == [("Unmappable", 2, 2), ("Undecodable", 1, 1)]
    assert dead.standing(engine, "loans") == {"a": 2, "b": 1}


def test_one_that_is_put_back_and_comes_again_says_so_and_is_audited(engine: Engine) -> None:
    dead.note(engine, [burial("a"), burial("a", since=NOW - 2 * HOUR), burial("b")])
    dead.put_back(engine, "loans", [burial("a"), burial("b")], NOW, EVENT)
    assert left(engine) == 1
    dead.note(engine, [burial("b", since=NOW + timedelta(seconds=1))])
    [total] = dead.sums(engine, "loans")
    assert (total.came, total.put_back, total.again, total.left) == (4, 2, 1, 2)
    acts = {one.letter: (one.who, one.again) for one in dead.acts(engine, "loans", 10)}
    assert acts == {"a": ("ada", False), "b": ("ada", True)}
    assert [one.event.action for one in entries(engine)] == ["resubmit"]
    with reading(engine) as connection:
        mine = (tables.dead_letter.c.fate == "") & (tables.dead_letter.c.letter == "a")
        open_ones = select(tables.dead_letter.c.since).where(mine)
        assert connection.execute(open_ones).scalars().all() == [NOW - HOUR], "the oldest of its like went first"


def test_what_is_there_and_was_not_known_is_noted_once_by_all_who_look(engine: Engine) -> None:
    dead.note(engine, [burial("a")])
    there = [burial("a"), burial("a"), burial("c", "the broker put it aside (expired)")]
    assert (dead.found(engine, "loans", there), dead.found(engine, "loans", there)) == (2, 0)
    assert left(engine) == 3
    dead.put_back(engine, "loans", [burial("d")], NOW, EVENT)
    assert left(engine) == 3, "put back without ever having been noted: came and went"


def test_a_person_who_is_erased_leaves_a_number_and_no_id(engine: Engine) -> None:
    dead.note(engine, [burial("a"), burial("b")])
    dead.erased(engine, "loans", [burial("a"), burial("z")], NOW, "ada")
    [total] = dead.sums(engine, "loans")
    assert (total.came, total.erased, total.again, total.left) == (3, 2, 0, 1)
    with reading(engine) as connection:
        names = connection.execute(select(tables.dead_letter.c.letter)).scalars().all()
    assert sorted(names) == ["", "", "b"]


def test_the_ledger_is_bounded_by_the_age_of_records(engine: Engine) -> None:
    dead.note(engine, [burial("old"), burial("new")])
    with writing(engine) as connection:
        old = update(tables.dead_letter).where(tables.dead_letter.c.letter == "old")
        connection.execute(old.values(changed=NOW - timedelta(days=40)))
    [told] = [one for one in kept(engine, timedelta(days=30), timedelta(days=30)) if one.name == "dead_letter"]
    assert (told.rows, told.beyond) == (2, 1)
    assert prune(engine, timedelta(days=30)) == 1
    assert dead.standing(engine, "loans") == {"new": 1}
