"""Restrictions of simple types: enumerations hold both ways, the other facets hold for what we write.

Legacy callers and services break lengths and patterns without harm, so only an enumeration refuses what is read. A
pattern is left unchecked where XML Schema's expression has no cheap equal in Python (`\\i`, `\\c`, `\\p`, subtraction).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from adapters.soap.lexical import Simple, collapsed, replaced

Facets = Mapping[str, Sequence[str]]
"""Facet name to its values, in the order of the schema."""

Check = Callable[[Any, str], None]
"""Raises ValueError where the value, or its text, breaks a facet."""

FACETS = frozenset({
    "enumeration", "fractionDigits", "length", "maxExclusive", "maxInclusive", "maxLength", "minExclusive",
    "minInclusive", "minLength", "pattern", "simpleType", "totalDigits", "whiteSpace",
})  # fmt: skip
"""What may stand in a restriction beside attributes."""

_FOREIGN = re.compile(r"\\[iIcCpP]|(?<!\\)\[[^\]]*-\[")
"""Of a pattern: names' characters, Unicode blocks and the subtraction of classes, which Python cannot express."""


def restricted(name: str, base: Simple, facets: Facets) -> Simple:
    """The simple type `base` with these facets on top. Those of qualified names are not checked: prefixes differ."""
    if base.named:
        return replace(base, name=name, qname=None)
    if "whiteSpace" in facets and facets["whiteSpace"][0] != base.blank:
        base = _respaced(base, facets["whiteSpace"][0])
    checks = [*_lengths(facets), *_bounds(base, facets), *_digits(facets), *_patterns(facets)]
    parse, choices = base.parse, None if checks else base.choices
    if "enumeration" in facets:
        allowed = [base.parse(text) for text in facets["enumeration"]]
        parse = _one_of(base, allowed)
        choices = {text: text for text in allowed} if _verbatim(base) and not checks else None
        checks.append(lambda value, text: parse(text) and None)
    return Simple(name, parse, _checked(base, checks), base.blank, base.kind, choices)


def _verbatim(base: Simple) -> bool:
    """Whether a value is its own text."""
    return base.kind is str and base.blank == "preserve"


def _respaced(base: Simple, blank: str) -> Simple:
    space = collapsed if blank == "collapse" else replaced
    return Simple(base.name, lambda text: base.parse(space(text)), lambda value: space(base.format(value)), blank)


def _checked(base: Simple, checks: Sequence[Check]) -> Callable[[Any], str]:
    if not checks:
        return base.format

    def format(value: Any) -> str:
        text = base.format(value)
        for check in checks:
            check(value, text)
        return text

    return format


def _one_of(base: Simple, allowed: Sequence[Any]) -> Callable[[str], Any]:
    known = allowed if any(isinstance(value, list) for value in allowed) else frozenset(allowed)
    parse = None if _verbatim(base) else base.parse

    def parse_member(text: str) -> Any:
        value = text if parse is None else parse(text)
        if value in known:
            return value
        raise ValueError(f"{text[:60]!r} is not in the list of allowed values")

    return parse_member


def _lengths(facets: Facets) -> list[Check]:
    low = max((int(facets[name][0]) for name in ("length", "minLength") if name in facets), default=None)
    high = min((int(facets[name][0]) for name in ("length", "maxLength") if name in facets), default=None)
    if low is None and high is None:
        return []

    def check(value: Any, text: str) -> None:
        size = len(value if isinstance(value, bytes | list | tuple) else text)
        if (low is not None and size < low) or (high is not None and size > high):
            raise ValueError(f"its length is {size}, allowed is {low or 0} to {'any' if high is None else high}")

    return [check]


_BOUNDS: Mapping[str, tuple[str, Callable[[Any, Any], bool]]] = {
    "minInclusive": ("at least", lambda value, limit: value >= limit),
    "minExclusive": ("more than", lambda value, limit: value > limit),
    "maxInclusive": ("at most", lambda value, limit: value <= limit),
    "maxExclusive": ("less than", lambda value, limit: value < limit),
}


def _bounds(base: Simple, facets: Facets) -> list[Check]:
    def bound(words: str, holds: Callable[[Any, Any], bool], text: str) -> Check:
        limit = base.parse(text)

        def check(value: Any, written: str) -> None:
            try:
                kept = holds(value if value.__class__ is base.kind else base.parse(written), limit)
            except TypeError:
                raise ValueError(f"{written} cannot be compared with {text}: one of them has no time zone") from None
            if not kept:
                raise ValueError(f"{written} must be {words} {text}")

        return check

    # Durations and the g-types are text here, and text is not ordered as they are.
    return [] if base.kind is str else [bound(*_BOUNDS[name], facets[name][0]) for name in _BOUNDS if name in facets]


def _digits(facets: Facets) -> list[Check]:
    total = int(facets["totalDigits"][0]) if "totalDigits" in facets else None
    fraction = int(facets["fractionDigits"][0]) if "fractionDigits" in facets else None
    if total is None and fraction is None:
        return []

    def check(value: Any, text: str) -> None:
        whole, _, rest = text.lstrip("+-").partition(".")
        places = len(rest.rstrip("0"))
        if fraction is not None and places > fraction:
            raise ValueError(f"{text} has more than {fraction} decimal places")
        if total is not None and len(whole.lstrip("0")) + places > total:
            raise ValueError(f"{text} has more than {total} digits")

    return [check]


def _patterns(facets: Facets) -> list[Check]:
    patterns = facets.get("pattern", ())
    if not patterns or any(_FOREIGN.search(pattern) for pattern in patterns):
        return []
    try:
        matches = re.compile("|".join(f"(?:{_translated(pattern)})" for pattern in patterns)).fullmatch
    except re.error:
        return []

    def check(value: Any, text: str) -> None:
        if matches(text) is None:
            raise ValueError(f"{text[:60]!r} does not match the pattern {' or '.join(patterns)}")

    return [check]


def _translated(pattern: str) -> str:
    """XML Schema has no anchors: `^` outside a class's beginning and `$` mean themselves."""
    return re.sub(r"(\\.)|(?<!\[)\^|\$", lambda match: match[1] or "\\" + match[0], pattern)
