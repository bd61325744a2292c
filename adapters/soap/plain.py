"""Payloads as JSON can carry them, and back: what JSON has no notation for is text as XML would have it."""

import math
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from adapters.soap.flaws import Flaw
from adapters.soap.lexical import Simple
from adapters.soap.particles import Array, Complex, Element, elements, highest, variant_labels

Convert = Callable[[Any, Any], Any]
"""A type and a value of it to another value."""


def plain(kind: Any, value: Any) -> Any:
    """The value with text in the place of decimals, dates, bytes, and numbers that are not finite."""
    if isinstance(kind, Simple):
        return _plain_text(kind, value)
    return _walked(kind, value, plain)


def typed(kind: Any, value: Any) -> Any:
    """The value that `plain` made text of. Raises Flaw or ValueError for text that is none of its type."""
    if isinstance(kind, Simple):
        return _typed_text(kind, value)
    return _walked(kind, value, typed)


def _plain_text(kind: Simple, value: Any) -> Any:
    if value is None or isinstance(value, str | bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return kind.format(value).split() if isinstance(value, list) else kind.format(value)


def _typed_text(kind: Simple, value: Any) -> Any:
    if isinstance(value, list):
        return kind.parse(" ".join(_word(one) for one in value))
    if isinstance(value, float) and kind.kind is Decimal:
        return kind.parse(str(Decimal(repr(value))))
    return kind.parse(value) if isinstance(value, str) and not kind.named else value


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _walked(kind: Any, value: Any, convert: Convert) -> Any:
    if isinstance(kind, Array) and isinstance(value, list):
        return _each(kind.item, value, convert)
    if not isinstance(kind, Complex) or not isinstance(value, Mapping):
        return value if isinstance(value, Mapping | str | bool | int | None) else _bare(value)
    if "@xsi:type" in value:
        named = {label: name for name, label in variant_labels(kind).items()}
        kind = kind.variants.get(named.get(value["@xsi:type"], ("", "")), kind)
    known = {element.key: element for element in elements(kind.content)}
    most, attributes = highest(kind.content), {one.key: one.type for one in kind.attributes}
    return {key: _field(kind, known.get(key), most.get(key, 1) > 1, attributes, key, item, convert)
            for key, item in value.items()}  # fmt: skip


def _field(
    kind: Complex, element: Element | None, many: bool, attributes: Mapping[str, Simple], key: str, value: Any,
    convert: Convert,
) -> Any:  # fmt: skip
    """The converted value of one key of a complex type."""
    found = attributes.get(key, kind.text if key == "#text" else None) if element is None else element.type
    try:
        if found is None:
            return value
        return _each(found, value, convert) if many and isinstance(value, list) else convert(found, value)
    except Flaw as flaw:
        raise flaw.within(key) from None
    except ValueError as error:
        raise Flaw("invalid_value", str(error), key) from None


def _each(kind: Any, values: list[Any], convert: Convert) -> list[Any]:
    found: list[Any] = []
    for index, value in enumerate(values):
        try:
            found.append(convert(kind, value))
        except Flaw as flaw:
            raise flaw.within(f"[{index}]") from None
        except ValueError as error:
            raise Flaw("invalid_value", str(error), f"[{index}]") from None
    return found


def _bare(value: Any) -> Any:
    """A value whose type only the message named."""
    return value if (isinstance(value, float) and math.isfinite(value)) or isinstance(value, list) else str(value)
