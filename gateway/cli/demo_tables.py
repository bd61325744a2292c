"""What the demonstration shows: its progress, on a terminal or in a log, and its tables."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from gateway.cli import console
from gateway.cli.demo_figures import Act
from gateway.examples.credit.hindsight import Hindsight

WHO = ("incumbent", "candidate", "gateway", "caller")
TIMES = """\
incumbent: the legacy service, from the gateway's asking to its answer.
candidate: the model. In shadow for up to 256 calls in one request, after the callers had their answers, at low \
priority: nobody waits for it. In canary and live what a caller waits for it, in one \
request with those who came meanwhile.
gateway: a call's whole time in the gateway, the incumbent's or the candidate's included. These three are the \
store's histograms, 5 % exact; in off nothing is observed.
caller: what the client's HTTP took. All callers are threads of one Python process, so they wait for each other, too."""
CAVEAT = """\
With caution: the scorecard's points and its cut-off were chosen for this example, by nobody with a bank to lose, and \
another table or cut-off would fare better or worse. The model is from the same bank's data, \
though it never saw these. This shows how to find out, not that models beat scorecards."""


class Screen:
    """Where it is shown: standard output, or standard error where standard output is for JSON."""

    def __init__(self, aside: bool) -> None:
        self._out: Console = console.console(error=aside)

    def say(self, text: str = "", style: str = "") -> None:
        """One line."""
        self._out.print(Text(text, style=style), soft_wrap=not self._out.is_terminal)

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """A table under a title of any length."""
        self.say(title, "bold")
        self._out.print(console.table("", columns, rows))

    @contextmanager
    def progress(self, text: str, total: int) -> Iterator[Callable[[], None]]:
        """Counts what is done on a bar; where there is no terminal one line says it at the end."""
        if not self._out.is_terminal:
            begun = time.monotonic()
            yield lambda: None
            self.say(f"{text}: {total} calls in {time.monotonic() - begun:.1f} s")
            return
        columns = TextColumn("{task.description:<42}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
        with Progress(*columns, console=self._out) as bars:
            task = bars.add_task(text, total=total)
            yield lambda: bars.advance(task)


def acts(out: Screen, played: Sequence[Act]) -> None:
    """Who answered in every stage, and how long it took."""
    columns = [
        "stage", "calls", "failed", "incumbent", "candidate", "legacy counted", "store counted", "bytes identical",
        "compared", "agreement, 95 % interval",
    ]  # fmt: skip
    out.table("Who answered", columns, [_who(act) for act in played])
    out.say(
        "incumbent, candidate: who answered, by the SHA-256 of the answer's bytes. Identical are those that legacy "
        "itself gave to the same envelope, asked directly beforehand.\n"
        "legacy counted: calls that the old service says it had. store counted: incumbent + candidate, as the gateway "
        "booked them; in off it observes nothing.\n"
        "agreement: of the records compared, those on which all compared fields agree, with its Wilson interval."
    )
    out.say()
    times = [(act.name, *(_pair(pair) for pair in act.told()["latency_ms"].values())) for act in played]
    out.table("How long it took, p50 and p99", ["stage", *WHO], times)
    out.say(TIMES)
    out.say()


def disagreement(out: Screen, shadow: Act, decisions: Sequence[tuple[Any, Any, int]]) -> None:
    """The fields of the shadow's comparisons, and how the decisions differ."""
    fields = sorted(shadow.booked.fields.items(), key=lambda entry: entry[1][0] / max(entry[1][1], 1))
    rows = [(name, compared - agreed, console.share(agreed, compared)) for name, (agreed, compared) in fields]
    out.table("Where they disagree in shadow", ["field", "disagreements", "agreement, 95 % interval"], rows)
    out.table("Decisions that differ", ["incumbent", "candidate", "calls"], decisions)


def judged(out: Screen, found: Hindsight) -> None:
    """Who was right on the applications that the model never saw."""
    rows = [
        ("both", found.both), ("legacy alone", found.legacy), ("model alone", found.model), ("neither", found.neither)
    ]  # fmt: skip
    shares = [(name, count, f"{count / max(found.judged, 1):.1%}") for name, count in rows]
    title = f"Who was right, by what became of {found.judged} loans that the model never saw"
    out.table(title, ["right", "loans", "share"], shares)
    out.say(
        f"Right: legacy {console.share(found.both + found.legacy, found.judged)}, "
        f"model {console.share(found.both + found.model, found.judged)}; "
        f"whoever approves everybody {console.share(found.good, found.judged)}"
    )
    if test := found.mcnemar():
        out.say(
            f"McNemar's test (Psychometrika 12, 1947): ({found.legacy} - {found.model})^2 / ({found.legacy} + "
            f"{found.model}) = {test[0]:.2f}, p = {test[1]:.2g}"
        )
    out.say(CAVEAT)
    out.say()


def kept_promises(out: Screen, told: Mapping[str, Any]) -> None:
    """Whether customers stayed where they were, and every call is accounted for."""
    sticky, nested, moved = told["sticky"], told["nested"], told["stages"]["canary"]["candidate_answered"]
    out.say(
        f"Sticky: {sticky['same']} of {sticky['repeated']} customers who came again in canary were answered by the "
        "same side as before"
    )
    out.say(
        f"Nested: {nested['stayed']} of the {moved} that canary 25 % moved were still the candidate's in live: "
        "raising the percentage moves nobody back"
    )
    balance = "balances: every call is accounted for" if told["ledger_balanced"] else "does NOT balance"
    out.say(f"The ledger of {told['sent']} calls {balance}; {told['errors']} failed")


def _who(act: Act) -> Sequence[Any]:
    told, sums = act.told(), act.booked
    store = f"{sums.answered_incumbent} + {sums.answered_candidate}" if sums.calls else "-"
    counts = [told[name] for name in ("calls", "errors", "incumbent_answered", "candidate_answered", "legacy_called")]
    share = console.share(sums.agreed, sums.compared)
    return act.name, *counts, store, told["bytes_identical"], told["compared"], share


def _pair(pair: Mapping[str, float | None]) -> str:
    return ", ".join(map(console.milliseconds, pair.values())) if pair["p50"] is not None else "-"
