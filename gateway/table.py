"""The route table: one configuration, compiled. Swapped whole on reload; a call keeps the one it arrived with."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from gateway.answers import answer_rules
from gateway.candidate import Candidate
from gateway.compare import Comparison, compile_compare, itself
from gateway.complaints import nearest
from gateway.config import Loaded, Route
from gateway.contract import Codec, ConfigError, Incumbent, Proves, Stage
from gateway.cutover import BELOW, Caps, Level, in_force, limited
from gateway.link import Link
from gateway.mapping import RouteMapping, SourceMapping, compile_route
from gateway.schema import problems
from gateway.transform import unknown
from gateway.typed import typed_incumbent


class Bindable(Protocol):
    """What the table needs of an adapter."""

    ceiling: Stage

    def codecs(self) -> Mapping[str, Codec]:
        """By operation."""

    def incumbent(self) -> Incumbent | None:
        """Who answers today."""


@dataclass(slots=True)
class Bound:
    """One source of one route with all that answering it takes."""

    route: str
    source: str
    operation: str
    settings: Route
    rules: RouteMapping
    mapping: SourceMapping
    codec: Codec
    incumbent: Incumbent | None
    candidate: Candidate | None
    compare: Comparison
    repeat: Comparison
    """Compares the incumbent with itself."""
    ceiling: Stage
    """The lowest of what is configured, the source's ceiling and the adapter's."""
    digest: str
    """Names the rules that shape a verdict: with other rules evidence starts anew."""
    plain: frozenset[str]
    """The fields that records keep as they are; none where none is recorded."""
    _found: tuple[Caps | None, str, Level] = field(default=(None, "", BELOW[Stage.SHADOW]), init=False)
    """The level that was found last, and of which caps and tag."""

    def stage(self, caps: Caps) -> Stage:
        """The stage in force now."""
        return self.level(caps).stage

    def level(self, caps: Caps) -> Level:
        """What is in force now. Found anew only with other caps, which are never changed, or another tag."""
        known, tag, level = self._found
        if known is caps and tag == self.tag:
            return level
        self._found = (caps, self.tag, level := self._level(caps))
        return level

    def _level(self, caps: Caps) -> Level:
        """A route without incumbent cannot be held: nobody else could answer."""
        if self.ceiling <= Stage.SHADOW:
            return BELOW[self.ceiling]  # neither a hold nor the model's tag can lower it
        if self.incumbent is not None and caps.reason(self.route) is not None:
            return BELOW[Stage.SHADOW]
        return self._planned(caps)

    def step(self, caps: Caps) -> str:
        """What would be in force without any hold, as text: each such step has evidence of its own."""
        level = self._planned(caps)
        return f"{level.stage} {level.percent:f}"

    def unplanned(self) -> Level:
        """What would be in force without plan and holds."""
        return limited(self._accepted(), self.settings.percent, None)

    def _planned(self, caps: Caps) -> Level:
        planned = caps.planned(self.route) if self.settings.plan else None
        return limited(self._accepted(), self.settings.percent, planned)

    def _accepted(self) -> Stage:
        """A model that the route does not accept by its tag may be observed and nothing more."""
        accepted = (tag := self.tag) and tag == self.settings.accept
        return self.ceiling if accepted else min(self.ceiling, Stage.SHADOW)

    @property
    def tag(self) -> str:
        """The tag of the route's model now; empty while there is none."""
        return self.candidate.link.tag if self.candidate else ""

    @property
    def revision(self) -> str:
        """Of the data that the connected model was trained on, as its schema says; empty where that is not known."""
        model = self.candidate.link.model if self.candidate else None
        return str(model.schema.get("data", "")) if model else ""


@dataclass(slots=True)
class Table:
    """All bound sources by (adapter, operation)."""

    version: str
    bound: Mapping[tuple[str, str], Bound] = field(default_factory=dict)

    def find(self, source: str, operation: str) -> Bound | None:
        """The bound source; None where the operation has no route."""
        return self.bound.get((source, operation))


def compile_table(loaded: Loaded, adapters: Mapping[str, Bindable], links: Mapping[str, Link]) -> Table:
    """The table of a configuration. Raises ConfigError with every problem found, each with its line."""
    bound: dict[tuple[str, str], Bound] = {}
    wrong: list[str] = []
    records = loaded.config.records
    plain = records.plain if records.keep else frozenset()
    for name, route in loaded.config.routes.items():
        try:
            rules = compile_route(name, route)
            wrong.extend(f"routes.{name}.guard.{problem}" for problem in _unguarded(route, plain))
            link = links.get(route.candidate or "")
            candidate = Candidate(rules, rules.feature_names, link) if link else None
            for source in route.sources:
                adapter, _, operation = source.partition("/")
                if adapter not in adapters:
                    raise ConfigError(f"routes.{name}.sources.{source}: the adapter is new; only a restart adds it")
                bound[adapter, operation] = _bind(name, source, route, rules, adapters, candidate, plain)
        except ConfigError as error:
            wrong.extend(error.problems)
    if wrong:
        raise ConfigError(*loaded.located(wrong))
    return Table(loaded.version, bound)


def misfits(
    loaded: Loaded, table: Table, model: str, described: Mapping[str, Any], route: str | None = None
) -> Sequence[str]:
    """Where this model's schema and the mappings of its routes, or of one, disagree; empty where all fit."""
    found: list[str] = []
    for bound in table.bound.values():
        if bound.candidate and bound.candidate.link.name == model and bound.route == (route or bound.route):
            outputs = described["outputs"]
            place = f"routes.{bound.route}"
            found += [f"{place}.features: {problem}" for problem in problems(bound.rules.feature_names, described)]
            found += [
                f"{place}.answer.fields: the model gives no {one!r}{nearest(one, outputs)}"
                for one in bound.rules.outputs if outputs and one not in outputs
            ]  # fmt: skip
    return loaded.located(dict.fromkeys(found)) if found else []


def _bind(
    name: str, source: str, route: Route, rules: RouteMapping, adapters: Mapping[str, Bindable],
    candidate: Candidate | None, plain: frozenset[str],
) -> Bound:  # fmt: skip
    adapter_name, _, operation = source.partition("/")
    adapter = adapters[adapter_name]
    codecs = adapter.codecs()
    if operation not in codecs:
        served = ", ".join(sorted(codecs)) or "none"
        raise ConfigError(f"routes.{name}.sources.{source}: the adapter has no such operation (it serves: {served})")
    mapping = rules.sources[source]
    incumbent = adapter.incumbent()
    if route.incumbent and route.incumbent.source != source:
        if route.stage > Stage.SHADOW and isinstance(adapter, Proves) and adapter.proves:
            why = f"{adapter_name} lets callers in by what its own incumbent answers to their calls"
            raise ConfigError(
                f"routes.{name}.incumbent: {why}, which {route.incumbent.adapter} cannot tell; see `auth`"
            )
        incumbent = typed_incumbent(name, route, source, mapping, codecs[operation], adapters)
    if incumbent is None and route.stage in (Stage.SHADOW, Stage.CANARY):
        raise ConfigError(f"routes.{name}: stage {route.stage} needs an incumbent, and {adapter_name} has none")
    if incumbent is None and route.plan:
        raise ConfigError(f"routes.{name}.plan: a plan shares the calls with an incumbent, and {adapter_name} has none")
    ceilings = (route.sources[source].ceiling, adapter.ceiling)
    if incumbent is None and route.stage > min(ceilings):
        why = f"{source} may not go above {min(ceilings)} and has no incumbent, so nobody could answer"
        raise ConfigError(f"routes.{name}.stage: {why}; see what its adapter needs for a higher ceiling")
    return Bound(
        name, adapter_name, operation, route, rules, mapping, codecs[operation], incumbent, candidate,
        compile_compare(route, source, name), compile_compare(itself(route), source, name),
        in_force(route.stage, ceilings, held=False), rules_digest(route), plain,
    )  # fmt: skip


def _unguarded(route: Route, plain: frozenset[str]) -> list[str]:
    """What the guard's limits name and the route does not have, a sentence each."""
    if (guard := route.guard) is None:
        return []
    answers = answer_rules(route)
    wrong = [
        f"fields.{name}: {unknown('answer field', name, answers)}"
        for name in guard.fields if name.partition(".")[0] not in answers
    ]  # fmt: skip
    wrong += [
        f"decisions.{name}: {unknown('answer field', name, answers)}" for name in guard.decisions if name not in answers
    ]
    wrong += [
        f"decisions.{name}: records do not keep {name!r} as it is, so nothing can be told; see records.fields"
        for name in guard.decisions if name in answers and name not in plain
    ]  # fmt: skip
    wrong += [
        f"segments.{name}: {unknown('segment', name, route.segments)}"
        for name in guard.segments if name.partition(":")[0] not in route.segments
    ]  # fmt: skip
    if guard.drift is not None and not plain.intersection(route.fields):
        wrong.append(
            "drift: records keep no field of the requests as it is, so nothing can be told; see records.fields"
        )
    return wrong + _unpriced(route)


def _unpriced(route: Route) -> list[str]:
    if route.guard is None or route.guard.cost is None:
        return []
    most = route.cost.at_most if route.cost else None
    if most is None:
        return ["cost: the route's `cost` needs `at_most`: only what is bounded can be proven"]
    return [] if route.guard.cost < most else [f"cost: {route.guard.cost:g} is not below `cost.at_most`"]


SHAPING = {
    "fields", "key", "sources", "features", "answer", "compare", "segments", "cost", "known_differences", "candidate",
    "incumbent",
}  # fmt: skip


def rules_digest(route: Route) -> str:
    """Names the rules that shape a verdict: with other rules evidence starts anew. Who owns a known difference, and
    segments that only the report tells apart, shape none."""
    shaping = route.model_dump(mode="json", include=SHAPING)
    used = {segment for rule in route.compare.values() for segment in rule.segments}
    shaping["segments"] = {name: one for name, one in shaping["segments"].items() if name in used}
    for entry in shaping["known_differences"].values():
        del entry["owner"], entry["reason"]
    return hashlib.sha256(json.dumps(shaping).encode()).hexdigest()[:12]
