"""A world of several replicas over one store, with a clock of its own and seeded misfortune, around the real decisions.

Real are the route table, what is in force (`Bound.level`), the plan (`advance`, `standing`, `back`) and who answers
(`decide`). The store is a model of the guarantees that tests/integration/store proves of the real one: each write
happens whole or not at all, and only where nobody was faster. A look is cut where another process may come between."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

from gateway.contract import By, Stage
from gateway.cutover import Caps, decide
from gateway.hours import is_open
from gateway.judgement import Judgement, Outcome
from gateway.lookout import GAP, Seen, standing
from gateway.plan import Plan, Position, advance, back
from gateway.store.model import StoreDown
from gateway.store.plans import Progress
from gateway.table import Bound

ROUTE = "loan"
SEEN_WITHIN = 2.0
"""Seconds within which every replica sees what is in the store, while it can be reached."""
START = datetime(2026, 3, 2, 8, tzinfo=UTC)


@dataclass(slots=True)
class Store:
    """Holds, plan and epochs, as of now. `clock` is its own, and may jump."""

    clock: datetime = START
    down: bool = False
    held: dict[str, str] = field(default_factory=dict)
    """Kind to reason."""
    plan: Progress | None = None
    epoch: int = 1
    released: int = 0

    def caps(self) -> Caps:
        """As `store.caps`."""
        self._reach()
        plans: Mapping[str, Decimal | None] = {ROUTE: self.plan.percent} if self.plan else {}
        return Caps({ROUTE: "; ".join(self.held.values())} if self.held else {}, plans, known=True)

    def trip(self, epoch: int) -> bool:
        """As `guards.trip`: nothing from before a resume, and one hold of a kind."""
        self._reach()
        if epoch <= self.released or "guard" in self.held:
            return False
        self.held["guard"] = "too many disagree"
        return True

    def hold(self) -> None:
        """As `holds.hold`."""
        self._reach()
        self.held.setdefault("operator", "complaints")

    def resume(self) -> None:
        """As `holds.resume`: evidence starts anew, and the plan goes a step back."""
        self._reach()
        if self.held:
            self.held, self.released = {}, self.epoch
            if self.plan and self.plan.position.step >= 0:
                at = back(self.plan.position)
                self._write(at, Decimal(self.plan.percents.split()[at.step]))

    def begin(self, plan: Plan) -> None:
        """As `plans.begin`."""
        self._reach()
        if self.plan is None:
            self.plan = Progress(plan.percents, Position(), Decimal(0), 0, self.clock, self.clock)

    def move(self, was: Progress, then: Position, percent: Decimal | None) -> bool:
        """As `plans.move`: nothing over somebody else's write, and nothing up past a hold."""
        self._reach()
        if self.plan is None or self.plan.version != was.version or (then.step > was.position.step and self.held):
            return False
        self._write(then, percent)
        return True

    def _write(self, at: Position, percent: Decimal | None) -> None:
        assert self.plan
        version = self.plan.version + 1
        if at.step != self.plan.position.step or self.released == self.epoch:
            self.epoch += 1
        self.plan = replace(self.plan, position=at, percent=percent, version=version, looked=self.clock)

    def _reach(self) -> None:
        if self.down:
            raise StoreDown("the simulated store is away")


@dataclass(slots=True)
class Replica:
    """A worker and an observer. It read the store at `read`, and knows of so many of its changes."""

    caps: Caps = field(default_factory=Caps)
    read: float = -1e9
    knows: int = -1
    away: bool = False
    """The network between it and the store is cut."""
    looking: Iterator[None] | None = None


class World:
    """One seed's history. `check` raises AssertionError as soon as something is in force that must not be."""

    def __init__(self, seed: int, tables: Sequence[Bound], replicas: int = 3) -> None:
        """`tables`: the route's source under each configuration that may be loaded, all with the same plan."""
        self.draw = Random(seed)
        self.tables = tables
        self.bound = tables[0]
        plan = self.bound.settings.plan
        assert plan
        self.plan = plan
        self.store = Store()
        self.replicas = [Replica() for _ in range(replicas)]
        self.now = 0.0
        self.changed, self.changes = 0.0, 0
        """When the store was last changed in a way that replicas must see, and how often."""
        self.ups: list[float] = []
        self.barred: int | None = None
        """The step that was held; it must be earned anew."""
        self.jumps = 0

    def run(self, steps: int) -> None:
        """So many events, each checked."""
        for _ in range(steps):
            self._event()
            self.check()

    def check(self) -> None:
        """What must always hold, on every replica."""
        for replica in self.replicas:
            level = self.bound.level(replica.caps)
            configured = self.bound.unplanned()
            assert level <= configured, f"{level} is above the configuration, {configured}"
            by, _ = decide(level.stage, level.percent, ROUTE, "1")
            assert by is By.INCUMBENT or level.stage >= Stage.CANARY
            fresh = replica.knows == self.changes
            late = not (self.store.down or replica.away) and self.now - self.changed > SEEN_WITHIN
            if not (fresh or late):
                continue  # it may not know yet, and then stands where it stood
            assert fresh, "a replica that reaches the store has not seen it for two seconds"
            assert not self.store.held or level.stage <= Stage.SHADOW, f"{level} although the route is held"
            step = self.store.plan.position.step if self.store.plan else -1
            reached = Position(step).percent(self.plan)
            assert reached is None or level.percent <= reached, f"{level} above the plan's {reached}"
            earned = self.barred is None or step < self.barred
            assert earned or self.store.held, f"back to the held step {self.barred}"

    def _event(self) -> None:
        event = self.draw.choices(
            ("time", "poll", "look", "go on", "hold", "resume", "configure", "store", "cut", "kill", "jump"),
            (24, 10, 24, 60, 0.4, 4, 0.5, 0.5, 1, 1, 0.5),
        )[0]  # fmt: skip
        replica = self.draw.choice(self.replicas)
        try:
            getattr(self, f"_{event.replace(' ', '_')}")(replica)
        except StoreDown:
            replica.looking = None  # a look that cannot reach the store ends

    def _time(self, _: Replica) -> None:
        passed = self.draw.choice((0.1, 0.5, 1.0, 20.0, 60.0, 60.0, 300.0))
        self.now += passed
        self.store.clock += timedelta(seconds=passed)
        for replica in self.replicas:  # each looks twice a second
            if passed >= 1.0 or self.now - replica.read > 1.0:
                self._poll(replica)

    def _poll(self, replica: Replica) -> None:
        if not (replica.away or self.store.down):
            replica.caps, replica.read, replica.knows = self.store.caps(), self.now, self.changes

    def _look(self, replica: Replica) -> None:
        if replica.looking is None and not replica.away:
            replica.looking = self._looks()

    def _go_on(self, replica: Replica) -> None:
        if replica.away or (replica.looking and next(replica.looking, self) is self):
            replica.looking = None

    def _looks(self) -> Iterator[None]:
        """One look of the guard and the plan; whatever else happens may happen between any two of its steps."""
        allowed, was, epoch, bound = self.store.caps(), self.store.plan, self.store.epoch, self.bound
        yield
        outcome = self.draw.choices(list(Outcome), (12, 3, 2, 1))[0]
        seen = Seen(Judgement(outcome, ()))
        if outcome is Outcome.ROLL_BACK and bound.level(allowed).stage > Stage.SHADOW:
            if self.store.trip(epoch):
                self._now_held()
            yield
        if was is None:
            self.store.begin(self.plan)
            return
        clock = self.store.clock
        yield
        at, situation = standing(self.plan, was, bound, allowed, seen, clock)
        then, _ = advance(self.plan, at, situation)
        yield
        if self.store.move(was, then, then.percent(self.plan)):
            self._moved(was.position, at, then, clock)

    def _now_held(self) -> None:
        if self.store.plan and self.store.plan.position.step > 0:
            self.barred = max(self.barred or 0, self.store.plan.position.step)
        self._changed()

    def _changed(self) -> None:
        self.changed, self.changes = self.now, self.changes + 1

    def _moved(self, was: Position, at: Position, then: Position, clock: datetime) -> None:
        """A step up must have been earned: in its hours, for its time, without a hold."""
        if then.step == was.step:
            return
        assert then.step == was.step + 1, f"from step {was.step} to {then.step} at once"
        assert is_open(self.plan, clock) and not self.store.held
        if was.step >= 0:
            assert at.spent >= self.plan.steps[was.step].for_
            since = self.now - (self.ups[-1] if self.ups else 0.0)
            assert since + self.jumps * GAP >= self.plan.steps[was.step].for_, "time that never passed was counted"
        self.ups.append(self.now)
        self.jumps = 0
        self._changed()
        if self.barred is not None and then.step >= self.barred:
            self.barred = None  # earned anew

    def _hold(self, _: Replica) -> None:
        self.store.hold()
        self._now_held()

    def _resume(self, _: Replica) -> None:
        if self.store.held:
            self.store.resume()
            self.ups.append(self.now)
            self.jumps = 0
            self._changed()

    def _configure(self, _: Replica) -> None:
        self.bound = self.draw.choice(self.tables)

    def _store(self, _: Replica) -> None:
        self.store.down = not self.store.down
        if not self.store.down:
            self._back()

    def _cut(self, replica: Replica) -> None:
        replica.away = not replica.away
        if not replica.away:
            self._back()

    def _back(self) -> None:
        for replica in self.replicas:
            self._poll(replica)

    def _kill(self, replica: Replica) -> None:
        """Killed wherever it was, and started anew: it knows nothing until it has read the store."""
        replica.looking, replica.caps, replica.read, replica.knows = None, Caps(), -1e9, -1
        self._poll(replica)

    def _jump(self, _: Replica) -> None:
        self.store.clock += timedelta(hours=self.draw.choice((-30, -1, 1, 30)))
        self.jumps += 1
