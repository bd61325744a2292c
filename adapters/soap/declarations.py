"""What schema documents declare, by kind and name, and what their names mean."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from lxml import etree

from adapters.soap.namespaces import XML, XSD, QName, clark
from adapters.soap.wellknown import BUNDLED, PREFIXES

Node = Any
"""An lxml element."""


UNDECLARED = "is not declared in the WSDL or its local imports."


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
    namespace = XML if prefix == "xml" else node.nsmap.get(prefix) or PREFIXES.get(prefix)
    if namespace is None and prefix == "tns":
        namespace = next((one.get("targetNamespace") for one in _upwards(node) if one.get("targetNamespace")), None)
    if namespace is None:
        raise Unresolved(f"The prefix of {text!r} is not declared (line {node.sourceline}).")
    return namespace, local


def _upwards(node: Node) -> Iterator[Node]:
    yield node
    yield from node.iterancestors()


class Declarations:
    """The top-level declarations of all schema documents of a WSDL. Well-known schemas are found without an import."""

    def __init__(self) -> None:
        self._declared: dict[tuple[str, QName], tuple[Node, Home]] = {}
        self._others: dict[str, list[str]] = {}
        self._bundled: set[str] = set()
        self._derived: dict[QName, list[QName]] = {}
        self._heads: dict[QName, list[QName]] = {}

    def add(self, root: Node, chameleon: str = "") -> None:
        """Declares what one xs:schema contains; without a namespace of its own it takes `chameleon`."""
        target = root.get("targetNamespace") or chameleon
        home = Home(target, _qualified(root, "element"), _qualified(root, "attribute"))
        for node in children(root):
            name = (home.target, (node.get("name") or "").strip())
            if not name[1]:
                continue
            self._declared.setdefault((local_name(node), name), (node, home))
            self._note(node, home, name)

    def mean(self, wrong: str, right: str) -> None:
        """What is not found in the namespace `wrong` is looked up in `right`: an import named the wrong one."""
        if right not in self._others.setdefault(wrong, []):
            self._others[wrong].append(right)

    def redefine(self, root: Node, chameleon: str = "") -> None:
        """Puts what an xs:redefine says in the place of what it redefines; that stays what the new one is made of."""
        target = root.get("targetNamespace") or chameleon
        home = Home(target, _qualified(root, "element"), _qualified(root, "attribute"))
        for node in (child for part in children(root) if local_name(part) == "redefine" for child in children(part)):
            name, kind = (target, (node.get("name") or "").strip()), local_name(node)
            if (kind, name) not in self._declared:
                continue
            old = (target, f"{name[1]} as it was redefined in line {node.sourceline}")
            self._declared[kind, old] = self._declared[kind, name]
            self._declared[kind, name] = (node, home)
            _point_to(node, home, name, old[1])
            self._note(node, home, name)

    def _note(self, node: Node, home: Home, name: QName) -> None:
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
        found = self._declared.get((kind, self.meant(kind, name)))
        if found is None:
            raise Unresolved(f"The {word or kind} {clark(name)} {UNDECLARED}")
        return found

    def has(self, kind: str, name: QName) -> bool:
        """Whether there is such a declaration."""
        return (kind, self.meant(kind, name)) in self._declared

    def names(self) -> Iterator[str]:
        """Every local name and namespace that messages may use."""
        for node, home in self._declared.values():
            yield home.target
            for one in node.iter(f"{{{XSD}}}element", f"{{{XSD}}}attribute"):
                yield one.get("name", "")

    def meant(self, kind: str, name: QName) -> QName:
        """The name under which it is declared: this one, or that in a namespace which an import took for this one."""
        if (kind, name) in self._declared:
            return name
        self._bundle(name[0])
        near = [(other, name[1]) for other in self._others.get(name[0], ())]
        return next((other for other in near if (kind, other) in self._declared), name)

    def _bundle(self, namespace: str) -> None:
        """Declares a well-known schema when it is first asked for. What the operator's own files say goes first."""
        if namespace not in self._bundled and namespace in BUNDLED:
            self._bundled.add(namespace)
            self.add(etree.fromstring(BUNDLED[namespace].read_bytes()))

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


def _qualified(root: Node, kind: str) -> bool:
    return bool(root.get(f"{kind}FormDefault") == "qualified")


def _point_to(node: Node, home: Home, name: QName, old: str) -> None:
    """Has what a redefinition says of itself mean what was there before."""
    for one in node.iter():
        for key in ("base", "ref"):
            with suppress(Unresolved):
                if one.get(key) and resolve(one, one.get(key), home) == name:
                    prefix, colon, _ = one.get(key).rpartition(":")
                    one.set(key, f"{prefix}{colon}{old}")


def _base(node: Node) -> Node:
    """The step by which a complexType derives from another, if it does."""
    content = child_of(node, "complexContent", "simpleContent") if local_name(node) == "complexType" else None
    step = None if content is None else child_of(content, "extension", "restriction")
    return step if step is not None and step.get("base") else None
