"""Simple types and attributes, resolved on first use."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from adapters.soap.declarations import Declarations, Home, Node, Unresolved, child_of, children, local_name, resolve
from adapters.soap.facets import restricted
from adapters.soap.lexical import Simple, builtins, listed
from adapters.soap.namespaces import XSD, QName
from adapters.soap.particles import Attribute


class SimpleTypes:
    """The simple types of a WSDL's schemas."""

    def __init__(self, declared: Declarations) -> None:
        self._declared = declared
        self._known: dict[QName, Simple] = {(XSD, name): kind for name, kind in builtins().items()}

    def type(self, name: QName) -> Simple:
        """The global type. Raises Unresolved."""
        if name not in self._known:
            node, home = self._declared.find("simpleType", name, "type")
            self._known[name] = replace(self.read(node, home, name[1]), qname=name)
        return self._known[name]

    def attributes(self, node: Node, home: Home) -> list[Attribute]:
        """The attributes of an attribute or attributeGroup element. Raises Unresolved."""
        if local_name(node) == "attributeGroup":
            found, found_home = self._declared.find("attributeGroup", resolve(node, node.get("ref") or "", home))
            parts = [child for child in children(found) if local_name(child) in ("attribute", "attributeGroup")]
            return [attribute for part in parts for attribute in self.attributes(part, found_home)]
        required = node.get("use") == "required"
        if node.get("use") == "prohibited":
            return []
        if node.get("ref"):
            name = resolve(node, node.get("ref"), home)
            node, home = self._declared.find("attribute", name)
            return [Attribute(name, self._attribute_type(node, home), required)]
        form = node.get("form")
        qualified = form == "qualified" if form else home.attributes_qualified
        name = (home.target if qualified else "", node.get("name", "").strip())
        return [Attribute(name, self._attribute_type(node, home), required)]

    def _attribute_type(self, node: Node, home: Home) -> Simple:
        if node.get("type"):
            return self.named(node, node.get("type"), home)
        inline = child_of(node, "simpleType")
        return self._known[XSD, "string"] if inline is None else self.read(inline, home, node.get("name", ""))

    def named(self, node: Node, text: str, home: Home) -> Simple:
        """The type that a reference at this node names. Raises Unresolved."""
        return self.type(resolve(node, text, home))

    def read(self, node: Node, home: Home, name: str) -> Simple:
        """The type of a simpleType element. Raises Unresolved."""
        step = child_of(node, "restriction", "list", "union")
        if step is None:
            raise Unresolved(f"The simple type {name!r} says neither restriction, list nor union.")
        inline = [self.read(child, home, name) for child in children(step) if local_name(child) == "simpleType"]
        match local_name(step):
            case "restriction":
                base = inline[0] if inline else self.named(step, step.get("base", ""), home)
                return restricted(name, base, facets_of(step))
            case "list":
                return listed(name, inline[0] if inline else self.named(step, step.get("itemType", ""), home))
        named = [self.named(step, text, home) for text in step.get("memberTypes", "").split()]
        return _union(name, [*named, *inline])


def facets_of(step: Node) -> Mapping[str, list[str]]:
    """The facets of a restriction element, each with its values."""
    found: dict[str, list[str]] = {}
    for child in children(step):
        if child.get("value") is not None:
            found.setdefault(local_name(child), []).append(child.get("value"))
    return found


def _union(name: str, members: list[Simple]) -> Simple:
    def parse(text: str) -> Any:
        for member in members:
            try:
                return member.parse(text)
            except ValueError:
                continue
        raise ValueError(f"{text[:60]!r} fits no member of {name or 'the union'}")

    def format(value: Any) -> str:
        for member in members:
            try:
                return member.format(value)
            except ValueError:
                continue
        raise ValueError(f"{type(value).__name__} fits no member of {name or 'the union'}")

    return Simple(name, parse, format)
