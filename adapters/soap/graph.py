"""Makes a tree of an encoded message: SOAP section 5 lets a value stand elsewhere and be referred to, also repeatedly.

Sources: SOAP 1.1, section 5.4.1 (`id`, `href="#id"`); SOAP 1.2 Part 2, section 3.1.5 (`enc:id`, `enc:ref`)."""

from copy import deepcopy
from typing import Any

from adapters.soap.namespaces import ENCODING12, RPC12
from adapters.soap.reading import DEPTH
from gateway.contract import Undecodable

Node = Any
"""An lxml element."""

COPIES = 50_000
"""Elements that references may bring."""

_ID12, _REF12 = f"{{{ENCODING12}}}id", f"{{{ENCODING12}}}ref"
_RESULT = f"{{{RPC12}}}result"


def resolved(body: Node, child: Node) -> Node:
    """The element below Body with a copy of its target in the place of each reference.

    Raises Undecodable: a target is missing or in another document, or the copies nest or multiply beyond bounds."""
    targets = {one.get("id") or one.get(_ID12): one for one in body.iter() if one.get("id") or one.get(_ID12)}
    for result in child.findall(_RESULT):
        child.remove(result)
    if any(_reference(one) is not None for one in child.iter()):
        _Copying(targets).fill(child, 1)
    return child


def _reference(node: Node) -> str | None:
    """What the element refers to; an address outside of the message is none."""
    if (reference := node.get(_REF12)) is not None:
        return str(reference).removeprefix("#")
    reference = node.get("href")
    return str(reference[1:]) if reference is not None and reference.startswith("#") else None


def _deeper(depth: int) -> int:
    if depth >= DEPTH:
        raise Undecodable(f"References make the message deeper than {DEPTH} elements, or circular.", "too_deep")
    return depth + 1


class _Copying:
    """Puts targets in the place of references, and counts what that makes."""

    def __init__(self, targets: dict[str, Node]) -> None:
        self._targets = targets
        self._made = 0

    def fill(self, node: Node, depth: int) -> None:
        """Resolves this element's reference, if it is one, and those below it."""
        while (reference := _reference(node)) is not None:
            depth = _deeper(depth)
            self._copy(node, self._target(reference))
        for child in node:
            self.fill(child, _deeper(depth))

    def _target(self, reference: str) -> Node:
        target = self._targets.get(reference)
        if target is None:
            raise Undecodable(f"The reference {reference[:60]!r} leads nowhere in the message.", "dangling_reference")
        return target

    def _copy(self, node: Node, target: Node) -> None:
        self._made += 1 + sum(1 for _ in target.iter())
        if self._made > COPIES:
            raise Undecodable(f"References make more than {COPIES} elements of the message.", "too_large")
        for name in ("href", _REF12):
            node.attrib.pop(name, None)
        copy = deepcopy(target)
        for name, value in copy.attrib.items():
            if name not in ("id", _ID12):
                node.set(name, value)
        node.text = copy.text
        node.extend(list(copy))
