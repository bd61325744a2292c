"""Reads XML Schema documents and resolves what operations need of them, each part on first use.

A reference that leads nowhere spoils the operations that need it and no others: `Unresolved` names it. Written from
XML Schema Part 1; identity constraints, redefine and the namespace limits of wildcards are not looked at.
"""

from collections.abc import Callable, Iterable

from adapters.soap.declarations import Declarations, Home, Node, Unresolved, child_of, children, local_name, resolve
from adapters.soap.facets import restricted
from adapters.soap.lexical import Simple
from adapters.soap.namespaces import XSD, QName, clark
from adapters.soap.particles import UNBOUNDED, Anything, Attribute, Complex, Element, Group, name_keys
from adapters.soap.simple_types import SimpleTypes, facets_of

Type = Simple | Complex | Anything


class Schema:
    """The messages and types of a WSDL's schemas."""

    def __init__(self, declared: Declarations) -> None:
        self._declared = declared
        self._simple = SimpleTypes(declared)
        self._types: dict[QName, Complex] = {}
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
        except (Unresolved, RecursionError):
            # What was reached through the fault must not pass for whole when the next operation asks for it.
            self._types.clear()
            self._pending.clear()
            self._filling.clear()
            raise
        return made

    def _element(self, name: QName) -> Element:
        node, home = self._declared.find("element", name)
        return Element(name, self._type_of(node, home), nillable=_true(node, "nillable"), default=_default(node))

    def type(self, name: QName) -> Type:
        """The global type; a complex one may have its content yet to come, as types contain each other."""
        if name == (XSD, "anyType"):
            return Anything()
        if name in self._types:
            return self._types[name]
        if self._declared.has("complexType", name):
            self._types[name] = made = Complex(name)
            self._pending.append(name)
            return made
        return self._simple.type(name)

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
                    made.content = self._joined(made.content, self._group(child, home, made))
                case "attribute" | "attributeGroup":
                    made.attributes = _merged(made.attributes, self._simple.attributes(child, home))

    def _fill_extension(self, made: Complex, base: Type, step: Node, home: Home) -> None:
        if isinstance(base, Complex):
            made.content, made.text, made.wildcard = _copied(base.content), base.text, base.wildcard
            made.attributes = list(base.attributes)
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

    def _group(self, node: Node, home: Home, owner: Complex) -> Group:
        """The model group of a sequence, choice, all or group reference."""
        low, high = _occurs(node)
        if local_name(node) == "group":
            found, found_home = self._declared.find("group", resolve(node, node.get("ref") or "", home))
            inner = self._group(child_of(found, "sequence", "choice", "all"), found_home, owner)
            return inner if low == high == 1 else Group("sequence", [inner], low, high)
        kind = "choice" if local_name(node) == "choice" else "sequence"
        items: list[Element | Group] = []
        for child in children(node):
            match local_name(child):
                case "element":
                    items.append(self._particle(child, home))
                case "sequence" | "choice" | "group" | "all":
                    items.append(self._group(child, home, owner))
                case "any":
                    owner.wildcard = True
                    if kind == "choice":
                        items.append(Group("sequence", low=0))
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
