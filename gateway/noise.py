"""The incumbent against itself: its answers to requests that come again, which bound how far anybody can agree with it.

Of two answers to one request the incumbent gave the first; a second incumbent would give the second. So the share s of
pairs that agree is what a perfect copy of legacy would reach on such requests, and nobody can be expected to exceed
sqrt(s): where legacy gives answer k with probability p_k, the best guess agrees with max p_k <= sqrt(sum p_k^2), and
the mean of a root is at most the root of the mean (Jensen).
"""

from collections import OrderedDict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from math import sqrt
from typing import NamedTuple

from gateway.case import Case
from gateway.compare import Verdict
from gateway.contract import Opaque, Outcome
from gateway.keeping import Digest
from gateway.mapping import Canonical
from gateway.store.text import dumps


class _Seen(NamedTuple):
    received: datetime
    call_id: str
    outcome: Outcome


class Repeats:
    """Finds pairs of equal requests, each call in one pair at most. Remembers digests of requests and the incumbent's
    answers, in memory only: `noise.remembered` of each route, the oldest forgotten first."""

    def __init__(self, digest: Digest) -> None:
        self._digest = digest
        self._seen: dict[str, OrderedDict[bytes, _Seen]] = {}

    def pairs(self, case: Case) -> Iterator[Verdict]:
        """How the incumbent's answers of this case compare with its earlier ones to the same requests."""
        noise = case.bound.settings.noise
        whole = case.sighting.kind == "call" and len(case.records) == len(case.incumbent)
        if not whole or not noise.remembered:
            return  # of a call that waited for its answer not all of the request was kept
        seen = self._seen.setdefault(case.sighting.route, OrderedDict())
        now = _Seen(case.sighting.received, case.sighting.call_id, Opaque("not asked"))
        for record, outcome in zip(case.records, case.incumbent, strict=True):
            if isinstance(outcome, Opaque):
                continue
            key = self._key(case, record)
            before = seen.pop(key, None)
            if before and _again(before, now, noise.window):
                yield case.bound.repeat(record, before.outcome, outcome, now.received.astimezone(UTC).date())
                continue
            seen[key] = now._replace(outcome=outcome)
            while len(seen) > noise.remembered:
                seen.popitem(last=False)

    def _key(self, case: Case, record: Canonical) -> bytes:
        without = case.bound.settings.noise.without
        told = sorted((name, value) for name, value in record.items() if name not in without)
        return self._digest(case.sighting.route, dumps([case.bound.digest, told]))


def _again(before: _Seen, now: _Seen, window: float) -> bool:
    """A redelivery of one call is no second request."""
    apart = abs(now.received - before.received)
    return before.call_id != now.call_id and apart <= timedelta(seconds=window)


def ceiling(agreed: int, compared: int) -> float | None:
    """The agreement that nobody can be expected to exceed on requests like these, a share; None without pairs."""
    return sqrt(agreed / compared) if compared else None
