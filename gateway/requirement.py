"""What a build demands of a replay, such as `agreement >= 0.98`. Pure."""

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gateway.complaints import nearest
from gateway.contract import ConfigError

_WRITTEN = re.compile(r"\s*([a-z][\w:. <>-]*?)\s*(>=|<=|>|<)\s*([0-9]+(?:\.[0-9]+)?)\s*(%?)\s*")
_TESTS: Mapping[str, Callable[[float, float], bool]] = {
    ">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt,
}  # fmt: skip


@dataclass(slots=True, frozen=True)
class Requirement:
    """`name sign limit`, as it was written in `text`."""

    text: str
    name: str
    sign: str
    limit: float

    def met(self, value: float | None) -> bool:
        """Whether the value fulfils it; what is not known fulfils nothing."""
        return value is not None and _TESTS[self.sign](value, self.limit)


def requirement(text: str) -> Requirement:
    """The requirement of a text. Raises ConfigError that says how one is written."""
    match = _WRITTEN.fullmatch(text)
    if not match:
        expected = 'expected a name, >=, >, <= or <, and a number, for example "agreement >= 0.98"'
        raise ConfigError(f"--require {text!r}: {expected}")
    name, sign, limit, percent = match.groups()
    return Requirement(text.strip(), name, sign, float(limit) / (100 if percent else 1))


def value_of(wanted: Requirement, values: Mapping[str, float | None]) -> float | None:
    """The value that a requirement is about; None where nothing is known of it. Raises ConfigError where nothing could
    ever be called that."""
    if wanted.name not in values and not wanted.name.startswith(("field:", "segment:")):
        raise ConfigError(f"--require {wanted.text!r}: nothing is called {wanted.name!r}{nearest(wanted.name, values)}")
    return values.get(wanted.name)
