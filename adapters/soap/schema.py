"""Reads XML Schema documents and resolves what operations need of them, each part on first use.

A reference that leads nowhere spoils the operations that need it and no others: `Unresolved` names it. Written from
XML Schema Part 1; identity constraints and the namespace limits of wildcards are not looked at.
"""

import re
from collections.abc import Callable, Iterable

from adapters.soap.declarations import Declarations, Home, Node, Unresolved, child_of, children, local_name, resolve
from adapters.soap.facets import FACETS, restricted
from adapters.soap.lexical import Simple
from adapters.soap.namespaces import ENCODINGS, WSDL, XSD, QName, clark
from adapters.soap.particles import (
    ANY,
    UNBOUNDED,
    Anything,
    Array,
    Attribute,
    Complex,
    Element,
    Group,
    Wildcard,
    name_keys,
)
from adapters.soap.simple_types import SimpleTypes, facets_of

Type = Simple | Complex | Anything | Array | Wildcard

_ARRAYS = {(namespace, "Array") for namespace in ENCODINGS.values()}
_RANK = re.compile(r"^(.*?)((?:\[[0-9]*\])*)\[[0-9]*\]$")
_IGNORED = frozenset({"assert", "openContent"})


class Schema:
    """The messages and types of a WSDL's schemas."""

    def __init__(self, declared: Declarations) -> None:
        self._declared = declared
        self._simple = SimpleTypes(declared)
        self._types: dict[QName, Complex] = {}
        self._arrays: dict[QName, Array] = {}
        self._pending: list[QName] = []
        self._filling: set[QName] = set()

    def message(self, name: QName) -> Element:
        """The global element with everything below it resolved. Raises Unresolved."""
        return self._whole(lambda: self._element(name))

    def part(self, name: str, kind: QName) -> Element:
        """An element without namespace of this global type, everything below it resolved. Raises Unresolved."""
        return self._whole(lambda: Element(("", name), self.type(kind)))

    def _whole(self, make: Callable[[], Element]) -> Element:
        try:
            made = make()
            while self._pending:
                self._fill_global(self._pending.pop())
        except (Unresolved, RecursionError, ValueError) as error:
            # What was reached through the fault must not pass for whole when the next operation asks for it.
            self._types.clear()
            self._arrays.clear()
            self._pending.clear()
            self._filling.clear()
            if isinstance(error, ValueError):
                raise Unresolved(f"The schema has a value that cannot be read: {error}.") from None
            raise
        return made

    def _element(self, name: QName) -> Element:
        name = self._declared.meant("element", name)
        node, home = self._declared.find("element", name)
        return Element(name, self._type_of(node, home), nillable=_true(node, "nillable"), default=_default(node))

    def type(self, name: QName) -> Type:
        """The global type; a complex one may have its content yet to come, as types contain each other."""
        if name == (XSD, "anyType"):
            return Anything()
        name = self._declared.meant("complexType", name)
        if name in self._types:
            return self._types[name]
        if name in _ARRAYS:
            return Array()
        if self._declared.has("complexType", name):
            if (step := self._array_step(name)) is not None:
                return self._array(name, step)
            self._types[name] = made = Complex(name)
            self._pending.append(name)
            return made
        return self._simple.type(name)

    def _array_step(self, name: QName) -> Node:
        """The step by which a type derives from SOAP's array, or None."""
        node, home = self._declared.find("complexType", name)
        content = child_of(node, "complexContent")
        step = None if content is None else child_of(content, "restriction", "extension")
        derives = step is not None and step.get("base") and resolve(step, step.get("base"), home) in _ARRAYS
        return step if derives else None

    def _array(self, name: QName, step: Node) -> Array:
        if name not in self._arrays:
            self._arrays[name] = made = Array()
            home = self._declared.find("complexType", name)[1]
            stated = next((text for one in step.iter() if (text := one.get(f"{{{WSDL}}}arrayType"))), "")
            item = next((one for one in step.iter(f"{{{XSD}}}element")), None)
            made.item_name = "item" if item is None else item.get("name") or "item"
            if stated:
                self._read_rank(made, step, stated.strip(), home)
            elif item is not None:
                made.item = self._type_of(item, home)
                made.label = resolve(item, item.get("type"), home) if item.get("type") else None
        return self._arrays[name]

    def _read_rank(self, made: Array, step: Node, stated: str, home: Home) -> None:
        """What wsdl:arrayType says: `t:Row[]`, or `t:Row[][]` for an array of arrays."""
        match = _RANK.match(stated.replace(" ", ""))
        if match is None:
            raise Unresolved(f"The array type {stated!r} has several dimensions or cannot be read.")
        made.label, made.rank = resolve(step, match[1], home), match[2]
        kind = self.type(made.label)
        for depth in range(made.rank.count("[")):
            kind = Array(kind, made.label, "[]" * depth)
        made.item = kind

    def _fill_global(self, name: QName) -> None:
        node, home = self._declared.find("complexType", name)
        made = self._types[name]
        if name in self._filling:
            return
        self._filling.add(name)
        made.abstract = _true(node, "abstract")
        self._fill(made, node, home)
        kinds = ((one, self.type(one)) for one in self._declared.derived(name))
        made.variants = {one: kind for one, kind in kinds if isinstance(kind, Complex)}

    def _type_of(self, node: Node, home: Home) -> Type:
        if node.get("type"):
            return self.type(resolve(node, node.get("type"), home))
        inline = child_of(node, "complexType", "simpleType")
        if inline is None:
            return Anything()
        if local_name(inline) == "simpleType":
            return self._simple.read(inline, home, node.get("name", ""))
        made = Complex(None)
        self._fill(made, inline, home)
        return made

    def _fill(self, made: Complex, node: Node, home: Home) -> None:
        """Reads the content of a complexType element into `made`."""
        content = child_of(node, "simpleContent", "complexContent")
        made.mixed = _true(node, "mixed") or (content is not None and _true(content, "mixed"))
        if content is None:
            self._fill_content(made, node, home)
        else:
            step = child_of(content, "extension", "restriction")
            base_name = resolve(step, step.get("base"), home)
            base = self.type(base_name)
            if base_name in self._types:
                self._fill_global(base_name)
            (self._fill_extension if local_name(step) == "extension" else self._fill_restriction)(
                made, base, step, home
            )
        name_keys(made.content)

    def _fill_content(self, made: Complex, node: Node, home: Home) -> None:
        for child in children(node):
            match local_name(child):
                case "sequence" | "all" | "choice" | "group":
                    made.content = self._joined(made.content, self._group(child, home))
                case "attribute" | "attributeGroup":
                    made.attributes = _merged(made.attributes, self._simple.attributes(child, home))
                    made.any_attribute |= next(child.iter(f"{{{XSD}}}anyAttribute"), None) is not None
                case "anyAttribute":
                    made.any_attribute = True
                case other if other not in _IGNORED and other not in FACETS:
                    raise _unknown(child)

    def _fill_extension(self, made: Complex, base: Type, step: Node, home: Home) -> None:
        if isinstance(base, Complex):
            made.content, made.text, made.any_attribute = _copied(base.content), base.text, base.any_attribute
            made.attributes, made.mixed = list(base.attributes), made.mixed or base.mixed
        elif isinstance(base, Simple):
            made.text = base
        self._fill_content(made, step, home)

    def _fill_restriction(self, made: Complex, base: Type, step: Node, home: Home) -> None:
        made.attributes = list(base.attributes) if isinstance(base, Complex) else []
        text = base.text if isinstance(base, Complex) else base if isinstance(base, Simple) else None
        if text is not None:
            made.text = restricted(text.name, text, facets_of(step))
        self._fill_content(made, step, home)
        banned = {node.get("name") for node in children(step) if node.get("use") == "prohibited"}
        made.attributes = [one for one in made.attributes if one.name[1] not in banned]

    def _joined(self, before: Group, after: Group) -> Group:
        parts = [group for group in (before, after) if group.items]
        return parts[0] if len(parts) == 1 else _simplified(Group("sequence", list(parts)))

    def _group(self, node: Node, home: Home) -> Group:
        """The model group of a sequence, choice, all or group reference."""
        low, high = _occurs(node)
        if local_name(node) == "group":
            found, found_home = self._declared.find("group", resolve(node, node.get("ref") or "", home))
            inner = self._group(child_of(found, "sequence", "choice", "all"), found_home)
            return inner if low == high == 1 else Group("sequence", [inner], low, high)
        kind = "choice" if local_name(node) == "choice" else "sequence"
        items: list[Element | Group] = []
        for child in children(node):
            match local_name(child):
                case "element":
                    items.append(self._particle(child, home))
                case "sequence" | "choice" | "group" | "all":
                    items.append(self._group(child, home))
                case "any":
                    items.append(Element(("", ANY), Wildcard(), *_occurs(child)))
                case _:
                    raise _unknown(child)
        return _simplified(Group(kind, items, low, high))

    def _particle(self, node: Node, home: Home) -> Element | Group:
        """A local element, or a reference: to one element, or to a choice of those that may stand for it."""
        low, high = _occurs(node)
        if node.get("ref"):
            name = resolve(node, node.get("ref"), home)
            names = [
                one
                for one in self._declared.substitutes(name)
                if not _true(self._declared.find("element", one)[0], "abstract")
            ]
            if not names:
                raise Unresolved(f"The element {clark(name)} is abstract and nothing can stand for it.")
            if len(names) == 1:
                return self._occurring(self._element(names[0]), low, high)
            return Group("choice", [self._element(one) for one in names], low, high)
        form = node.get("form")
        qualified = form == "qualified" if form else home.elements_qualified
        name = (home.target if qualified else "", node.get("name", "").strip())
        element = Element(name, self._type_of(node, home), nillable=_true(node, "nillable"), default=_default(node))
        return self._occurring(element, low, high)

    @staticmethod
    def _occurring(element: Element, low: int, high: int) -> Element:
        element.low, element.high = low, high
        return element


def _unknown(node: Node) -> Unresolved:
    return Unresolved(f"The schema says {local_name(node)!r} where that means nothing (line {node.sourceline}).")


def _true(node: Node, name: str) -> bool:
    return node.get(name, "").strip() in ("true", "1")


def _default(node: Node) -> str | None:
    value = node.get("default", node.get("fixed"))
    return None if value is None else str(value)


def _occurs(node: Node) -> tuple[int, int]:
    high = node.get("maxOccurs", "1").strip()
    return int(node.get("minOccurs", "1")), UNBOUNDED if high == "unbounded" else int(high)


def _simplified(group: Group) -> Group:
    """The same group without nesting that says nothing."""
    items: list[Element | Group] = []
    for item in group.items:
        if isinstance(item, Group) and group.kind == item.kind == "sequence" and item.low == item.high == 1:
            items.extend(item.items)
        else:
            items.append(item)
    if len(items) == 1 and isinstance(items[0], Group) and group.low == group.high == 1:
        return items[0]
    return Group(group.kind, items, group.low, group.high)


def _copied(group: Group) -> Group:
    """A group whose elements can be given keys of their own: an extension may bring a name that collides."""
    items = [
        _copied(item) if isinstance(item, Group)
        else Element(item.name, item.type, item.low, item.high, item.nillable, item.default)
        for item in group.items
    ]  # fmt: skip
    return Group(group.kind, items, group.low, group.high)


def _merged(before: Iterable[Attribute], after: Iterable[Attribute]) -> list[Attribute]:
    return list({attribute.name: attribute for attribute in (*before, *after)}.values())
