"""Exact numbers of a fixed scale: the digits of a record to a value and back."""

import re
from decimal import Context, Decimal, InvalidOperation
from typing import Any

LARGEST, SMALLEST = 310, 330
"""Places before and behind the point that any number may have: a float's."""

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_EXACT = Context(prec=1000, traps=[InvalidOperation])


def valued(negative: bool, digits: str, scale: int) -> int | Decimal:
    """The number of these digits, the last `scale` of them behind the point: an int where there are none behind it.

    A negative zero is zero. A scale below zero stands for zeros that are not written."""
    sign = "-" if negative and digits.strip("0") else ""
    if scale <= 0:
        return int(sign + digits) * int(10**-scale) if scale else int(sign + digits)
    if len(digits) < scale:
        digits = digits.rjust(scale, "0")
    return Decimal(f"{sign}{digits[:-scale]}.{digits[-scale:]}")


def unscaled(value: Any, scale: int) -> int:
    """The number times ten to the power of `scale`, which must be whole: nothing is rounded. Raises ValueError."""
    if value.__class__ is int and scale >= 0:
        return int(value) * int(10**scale)
    shifted = _EXACT.scaleb(exact(value), scale)
    whole = int(shifted)
    if whole != shifted:
        raise ValueError(f"has more than {scale} places behind the point; round it in the mapping")
    return whole


def exact(value: Any) -> Decimal:
    """The number of an int, a Decimal, a float by its shortest spelling, or of a text. Raises ValueError."""
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        value = Decimal(value.strip())
    elif isinstance(value, float):
        value = Decimal(repr(value))
    elif isinstance(value, int) and not isinstance(value, bool):
        value = Decimal(value)
    if not isinstance(value, Decimal):
        raise ValueError("is not a number")
    if not value.is_finite() or not -SMALLEST < value.adjusted() < LARGEST or len(value.as_tuple().digits) > SMALLEST:
        raise ValueError("is not a finite number of sane size")
    return value


def digits_of(value: Any, digits: int, scale: int, signed: bool) -> tuple[str, bool]:
    """The digits of a number, as many as its picture has, and whether it is negative. Raises ValueError."""
    whole = unscaled(value, scale)
    if whole < 0 and not signed:
        raise ValueError("is negative, and its place has no sign")
    text = str(abs(whole)).rjust(digits, "0")
    if len(text) > digits:
        raise ValueError(f"has more than the {digits} digits of its place")
    return text, whole < 0
