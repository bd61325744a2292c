"""understudy.yaml as frozen, strict models. Every error names the YAML path, the line and what to do."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from gateway import registry
from gateway.comparison import Comparison, Cost, KnownDifference, Noise, Segmented
from gateway.contract import ConfigError, Stage
from gateway.document import Document, Reading, decode
from gateway.limits import Guard
from gateway.plan import Plan
from gateway.records import Records
from gateway.rules import (
    AnswerRules,
    Condition,
    FieldRule,
    IncumbentRules,
    Name,
    Percent,
    RuleOrPath,
    Share,
    SourceRules,
    StageName,
    field_rule,
)
from gateway.settings import Duration, Settings, Size
from gateway.tls import Strength
from gateway.validation import complaint, validated


class Route(Settings):
    """One decision that moves from incumbent to candidate; see docs/configuration.md."""

    stage: StageName = Stage.OFF
    percent: Percent = Decimal(0)
    candidate: Name | None = None
    accept: str | None = None
    """The model tag that may answer. Required above shadow: a new model never answers by accident."""
    fields: dict[Name, Annotated[FieldRule, BeforeValidator(field_rule)]] = {}
    """The canonical fields of a request. Every source maps into them; all else speaks of nothing but them."""
    key: Name | None = None
    """The canonical field that is the business key: the cohort's and the evidence's unit."""
    sources: dict[str, SourceRules]
    incumbent: IncumbentRules | None = None
    """Who answers today, where that is not the adapter that brings the call: its values are translated."""
    features: dict[str, RuleOrPath] = {}
    answer: AnswerRules = AnswerRules()
    compare: dict[Name, Comparison] = {}
    segments: dict[Name, Segmented] = {}
    """Records told apart: agreement is told for each, and tolerances may differ."""
    cost: Cost | None = None
    known_differences: dict[Name, KnownDifference] = {}
    guard: Guard | None = None
    plan: Plan | None = None
    noise: Noise = Noise()
    keep_incumbent: list[Condition] = []
    """Segments that the incumbent answers in canary and live."""
    effects: Literal["none", "recorded"] | None = None
    """Whether the incumbent's call also stores something; must be stated to leave shadow."""
    observe: Literal["compare", "record", "none"] = "compare"
    """In stage off nothing is observed unless `record`."""
    sample: Share = 1.0
    """Share of the calls that the incumbent answers which are compared."""
    observe_incumbent: Share = 0.0
    """Share of the calls that the candidate answers which the incumbent is asked too, after the answer."""
    reserve: Duration | None = None
    """Kept of a deadline for the incumbent; by default twice its recorded p99, and 250ms at least; at most half."""
    join_window: Duration = 86400.0
    """How long an answer given elsewhere may take to be on time."""
    concurrency: int = Field(256, ge=1)
    """Calls a worker has with the candidate at once; more go to the incumbent, or are refused."""
    fallback: int = Field(64, ge=1)
    """Calls a worker may have fallen back to the incumbent at once: what legacy can take."""

    @property
    def configured(self) -> str:
        """`canary 25 %`."""
        return f"{self.stage} {self.percent} %" if self.stage is Stage.CANARY else str(self.stage)

    @model_validator(mode="after")
    def _leave_shadow_deliberately(self) -> "Route":
        if self.stage > Stage.OFF and not self.candidate:
            raise ValueError(f"stage {self.stage} needs a candidate")
        if self.stage > Stage.SHADOW:
            if self.effects is None:
                raise ValueError("state `effects: none` or `effects: recorded` to leave shadow")
            if self.accept is None:
                raise ValueError("name the model that may answer with `accept: TAG` to leave shadow")
        if self.stage == Stage.CANARY and self.key is None:
            raise ValueError("canary needs a key, so that no customer is moved back and forth")
        if self.plan and self.key is None:
            raise ValueError("a plan needs a key, so that no customer is moved back and forth")
        if self.stage > Stage.SHADOW and self.effects == "recorded" and self.answer.base == "none":
            raise ValueError("effects: recorded needs `answer: {base: incumbent}`: legacy must still store its part")
        return self


class Listen(Settings):
    """Where the gateway listens; the admin address is for operators and monitoring, not for callers."""

    data: str = "127.0.0.1:8080"
    admin: str = "127.0.0.1:8081"
    receipt: Duration = 30.0
    headers: Size = 65536
    tls: "Tls | None" = None


class Tls(Strength):
    """Certificates of the data listener; `client_ca` asks callers for a certificate."""

    certificate: str
    key: str
    client_ca: str | None = None


class Observer(Settings):
    """Bounds of the observer; what does not fit is dropped and counted."""

    buffer: Size = 32 << 20
    """Bytes a worker may have waiting for the observer."""
    backlog: int = Field(20000, ge=1)
    """Calls the observer may hold undecided."""
    timeout: Duration = 10.0
    """How long the candidate may take in the shadow."""
    lag: Duration = 5.0
    """How far verdicts may fall behind so that a burst of calls has the processors to itself."""
    nice: int = Field(19, ge=0, le=19)


class Section(Settings):
    """The untyped half of a component: its `type`; the registry knows the typed rest."""

    type: str
    model_config = Settings.model_config | {"extra": "allow"}


def _distinct_ports(listen: Listen) -> Listen:
    if listen.data == listen.admin and not listen.data.endswith(":0"):
        raise ValueError("data and admin need addresses of their own")
    return listen


class Config(Settings):
    """A whole understudy.yaml."""

    store: str = "sqlite:///.understudy/understudy.db"
    folder: str = ".understudy"
    """Run-time files: sockets, metrics, the Bento model store; relative to the configuration."""
    listen: Annotated[Listen, AfterValidator(_distinct_ports)] = Listen()
    workers: int = Field(1, ge=1, le=64)
    hung_after: Annotated[Duration, Field(ge=5)] = 30.0
    """How long a worker or the observer may give no sign of life and do nothing before it is killed and restarted."""
    grace: Duration = 30.0
    """How long SIGTERM lets calls finish."""
    observer: Observer = Observer()
    records: Records = Records()
    models: dict[Name, Section] = {}
    adapters: dict[Name, Section] = {}
    routes: dict[Name, Route] = {}

    @model_validator(mode="after")
    def _names_meet(self) -> "Config":
        owners: dict[str, str] = {}
        problems: list[str] = []
        for name, route in self.routes.items():
            if route.candidate and route.candidate not in self.models:
                problem = f"no model is called {route.candidate!r}{known(self.models)}"
                problems.append(f"routes.{name}.candidate: {problem}")
            if route.incumbent and route.incumbent.adapter not in self.adapters:
                problem = f"no adapter is called {route.incumbent.adapter!r}{known(self.adapters)}"
                problems.append(f"routes.{name}.incumbent.adapter: {problem}")
            for source in route.sources:
                if wrong := self._source_problem(source, owners.setdefault(source, name), name):
                    problems.append(f"routes.{name}.sources.{source}: {wrong}")
        if problems:
            raise ValueError("\n".join(problems))
        return self

    def _source_problem(self, source: str, owner: str, route: str) -> str | None:
        adapter, _, operation = source.partition("/")
        if not operation:
            return f"expected ADAPTER/OPERATION, such as {adapter}/Score"
        if adapter not in self.adapters:
            return f"no adapter is called {adapter!r}{known(self.adapters)}"
        return None if owner == route else f"already a source of route {owner!r}"


def known(names: Mapping[str, Any]) -> str:
    """The end of a sentence that lists what could have been meant."""
    return f" (there are: {', '.join(sorted(names))})" if names else " (none is configured)"


class Loaded(Settings):
    """A configuration with where it came from; `version` names its content."""

    config: Config
    text: str
    path: Path
    models: dict[str, Settings] = {}
    """The typed settings of each model, of its class's `Settings`."""
    adapters: dict[str, Settings] = {}
    """The typed settings of each adapter, of its class's `Settings`."""
    withheld: frozenset[str] = frozenset()
    """The environment variables that only adapters need, and the observer process must not be given."""

    @property
    def version(self) -> str:
        """The first 12 hex digits of the text's SHA-256."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:12]

    def located(self, problems: Iterable[str]) -> Sequence[str]:
        """Problems that begin with their dotted path, with file and line."""
        document = Document(self.text, self.path.name)
        return [document.sentence(problem) for problem in problems]

    @property
    def folder(self) -> Path:
        """The run-time folder, absolute."""
        return (self.path.parent / self.config.folder).absolute()


def load(path: Path, environ: Mapping[str, str], *, withhold: bool = False) -> Loaded:
    """The configuration in a file; `withhold` as in `parse`. Raises ConfigError with everything that is wrong."""
    try:
        data = path.read_bytes()
    except OSError as error:
        reason = f"cannot be read: {error.strerror}"
        raise ConfigError(f"{path}: {reason}; name the file with --config or UNDERSTUDY_CONFIG") from error
    return parse(decode(data, path.name), path, environ, withhold=withhold)


def parse(text: str, path: Path, environ: Mapping[str, str], withhold: bool = False) -> Loaded:
    """The configuration in a text that stands in the file `path`. Raises ConfigError with everything that is wrong.

    `withhold` is for a process without the adapters' secrets: below `adapters` an absent variable is no error and no
    file is read; such a setting has some value that its type allows, of no meaning."""
    document = Document(text, path.name)
    reading = document.read(environ, path.parent, ("adapters",) if withhold else None)
    config = validated(Config, (), document, reading)
    models = _components("models", registry.model, document, reading)
    adapters = _components("adapters", registry.adapter, document, reading)
    if config is None or reading.problems:
        raise ConfigError(*(problem.sentence(path.name) for problem in sorted(set(reading.problems))))
    withheld = frozenset(document.exclusive(("adapters",)))
    return Loaded(config=config, text=text, path=path, models=models, adapters=adapters, withheld=withheld)


def _components(
    section: str, find: Callable[[str], type[Any]], document: Document, reading: Reading
) -> dict[str, Settings]:
    components: dict[str, Settings] = {}
    sections = reading.data.get(section)
    for name, values in sections.items() if isinstance(sections, dict) else ():
        if not isinstance(values, dict) or not isinstance(kind := values.get("type"), str):
            continue  # Config has said so
        try:
            model: type[Settings] = find(kind).Settings
        except ConfigError as error:
            where = (section, name, "type")
            reading.problems.extend(complaint(where, problem, document, reading) for problem in error.problems)
        else:
            settings = validated(model, (section, name), document, reading)
            components |= {name: settings} if settings else {}
    return components
