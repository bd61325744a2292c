"""Compiles types into closures that read lxml elements; they raise Flaw, or ValueError about the element itself.

Elements may come in any order and with or without their namespace where the schema differs only in that; what the
schema does not know, what it requires and does not find, and values outside its types are refused.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lxml import etree

from adapters.soap.flaws import Flaw
from adapters.soap.lexical import Simple
from adapters.soap.namespaces import NIL, TYPE, QName, clark, split
from adapters.soap.particles import (
    UNBOUNDED,
    Anything,
    Complex,
    Element,
    Misfit,
    arrange,
    elements,
    highest,
    plain,
    text_of,
)

Node = Any
"""An lxml element."""

Read = Callable[[Node], Any]

Field = tuple[str, bool, Read, Callable[[str], Any] | None]
"""Key, whether its values are a list, a reader of the element, and for leaves what parses its text."""

_TRUE = ("true", "1")


@dataclass(slots=True)
class _Slot:
    """A reader that is known by its type before it is compiled: types contain each other."""

    read: Read | None = None

    def __call__(self, node: Node) -> Any:
        assert self.read is not None  # noqa: S101  # filled before the compiler returns
        return self.read(node)


class Decoder:
    """Readers of one schema, each compiled once."""

    def __init__(self) -> None:
        self._slots: dict[int, _Slot] = {}

    def element(self, element: Element) -> Read:
        """A reader of the whole element: nil, type, default."""
        simple = text_of(element.type)
        if simple is not None:
            return _leaf(simple, element.nillable, element.default)
        read = _anything if isinstance(element.type, Anything) else self.complex(element.type)  # type: ignore[arg-type]  # text_of took the simple ones
        return _nillable(read) if element.nillable else read

    def complex(self, kind: Complex) -> Read:
        """A reader of the content of an element of this type, or of one derived from it."""
        slot = self._slots.get(id(kind))
        if slot is not None:
            return slot.read or slot
        self._slots[id(kind)] = slot = _Slot()
        own = self._text(kind) if kind.text is not None else self._content(kind)
        slot.read = self._varied(kind, own) if kind.variants or kind.abstract else own
        return slot.read

    def _text(self, kind: Complex) -> Read:
        assert kind.text is not None  # noqa: S101  # only called for simple content
        text, attributes = _leaf(kind.text, False, None), _attributes(kind)

        def read(node: Node) -> Any:
            found = {"#text": text(node)}
            attributes(node, found)
            return found

        return read

    def _content(self, kind: Complex) -> Read:
        fields = self._fields(kind)
        find = _finder(fields, kind.wildcard)
        check = _counts(kind)
        attributes = _attributes(kind) if kind.attributes else None

        def read(node: Node) -> Any:
            found: dict[str, Any] = {}
            for child in node:
                key, many, read_child, parse = fields.get(child.tag) or find(child)
                try:
                    # What every leaf would do, without a call for each of them.
                    text = None if parse is None else child.text
                    value = read_child(child) if text is None or parse is None or len(child) else parse(text)
                except Flaw as flaw:
                    raise flaw.within(_indexed(key, many, found)) from None
                except ValueError as error:
                    raise Flaw("invalid_value", str(error), _indexed(key, many, found)) from None
                if many:
                    if key in found:
                        found[key].append(value)
                    else:
                        found[key] = [value]
                elif key in found:
                    raise Flaw("unexpected_element", "occurs more than once", key)
                else:
                    found[key] = value
            check(found)
            if attributes is not None:
                attributes(node, found)
            return found

        return read

    def _fields(self, kind: Complex) -> dict[str, Field]:
        most = highest(kind.content)
        return {
            clark(element.name): (element.key, most[element.key] > 1, self.element(element), _parser(element))
            for element in elements(kind.content)
        }

    def _varied(self, kind: Complex, own: Read) -> Read:
        readers = {name: self._own(variant) for name, variant in kind.variants.items()}
        labels = variant_labels(kind)

        def read(node: Node) -> Any:
            name = _named_type(node) if TYPE in node.attrib else None
            if name is None or name == kind.name:
                if kind.abstract:
                    raise Flaw("invalid_value", "its type is abstract: xsi:type must name the real one")
                return own(node)
            if name not in readers:
                raise Flaw("invalid_value", f"{clark(name)} is not a type that may stand here", "@xsi:type")
            return {**readers[name](node), "@xsi:type": labels[name]}

        return read

    def _own(self, kind: Complex) -> Read:
        """A reader of exactly this type."""
        if kind.abstract:
            return _refuse_abstract
        return self._text(kind) if kind.text is not None else _late(lambda: self._content(kind))


def _late(make: Callable[[], Read]) -> Read:
    """Compiled on first use: a variant may contain its own base."""
    slot = _Slot()

    def read(node: Node) -> Any:
        if slot.read is None:
            slot.read = make()
        return slot.read(node)

    return read


def variant_labels(kind: Complex) -> Mapping[QName, str]:
    """How a derived type is named in a payload: its local name, or `{namespace}local` where that is ambiguous."""
    locals_ = [name[1] for name in kind.variants]
    return {name: name[1] if locals_.count(name[1]) == 1 else clark(name) for name in kind.variants}


def _refuse_abstract(node: Node) -> Any:
    raise Flaw("invalid_value", "its type is abstract", "@xsi:type")


def _indexed(key: str, many: bool, found: Mapping[str, Any]) -> str:
    return f"{key}[{len(found.get(key, ()))}]" if many else key


def _named_type(node: Node) -> QName:
    prefix, _, local = node.get(TYPE).strip().rpartition(":")
    return node.nsmap.get(prefix or None) or "", local


def _leaf(simple: Simple, nillable: bool, default: str | None) -> Read:
    parse = simple.parse

    def empty(node: Node) -> Any:
        if len(node):
            raise ValueError("has elements where a value is expected")
        if node.get(NIL) in _TRUE:
            if nillable:
                return None
            raise ValueError("is nil, which the schema does not allow")
        return parse(default or "")

    def read(node: Node) -> Any:
        text = node.text
        if text is None:
            return empty(node)
        if len(node):
            raise ValueError("has elements where a value is expected")
        return parse(text)

    return read


def _parser(element: Element) -> Callable[[str], Any] | None:
    simple = text_of(element.type)
    return None if simple is None else simple.parse


def _nillable(read: Read) -> Read:
    def read_nillable(node: Node) -> Any:
        return None if node.get(NIL) in _TRUE else read(node)

    return read_nillable


def _finder(fields: dict[str, Field], wildcard: bool) -> Callable[[Node], Field]:
    """What to do with a tag that is not in `fields`."""
    by_local: dict[str, list[str]] = {}
    for tag in fields:
        by_local.setdefault(split(tag)[1], []).append(tag)

    def find(child: Node) -> Field:
        namespace, local = split(child.tag)
        near = by_local.get(local, [])
        if len(near) == 1 and (not namespace or not split(near[0])[0]):
            return fields[near[0]]
        if wildcard:
            return local, True, _anything, None
        raise Flaw("unexpected_element", f"{child.tag} is not expected here")

    return find


def _attributes(kind: Complex) -> Callable[[Node, dict[str, Any]], None]:
    plan = [(clark(one.name), one.key, one.type.parse, one.required) for one in kind.attributes]

    def read(node: Node, found: dict[str, Any]) -> None:
        for name, key, parse, required in plan:
            text = node.get(name)
            if text is None:
                if required:
                    raise Flaw("missing_attribute", "is required", key)
                continue
            try:
                found[key] = parse(text)
            except ValueError as error:
                raise Flaw("invalid_value", str(error), key) from None

    return read


def _counts(kind: Complex) -> Callable[[dict[str, Any]], None]:
    """Checks that what was found is what the content model allows, in any order."""
    if not plain(kind.content):
        return _arranged(kind)
    fields = [item for item in kind.content.items if isinstance(item, Element)]
    required = frozenset(one.key for one in fields if one.low)
    limits = [(one.key, one.low, one.high) for one in fields if one.low > 1 or 1 < one.high < UNBOUNDED]

    def check(found: dict[str, Any]) -> None:
        if not required <= found.keys():
            missing = next(one.key for one in fields if one.low and one.key not in found)
            raise Flaw("missing_element", "is required", missing)
        for key, low, high in limits:
            if key in found and not low <= len(found[key]) <= high:
                reason = "missing_element" if len(found[key]) < low else "unexpected_element"
                raise Flaw(reason, f"occurs {len(found[key])} times, allowed is {low} to {high}", key)

    return check


def _arranged(kind: Complex) -> Callable[[dict[str, Any]], None]:
    most = highest(kind.content)

    def check(found: dict[str, Any]) -> None:
        try:
            arrange(kind.content, {key: found[key] if most[key] > 1 else [found[key]] for key in most if key in found})
        except Misfit as misfit:
            words = "is required" if misfit.reason == "missing_element" else "may not occur here"
            raise Flaw(misfit.reason, words, misfit.key) from None

    return check


def _anything(node: Node) -> Any:
    if node.get(NIL) in _TRUE:
        return None
    if not len(node):
        return node.text or ""
    found: dict[str, Any] = {}
    for child in node:
        found.setdefault(etree.QName(child).localname, []).append(_anything(child))
    return {key: values if len(values) > 1 else values[0] for key, values in found.items()}
