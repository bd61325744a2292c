"""The operator's own functions, named `module:function` in the configuration."""

import importlib
from collections.abc import Callable
from typing import Any

from gateway.contract import ConfigError
from gateway.conversion import Step, finite


def function(spelled: str) -> Callable[..., Any]:
    """The function of this name. Raises ConfigError."""
    module, _, name = spelled.partition(":")
    try:
        found = getattr(importlib.import_module(module), name)
    except Exception as error:  # a module may fail to load in any way
        raise ConfigError(f"cannot import {spelled!r} (module:function): {type(error).__name__}: {error}") from error
    if not callable(found):
        raise ConfigError(f"{spelled!r} is not a function")
    return found  # type: ignore[no-any-return]  # what it takes and gives is between its author and its caller


def imported(spelled: str) -> Step:
    """The function of this name as a step. Whatever it raises becomes a ValueError without values."""
    call = function(spelled)

    def step(value: Any) -> Any:
        try:
            return finite(call(value))
        except Exception as error:  # a stranger's code: whatever it raises, this one value could not be mapped
            message = str(error)[:80] if isinstance(error, ValueError) else type(error).__name__
            raise ValueError(f"{spelled}: {message}") from error

    return step
