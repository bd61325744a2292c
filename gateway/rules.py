"""The sections of a route: how values are mapped, refused, compared, and where they stand in a source's messages."""

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from gateway.contract import Stage
from gateway.settings import Settings

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,47}$")]
Share = Annotated[float, Field(ge=0, le=1)]


def _stage(value: Any) -> Any:
    # YAML 1.1 readers turn a bare `off` into False; people will type it that way.
    if value is False:
        return Stage.OFF
    try:
        return Stage[str(value).upper()]
    except KeyError:
        raise ValueError("expected off, shadow, canary or live") from None


def _percent(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise ValueError("expected a number from 0 to 100 in steps of 0.01")
    percent = Decimal(str(value))
    if not 0 <= percent <= 100 or percent != round(percent, 2):
        raise ValueError("expected a number from 0 to 100 in steps of 0.01")
    return percent


def _number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise ValueError("expected a number")
    return Decimal(str(value))


StageName = Annotated[Stage, BeforeValidator(_stage)]
Percent = Annotated[Decimal, BeforeValidator(_percent)]
Number = Annotated[Decimal, BeforeValidator(_number)]
Scalar = str | int | float | bool | None
FieldType = Literal["text", "integer", "decimal", "float", "boolean", "date", "datetime", "time"]


class Band(Settings):
    """A step of a banded value: applies while the number is below `below`; the last band has no `below`."""

    below: Number | None = None
    value: Scalar


class FieldRule(Settings):
    """A canonical field: its type, and what makes two spellings of it one."""

    type: FieldType | None = None
    trim: bool = False
    """Strip white space, the padding of fixed-width systems."""
    strip_zeros: bool = False
    """Strip leading zeros of a text, so that 00001234 and 1234 are one customer."""
    upper: bool = False
    default: Scalar | None = None
    """Used where the value is absent, nil or, after trim, empty."""
    optional: bool = False
    """Absent stays absent instead of being an error."""


def field_rule(value: Any) -> Any:
    """The short form `age: integer` written out; nothing at all is a text."""
    return {"type": value or "text"} if value is None or isinstance(value, str) else value


class Rule(FieldRule):
    """One value's way from one side to the other, in this order: where it comes from, trim, strip_zeros, upper,
    default, codes, scale, offset, bands, round, type, python."""

    from_: str | None = Field(None, alias="from")
    """Dotted path on the side the value comes from (`Application.Loan.Amount`, `Line[0].Id`, `Amount.@Currency`)."""
    format: str | None = None
    """strptime/strftime format where a date is text on the source's side."""
    codes: dict[str, Scalar] | None = None
    """Code table; an unknown code is an error unless `other` is given."""
    other: Scalar | None = None
    scale: Number | None = None
    """Multiplied exactly, for units: cents to euros is 0.01."""
    offset: Number | None = None
    round: int | None = Field(None, ge=-12, le=12)
    """Decimal places, half to even."""
    bands: list[Band] | None = None
    constant: Scalar | None = None
    """Together with `from` only in a source's `answer`: written there, and not read back."""
    echo: str | None = None
    """A canonical field of the request, returned as it came."""
    now: Literal["date", "datetime"] | None = None
    python: str | None = None
    """`module:function`, the escape: called with the value; raises ValueError where it has none."""
    inverse: str | dict[str, Scalar] | None = None
    """The way back of an answer where the rule cannot be inverted (bands, python, codes that share a value):
    `module:function`, or a table canonical to source."""
    many: bool = False
    """The value is a list: type, codes and the rest apply to each item."""
    limit: int | None = None
    """Items kept of a list."""
    fields: "dict[Name, RuleOrPath]" = {}
    """The value is a group: its fields by name, each by a rule whose path begins in the group."""

    @model_validator(mode="after")
    def _one_origin(self) -> "Rule":
        origins = [name for name in ("from_", "constant", "echo", "now") if getattr(self, name) is not None]
        if len(origins) > 1 and origins != ["from_", "constant"]:
            raise ValueError(f"give one of from, constant, echo and now, not {len(origins)}")
        if self.bands and any(band.below is None for band in self.bands[:-1]):
            raise ValueError("only the last band may leave out `below`")
        return self


def _rule(value: Any) -> Any:
    return {"from": value} if isinstance(value, str) else {} if value is None else value


RuleOrPath = Annotated[Rule, BeforeValidator(_rule)]
"""A bare text is short for {from: text}; nothing at all takes the value of the same name."""
Rule.model_rebuild()


class Condition(Settings):
    """Holds when every test given holds for one canonical field of the request."""

    field: str
    below: Number | None = None
    above: Number | None = None
    is_in: list[Scalar] | None = Field(None, alias="in")
    missing: bool | None = None


class Refuse(Settings):
    """A declared fault instead of an answer, decided on canonical fields of the request, the model not asked."""

    when: Condition
    fault: str
    message: str = ""
    detail: dict[str, RuleOrPath] = {}


class AnswerRules(Settings):
    """How a prediction becomes a canonical answer."""

    base: Literal["none", "incumbent"] = "none"
    fields: dict[Name, RuleOrPath] = {}
    refuse: list[Refuse] = []


class Each(Settings):
    """A message of many records: the message is answered, its records are scored and compared."""

    records: str
    """Path of the list of records in the request; `request` paths are relative to a record."""
    answers: str
    """Path of the list of answers in the reply, in the same order; `answer` paths are relative to an item."""
    key: str
    """Path in the message of the value that decides the cohort."""
    around: dict[str, RuleOrPath] = {}
    """What a reply carries beside its answers: path in the reply, and from which path in the message it is taken."""


class FailedWhen(Settings):
    """What of the incumbent's answers is technical although the transport worked."""

    status: list[int] = []
    faults: list[str] = []
    fields: dict[str, list[Scalar]] = {}
    """Path in the reply: values that mean failure."""


class SourceRules(Settings):
    """How one operation, queue or table maps into the route's canonical fields and back."""

    request: dict[Name, RuleOrPath] = {}
    answer: dict[Name, RuleOrPath] = {}
    """Canonical answer field: where it stands in this source's reply. Code tables are source to canonical and are
    inverted for answers of the candidate."""
    ceiling: StageName = Stage.LIVE
    each: Each | None = None
    failed_when: FailedWhen = FailedWhen()


class IncumbentRules(Settings):
    """An operation of another adapter that answers today: for sources whose callers speak another protocol than it."""

    adapter: Name
    operation: str
    request: dict[Name, RuleOrPath] = {}
    """Canonical field: where it stands in that operation's request, as in a source's `request`, used backwards. By
    default that of the source of the same name, where the route has it."""
    constants: dict[str, Scalar] = {}
    """What that request has beside: a value by its path."""
    answer: dict[Name, RuleOrPath] = {}
    """Canonical answer field: where it stands in that operation's reply. By default as `request`."""
    failed_when: FailedWhen = FailedWhen()

    @property
    def source(self) -> str:
        """ADAPTER/OPERATION."""
        return f"{self.adapter}/{self.operation}"
