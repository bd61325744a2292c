"""Values of another protocol as a request of this one: texts become what the schema says."""

from collections.abc import Mapping
from typing import Any

from adapters.soap.particles import Complex, Element, elements, text_of
from gateway.contract import Payload, Unencodable


def coerced(element: Element, fields: Payload) -> Payload:
    """The payload with texts parsed where the schema has no text. Raises Unencodable, naming the field."""
    found = _below(element, fields, "")
    return found if isinstance(found, Mapping) else {"#text": found}


def _below(element: Element, value: Any, path: str) -> Any:
    kind = element.type
    simple = text_of(kind)
    if isinstance(value, list):
        return [_below(element, one, f"{path}[{index}]") for index, one in enumerate(value)]
    if simple is not None and isinstance(value, Mapping) and value.keys() == {"#text"}:
        value = value["#text"]
    if simple is not None:
        return _parsed(simple, value, path)
    if not isinstance(kind, Complex) or not isinstance(value, Mapping):
        return value
    return {key: _field(kind, key, item, f"{path}.{key}".lstrip(".")) for key, item in value.items()}


def _field(kind: Complex, key: str, value: Any, path: str) -> Any:
    if key == "#text" and kind.text is not None:
        return _parsed(kind.text, value, path)
    if key.startswith("@"):
        known = next((one.type for one in kind.attributes if one.key == key), None)
        return value if known is None else _parsed(known, value, path)
    element = next((one for one in elements(kind.content) if one.key == key), None)
    return value if element is None else _below(element, value, path)


def _parsed(simple: Any, value: Any, path: str) -> Any:
    if not isinstance(value, str) or simple.kind is str:
        return value
    try:
        return simple.parse(value)
    except ValueError as error:
        raise Unencodable(f"{path}: {error}") from None
