"""The demonstration's bad model: it answers a quarter of the customers until the guard notices and holds the route."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import Engine

from gateway.cli import demo_database, demo_queue
from gateway.cli.demo_figures import settled
from gateway.cli.demo_rounds import Heard, Request, play
from gateway.cli.demo_system import DemoFailed, System
from gateway.cli.demo_tables import Screen
from gateway.examples.credit.client import Caller, Exchange
from gateway.examples.credit.prepare import ROUTE
from gateway.store import queries
from gateway.store.holds import Hold, holds
from gateway.store.model import SEEN

PERCENT = 25
SECTION = "    guard: {disagreement: 0.5, day_to_day: 0}   # one afternoon, so days do not vary\n"
BEFORE = "    compare:\n"
BANDS = "            - {below: 0.5, value: approve}\n            - {value: reject}\n"
WRONG = "            - {below: 0.5, value: reject}\n            - {value: approve}\n"
ROUND = 100
"""Calls between two looks whether the route is held."""
PATIENCE, LOOK = 40.0, 0.2
IN_FORCE = 2.0
"""Seconds within which a hold is in force everywhere."""


@dataclass(slots=True, frozen=True)
class Channel:
    """What came through a queue or a table once the hold was in force."""

    after: int
    incumbent: int
    """Those of them that the incumbent answered."""
    balanced: bool

    @property
    def ok(self) -> bool:
        """Whether the incumbent answered all of them, and each is accounted for."""
        return self.incumbent == self.after and self.balanced


@dataclass(slots=True, frozen=True)
class Tripped:
    """What came of it."""

    reason: str
    sent: int
    """Calls until it was held."""
    answered: int
    """Those of them that the bad model answered."""
    seconds: float
    after: int
    """Calls sent once the hold was in force, and how many of them legacy answered byte for byte."""
    identical: int
    balanced: bool
    table: Channel
    queue: Channel | None
    """None where there is no broker."""

    @property
    def ok(self) -> bool:
        """Whether the route was held, for everybody on every channel, and every call is accounted for."""
        channels = (self.table, *([self.queue] if self.queue else []))
        held = bool(self.reason) and self.identical == self.after
        return held and self.balanced and all(one.ok for one in channels)


def play_bad_model(
    out: Screen, system: System, engine: Engine, applications: Sequence[Request], own: Sequence[Exchange],
    queued: bool,
) -> dict[str, object]:  # fmt: skip
    """What there is to tell, as JSON; shown as well. `queued`: the queue is there. Raises DemoFailed, StoreDown."""
    system.move("canary", PERCENT)
    system.rewrite(_spoilt(system.configuration.read_text()))
    callers = [Caller(system.address) for _ in range(4)]
    try:
        found = _until_held(out, system, engine, callers, applications, own, queued)
    finally:
        for caller in callers:
            caller.close()
    out.say(
        f"A model that says the opposite was put in at {PERCENT} %. After {found.sent} calls in {found.seconds:.1f} s, "
        f"{found.answered} of which it had answered, the route was held by its guard, and nobody had to be awake:"
    )
    out.say(f"  {found.reason}", "bold")
    out.say(f"Of the next {found.after} calls legacy answered {found.identical}, byte for byte.")
    if found.queue:
        out.say(
            f"Of the next {found.queue.after} records of the queue the old worker answered {found.queue.incumbent}."
        )
    out.say(f"Of the next {found.table.after} rows of the table the batch answered {found.table.incumbent}.")
    out.say()
    return asdict(found) | {"ok": found.ok}


def _spoilt(text: str) -> str:
    """The configuration with a guard, and with the model's decisions turned round."""
    for place, instead in ((BEFORE, SECTION + BEFORE), (BANDS, WRONG)):
        if text.count(place) != 1:
            raise DemoFailed("the example's configuration is not the one that the demonstration knows")
        text = text.replace(place, instead)
    return text


def _until_held(
    out: Screen, system: System, engine: Engine, callers: Sequence[Caller], applications: Sequence[Request],
    own: Sequence[Exchange], queued: bool,
) -> Tripped:  # fmt: skip
    before, begun = queries.ledger(engine, ROUTE).get(SEEN, 0), time.monotonic()
    sent = answered = 0
    held: Sequence[Hold] = ()
    with out.progress("a bad model", len(applications)) as done:
        for at in range(0, len(applications), ROUND):
            chosen = slice(at, at + ROUND)
            heard = Heard(play(callers, applications[chosen], done), own[chosen])
            sent, answered = sent + len(heard.exchanges), answered + len(heard.candidate)
            if held := holds(engine):
                break
    while not held and time.monotonic() - begun < PATIENCE:
        time.sleep(LOOK)
        held = holds(engine)
    seconds = time.monotonic() - begun
    time.sleep(IN_FORCE)  # what is claimed: within two seconds everybody knows
    after = Heard(play(callers, applications[:ROUND], lambda: None), own[:ROUND])
    balanced = settled(engine, ROUTE, before + sent + len(after.exchanges))
    reason = held[0].reason if held else ""
    queue = _queue(system, engine, applications[:ROUND]) if queued else None
    return Tripped(
        reason, sent, answered, round(seconds, 1), len(after.exchanges), len(after.incumbent), balanced,
        _table(system, engine, applications[:ROUND]), queue,
    )  # fmt: skip


def _queue(system: System, engine: Engine, applications: Sequence[Request]) -> Channel:
    found = demo_queue.shift(system, engine, applications, "held")
    return Channel(found.records, found.worker, found.balanced)


def _table(system: System, engine: Engine, applications: Sequence[Request]) -> Channel:
    found = demo_database.night(system, engine, applications, "held", expected=0)
    return Channel(found.rows, found.batch, found.balanced)
