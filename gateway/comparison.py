"""The sections of a route that say when two answers agree, what a disagreement costs, and which ones are known."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from gateway.rules import Condition, Name, Number, Scalar
from gateway.settings import Duration, Settings

_SHORT = {
    "absolute": "tolerance", "relative": "tolerance", "date": "tolerance",
    "set": "items", "list": "items", "record": "fields", "python": "python",
}  # fmt: skip


def compare(value: Any) -> Any:
    """The short forms `exact`, `{absolute: 20}`, `{set: {absolute: 1}}` and their like written out."""
    if isinstance(value, str):
        return {"rule": value}
    if isinstance(value, dict) and "rule" not in value:
        for rule, into in _SHORT.items():
            if rule in value and (into == rule or into not in value):
                rest = {key: one for key, one in value.items() if key != rule}
                return rest | {"rule": rule, into: value[rule]}
    return value


class Compare(Settings):
    """How one canonical answer field of the two sides is compared; see docs/configuration.md."""

    rule: Literal["exact", "absolute", "relative", "date", "set", "list", "record", "python", "ignore"] = "exact"
    tolerance: Number = Decimal(0)
    """absolute: in the field's own unit; relative: a share of the incumbent's value; date: days."""
    segments: dict[Name, Number] = {}
    """The tolerance of the records in a named segment instead; the first one listed that holds a record counts."""
    codes: dict[str, Scalar] | None = None
    """Maps the candidate's value before comparing, where the two sides speak different codes."""
    items: "Comparison | None" = None
    """set and list: how two items are compared; exactly by default."""
    fields: "dict[str, Comparison]" = {}
    """record: by path in the group; what is not listed is compared exactly."""
    python: str | None = None
    """`module:function`, called with the incumbent's and the candidate's value; whether they agree."""

    @model_validator(mode="after")
    def _meant(self) -> "Compare":
        owners = {"items": ("set", "list"), "fields": ("record",), "python": ("python",)}
        owners |= {"segments": ("absolute", "relative", "date")}
        for key, rules in owners.items():
            if getattr(self, key) and self.rule not in rules:
                raise ValueError(f"`{key}` belongs to the rule {' or '.join(rules)}, not to {self.rule}")
        if self.rule == "python" and not self.python:
            raise ValueError("the rule python needs `python: module:function`")
        if min([self.tolerance, *self.segments.values()]) < 0:
            raise ValueError("a tolerance is 0 or more")
        return self


Comparison = Annotated[Compare, BeforeValidator(compare)]
Compare.model_rebuild()


class Segment(Settings):
    """Records told apart: those that meet every condition of `where`, or all of them by the `values` or the `bands`
    of the field `by`."""

    where: list[Condition] = []
    by: Name | None = None
    values: list[Scalar] = []
    """Each is a segment; all other values are one together."""
    bands: list[Number] = Field([], max_length=50)
    """Limits in rising order: below the first, from each to below the next, from the last on."""

    @model_validator(mode="after")
    def _one_way(self) -> "Segment":
        if bool(self.where) == bool(self.by):
            raise ValueError("give a condition, a list of conditions, or `by` a field")
        if bool(self.by) != bool(self.values or self.bands) or (self.values and self.bands):
            raise ValueError("`by` needs one of `values` and `bands`")
        if self.bands != sorted(set(self.bands)):
            raise ValueError("bands are given in rising order")
        return self


def _conditions(value: Any) -> Any:
    return [value] if isinstance(value, dict) else value


def _segment(value: Any) -> Any:
    bare = isinstance(value, list) or (isinstance(value, dict) and "field" in value)
    return {"where": _conditions(value)} if bare else value


Segmented = Annotated[Segment, BeforeValidator(_segment)]
Conditions = Annotated[list[Condition], BeforeValidator(_conditions)]


class CostPair(Settings):
    """What it costs when the incumbent would have said one thing and the candidate says another."""

    incumbent: Scalar
    candidate: Scalar
    cost: Number = Decimal(0)
    """A fixed sum."""
    amount: Name | None = None
    """A canonical field of the request: this many times the sum beside."""
    times: Number = Decimal(1)


class Cost(Settings):
    """What disagreement on one decision costs; a pair that is not listed costs nothing."""

    field: Name
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    pairs: list[CostPair] = Field(min_length=1)
    at_most: Number | None = Field(None, gt=0)
    """The most that one record may count; without it no guard can bound the cost."""


def _day(value: Any) -> Any:
    return date.fromisoformat(value) if isinstance(value, str) else value


class KnownDifference(Settings):
    """A disagreement that somebody has looked at and answers for, until it expires. All that is given must hold."""

    field: str | None = None
    """The answer field, or the path in a group, as verdicts name it; without it any difference, also of refusals."""
    when: Conditions = []
    incumbent: list[Scalar] | None = None
    candidate: list[Scalar] | None = None
    within: Number | None = Field(None, ge=0)
    """Only up to this distance."""
    owner: str = Field(min_length=1)
    reason: str = Field(min_length=1)
    expires: Annotated[date, BeforeValidator(_day)]
    """The last day, in UTC, on which it counts apart."""

    @model_validator(mode="after")
    def _narrow(self) -> "KnownDifference":
        if self.field is None and (self.incumbent, self.candidate, self.within) != (None,) * 3:
            raise ValueError("incumbent, candidate and within need a `field`")
        return self


class Noise(Settings):
    """How the incumbent is compared with itself: on requests that come again within a window."""

    window: Duration = 86400.0
    without: list[Name] = []
    """Canonical fields that may differ between two requests that count as equal, such as a running number."""
    remembered: int = Field(20_000, ge=0, le=1_000_000)
    """Requests that the observer remembers; the oldest is forgotten first."""
