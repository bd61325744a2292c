"""Readers of the parts that types are made of: leaves, lists, attributes, and checks of what was found."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from adapters.soap.flaws import Flaw
from adapters.soap.lexical import Simple
from adapters.soap.namespaces import ENCODINGS, NIL, XSI, QName, clark, split
from adapters.soap.particles import (
    ANY,
    ORDER,
    UNBOUNDED,
    Complex,
    Element,
    Misfit,
    arrange,
    highest,
    plain,
    unruly,
)

Node = Any
"""An lxml element."""

Read = Callable[[Node], Any]

Field = tuple[str, bool, Read, Callable[[str], Any] | None]
"""Key, whether its values are a list, a reader of the element, and for leaves what parses its text."""

OUTLINES = 64
"""How many combinations of elements that fit a type are remembered."""

_TRUE = ("true", "1")
_SPARSE = tuple(f"{{{ENCODINGS['1.1']}}}{name}" for name in ("offset", "position"))
_ARRAY_TYPE, _ARRAY_SIZE = f"{{{ENCODINGS['1.1']}}}arrayType", f"{{{ENCODINGS['1.2']}}}arraySize"


@dataclass(slots=True)
class Slot:
    """A reader that is known by its type before it is compiled: types contain each other."""

    read: Read | None = None

    def __call__(self, node: Node) -> Any:
        assert self.read is not None  # noqa: S101  # filled before the compiler returns
        return self.read(node)


def late(make: Callable[[], Read]) -> Read:
    """Compiled on first use: a variant may contain its own base."""
    slot = Slot()

    def read(node: Node) -> Any:
        if slot.read is None:
            slot.read = make()
        return slot.read(node)

    return read


def refuse_abstract(node: Node) -> Any:
    raise Flaw("invalid_value", "its type is abstract", "@xsi:type")


def indexed(key: str, many: bool, found: Mapping[str, Any]) -> str:
    return f"{key}[{len(found.get(key, ()))}]" if many else key


def named_type(text: str, node: Node) -> QName:
    prefix, _, local = text.strip().rpartition(":")
    return node.nsmap.get(prefix or None) or "", local


def leaf(simple: Simple, nillable: bool, default: str | None) -> Read:
    parse = simple.parse
    if simple.named:
        return _qualified(parse, nillable)

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


def _qualified(parse: Callable[[str], Any], nillable: bool) -> Read:
    """A reader of a qualified name: `{namespace}local`, or `local` where it has no namespace."""

    def read(node: Node) -> Any:
        if len(node):
            raise ValueError("has elements where a value is expected")
        if node.get(NIL) in _TRUE and not node.text and nillable:
            return None
        return _in_full(parse(node.text or ""), node)

    return read


def _in_full(text: str, node: Node) -> str:
    prefix, colon, local = text.rpartition(":")
    namespace = node.nsmap.get(prefix or None)
    if colon and namespace is None:
        raise ValueError(f"the prefix of {text[:60]!r} is not declared")
    return clark((namespace or "", local))


def listed(read: Read) -> Read:
    """A reader of all children, each by `read`."""

    def read_items(node: Node) -> Any:
        found: list[Any] = []
        if any(node.get(name) is not None for name in _SPARSE) or "," in node.get(_ARRAY_TYPE, ""):
            raise ValueError("is a sparse array, a part of one, or one of several dimensions, which is not read")
        if len(node.get(_ARRAY_SIZE, "").split()) > 1:
            raise ValueError("is an array of several dimensions, which is not read")
        for child in node:
            try:
                found.append(read(child))
            except Flaw as flaw:
                raise flaw.within(f"[{len(found)}]") from None
            except ValueError as error:
                raise Flaw("invalid_value", str(error), f"[{len(found)}]") from None
        return found

    return read_items


def unmixed(read: Read) -> Read:
    """The same reader, which refuses text between the elements of a type that allows it."""

    def read_unmixed(node: Node) -> Any:
        if any((text or "").strip() for text in (node.text, *(child.tail for child in node))):
            raise Flaw("mixed_content", "has text between its elements, which is not read")
        return read(node)

    return read_unmixed


def ordered(kind: Complex, keys: Mapping[str, str]) -> Callable[[Node, dict[str, Any]], None] | None:
    """Keeps the order of the elements under `#order` where the schema leaves it open and it is not the usual one."""
    if not unruly(kind.content):
        return None
    most = highest(kind.content)
    by_local = {split(tag)[1]: key for tag, key in keys.items()}

    def read(node: Node, found: dict[str, Any]) -> None:
        order = [keys.get(child.tag) or by_local.get(split(child.tag)[1], ANY) for child in node]
        values = {key: found[key] if most[key] > 1 else [found[key]] for key in most if key in found}
        if [one.key for one, _, _ in arrange(kind.content, values)] == order:
            return
        with suppress(Misfit):  # out of the schema's order: read all the same, and written in the usual one
            arrange(kind.content, values, order)
            found[ORDER] = order

    return read


def or_none(read: Read) -> Read:
    def read_nillable(node: Node) -> Any:
        return None if node.get(NIL) in _TRUE else read(node)

    return read_nillable


def finder(fields: dict[str, Field]) -> Callable[[Node], Field]:
    """What to do with a tag that is not in `fields`."""
    wildcard = fields.get(ANY)
    by_local: dict[str, list[str]] = {}
    for tag in fields:
        by_local.setdefault(split(tag)[1], []).append(tag)

    def find(child: Node) -> Field:
        namespace, local = split(child.tag)
        near = by_local.get(local, [])
        if len(near) == 1 and (not namespace or not split(near[0])[0]):
            return fields[near[0]]
        if wildcard is not None:
            return wildcard
        raise Flaw("unexpected_element", f"{child.tag} is not expected here")

    return find


def attributes_of(kind: Complex) -> Callable[[Node, dict[str, Any]], None]:
    plan = [(clark(one.name), one.key, one.type.parse, one.required, one.type.named) for one in kind.attributes]
    known = frozenset(name for name, *_ in plan)

    def read(node: Node, found: dict[str, Any]) -> None:
        if kind.any_attribute:
            found.update(_others(node, known))
        for name, key, parse, required, named in plan:
            text = node.get(name)
            if text is None:
                if required:
                    raise Flaw("missing_attribute", "is required", key)
                continue
            try:
                found[key] = _in_full(parse(text), node) if named else parse(text)
            except ValueError as error:
                raise Flaw("invalid_value", str(error), key) from None

    return read


def _others(node: Node, known: frozenset[str]) -> Mapping[str, str]:
    """The attributes that the schema allows without naming them."""
    return {
        f"@{name}": text
        for name, text in node.attrib.items()
        if name not in known and not name.startswith(f"{{{XSI}}}")
    }


Check = Callable[[dict[str, Any]], None]


def counts(kind: Complex) -> tuple[frozenset[str] | None, Check]:
    """Checks that what was found is what the content model allows, in any order; and before it the keys with which
    there is nothing to check, None where there always is."""
    if not plain(kind.content):
        return None, _arranged(kind)
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

    return None if limits else required, check


def _arranged(kind: Complex) -> Check:
    """Whether values fit depends on nothing but which keys there are and how often: what has fit is remembered."""
    most = highest(kind.content)
    lists = [key for key, count in most.items() if count > 1]
    fits: set[tuple[str | int, ...]] = set()

    def check(found: dict[str, Any]) -> None:
        outline: tuple[str | int, ...] = (*found, *(len(found[key]) for key in lists if key in found))
        if outline in fits:
            return
        try:
            arrange(kind.content, {key: found[key] if most[key] > 1 else [found[key]] for key in most if key in found})
        except Misfit as misfit:
            words = "is required" if misfit.reason == "missing_element" else "may not occur here"
            raise Flaw(misfit.reason, words, misfit.key) from None
        if len(fits) >= OUTLINES:
            fits.clear()
        fits.add(outline)

    return check
