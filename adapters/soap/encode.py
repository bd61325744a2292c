"""Compiles types into closures that write XML text; they raise Flaw, or ValueError about the element itself.

Everything that the schema says about our own output holds: order, counts, choices, types and facets.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from adapters.soap.escapes import escaped, escaped_attribute
from adapters.soap.flaws import Flaw
from adapters.soap.lexical import builtins
from adapters.soap.namespaces import ENCODINGS, XML, XSD, QName
from adapters.soap.particles import (
    ANY,
    ORDER,
    Array,
    Complex,
    Element,
    Wildcard,
    elements,
    highest,
    plain,
    text_of,
    unruly,
    variant_labels,
)
from adapters.soap.raw import rewritten
from adapters.soap.writers import (
    Body,
    Content,
    Write,
    arranged,
    attribute_text,
    items_of,
    leaf,
    or_nil,
    other_attributes,
    qualified_content,
    same_element,
    sequence,
    simple_content,
    whole_element,
)

_BUILTINS = builtins()
_KINDS: Mapping[type, str] = {
    bool: "boolean", int: "int", float: "double", Decimal: "decimal", bytes: "base64Binary", datetime: "dateTime",
    date: "date", time: "time", str: "string",
}  # fmt: skip
"""What a value is called where its type must be named."""
_INT = range(-(1 << 31), 1 << 31)


class Encoder:
    """Writers that share one set of namespace prefixes, each compiled once."""

    def __init__(self, encoding: str = "") -> None:
        """`encoding`: the SOAP version whose section 5 rules hold, "" for literal messages."""
        self._encoding = encoding
        self._prefixes: dict[str, str] = {}
        self._bodies: dict[int, Body | None] = {}
        self._arrays: dict[int, Write | None] = {}

    def declarations(self) -> str:
        """The xmlns attributes that every root element must carry; whole once all writers are compiled."""
        known = "".join(f' xmlns:{prefix}="{escaped_attribute(ns)}"' for ns, prefix in self._prefixes.items())
        style = f' soap:encodingStyle="{ENCODINGS[self._encoding]}"' if self._encoding else ""
        return f'{known} xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"{style}'

    def name(self, name: QName) -> str:
        """The prefixed name."""
        if not name[0]:
            return name[1]
        if name[0] == XML:
            return f"xml:{name[1]}"
        return f"{self._prefixes.setdefault(name[0], f'ns{len(self._prefixes)}')}:{name[1]}"

    def root(self, element: Element, declarations: str = "") -> Write:
        """A writer of Body's child; `declarations` stand in its start tag."""
        return self._element(element, self.name(element.name), declarations)

    def element(self, element: Element) -> Write:
        """A writer of the whole element. By the rules of section 5, it has no namespace inside another."""
        return self._element(element, element.name[1] if self._encoding else self.name(element.name), "")

    def _element(self, element: Element, tag: str, declarations: str) -> Write:
        start, end = f"{tag}{declarations}", f"</{tag}>"
        nil = f'<{start} xsi:nil="true"/>' if element.nillable or self._encoding else ""
        kind, simple = element.type, text_of(element.type)
        if simple is not None:
            return leaf(simple, f"<{start}{self._typed(simple.qname)}>", end, nil)
        if isinstance(kind, Array):
            write = self._array(kind, start, end)
        elif isinstance(kind, Complex):
            return whole_element(self.complex(kind), start, end, nil)
        else:
            write = rewritten if isinstance(kind, Wildcard) else self._anything(element.name, start, end)
        return or_nil(write, nil)

    def _typed(self, name: QName | None) -> str:
        """The xsi:type that encoded messages have."""
        return f' xsi:type="{self.name(name)}"' if self._encoding and name else ""

    def _anything(self, name: QName, start: str, end: str) -> Write:
        """A writer of xs:anyType: text, another value with its type, or a whole element as XML text."""
        types = {local: f' xsi:type="{self.name((XSD, local))}"' for local in (*_KINDS.values(), "long", "integer")}

        def write(value: Any) -> str:
            if isinstance(value, Mapping) and value.keys() == {ANY}:
                return same_element(value[ANY], name, bool(self._encoding))
            if isinstance(value, str):
                return f"<{start}{types['string'] if self._encoding else ''}>{escaped(value)}{end}"
            local = next((local for kind, local in _KINDS.items() if isinstance(value, kind)), None)
            if local is None:
                raise ValueError(f"expected a value, or an element as {ANY!r}, not {type(value).__name__}")
            if local == "int" and value not in _INT:
                local = "long" if -(1 << 63) <= value < 1 << 63 else "integer"
            return f"<{start}{types[local]}>{_BUILTINS[local].format(value)}{end}"

        return write

    def _array(self, kind: Array, start: str, end: str) -> Write:
        known = self._arrays.get(id(kind))
        if known is None and id(kind) in self._arrays:
            return lambda value: self._array(kind, start, end)(value)
        if known is None:
            self._arrays[id(kind)] = None
            known = self._arrays[id(kind)] = self.element(Element(("", kind.item_name), kind.item, nillable=True))
        label, version = self.name(kind.label or (XSD, "anyType")) + kind.rank, self._encoding or "1.1"
        space = self.name((ENCODINGS[version], "Array")).partition(":")[0]
        array = f' xsi:type="{space}:Array"'
        size = (
            f'{space}:arrayType="{label}[%d]"'
            if version == "1.1"
            else f'{space}:itemType="{label}" {space}:arraySize="%d"'
        )
        write_item = known

        def write(value: Any) -> str:
            items = items_of(value, 0, len(value) if isinstance(value, list | tuple) else 0, write_item)
            return f"<{start}{array} {size % len(value)}>{items}{end}"

        return write

    def complex(self, kind: Complex) -> Body:
        """A writer of elements of this type, or of one derived from it."""
        if id(kind) in self._bodies:
            body = self._bodies[id(kind)]
            return body if body is not None else lambda *element: self.complex(kind)(*element)
        self._bodies[id(kind)] = None
        own = self._own(kind)
        self._bodies[id(kind)] = made = self._varied(kind, own) if kind.variants or kind.abstract else own
        return made

    def _own(self, kind: Complex) -> Body:
        attributes = self._attributes(kind)
        content = simple_content(kind.text) if kind.text is not None else self._content(kind)
        if kind.text is not None and kind.text.named:
            attributes, content = qualified_content(kind.text, attributes)
        keys = {"#text"} if kind.text is not None else set(highest(kind.content))
        known = keys | {one.key for one in kind.attributes} | ({ORDER} if unruly(kind.content) else set())
        typed = self._typed(kind.name)

        def write(value: Mapping[str, Any], start: str, end: str) -> str:
            if value.__class__ is not dict and not isinstance(value, Mapping):
                raise ValueError(f"expected a mapping, not {type(value).__name__}")
            text = typed + attributes(value) if attributes else typed
            if not value.keys() <= known:
                more = value.keys() - known
                if not kind.any_attribute or not all(key.startswith("@") for key in more):
                    raise Flaw("unexpected_element", "is not in the schema here", min(more))
                text += other_attributes(value, sorted(more))
            return f"{start}{text}>{content(value)}{end}"

        return write

    def _varied(self, kind: Complex, own: Body) -> Body:
        named = {label: name for name, label in variant_labels(kind).items()}
        bodies = {label: self._own_later(kind.variants[name]) for label, name in named.items()}
        types = {label: "" if self._encoding else f' xsi:type="{self.name(name)}"' for label, name in named.items()}

        def write(value: Mapping[str, Any], start: str, end: str) -> str:
            if not isinstance(value, Mapping) or "@xsi:type" not in value:
                if kind.abstract:
                    raise Flaw("missing_element", "is required, as the declared type is abstract", "@xsi:type")
                return own(value, start, end)
            label = value["@xsi:type"]
            if label not in bodies or kind.variants[named[label]].abstract:
                raise Flaw("invalid_value", f"{label!r} is not a type that may stand here", "@xsi:type")
            fields = {key: item for key, item in value.items() if key != "@xsi:type"}
            return bodies[label](fields, start + types[label], end)

        return write

    def _own_later(self, kind: Complex) -> Body:
        """Only this type, without its variants; compiled now unless it is being compiled, for the prefixes' sake."""
        if not kind.variants and not kind.abstract:
            return self.complex(kind)
        self.complex(kind)
        made: list[Body] = []

        def write(value: Mapping[str, Any], start: str, end: str) -> str:
            if not made:
                made.append(self._own(kind))
            return made[0](value, start, end)

        return write

    def _attributes(self, kind: Complex) -> Callable[[Mapping[str, Any]], str] | None:
        plan = [(f" {self.name(one.name)}=", one.key, attribute_text(one), one.required) for one in kind.attributes]

        def write(value: Mapping[str, Any]) -> str:
            text = ""
            for name, key, format, required in plan:
                if key in value:
                    try:
                        text += format(name, value[key])
                    except ValueError as error:
                        raise Flaw("invalid_value", str(error), key) from None
                elif required:
                    raise Flaw("missing_attribute", "is required", key)
            return text

        return write if plan else None

    def _content(self, kind: Complex) -> Content:
        most = highest(kind.content)
        if plain(kind.content):
            return sequence([
                (item.key, most[item.key] > 1, item.low, item.high, self.element(item))
                for item in kind.content.items if isinstance(item, Element)
            ])  # fmt: skip
        return arranged(kind, {id(one): self.element(one) for one in elements(kind.content)}, most)
