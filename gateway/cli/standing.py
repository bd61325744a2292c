"""How the routes of a configuration stand: the stage in force and what keeps it below the configured one."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from gateway import assembly
from gateway.complaints import nearest
from gateway.config import Loaded, Route, load
from gateway.contract import Child, ConfigError, Model, ModelKind, ModelUnavailable, Stage
from gateway.cutover import Caps
from gateway.link import Link
from gateway.store.caps import caps
from gateway.store.engine import connect
from gateway.table import Bound, Table, compile_table

PATIENCE = 5.0
"""Seconds that a model elsewhere may take to tell its tag."""


def opened(path: Path) -> tuple[Loaded, Engine]:
    """A configuration and its store, for commands that call nobody: the secrets of the adapters may be absent here.

    Raises ConfigError."""
    loaded = load(path.absolute(), os.environ, withhold=True)
    return loaded, connect(loaded.config.store, loaded.path.parent)


def route_of(loaded: Loaded, name: str) -> Route:
    """The route of this name. Raises ConfigError that suggests the nearest."""
    try:
        return loaded.config.routes[name]
    except KeyError:
        raise ConfigError(f"no route is called {name!r}{nearest(name, loaded.config.routes)}") from None


@dataclass(slots=True)
class Reached:
    """A model kind that has been asked for its tag and schema, as far as it could be."""

    settings: object
    tag: str
    described: Mapping[str, Any] | None = None
    problem: str = ""

    def child(self, socket: str) -> Child | None:
        """None: nothing is started from here."""
        return None

    def schema(self) -> Mapping[str, Any] | None:
        """What was found out."""
        return self.described

    async def connect(self, socket: str) -> Model:
        """Raises ModelUnavailable."""
        raise ModelUnavailable("models are not used from here")


def reached(kinds: Mapping[str, ModelKind]) -> Mapping[str, Reached]:
    """The models with what can be known of them without starting one: those elsewhere are connected to."""

    async def all_of_them() -> list[Reached]:
        return await asyncio.gather(*(_reach(kind) for kind in kinds.values()))

    return dict(zip(kinds, asyncio.run(all_of_them()), strict=True))


async def _reach(kind: ModelKind) -> Reached:
    found = Reached(getattr(kind, "settings", None), kind.tag)
    if kind.child("socket") is not None:
        found.described = kind.schema()
        return found
    try:
        async with asyncio.timeout(PATIENCE):
            model = await kind.connect("")
    except (ModelUnavailable, TimeoutError) as error:
        found.problem = str(error) or f"did not answer within {PATIENCE:g} s"
        return found
    found.tag, found.described = model.tag, model.schema
    await model.close()
    return found


def table_of(loaded: Loaded) -> Table:
    """The route table as a worker would have it. Raises ConfigError with every problem."""
    models = reached(assembly.models(loaded))
    links = {name: Link(name, model, "") for name, model in models.items()}
    return compile_table(loaded, assembly.adapters(loaded), links)


@dataclass(slots=True)
class Standing:
    """One route. `in_force` is the highest stage of its sources; None where the table could not be compiled."""

    route: str
    settings: Route
    in_force: Stage | None = None
    sources: dict[str, Stage | None] = field(default_factory=dict)
    reasons: list[str] = field(default_factory=list)
    """What keeps the route, or one of its sources, below the configured stage."""
    tag: str = ""
    """Of the candidate; empty where it is not known."""
    incumbent: bool = True
    """Whether any source has somebody to answer today."""

    @property
    def configured(self) -> str:
        """`canary 25 %`."""
        return self.settings.configured


def standings(loaded: Loaded, caps: Caps) -> tuple[Mapping[str, Standing], Sequence[str]]:
    """How every route stands, and the problems that keep this from being known."""
    routes = loaded.config.routes
    found = {name: Standing(name, route, sources=dict.fromkeys(route.sources)) for name, route in routes.items()}
    try:
        table = table_of(loaded)
    except ConfigError as error:
        return found, error.problems
    for standing in found.values():
        _stand(standing, [bound for bound in table.bound.values() if bound.route == standing.route], caps)
    return found, ()


def caps_of(engine: Engine) -> Caps:
    """The holds and plans in force. Raises StoreDown."""
    return caps(engine)


def _stand(standing: Standing, sources: Sequence[Bound], caps: Caps) -> None:
    standing.incumbent = any(bound.incumbent for bound in sources)
    standing.tag = next((bound.tag for bound in sources), "")
    for bound in sources:
        name, stage = f"{bound.source}/{bound.operation}", bound.stage(caps)
        standing.sources[name] = stage
        standing.in_force = max(stage, standing.in_force or Stage.OFF)
        if stage < standing.settings.stage or bound.level(caps) < bound.unplanned():
            standing.reasons += [why for why in _why(bound, name, caps) if why not in standing.reasons]


def _why(bound: Bound, name: str, caps: Caps) -> Sequence[str]:
    wanted, accept, tag = bound.settings.stage, bound.settings.accept, bound.tag
    why = [f"{name} goes no further than {bound.ceiling}"] if bound.ceiling < wanted else []
    if wanted > Stage.SHADOW and (reason := caps.reason(bound.route)):
        why.append(f"held: {reason}" if caps.known else reason)
    if bound.settings.plan and (planned := caps.planned(bound.route)) is not None:
        why.append(f"its plan is at {planned:f} %; `understudy plan {bound.route}` says what it waits for")
    if wanted > Stage.SHADOW and not tag:
        why.append("the model's tag is not known, so nothing says that it is accepted")
    elif wanted > Stage.SHADOW and accept != tag:
        why.append(f"the model is {tag}, and what the route accepts is {accept or 'not stated'}")
    return why
