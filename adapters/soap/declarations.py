"""What schema documents declare, by kind and name, and what their names mean."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from lxml import etree

from adapters.soap.namespaces import XML, XSD, QName, clark

Node = Any
"""An lxml element."""


class Unresolved(Exception):
    """A schema uses a name that it does not declare, or a construct that cannot be served."""


@dataclass(slots=True, frozen=True)
class Home:
    """The schema document that a declaration stands in: how its names are to be read."""

    target: str
    elements_qualified: bool
    attributes_qualified: bool


def local_name(node: Node) -> str:
    """The element's name without its namespace."""
    return str(etree.QName(node).localname)


def children(node: Node) -> Iterator[Node]:
    """The children that say something: schema elements except annotations."""
    return (
        child for child in node
        if isinstance(child.tag, str) and etree.QName(child).namespace == XSD and local_name(child) != "annotation"
    )  # fmt: skip


def child_of(node: Node, *names: str) -> Node:
    """The first schema child with one of these names, or None."""
    return next((child for child in children(node) if local_name(child) in names), None)


def resolve(node: Node, text: str, home: Home | None = None) -> QName:
    """The name that `text` means at this node. Raises Unresolved for an undeclared prefix."""
    prefix, colon, local = text.strip().rpartition(":")
    if not colon:
        return node.nsmap.get(None) or (home.target if home and None not in node.nsmap else ""), local
    namespace = XML if prefix == "xml" else node.nsmap.get(prefix)
    if namespace is None:
        raise Unresolved(f"The prefix of {text!r} is not declared (line {node.sourceline}).")
    return namespace, local


class Declarations:
    """The top-level declarations of all schema documents of a WSDL."""

    def __init__(self) -> None:
        self._declared: dict[tuple[str, QName], tuple[Node, Home]] = {}
        self._derived: dict[QName, list[QName]] = {}
        self._heads: dict[QName, list[QName]] = {}

    def add(self, root: Node, chameleon: str = "") -> None:
        """Declares what one xs:schema contains; without a namespace of its own it takes `chameleon`."""
        home = Home(
            root.get("targetNamespace") or chameleon,
            root.get("elementFormDefault") == "qualified",
            root.get("attributeFormDefault") == "qualified",
        )
        for node in children(root):
            name = (home.target, (node.get("name") or "").strip())
            if not name[1]:
                continue
            self._declared.setdefault((local_name(node), name), (node, home))
            # A name that leads nowhere is reported when the declaration is used.
            with suppress(Unresolved):
                self._relate(node, home, name)

    def _relate(self, node: Node, home: Home, name: QName) -> None:
        if (base := _base(node)) is not None:
            self._derived.setdefault(resolve(base, base.get("base"), home), []).append(name)
        if node.get("substitutionGroup"):
            self._heads.setdefault(resolve(node, node.get("substitutionGroup"), home), []).append(name)

    def find(self, kind: str, name: QName, word: str = "") -> tuple[Node, Home]:
        """The declaration, and the document that it stands in. Raises Unresolved."""
        found = self._declared.get((kind, name))
        if found is None:
            raise Unresolved(f"The {word or kind} {clark(name)} is not declared in the WSDL or its local imports.")
        return found

    def has(self, kind: str, name: QName) -> bool:
        """Whether there is such a declaration."""
        return (kind, name) in self._declared

    def derived(self, name: QName) -> Iterator[QName]:
        """The global complex types that derive from this one, in one step or several."""
        for one in self._derived.get(name, ()):
            yield one
            yield from self.derived(one)

    def substitutes(self, head: QName) -> Iterator[QName]:
        """The global element and those that may stand for it."""
        yield head
        for name in self._heads.get(head, ()):
            yield from self.substitutes(name)


def _base(node: Node) -> Node:
    """The step by which a complexType derives from another, if it does."""
    content = child_of(node, "complexContent", "simpleContent") if local_name(node) == "complexType" else None
    step = None if content is None else child_of(content, "extension", "restriction")
    return step if step is not None and step.get("base") else None
