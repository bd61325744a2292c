"""Waivers end by themselves, by the database's clock, and both ends are in the audit chain."""

from datetime import timedelta

from sqlalchemy import Engine, update

from gateway.store import audit, tables
from gateway.store.engine import writing
from gateway.store.replicas import now
from gateway.store.waivers import end, waive, waivers
from tests.integration.store.samples import ROUTE

HOUR = timedelta(hours=1)


def test_a_waiver_stands_until_its_time_and_a_new_one_takes_its_place(engine: Engine) -> None:
    until = now(engine) + HOUR
    waive(engine, ROUTE, "disagreement", until, "ada", "a known defect")
    waive(engine, ROUTE, "disagreement", until + HOUR, "bob", "it is not mended yet")
    waive(engine, "other", "errors", until, "ada", "elsewhere")
    [found] = waivers(engine, ROUTE)
    assert (found.condition, found.who, found.until) == ("disagreement", "bob", until + HOUR)
    assert found.told == f"waived by bob until {until + HOUR:%Y-%m-%d %H:%M} UTC: it is not mended yet"
    assert [one.route for one in waivers(engine)] == sorted((ROUTE, "other"))
    with writing(engine) as connection:
        connection.execute(update(tables.waiver).values(until=until - 2 * HOUR))
    assert not waivers(engine) and not end(engine, ROUTE, "disagreement", "ada", "too late")


def test_both_ends_of_a_waiver_are_audited(engine: Engine) -> None:
    until = now(engine) + HOUR
    waive(engine, ROUTE, "plan hours", until, "ada", "the release is tonight")
    assert end(engine, ROUTE, "plan hours", "bob", "it is over") and not end(
        engine, ROUTE, "plan hours", "bob", "again"
    )
    ended, begun = (one.event for one in audit.entries(engine, ROUTE))
    assert (begun.who, begun.action, begun.before, begun.after) == ("ada", "waive", "", "plan hours")
    assert (begun.reason, begun.details) == ("the release is tonight", {"until": until.isoformat(timespec="minutes")})
    assert (ended.who, ended.action, ended.before, ended.after) == ("bob", "waive", "plan hours", "")
    assert not audit.verify(engine).problems
