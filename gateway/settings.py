"""The ground that every typed configuration section stands on. Adapters and models may import this and the contract.

Durations ("250ms", "5s", "2m", "1h", "7d") become seconds, sizes ("64KiB", "1MiB") become bytes; a bare number
without its unit is refused.
"""

import re
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


class Settings(BaseModel):
    """A frozen, strict section of understudy.yaml: unknown keys and wrong types are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, arbitrary_types_allowed=True)


def refusals(error: ValidationError) -> list[str]:
    """What is wrong with values that stand in no configuration file, one sentence each."""
    return [str(one.get("ctx", {}).get("error") or one["msg"]) for one in error.errors(include_url=False)]


def _quantity(value: Any, units: dict[str, Any], example: str) -> Any:
    if isinstance(value, str) and (match := re.fullmatch(r"(\d+(?:\.\d+)?)\s*([A-Za-z]+)", value.strip())):
        number, unit = match.groups()
        if unit in units:
            return float(number) * units[unit]
    raise ValueError(f"expected a number with a unit ({', '.join(units)}), for example {example}")


def seconds(value: Any) -> float:
    """Seconds of a duration with a unit. Raises ValueError."""
    return float(_quantity(value, _SECONDS, "5s"))


def octets(value: Any) -> int:
    """Bytes of a size with a unit. Raises ValueError."""
    return int(_quantity(value, _BYTES, "1MiB"))


Duration = Annotated[float, BeforeValidator(seconds)]
Size = Annotated[int, BeforeValidator(octets)]
