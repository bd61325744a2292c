"""What a message is made of: elements, groups and types as the schema declares them, and how values fit into groups."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, takewhile
from typing import Any

from adapters.soap.lexical import Simple
from adapters.soap.namespaces import QName, clark

UNBOUNDED = 1 << 62

ANY = "#any"
"""The key of what a wildcard takes, each element as XML text; also of an xs:anyType that is more than text."""

ORDER = "#order"
"""The key that keeps in which order elements came where a repeated group leaves that open: their keys, one by one."""


@dataclass(slots=True, eq=False)
class Element:
    """An element's declaration where it stands; `key` is its name in a payload."""

    name: QName
    type: "Simple | Complex | Anything | Array | Wildcard"
    low: int = 1
    high: int = 1
    nillable: bool = False
    default: str | None = None
    key: str = ""


@dataclass(slots=True, eq=False)
class Group:
    """A sequence (also xs:all, whose order is free to read) or a choice, between `low` and `high` times."""

    kind: str
    items: "list[Element | Group]" = field(default_factory=list)
    low: int = 1
    high: int = 1


@dataclass(slots=True, eq=False)
class Attribute:
    """An attribute's declaration; its key in a payload is `@` and the local name."""

    name: QName
    type: Simple
    required: bool = False

    @property
    def key(self) -> str:
        return "@" + self.name[1]


@dataclass(slots=True, eq=False)
class Anything:
    """xs:anyType: a value where xsi:type names a built-in type, text, or `{"#any": the whole element as XML}`."""


@dataclass(slots=True, eq=False)
class Wildcard:
    """xs:any: each element that it takes is kept as XML text."""


@dataclass(slots=True, eq=False)
class Array:
    """An array of SOAP section 5: a list, whatever its items are called. `label` is what arrayType calls an item."""

    item: "Simple | Complex | Anything | Array | Wildcard" = field(default_factory=Anything)
    label: QName | None = None
    rank: str = ""
    item_name: str = "item"


@dataclass(slots=True, eq=False)
class Complex:
    """A complex type with its base's content merged in. `variants` are the types derived from it, by name."""

    name: QName | None
    content: Group = field(default_factory=lambda: Group("sequence"))
    attributes: list[Attribute] = field(default_factory=list)
    text: Simple | None = None
    abstract: bool = False
    mixed: bool = False
    any_attribute: bool = False
    variants: "dict[QName, Complex]" = field(default_factory=dict)


def text_of(kind: "Simple | Complex | Anything | Array | Wildcard") -> Simple | None:
    """The simple type of an element that has text and nothing else, whose value is then that of the text."""
    if isinstance(kind, Complex):
        return None if kind.attributes or kind.any_attribute or kind.variants or kind.abstract else kind.text
    return kind if isinstance(kind, Simple) else None


def variant_labels(kind: Complex) -> Mapping[QName, str]:
    """How a derived type is named in a payload: its local name, or `{namespace}local` where that is ambiguous."""
    locals_ = [name[1] for name in kind.variants]
    return {name: name[1] if locals_.count(name[1]) == 1 else clark(name) for name in kind.variants}


class Misfit(Exception):
    """Values do not fit a group: `reason` says how, `key` where."""

    def __init__(self, reason: str, key: str) -> None:
        super().__init__(key)
        self.reason = reason
        self.key = key


def elements(group: Group) -> Iterator[Element]:
    """Every element of the group, at any depth, in order; one declared twice comes twice."""
    for item in group.items:
        if isinstance(item, Element):
            yield item
        else:
            yield from elements(item)


def name_keys(group: Group) -> None:
    """Gives every element its key: the local name, or `{namespace}local` where two namespaces share one."""
    owners: dict[str, QName] = {}
    for element in elements(group):
        local = element.name[1]
        taken = owners.setdefault(local, element.name) != element.name
        element.key = f"{{{element.name[0]}}}{local}" if taken else local


def highest(item: Element | Group) -> dict[str, int]:
    """How often each key can occur at most in this element or group."""
    if isinstance(item, Element):
        return {item.key: item.high}
    counts: dict[str, int] = {}
    for part in item.items:
        for key, count in highest(part).items():
            before = counts.get(key, 0)
            counts[key] = max(before, count) if item.kind == "choice" else before + count
    return {key: min(count * item.high, UNBOUNDED) for key, count in counts.items()}


def plain(group: Group) -> bool:
    """Whether the group is one sequence of elements, each its own key: then nothing but counts must be checked."""
    keys = [item.key for item in group.items if isinstance(item, Element)]
    single = group.kind == "sequence" and group.low == group.high == 1
    return single and len(keys) == len(group.items) == len(set(keys))


def arrange(
    group: Group, values: Mapping[str, list[Any]], order: Sequence[str] | None = None
) -> list[tuple[Element, Any, int]]:
    """The values by key in the order that the group asks for, each with its element and index. Raises Misfit.

    Where a group repeats, several orders may fit: `order` has the keys as they shall follow each other. Without it
    one kind of a repeated choice follows the other."""
    bag = _Bag(values, order)
    bag.take(group)
    for key, items in values.items():
        if bag.taken.get(key, 0) < len(items):
            raise Misfit("unexpected_element", key)
    if order is not None and [element.key for element, _, _ in bag.placed] != list(order):
        raise Misfit("unexpected_element", ORDER)
    return bag.placed


def unruly(group: Group) -> bool:
    """Whether the group leaves open in which order different elements follow each other: one that repeats."""
    groups = [item for item in group.items if isinstance(item, Group)]
    several = len({element.key for element in elements(group)}) > 1
    return (group.high > 1 and several) or any(unruly(item) for item in groups)


class _Bag:
    """Values on their way into a group."""

    def __init__(self, values: Mapping[str, list[Any]], order: Sequence[str] | None) -> None:
        self.values = values
        self.order = order
        self.taken: dict[str, int] = {}
        self.placed: list[tuple[Element, Any, int]] = []

    def left(self, key: str) -> int:
        return len(self.values.get(key, ())) - self.taken.get(key, 0)

    def touches(self, item: Element | Group) -> bool:
        if isinstance(item, Element):
            return self.left(item.key) > 0
        return any(self.touches(part) for part in item.items)

    def next(self) -> str | None:
        """The key that shall come next, where an order is given."""
        return self.order[len(self.placed)] if self.order and len(self.placed) < len(self.order) else None

    def run(self, element: Element) -> int:
        """How many values of this element shall follow now."""
        most = min(self.left(element.key), element.high)
        if self.order is None:
            return most
        ahead = islice(self.order, len(self.placed), len(self.placed) + most)
        return sum(1 for _ in takewhile(element.key.__eq__, ahead))

    def lacks(self, item: Element | Group) -> str | None:
        """The first key that is needed for one more round of this item and is not there."""
        if isinstance(item, Element):
            return item.key if self.left(item.key) < item.low else None
        if item.low == 0 and not self.touches(item):
            return None
        missing = [self.lacks(part) for part in item.items]
        if item.kind == "choice":
            return None if not missing or None in missing else missing[0]
        return next((key for key in missing if key is not None), None)

    def take(self, item: Element | Group) -> None:
        if isinstance(item, Element):
            self._take_element(item)
            return
        rounds = 0
        while rounds < item.high and self.touches(item):
            before = len(self.placed)
            self._take_round(item)
            if len(self.placed) == before:
                break
            rounds += 1
        if rounds < item.low and (key := self.lacks(item)) is not None:
            raise Misfit("missing_element", key)

    def _take_element(self, element: Element) -> None:
        count = self.run(element)
        if count < element.low:
            raise Misfit("missing_element", element.key)
        start = self.taken.get(element.key, 0)
        for index in range(start, start + count):
            self.placed.append((element, self.values[element.key][index], index))
        self.taken[element.key] = start + count

    def _take_round(self, group: Group) -> None:
        if group.kind == "choice":
            self.take(self._branch(group))
            return
        for item in group.items:
            self.take(item)

    def _branch(self, choice: Group) -> Element | Group:
        """Of the branches that have a value, a complete one that takes the most keys."""

        following = self.next()

        def fitness(item: Element | Group) -> tuple[bool, bool, int]:
            keys = {item.key} if isinstance(item, Element) else {element.key for element in elements(item)}
            return following in keys, self.lacks(item) is None, sum(self.left(key) > 0 for key in keys)

        return max((item for item in choice.items if self.touches(item)), key=fitness)
