"""Compiles types into closures that read lxml elements; they raise Flaw, or ValueError about the element itself.

Elements may come in any order and with or without their namespace where the schema differs only in that; what the
schema does not know, what it requires and does not find, and values outside its types are refused.
"""

from collections.abc import Callable
from typing import Any

from adapters.soap.flaws import Flaw
from adapters.soap.lexical import Simple
from adapters.soap.namespaces import TYPE, clark
from adapters.soap.particles import Array, Complex, Element, Wildcard, elements, highest, text_of, variant_labels
from adapters.soap.raw import anything, raw
from adapters.soap.readers import (
    Field,
    Node,
    Read,
    Slot,
    attributes_of,
    counts,
    finder,
    indexed,
    late,
    leaf,
    listed,
    named_type,
    or_none,
    ordered,
    refuse_abstract,
    unmixed,
)

FEW = 256
"""Children of an element that are taken all at once."""


class Decoder:
    """Readers of one schema, each compiled once."""

    def __init__(self, encoded: bool = False, through: Callable[[Simple], Simple] = lambda simple: simple) -> None:
        """`encoded`: after the rules of SOAP section 5, where anything may be nil. The types of elements' texts go
        `through` a function first."""
        self._encoded = encoded
        self._through = through
        self._slots: dict[int, Slot] = {}

    def element(self, element: Element) -> Read:
        """A reader of the whole element: nil, type, default."""
        nillable = element.nillable or self._encoded
        simple = text_of(element.type)
        if simple is not None:
            return leaf(self._through(simple), nillable, element.default)
        read = self._structure(element.type)
        return or_none(read) if nillable else read

    def _structure(self, kind: Any) -> Read:
        if isinstance(kind, Complex):
            return self.complex(kind)
        if isinstance(kind, Array):
            return self._array(kind)
        return raw if isinstance(kind, Wildcard) else anything

    def _array(self, kind: Array) -> Read:
        slot = self._slots.get(id(kind))
        if slot is not None:
            return slot.read or slot
        self._slots[id(kind)] = slot = Slot()
        slot.read = listed(self.element(Element(("", kind.item_name), kind.item, nillable=True)))
        return slot.read

    def complex(self, kind: Complex) -> Read:
        """A reader of the content of an element of this type, or of one derived from it."""
        slot = self._slots.get(id(kind))
        if slot is not None:
            return slot.read or slot
        self._slots[id(kind)] = slot = Slot()
        own = self._text(kind) if kind.text is not None else self._content(kind)
        slot.read = self._varied(kind, own) if kind.variants or kind.abstract else own
        return slot.read

    def _text(self, kind: Complex) -> Read:
        assert kind.text is not None  # noqa: S101  # only called for simple content
        text, attributes = leaf(self._through(kind.text), False, None), attributes_of(kind)

        def read(node: Node) -> Any:
            found = {"#text": text(node)}
            attributes(node, found)
            return found

        return read

    def _content(self, kind: Complex) -> Read:
        fields = self._fields(kind)
        find = finder(fields)
        enough, check = counts(kind)
        attributes = attributes_of(kind) if kind.attributes or kind.any_attribute else None
        order = ordered(kind, {clark(one.name): one.key for one in elements(kind.content)})

        def read(node: Node) -> Any:
            found: dict[str, Any] = {}
            # All children at once come cheaper, but each of them takes memory while it is there.
            for child in node[:] if len(node) < FEW else node:
                key, many, read_child, parse = fields.get(child.tag) or find(child)
                try:
                    # What every leaf would do, without a call for each of them.
                    if parse is None or (text := child.text) is None or len(child):
                        value = read_child(child)
                    else:
                        value = parse(text)
                except Flaw as flaw:
                    raise flaw.within(indexed(key, many, found)) from None
                except ValueError as error:
                    raise Flaw("invalid_value", str(error), indexed(key, many, found)) from None
                if key not in found:
                    found[key] = [value] if many else value
                elif many:
                    found[key].append(value)
                else:
                    raise Flaw("unexpected_element", "occurs more than once", key)
            if enough is None or not enough <= found.keys():
                check(found)
            if attributes is not None:
                attributes(node, found)
            if order is not None:
                order(node, found)
            return found

        return unmixed(read) if kind.mixed else read

    def _fields(self, kind: Complex) -> dict[str, Field]:
        most = highest(kind.content)
        return {
            clark(element.name): (element.key, most[element.key] > 1, self.element(element), self._parser(element))
            for element in elements(kind.content)
        }

    def _parser(self, element: Element) -> Callable[[str], Any] | None:
        """What reads the text of a leaf; None where the element itself has to be seen."""
        simple = text_of(element.type)
        return None if simple is None or simple.named else self._through(simple).parse

    def _varied(self, kind: Complex, own: Read) -> Read:
        readers = {name: self._own(variant) for name, variant in kind.variants.items()}
        labels = variant_labels(kind)

        def read(node: Node) -> Any:
            text = node.get(TYPE)
            name = None if text is None else named_type(text, node)
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
            return refuse_abstract
        return self._text(kind) if kind.text is not None else late(lambda: self._content(kind))
