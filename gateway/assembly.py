"""The components of a configuration, built: every adapter and model from its typed settings."""

from collections.abc import Mapping
from typing import cast

from gateway import registry
from gateway.config import Loaded
from gateway.contract import Adapter, Call, Codec, IncumbentUnreachable, ModelKind, Raw, Stage


def adapters(loaded: Loaded) -> Mapping[str, Adapter]:
    """The configured adapters by name; no connection is opened. Raises ConfigError."""
    folder = loaded.path.parent
    sections = loaded.config.adapters
    return {
        name: cast(Adapter, registry.adapter(sections[name].type)(name, settings, folder))
        for name, settings in loaded.adapters.items()
    }


def models(loaded: Loaded) -> Mapping[str, ModelKind]:
    """The configured models by name, their tags resolved; no connection is opened. Raises ConfigError."""
    folder = loaded.path.parent
    sections = loaded.config.models
    return {
        name: cast(ModelKind, registry.model(sections[name].type)(name, settings, folder))
        for name, settings in loaded.models.items()
    }


class CodecsOnly:
    """An adapter as the observer has it: what it can read, and no way to call, publish or update anything."""

    def __init__(self, adapter: Adapter) -> None:
        self.ceiling: Stage = adapter.ceiling
        self._codecs = adapter.codecs()
        self._incumbent = None if adapter.incumbent() is None else Unreachable()

    def codecs(self) -> Mapping[str, Codec]:
        """The adapter's codecs."""
        return self._codecs

    def incumbent(self) -> "Unreachable | None":
        """A stand-in that answers nothing; None where the adapter has nobody either."""
        return self._incumbent


class Unreachable:
    """An incumbent that cannot be called from here."""

    async def call(self, call: Call, timeout: float) -> Raw:
        """Raises IncumbentUnreachable."""
        raise IncumbentUnreachable("the observer cannot call the incumbent")
