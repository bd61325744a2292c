"""Which class stands behind the `type` of a component. Imported only when it is configured, so that zeep or a driver
loads only where it is needed; third parties add theirs as entry points."""

import importlib
import importlib.util
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from gateway.complaints import nearest
from gateway.contract import ConfigError
from gateway.settings import Settings

ADAPTERS: Mapping[str, str] = {
    "amqp": "adapters.amqp:Amqp",
    "database": "adapters.database:Database",
    "memory": "adapters.memory:Memory",
    "soap": "adapters.soap:Soap",
}
MODELS: Mapping[str, str] = {
    "bentoml": "models.process:Bento",
    "http": "models.elsewhere:Elsewhere",
    "python": "models.local:Local",
}
EXTRAS: Mapping[str, str] = {"amqp": "amqp", "soap": "soap"}
"""What to install for a component that needs more than Understudy itself."""
PACKAGES = ("gateway", "adapters", "models")


def adapter(kind: str) -> type[Any]:
    """The class of an adapter type: `cls(name, settings, folder)`, `settings` of its `Settings`. Raises ConfigError."""
    return _component("adapter", kind, ADAPTERS, "understudy.adapters")


def model(kind: str) -> type[Any]:
    """The class of a model type: `cls(name, settings, folder)`, `settings` of its `Settings`. Raises ConfigError."""
    return _component("model", kind, MODELS, "understudy.models")


def formats() -> Any:
    """What `understudy formats` uses of the message formats."""
    return importlib.import_module("adapters.formats.explain")


def ours() -> None:
    """Nothing if the packages gateway, adapters and models are Understudy's own. Raises ConfigError naming each that
    another project shadows: their names are common."""
    home = Path(__file__).resolve().parents[1]
    strangers = [f"{name!r} ({place})" for name in PACKAGES if (place := _stranger(name, home))]
    if strangers:
        raise ConfigError(
            f"Python finds packages of another project under names that Understudy needs: {', '.join(strangers)}; "
            "start understudy from another folder, or take the other project from PYTHONPATH"
        )


def _stranger(name: str, home: Path) -> str | None:
    """Where a top-level package comes from if it is not ours."""
    try:
        spec = importlib.util.find_spec(name)
    except ValueError:
        return "a module without origin"
    if spec is None:
        return "not found at all"
    place = Path(spec.origin or next(iter(spec.submodule_search_locations or []), "")).resolve()
    return None if place == home / name / "__init__.py" else str(place)


def _component(word: str, kind: str, table: Mapping[str, str], group: str) -> type[Any]:
    offers = _offers(table, group)
    if kind not in offers:
        raise ConfigError(f"unknown {word} type {kind!r}{nearest(kind, offers)}")
    if len(offers[kind]) > 1:
        raise ConfigError(f"several installed packages offer the {word} type {kind!r}; uninstall all but one")
    [entry] = offers[kind]
    try:
        component: Any = entry.load()
    except (ImportError, AttributeError) as error:
        raise ConfigError(_unloadable(word, kind, error, builtin=kind in table)) from error
    settings = getattr(component, "Settings", None)
    if not (isinstance(component, type) and isinstance(settings, type) and issubclass(settings, Settings)):
        raise ConfigError(f"the {word} type {kind!r} is no component: {entry.value} needs a class attribute `Settings`")
    return component


def _offers(table: Mapping[str, str], group: str) -> dict[str, list[EntryPoint]]:
    offers = {kind: [EntryPoint(kind, place, group)] for kind, place in table.items()}
    for entry in entry_points(group=group):
        offers.setdefault(entry.name, []).append(entry)
    return offers


def _unloadable(word: str, kind: str, error: Exception, builtin: bool) -> str:
    missing = error.name if isinstance(error, ModuleNotFoundError) and error.name else ""
    if builtin and kind in EXTRAS and missing and missing.partition(".")[0] not in PACKAGES:
        return f'the {word} type {kind!r} needs {missing}: pip install "understudy-gateway[{EXTRAS[kind]}]"'
    return f"the {word} type {kind!r} cannot be loaded: {error}"
