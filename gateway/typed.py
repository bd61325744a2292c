"""An incumbent that speaks another protocol than the caller: values pass between the two, never bytes.

What the caller gets is its own format with legacy's values in it, so the observer reads and compares it as any other
answer. Nothing is claimed of its bytes.
"""

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from gateway.answers import answer_rules
from gateway.canonical import Canonical, SourceMapping
from gateway.config import Route
from gateway.contract import (
    Call,
    Codec,
    Incumbent,
    IncumbentFailed,
    Opaque,
    Payload,
    Raw,
    Refusal,
    Undecodable,
    Unencodable,
    Unmappable,
    Values,
)
from gateway.layout import Layout, Written
from gateway.mapping import Problems, compile_source
from gateway.rules import FieldRule, IncumbentRules, Rule, SourceRules
from gateway.transform import backward, path, put, unknown


@runtime_checkable
class Asks(Protocol):
    """A codec of the client's side as well."""

    def ask(self, fields: Payload) -> Raw:
        """The request with this payload, with all that its protocol needs to be sent. Raises Unencodable."""


class Bindable(Protocol):
    """What is needed of the adapter that legacy is behind."""

    def codecs(self) -> Mapping[str, Codec]:
        """By operation."""

    def incumbent(self) -> Incumbent | None:
        """Who answers today."""


class Typed:
    """gateway.contract.Incumbent for one source of a route, by an operation of another adapter."""

    def __init__(self, rules: IncumbentRules, legacy: "Legacy", mapping: SourceMapping, codec: Codec) -> None:
        """`mapping` and `codec` are the caller's."""
        self._rules = rules
        self._legacy = legacy
        self._mapping = mapping
        self._codec = codec

    async def call(self, call: Call, timeout: float) -> Raw:
        """Legacy's answer in the caller's format, within `timeout` seconds. Sent once, never repeated.

        Raises Undecodable and Unmappable where the caller's message is wrong, else IncumbentFailed."""
        [canonical] = self._mapping.requests(call.payload)
        asked = Call(
            self._rules.adapter, self._rules.operation, self._legacy.asked(canonical), self._legacy.codec,
            timeout=timeout, id=call.id,
        )  # fmt: skip
        outcome = self._legacy.read(await self._legacy.incumbent.call(asked, timeout))
        try:
            return self._codec.encode(self._mapping.outgoing([outcome], call.payload), call)
        except (Unmappable, Unencodable) as error:
            raise IncumbentFailed(f"the incumbent's answer cannot be written for the caller: {error}") from error


class Legacy:
    """The operation of the other adapter: how it is asked, and how its answer is read."""

    def __init__(
        self, incumbent: Incumbent, codec: Codec, asks: Asks, layout: Layout,
        constants: Mapping[str, Any], mapping: SourceMapping,
    ) -> None:  # fmt: skip
        self.incumbent = incumbent
        self.codec = codec
        self._asks = asks
        self._layout = layout
        self._constants = [(path(where), value) for where, value in constants.items()]
        self._mapping = mapping

    def asked(self, canonical: Canonical) -> Raw:
        """The request. Raises Unmappable, or IncumbentFailed where legacy's contract has no place for a value."""
        fields = self._layout.filled(canonical)
        for where, constant in self._constants:
            put(fields, where, constant)
        try:
            return self._asks.ask(fields)
        except Unencodable as error:
            raise IncumbentFailed(f"the incumbent cannot be asked: {error}") from error

    def read(self, raw: Raw) -> Values | Refusal:
        """The canonical answer. Raises IncumbentFailed for what is technical, unreadable or too large."""
        if raw.rest is not None:
            raise IncumbentFailed("the incumbent's answer is too large to be translated")
        try:
            [outcome] = self._mapping.answers(self.codec.reply(raw), raw.status)
        except (Undecodable, Unmappable) as error:
            raise IncumbentFailed(f"the incumbent's answer cannot be read: {error}") from error
        if isinstance(outcome, Opaque):
            raise IncumbentFailed(f"the incumbent's answer is technical: {outcome.reason}")
        return outcome


def typed_incumbent(
    name: str, route: Route, source: str, mapping: SourceMapping, codec: Codec, adapters: Mapping[str, Bindable]
) -> Typed:  # fmt: skip
    """Who answers `source` today where the route names an incumbent of its own. Raises ConfigError."""
    rules = route.incumbent
    assert rules is not None  # noqa: S101 - asked for only then
    problems = Problems(f"routes.{name}.incumbent")
    if mapping.each:
        problems.append(f"{problems.root}: {source} brings messages of many records, which is not translated")
    legacy = adapters.get(rules.adapter)
    incumbent = legacy.incumbent() if legacy else None
    behind = legacy.codecs().get(rules.operation) if legacy else None
    if incumbent is None:
        problems.append(f"{problems.root}.adapter: no adapter {rules.adapter!r} has an incumbent")
    elif not isinstance(behind, Asks):
        what = "cannot be called in this way" if behind else "is not there"
        problems.append(f"{problems.root}.operation: {rules.operation} of {rules.adapter} {what}")
    written, read = _mapped(route, rules, problems)
    problems.stop()
    assert incumbent and behind and isinstance(behind, Asks)  # noqa: S101 - stop() has raised otherwise
    return Typed(rules, Legacy(incumbent, behind, behind, Layout(written), rules.constants, read), mapping, codec)


def _mapped(route: Route, rules: IncumbentRules, problems: Problems) -> tuple[list[Written], SourceMapping]:
    """The way of canonical fields into legacy's request, and that of its answer back."""
    same = route.sources.get(rules.source, SourceRules())
    written: list[Written] = []
    for field, rule in (rules.request or same.request).items():
        with problems.at(f"request.{field}"):
            if field not in route.fields:
                raise unknown("field", field, route.fields)
            if rule.constant is None:
                written.append(_asked(field, rule, route.fields[field]))
    for where in rules.constants:
        with problems.at(f"constants.{where}"):
            path(where)
    answer = SourceRules(answer=rules.answer or same.answer, failed_when=rules.failed_when)
    only = route.model_copy(update={"sources": {rules.source: answer}, "candidate": None})
    return written, compile_source(rules.source, only, answer_rules(route), problems)


def _asked(name: str, rule: Rule, field: FieldRule) -> Written:
    """A request's rule, backwards: canonical to legacy."""
    kind = rule.type or (field.type if field.type != "text" else None)
    back = backward(rule.model_copy(update={"type": kind, "default": None}))
    return Written(name, path(rule.from_ or name), back, None, True)
