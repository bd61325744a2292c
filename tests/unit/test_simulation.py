"""Histories of several replicas, thousands of seeds: never above the ceiling, never back to a held step unearned."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from gateway import lookout
from gateway.contract import ConfigError, Raw
from gateway.cutover import Caps
from gateway.plan import Position
from gateway.store.plans import Progress
from gateway.table import Bound
from tests import simulation
from tests.parts import Old, Scorer, Source, compiled, linked
from tests.simulation import ROUTE, Store, World

CONFIG = """
adapters: {{old: {{type: memory, operations: [Score]}}}}
models: {{scorer: {{type: python, call: "models.local:constant"}}}}
routes:
  loan:
    stage: {stage}
    percent: {percent}
    candidate: scorer
    accept: "scorer:1"
    effects: none
    key: id
    fields: {{id: text, amount: decimal}}
    features: {{amount: }}
    answer: {{fields: {{decision: {{from: probability_bad, bands: [{{below: 0.5, value: a}}, {{value: r}}]}}}}}}
    guard: {{disagreement: 0.05}}
    plan:
      hours: "06:00-20:00"
      freeze: [2026-03-05]
      steps: [{{percent: 1, for: 2m}}, {{percent: 10, for: 4m}}, {{percent: 50, for: 6m}}]
    sources: {{old/Score: {{request: {{id: Id, amount: Amount}}, answer: {{decision: Decision}}}}}}
"""
STEPS = 500


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Bound]]:
    """The route under four configurations."""

    async def answer(*_: object) -> Raw:
        return Raw(b"")

    async def made() -> list[Bound]:
        link, folder = await linked(Scorer()), tmp_path_factory.mktemp("simulation")
        found = []
        for stage, percent in (("live", 0), ("canary", 30), ("canary", 5), ("shadow", 0)):
            table = compiled(CONFIG.format(stage=stage, percent=percent), folder, Source(Old(answer)), link)
            found.append(table.bound["old", "Score"])
        return found

    yield asyncio.run(made())


def histories(tables: list[Bound], seeds: range) -> Counter[str]:
    """What happened over all seeds; a seed that breaks a promise is named."""
    happened: Counter[str] = Counter()
    for seed in seeds:
        world = World(seed, tables)
        try:
            world.run(STEPS)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}, event at {world.now:.1f} s: {error}") from error
        step = world.store.plan.position.step if world.store.plan else -1
        happened[f"ended on step {step}"] += 1
        happened["moves and resumes"] += len(world.ups)
        happened["histories with a resume"] += world.store.released > 0
    return happened


def test_hundreds_of_histories_keep_every_promise(tables: list[Bound]) -> None:
    happened = histories(tables, range(300))
    print(dict(happened))
    assert happened["histories with a resume"] > 50 and happened["moves and resumes"] > 300
    assert sum(happened[f"ended on step {step}"] for step in (1, 2, 3)) > 30, "some get somewhere"


@pytest.mark.long
@pytest.mark.parametrize("thousand", range(1, 6))
def test_thousands_of_histories_keep_every_promise(tables: list[Bound], thousand: int) -> None:
    print(dict(histories(tables, range(1000 * thousand, 1000 * thousand + 1000))))


def without_step_back(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(simulation, "back", lambda at: at)


def without_a_look_at_holds(patch: pytest.MonkeyPatch) -> None:
    move = Store.move

    def blind(store: Store, was: Progress, then: Position, percent: Decimal | None) -> bool:
        store.held = {}
        return move(store, was, then, percent)

    patch.setattr(Store, "move", blind)


def without_holds(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Store, "caps", lambda store: Caps({}, {ROUTE: store.plan.percent} if store.plan else {}, known=True))


def without_limit_of_a_gap(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(lookout, "GAP", 1e9)


@pytest.mark.parametrize("broken", [without_step_back, without_a_look_at_holds, without_holds, without_limit_of_a_gap])
def test_a_promise_that_is_broken_is_noticed(
    tables: list[Bound], broken: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The simulation can fail."""
    broken(monkeypatch)
    with pytest.raises(AssertionError, match="seed"):
        histories(tables, range(300))


def test_limits_of_what_the_route_does_not_have_are_refused(tables: list[Bound], tmp_path: Path) -> None:
    limits = "guard: {fields: {decison: 0.1}, segments: {young: 0.1}, decisions: {nothing: 0.1}, cost: 5}"
    text = CONFIG.format(stage="shadow", percent=0).replace("guard: {disagreement: 0.05}", limits)
    candidate, incumbent = tables[0].candidate, tables[0].incumbent
    assert candidate
    with pytest.raises(ConfigError) as error:
        compiled(text, tmp_path, Source(incumbent), candidate.link)
    said = "\n".join(error.value.problems)
    for name in ("guard.fields.decison", "guard.segments.young", "guard.decisions.nothing", "guard.cost"):
        assert f"routes.loan.{name}: " in said, said


def test_a_plan_without_an_incumbent_is_refused(tables: list[Bound], tmp_path: Path) -> None:
    candidate = tables[0].candidate
    assert candidate
    with pytest.raises(ConfigError, match="a plan shares the calls with an incumbent"):
        compiled(CONFIG.format(stage="live", percent=0), tmp_path, Source(None), candidate.link)
