"""Compiles types into closures that write XML text; they raise Flaw, or ValueError about the element itself.

Everything that the schema says about our own output holds: order, counts, choices, types and facets.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from adapters.soap.decode import variant_labels
from adapters.soap.flaws import Flaw
from adapters.soap.lexical import Simple
from adapters.soap.namespaces import XML, QName
from adapters.soap.particles import Anything, Complex, Element, Misfit, arrange, elements, highest, plain, text_of

Write = Callable[[Any], str]
"""A value to its element, tags included."""

Body = Callable[[Mapping[str, Any]], tuple[str, str]]
"""A mapping to the attributes of its start tag and to its content."""

Content = Callable[[Mapping[str, Any]], str]
"""A mapping to the content of its element."""

_ILLEGAL = "[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
_illegal = re.compile(_ILLEGAL).search
_special = re.compile(f"[&<>\r]|{_ILLEGAL}").search
_special_in_attribute = re.compile(f'[&<>"\t\n\r]|{_ILLEGAL}').search
_ESCAPES = {ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;", ord("\r"): "&#13;"}
_ATTRIBUTE_ESCAPES = {**_ESCAPES, ord('"'): "&quot;", ord("\t"): "&#9;", ord("\n"): "&#10;"}


def escaped(text: str) -> str:
    """The text as it may stand between tags. Raises ValueError where XML 1.0 has no place for a character."""
    return _escape(text, _ESCAPES) if _special(text) else text


def escaped_attribute(text: str) -> str:
    """The text as it may stand between double quotes. Raises ValueError as `escaped`."""
    return _escape(text, _ATTRIBUTE_ESCAPES) if _special_in_attribute(text) else text


def _escape(text: str, escapes: Mapping[int, str]) -> str:
    if (match := _illegal(text)) is not None:
        raise ValueError(f"XML cannot carry the character U+{ord(match[0]):04X}")
    return text.translate(escapes)


class Encoder:
    """Writers that share one set of namespace prefixes, each compiled once."""

    def __init__(self) -> None:
        self._prefixes: dict[str, str] = {}
        self._bodies: dict[int, Body | None] = {}

    def declarations(self) -> str:
        """The xmlns attributes that every root element must carry; whole once all writers are compiled."""
        known = "".join(f' xmlns:{prefix}="{escaped_attribute(ns)}"' for ns, prefix in self._prefixes.items())
        return f'{known} xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'

    def name(self, name: QName) -> str:
        """The prefixed name."""
        if not name[0]:
            return name[1]
        if name[0] == XML:
            return f"xml:{name[1]}"
        return f"{self._prefixes.setdefault(name[0], f'ns{len(self._prefixes)}')}:{name[1]}"

    def element(self, element: Element, declarations: str = "") -> Write:
        """A writer of the whole element; `declarations` stand in its start tag."""
        tag, simple = self.name(element.name), text_of(element.type)
        if simple is not None:
            write = _leaf(simple, f"<{tag}{declarations}>", f"</{tag}>")
        elif isinstance(element.type, Anything):
            write = _anything(f"<{tag}{declarations}>", f"</{tag}>")
        else:
            write = _element(self.complex(element.type), f"{tag}{declarations}", tag)  # type: ignore[arg-type]  # text_of took the simple ones
        return _nillable(write, f'<{tag}{declarations} xsi:nil="true"/>' if element.nillable else "")

    def complex(self, kind: Complex) -> Body:
        """A writer of attributes and content of this type, or of one derived from it."""
        if id(kind) in self._bodies:
            body = self._bodies[id(kind)]
            return body if body is not None else lambda value: self.complex(kind)(value)
        self._bodies[id(kind)] = None
        own = self._own(kind)
        self._bodies[id(kind)] = made = self._varied(kind, own) if kind.variants or kind.abstract else own
        return made

    def _own(self, kind: Complex) -> Body:
        attributes = self._attributes(kind)
        content = _text(kind.text) if kind.text is not None else self._content(kind)
        keys = {"#text"} if kind.text is not None else set(highest(kind.content))
        known = keys | {one.key for one in kind.attributes}

        def write(value: Mapping[str, Any]) -> tuple[str, str]:
            if not isinstance(value, Mapping):
                raise ValueError(f"expected a mapping, not {type(value).__name__}")
            if not value.keys() <= known:
                raise Flaw("unexpected_element", "is not in the schema here", min(value.keys() - known))
            return attributes(value) if attributes else "", content(value)

        return write

    def _varied(self, kind: Complex, own: Body) -> Body:
        named = {label: name for name, label in variant_labels(kind).items()}
        bodies = {label: self._own_later(kind.variants[name]) for label, name in named.items()}
        types = {label: f' xsi:type="{self.name(name)}"' for label, name in named.items()}

        def write(value: Mapping[str, Any]) -> tuple[str, str]:
            if not isinstance(value, Mapping) or "@xsi:type" not in value:
                if kind.abstract:
                    raise Flaw("missing_element", "is required, as the declared type is abstract", "@xsi:type")
                return own(value)
            label = value["@xsi:type"]
            if label not in bodies or kind.variants[named[label]].abstract:
                raise Flaw("invalid_value", f"{label!r} is not a type that may stand here", "@xsi:type")
            attributes, content = bodies[label]({key: item for key, item in value.items() if key != "@xsi:type"})
            return types[label] + attributes, content

        return write

    def _own_later(self, kind: Complex) -> Body:
        """Only this type, without its variants; compiled now unless it is being compiled, for the prefixes' sake."""
        if not kind.variants and not kind.abstract:
            return self.complex(kind)
        self.complex(kind)
        made: list[Body] = []

        def write(value: Mapping[str, Any]) -> tuple[str, str]:
            if not made:
                made.append(self._own(kind))
            return made[0](value)

        return write

    def _attributes(self, kind: Complex) -> Callable[[Mapping[str, Any]], str] | None:
        plan = [(f" {self.name(one.name)}=", one.key, one.type.format, one.required) for one in kind.attributes]

        def write(value: Mapping[str, Any]) -> str:
            text = ""
            for name, key, format, required in plan:
                if key in value:
                    try:
                        text += f'{name}"{escaped_attribute(format(value[key]))}"'
                    except ValueError as error:
                        raise Flaw("invalid_value", str(error), key) from None
                elif required:
                    raise Flaw("missing_attribute", "is required", key)
            return text

        return write if plan else None

    def _content(self, kind: Complex) -> Content:
        most = highest(kind.content)
        if plain(kind.content):
            return _sequence([
                (item.key, most[item.key] > 1, item.low, item.high, self.element(item))
                for item in kind.content.items if isinstance(item, Element)
            ])  # fmt: skip
        return _arranged(kind, {id(one): self.element(one) for one in elements(kind.content)}, most)


def _leaf(simple: Simple, start: str, end: str) -> Write:
    format = simple.format

    def write(value: Any) -> str:
        text = format(value)
        if _special(text):
            text = _escape(text, _ESCAPES)
        return f"{start}{text}{end}"

    if simple.choices is not None:
        return _ready({text: f"{start}{escaped(text)}{end}" for text in simple.choices}, write)
    return (lambda value: f"{start}{format(value)}{end}") if simple.safe else write


def _ready(elements: Mapping[str, str], write: Write) -> Write:
    """The few elements that there can be, written once; `write` tells what is wrong with any other value."""

    def write_choice(value: Any) -> str:
        ready = elements.get(value) if value.__class__ is str else None
        return write(value) if ready is None else ready

    return write_choice


def _anything(start: str, end: str) -> Write:
    def write(value: Any) -> str:
        if not isinstance(value, str):
            raise ValueError(f"expected text where the schema says anyType, not {type(value).__name__}")
        return f"{start}{escaped(value)}{end}"

    return write


def _text(simple: Simple) -> Content:
    def write(value: Mapping[str, Any]) -> str:
        if "#text" not in value:
            raise Flaw("missing_element", "is required", "#text")
        try:
            return escaped(simple.format(value["#text"]))
        except ValueError as error:
            raise Flaw("invalid_value", str(error), "#text") from None

    return write


def _element(body: Body, start: str, tag: str) -> Write:
    def write(value: Any) -> str:
        attributes, content = body(value)
        return f"<{start}{attributes}>{content}</{tag}>"

    return write


def _nillable(write: Write, nil: str) -> Write:
    def write_or_nil(value: Any) -> str:
        if value is not None:
            return write(value)
        if not nil:
            raise ValueError("is None, and the schema does not allow nil")
        return nil

    return write_or_nil


def _sequence(plan: list[tuple[str, bool, int, int, Write]]) -> Content:
    def write(value: Mapping[str, Any]) -> str:
        text = ""
        for key, many, low, high, write_item in plan:
            if key not in value:
                if low:
                    raise Flaw("missing_element", "is required", key)
                continue
            try:
                text += _items(value[key], low, high, write_item) if many else write_item(value[key])
            except Flaw as flaw:
                raise flaw.within(key) from None
            except ValueError as error:
                raise Flaw("invalid_value", str(error), key) from None
        return text

    return write


def _items(values: Any, low: int, high: int, write: Write) -> str:
    if not isinstance(values, list | tuple):
        raise ValueError(f"expected a list, not {type(values).__name__}")
    if not low <= len(values) <= high:
        raise ValueError(f"has {len(values)} items, allowed is {low} to {high}")
    text = ""
    for index, value in enumerate(values):
        try:
            text += write(value)
        except Flaw as flaw:
            raise flaw.within(f"[{index}]") from None
        except ValueError as error:
            raise Flaw("invalid_value", str(error), f"[{index}]") from None
    return text


def _arranged(kind: Complex, writers: Mapping[int, Write], most: Mapping[str, int]) -> Content:
    def grouped(value: Mapping[str, Any]) -> dict[str, list[Any]]:
        values = {key: value[key] if most[key] > 1 else [value[key]] for key in most if key in value}
        for key, items in values.items():
            if not isinstance(items, list | tuple):
                raise Flaw("invalid_value", f"expected a list, not {type(items).__name__}", key)
        return values

    def write(value: Mapping[str, Any]) -> str:
        try:
            placed = arrange(kind.content, grouped(value))
        except Misfit as misfit:
            words = "is required" if misfit.reason == "missing_element" else "may not occur beside the others"
            raise Flaw(misfit.reason, words, misfit.key) from None
        return "".join(
            _placed(writers[id(one)], one.key, item, index, most[one.key] > 1) for one, item, index in placed
        )

    return write


def _placed(write: Write, key: str, item: Any, index: int, many: bool) -> str:
    where = f"{key}[{index}]" if many else key
    try:
        return write(item)
    except Flaw as flaw:
        raise flaw.within(where) from None
    except ValueError as error:
        raise Flaw("invalid_value", str(error), where) from None
