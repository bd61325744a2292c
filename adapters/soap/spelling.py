"""How a legacy service spells its numbers, truth values and dates, learnt from texts that it wrote, and ours respelled.

A number never loses a digit; a time loses the fraction that legacy does not write.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, time
from decimal import Decimal

Respell = Callable[[str], str]
"""Our text of a value to legacy's text of the same value."""

_NUMBER = re.compile(r"([+-]?)([0-9]*)(?:\.([0-9]*))?")
_CLOCK = re.compile(r"(.*[0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]+))?(Z|[+-][0-9]{2}:[0-9]{2})?")
_DAY = re.compile(r"(-?[0-9]{4,}-[0-9]{2}-[0-9]{2})(Z|[+-][0-9]{2}:[0-9]{2})?")
_UTC = ("Z", "+00:00", "-00:00")


def learnt(kind: type, texts: Sequence[str]) -> Respell | None:
    """Respells values of this Python type as in `texts`; None where there is nothing to respell."""
    seen = [text.strip() for text in texts if text.strip()]
    if not seen:
        return None
    if kind in (Decimal, float, int):
        return _number(seen)
    if kind is bool:
        digits = all(text in ("0", "1") for text in seen)
        return (lambda text: {"true": "1", "false": "0"}.get(text, text)) if digits else None
    if kind in (datetime, time):
        return _clock(seen)
    return _day(seen) if kind is date else None


def _number(seen: Sequence[str]) -> Respell | None:
    found = [match for match in map(_NUMBER.fullmatch, seen) if match]
    if len(found) < len(seen):
        return None  # exponents, INF and NaN: left as they are
    places = min(len(match[3] or "") for match in found)
    width = max((len(match[2]) for match in found if len(match[2]) > 1 and match[2][0] == "0"), default=0)
    plus = all(match[1] == "+" for match in found if match[1] != "-") and any(match[1] == "+" for match in found)
    bare = any(not match[2] for match in found)

    def respell(text: str) -> str:
        match = _NUMBER.fullmatch(text)
        if match is None:
            return text
        sign, whole, fraction = match[1] or ("+" if plus else ""), match[2], (match[3] or "").rstrip("0")
        whole = "" if bare and whole == "0" and (fraction or places) else whole.zfill(width)
        fraction = fraction.ljust(places, "0")
        return f"{sign}{whole}.{fraction}" if fraction else f"{sign}{whole}"

    return respell


def _clock(seen: Sequence[str]) -> Respell | None:
    found = [match for match in map(_CLOCK.fullmatch, seen) if match]
    if len(found) < len(seen):
        return None
    lengths = {len(match[2] or "") for match in found}
    utc = _utc(match[3] for match in found)

    def respell(text: str) -> str:
        match = _CLOCK.fullmatch(text)
        if match is None:
            return text
        fraction = match[2] or ""
        if len(lengths) == 1:
            [length] = lengths
            fraction = fraction[:length].ljust(length, "0")
        return f"{match[1]}{'.' if fraction else ''}{fraction}{utc if match[3] in _UTC else match[3] or ''}"

    return respell


def _day(seen: Sequence[str]) -> Respell | None:
    zones = {match[2] or "" for match in map(_DAY.fullmatch, seen) if match}
    if len(zones) != 1:
        return None
    [zone] = zones

    def respell(text: str) -> str:
        match = _DAY.fullmatch(text)
        if match is None:
            return text
        return match[1] + (zone if match[2] is None or (match[2] in _UTC and zone in _UTC) else match[2])

    return respell


def _utc(zones: Iterable[str | None]) -> str:
    """How legacy writes that a time is UTC."""
    return next((zone for zone in zones if zone in _UTC and zone), "Z")
