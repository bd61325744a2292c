"""The `guard` section of a route: what the candidate may do, and how sure the guard has to be."""

from typing import Annotated

from pydantic import Field

from gateway.rules import Share
from gateway.settings import Duration, Settings

Limit = Annotated[float, Field(gt=0, lt=1)]
"""A share between 0 and 1, both excluded: nothing can prove that something never happens."""


class Burn(Settings):
    """How fast a budget may burn. It trips when both windows are over it; no confidence is claimed."""

    share: Limit
    """Of the calls: what may go wrong in the long run."""
    burn: float = Field(5.0, ge=1)
    """How many times faster than that trips."""
    fast: Duration = 300.0
    slow: Duration = 3600.0
    calls: int = Field(20, ge=1)
    """With fewer in the fast window nothing is said."""


class Slow(Burn):
    """The share of the candidate's answers that may take longer than a limit."""

    above: Duration
    share: Limit = 0.01


class Guard(Settings):
    """Limits of a route; see docs/guard.md."""

    confidence: float = Field(0.99, ge=0.5, lt=1)
    day_to_day: float | None = Field(None, ge=0, le=2)
    """How much a rate may vary from day to day at the limit: the standard deviation as a share of the limit. By default
    as measured in earlier epochs of the route, and 0.5 where there are none."""
    coverage: Share = 0.8
    """The share of the calls to be compared that must have been."""
    disagreement: Limit | None = None
    fields: dict[str, Limit] = {}
    """By compared field."""
    segments: dict[str, Limit] = {}
    """By segment, as reports name it: `large`, `purpose: car`."""
    cost: float | None = Field(None, gt=0)
    """What disagreement may cost a call on average, in the currency of the route's `cost`, whose `at_most` it needs:
    only what is bounded can be proven."""
    decisions: dict[str, Limit] = {}
    """By answer field of few values: how far the share of a value may be from the incumbent's over the last day. It
    keeps a plan from going up, and takes nobody back."""
    drift: float | None = Field(None, gt=0)
    """How far an input may be from the training data, as a population stability index, and beyond what chance makes
    of so few records. It keeps a plan from going up, and takes nobody back."""
    errors: Burn | None = None
    latency: Slow | None = None
    counters: dict[str, int] = {}
    """By term of the ledger: how often it may be counted in an epoch, such as what an adapter tells."""
