"""`understudy hold` and `understudy resume`: by the store, so that every replica sees it within two seconds."""

from pathlib import Path

from gateway.cli import console
from gateway.cli.standing import Standing, opened, route_of, standings
from gateway.cli.who import who
from gateway.config import Loaded
from gateway.contract import ConfigError
from gateway.cutover import Caps
from gateway.store import holds as store
from gateway.store.model import ALL


def hold(path: Path, route: str | None, everything: bool, reason: str) -> None:
    """Holds and says what it means. Raises ConfigError, StoreDown."""
    loaded, engine = opened(path)
    scope = _scope(loaded, route, everything)
    if not reason.strip():
        raise ConfigError("--reason is empty; whoever resumes has to know why it was held")
    stood, problems = standings(loaded, Caps(known=True))
    for problem in problems:
        console.warn(problem)  # it may be urgent: what cannot be checked does not stop a hold
    beyond = [name for name in ([scope] if scope != ALL else stood) if _beyond(stood[name])]
    if scope in beyond:
        raise ConfigError(
            f"route {scope!r} has no incumbent: nobody else could answer, so it cannot be held; "
            f"`understudy stage {scope} off` refuses its calls"
        )
    if store.hold(engine, scope, reason, who()):
        console.line(f"{_name(scope)} held: within 2 s the incumbent answers everywhere; `understudy resume` ends it")
    else:
        for one in store.holds(engine):
            if one.scope == scope and one.kind == "operator":
                since = f"{one.since:%Y-%m-%d %H:%M} UTC"
                console.line(f"{_name(scope)} held already, by {one.who} since {since}: {one.reason}")
    for name in beyond:
        console.warn(f"{name} has no incumbent and goes on as it is: nobody else could answer")
    engine.dispose()


def resume(path: Path, route: str | None, everything: bool, reason: str) -> None:
    """Ends the holds of a scope and says what still stands. Raises ConfigError, StoreDown."""
    loaded, engine = opened(path)
    scope = _scope(loaded, route, everything)
    resumed = store.resume(engine, scope, who(), reason)
    if not resumed.ended:
        console.line(f"{_name(scope)} not held")
    else:
        console.line(f"{_name(scope)} resumed, with fresh statistics")
    if scope != ALL and resumed.still is not None:
        console.warn(
            f"{scope} stays held, because all routes are: {resumed.still}; `understudy resume --all` ends that"
        )
    if scope == ALL:
        for one in store.holds(engine):
            console.warn(f"{one.scope} stays held by itself: {one.reason}; `understudy resume {one.scope}` ends that")
    engine.dispose()


def _scope(loaded: Loaded, route: str | None, everything: bool) -> str:
    if (route is None) == (not everything):
        raise ConfigError("name one route, or say --all")
    if route is None:
        return ALL
    route_of(loaded, route)
    return route


def _beyond(standing: Standing) -> bool:
    return not standing.incumbent


def _name(scope: str) -> str:
    return "all routes are" if scope == ALL else f"{scope} is"
