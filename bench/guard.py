"""`python -m bench.guard`: simulates the guard, and writes bench/guard.md and bench/guard.svg, the same each time.

A thousand runs each; RUNS=100 for a first impression, which writes nothing."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.plot import curves
from bench.trips import Day, World, alike, beta, guard, lognormal, median, proof, trips

LIMITS = (0.05, 0.10, 0.27)
ERROR = 0.05
"""Allowed where trips for nothing are counted; more than the usual 0.01, so that there is something to count."""
KEYS = 10_000
A_DAY = 500
FAR = 60_000
HERE = Path(__file__).parent

Row = Sequence[object]


def false_trips(runs: Sequence[int]) -> Iterator[Row]:
    """At the limit, looked at after every key: what share of the runs is held for nothing."""
    kinds: Sequence[tuple[str, Day, int, str, float]] = (
        ("independent", alike, 1, "key", 0.0), ("independent", alike, 1, "key", 0.5),
        ("ten equal calls a key", alike, 10, "key", 0.0),
        ("ten equal calls a key, calls as units", alike, 10, "call", 0.0),
        ("days vary by half (beta)", beta, 1, "key", 0.5), ("days vary by half (lognormal)", lognormal, 1, "key", 0.5),
        ("days vary by half (lognormal), a fifth more assumed", lognormal, 1, "key", 0.6),
        ("days vary by half (beta), taken as alike", beta, 1, "key", 0.0),
    )  # fmt: skip
    for name, day, identical, counted, day_to_day in kinds:
        shares = []
        for limit in LIMITS:
            world = World(limit, A_DAY, day, identical, counted)
            found = trips(guard(limit, day_to_day), ERROR, world, runs, KEYS * (identical if counted == "call" else 1))
            shares.append(f"{sum(one is not None for one in found) / len(found):.1%}")
        yield name, day_to_day, *shares


def detections(runs: Sequence[int]) -> Iterator[tuple[Row, Sequence[int | None]]]:
    """Five points over the limit, confidence 0.99: at which key the route is held."""
    for limit in LIMITS:
        for day_to_day in (0.0, 0.25, 0.5):
            found = trips(guard(limit, day_to_day), 0.01, World(limit + 0.05, A_DAY), runs, FAR)
            name = f"{limit:.0%}, truth {limit + 0.05:.0%}"
            yield (name, day_to_day, _told(median(found)), _held(found)), found


def low_traffic(runs: Sequence[int]) -> Iterator[Row]:
    """How many keys it takes to prove that a good candidate is below its limit, and the days at 50 keys a day."""
    for limit, rate in ((0.02, 0.01), (0.05, 0.02), (0.10, 0.05), (0.27, 0.20)):
        for day_to_day in (0.0, 0.25, 0.5):
            found = median(trips(proof(limit, day_to_day), 0.01, World(rate, 50), runs, FAR))
            yield f"{limit:.0%}, truth {rate:.0%}", day_to_day, _told(found), _told(found and -(-found // 50))


def _told(found: int | None) -> str:
    return "never" if found is None else f"{found:,}"


def _held(found: Sequence[int | None]) -> str:
    return f"{sum(one is not None for one in found) / len(found):.0%} within {FAR:,}"


def _table(columns: Sequence[str], rows: Sequence[Row]) -> str:
    head = f"| {' | '.join(columns)} |\n|{' --- |' * len(columns)}\n"
    return head + "".join(f"| {' | '.join(map(str, row))} |\n" for row in rows)


def _curve(found: Sequence[int | None]) -> Sequence[tuple[float, float]]:
    """The share of the runs that was held after so many keys."""
    held = sorted(one for one in found if one is not None)
    return [(1, 0.0), *((key, rank / len(found)) for rank, key in enumerate(held, 1))]


def main() -> None:
    """Simulates, prints and, with all its runs, writes."""
    count = int(os.environ.get("RUNS", "1000"))
    runs = range(1, count + 1)
    percents = [f"limit {limit:.0%}" for limit in LIMITS]
    found = list(detections(runs[: max(count // 5, 1)]))
    few = len(runs[: max(count // 5, 1)])
    text = "\n".join((
        "# The guard, simulated",
        f"`make simulate` writes this page, of seeds 1 to {count}. Units are business keys, {A_DAY} a day unless said.",
        "",
        f"## Held for nothing: truth at the limit, {KEYS:,} keys, looked at after each, {ERROR:.0%} allowed",
        _table(["keys", "`day_to_day`", *percents], list(false_trips(runs))),
        "Where calls are taken as units, or days that vary as alike, the claim does not hold: the guard does neither.",
        "",
        f"## Five points over the limit: the median key at which it is held, confidence 99 %, {few} runs",
        _table(["limit", "`day_to_day`", "median keys", "held"], [row for row, _ in found]),
        "![Share of runs held, by keys](guard.svg)",
        "",
        f"## Low traffic: keys until a good candidate is proven to be below its limit, 50 keys a day, {few} runs",
        _table(["limit", "`day_to_day`", "median keys", "days"], list(low_traffic(runs[:few]))),
    ))  # fmt: skip
    print(text)
    if count >= 1000:
        (HERE / "guard.md").write_text(text)
        lines = {f"{row[0]}, days vary {row[1]:g}": _curve(one) for row, one in found if row[1] != 0.25}
        title = "Five points over the limit: held after so many keys"
        (HERE / "guard.svg").write_text(curves(title, "business keys", "runs held", lines))


if __name__ == "__main__":
    main()
