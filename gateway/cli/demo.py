"""`understudy demo`: the example from off to live, on real data, with a real client and real processes."""

import json
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from gateway.cli import demo_database, demo_queue
from gateway.cli.demo_figures import Act, booked, confusions, settled
from gateway.cli.demo_guard import play_bad_model
from gateway.cli.demo_rounds import Heard, Request, play
from gateway.cli.demo_system import System, workplace
from gateway.cli.demo_tables import Screen, acts, disagreement, judged, kept_promises
from gateway.examples.credit.applications import requests
from gateway.examples.credit.client import Caller, Exchange
from gateway.examples.credit.hindsight import Hindsight, hindsight
from gateway.examples.credit.prepare import ROUTE, prepare
from gateway.examples.credit.training import trained

STEPS = (("off", 0), ("shadow", 0), ("canary", 25), ("live", 0))
CALLERS = 8
AGAIN = 100
"""Customers who come a second time in canary."""
SHOWN = 5
"""Failures that are quoted."""


def demo(as_json: bool, calls: int, folder: Path | None) -> int:
    """Plays it; 0 where no call failed, the ledger balances and every promise was kept, else 1.

    Raises ConfigError, DemoFailed, StoreDown. Whatever it started has ended when it returns or raises."""
    out, begun = Screen(aside=as_json), time.monotonic()
    with _ended_by(signal.SIGTERM), workplace(folder) as place, ExitStack() as beside, System(place) as system:
        performance = _Performance(out, system, requests()[:calls], beside)
        told = performance.run()
    told["seconds"] = round(time.monotonic() - begun, 1)
    _close(out, told, folder)
    if as_json:
        sys.stdout.write(json.dumps(told) + "\n")
    return 0 if told["ok"] else 1


class _Performance:
    """One demonstration."""

    def __init__(self, out: Screen, system: System, applications: Sequence[Request], beside: ExitStack) -> None:
        """`beside` ends what outlives the gateway."""
        self._out = out
        self._system = system
        self._beside = beside
        self._queued = False
        self._applications = applications
        self._sent = 0
        self._own: Sequence[Exchange] = ()
        self._failed: list[str] = []
        self._balanced = True

    def run(self) -> dict[str, Any]:
        """What there is to tell, as JSON; shown on the way."""
        self._set_up()
        engine = self._system.engine()
        try:
            played, again = self._play(engine)
            self._balanced &= settled(engine, ROUTE, self._sent)
            found = self._hindsight(played["live"])
            told = self._told(played, again, found)
            acts(self._out, list(played.values()))
            disagreement(self._out, played["shadow"], confusions(engine, ROUTE, "decision"))
            judged(self._out, found)
            kept_promises(self._out, told)
            told["table"] = demo_database.play(self._out, self._system, engine, self._applications)
            told["ok"] &= told["table"]["ok"]
            if self._queued:
                told["queue"] = demo_queue.play(self._out, self._system, engine, self._applications)
                told["ok"] &= told["queue"]["ok"]
            told["guard"] = play_bad_model(self._out, self._system, engine, self._applications, self._own, self._queued)
            told["ok"] &= bool(told["guard"]["ok"])
            return told
        finally:
            engine.dispose()

    def _set_up(self) -> None:
        out, system = self._out, self._system
        system.start_legacy()
        out.say(f"The bank's service of 2004 answers at {system.legacy}")
        home = system.folder / ".understudy" / "bentoml"
        if not trained(home):
            out.say("Training a model on 500 of the 1,000 applications; the other 500 will judge it")
        prepare(system.folder)
        demo_database.prepare(system)
        self._queued = self._beside.enter_context(demo_queue.broker(out, system))
        out.say(f"Starting the model {trained(home)} and the gateway")
        system.start_gateway(trained(home))
        out.say(f"The gateway answers at {system.address}; its stages are moved by editing {system.configuration}")

    def _play(self, engine: Engine) -> tuple[dict[str, Act], Heard]:
        """Every stage, and who came again in canary."""
        direct = [Caller(self._system.legacy) for _ in range(CALLERS)]
        through = [Caller(self._system.address) for _ in range(CALLERS)]
        try:
            self._own = self._round("legacy itself, asked directly", direct, self._applications)
            self._failed += [exchange.error for exchange in self._own if exchange.error]
            played = {}
            for stage, percent in STEPS:
                played[stage] = self._act(engine, through, stage, percent)
                if stage == "canary":
                    again = self._come_again(through)
            return played, again
        finally:
            for caller in chain(direct, through):
                caller.close()

    def _act(self, engine: Engine, callers: Sequence[Caller], stage: str, percent: int) -> Act:
        name = f"{stage} {percent} %" if percent else stage
        self._system.move(stage, percent)
        before, begun = self._system.legacy_calls(), time.monotonic()
        heard = Heard(self._round(name, callers, self._applications), self._own)
        took = time.monotonic() - begun
        self._count(heard)
        self._balanced &= settled(engine, ROUTE, self._sent)
        return Act(name, heard, self._system.legacy_calls() - before, booked(engine, ROUTE, stage), took)

    def _come_again(self, callers: Sequence[Caller]) -> Heard:
        """The first customers once more, while the stage stays."""
        customers = self._applications[:AGAIN]
        heard = Heard(self._round("canary, once more", callers, customers), self._own[: len(customers)])
        self._count(heard)
        return heard

    def _count(self, heard: Heard) -> None:
        self._sent += len(heard.exchanges)
        self._failed += heard.errors

    def _round(self, name: str, callers: Sequence[Caller], customers: Sequence[Request]) -> Sequence[Exchange]:
        with self._out.progress(name, len(customers)) as done:
            return play(callers, customers, done)

    def _hindsight(self, live: Act) -> Hindsight:
        ids = [str(request["Application"]["Id"]) for request in self._applications]
        legacy = {name: own.decision for name, own in zip(ids, self._own, strict=True)}
        answers = live.heard.exchanges
        return hindsight(legacy, {ids[index]: answers[index].decision for index in live.heard.candidate})

    def _told(self, played: dict[str, Act], again: Heard, found: Hindsight) -> dict[str, Any]:
        canary, live = played["canary"].heard.candidate, played["live"].heard.candidate
        repeated = range(len(again.exchanges))
        same = sum((index in canary) == (index in again.candidate) for index in repeated)
        exact = all(len(played[name].heard.incumbent) == len(self._applications) for name in ("off", "shadow"))
        kept = same == len(repeated) and canary <= live
        test = found.mcnemar()
        return {
            "calls": len(self._applications),
            "stages": {name: act.told() for name, act in played.items()},
            "errors": len(self._failed),
            "ledger_balanced": self._balanced,
            "sent": self._sent,
            "sticky": {"repeated": len(repeated), "same": same},
            "nested": {"moved": len(canary), "stayed": len(canary & live)},
            "unseen": {
                "judged": found.judged, "both": found.both, "legacy": found.legacy, "model": found.model,
                "neither": found.neither, "good": found.good, "mcnemar": test and {"statistic": test[0], "p": test[1]},
            },
            "failures": self._failed[:SHOWN],
            "ok": not self._failed and self._balanced and exact and kept,
        }  # fmt: skip


def _close(out: Screen, told: dict[str, Any], folder: Path | None) -> None:
    for failure in told["failures"]:
        out.say(f"failed: {failure}", "red")
    if not told["ok"]:
        out.say("Something is not as it should be: see above", "bold red")
    out.say(f"Took {told['seconds']:g} s. Everything that was started has ended.")
    out.say()
    out.say("What to try next:", "bold")
    if folder:
        out.say(f"  understudy report {ROUTE} --config {folder / 'understudy.yaml'}    what the store knows of it")
    else:
        out.say("  understudy demo --folder DIR    the same, and keeps the configuration, the records and the logs")
    out.say("  make serve    the example until interrupted; move it with `understudy stage`, or edit its YAML")
    out.say("  docs/         cli.md has every command, architecture.md says how it works")


@contextmanager
def _ended_by(sign: signal.Signals) -> Iterator[None]:
    """Makes a signal end the program like Ctrl-C does, with everything put away."""

    def end(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(sign, end)
    try:
        yield
    finally:
        signal.signal(sign, before)
