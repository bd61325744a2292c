"""Writers of the parts that types are made of: leaves, attributes, sequences, and groups in their order."""

from collections.abc import Callable, Mapping
from typing import Any

from adapters.soap.escapes import ESCAPES, escape, escaped, escaped_attribute, special
from adapters.soap.flaws import Flaw
from adapters.soap.lexical import Simple, builtins
from adapters.soap.namespaces import QName, clark, split
from adapters.soap.particles import ORDER, Attribute, Complex, Misfit, arrange
from adapters.soap.raw import parsed, raw

Write = Callable[[Any], str]
"""A value to its element, tags included."""

Body = Callable[[Mapping[str, Any], str, str], str]
"""A mapping to its element, given how its start tag begins, and its end tag."""

Content = Callable[[Mapping[str, Any]], str]
"""A mapping to the content of its element."""

_BUILTINS = builtins()


def attribute_text(attribute: Attribute) -> Callable[[str, Any], str]:
    """A writer of an attribute, given ` name=` and its value."""
    format = attribute.type.format
    if not attribute.type.named:
        return lambda name, value: f'{name}"{escaped_attribute(format(value))}"'

    def write(name: str, value: Any) -> str:
        space, local = split(format(value) if not isinstance(value, str) else value)
        if not space:
            return f'{name}"{escaped_attribute(format(local))}"'
        prefix = f"q-{attribute.name[1]}"
        return f' xmlns:{prefix}="{escaped_attribute(space)}"{name}"{prefix}:{escaped_attribute(format(local))}"'

    return write


def other_attributes(value: Mapping[str, Any], keys: list[str]) -> str:
    """Attributes that the schema allows without naming them: `@local` or `@{namespace}local`."""
    text = ""
    for number, key in enumerate(keys):
        space, local = split(key[1:])
        try:
            name = _BUILTINS["NCName"].format(local)
            declared = f' xmlns:a{number}="{escaped_attribute(space)}" a{number}:{name}' if space else f" {name}"
            text += f'{declared}="{escaped_attribute(_BUILTINS["string"].format(value[key]))}"'
        except ValueError as error:
            raise Flaw("invalid_value", str(error), key) from None
    return text


def same_element(text: Any, name: QName, encoded: bool) -> str:
    """The element as it is given, if it is the one that may stand here."""
    node = parsed(text)
    if split(node.tag)[1] != name[1] or (split(node.tag)[0] != name[0] and not encoded):
        raise ValueError(f"is the element {node.tag}, expected is {clark(name)}")
    return raw(node)


def _qualified(simple: Simple, start: str, end: str) -> Write:
    """A writer of a qualified name, `{namespace}local` or `local`."""

    def write(value: Any) -> str:
        space, local = split(value) if isinstance(value, str) else ("", simple.format(value))
        if not space:
            return f"{start}{escaped(simple.format(local))}{end}"
        declared = f'{start[:-1]} xmlns:q="{escaped_attribute(space)}">'
        return f"{declared}q:{escaped(simple.format(local))}{end}"

    return write


def qualified_content(
    simple: Simple, attributes: Callable[[Mapping[str, Any]], str] | None
) -> tuple[Callable[[Mapping[str, Any]], str], Content]:
    """Writers of the attributes and of the text of an element whose text is a qualified name."""
    write_name = _qualified(simple, ">", "")

    def split_name(value: Mapping[str, Any]) -> tuple[str, str]:
        if "#text" not in value:
            raise Flaw("missing_element", "is required", "#text")
        declared, _, text = write_name(value["#text"]).rpartition(">")
        return declared, text

    def write(value: Mapping[str, Any]) -> str:
        return (attributes(value) if attributes else "") + split_name(value)[0]

    return write, lambda value: split_name(value)[1]


def leaf(simple: Simple, start: str, end: str, nil: str) -> Write:
    """A writer of an element with text; `nil` is what it is without a value, "" where it may not be."""
    if simple.named:
        return or_nil(_qualified(simple, start, end), nil)
    format = simple.format

    def write(value: Any) -> str:
        if value is None:
            return _nothing(nil)
        text = format(value)
        if special(text):
            text = escape(text, ESCAPES)
        return f"{start}{text}{end}"

    if simple.choices is not None:
        return _ready({text: f"{start}{escaped(text)}{end}" for text in simple.choices}, write)
    return (lambda value: _nothing(nil) if value is None else f"{start}{format(value)}{end}") if simple.safe else write


def _ready(elements: Mapping[str, str], write: Write) -> Write:
    """The few elements that there can be, written once; `write` tells what is wrong with any other value."""

    def write_choice(value: Any) -> str:
        ready = elements.get(value) if value.__class__ is str else None
        return write(value) if ready is None else ready

    return write_choice


def simple_content(simple: Simple) -> Content:
    def write(value: Mapping[str, Any]) -> str:
        if "#text" not in value:
            raise Flaw("missing_element", "is required", "#text")
        try:
            return escaped(simple.format(value["#text"]))
        except ValueError as error:
            raise Flaw("invalid_value", str(error), "#text") from None

    return write


def whole_element(body: Body, start: str, end: str, nil: str) -> Write:
    start = f"<{start}"
    return lambda value: _nothing(nil) if value is None else body(value, start, end)


def or_nil(write: Write, nil: str) -> Write:
    return lambda value: _nothing(nil) if value is None else write(value)


def _nothing(nil: str) -> str:
    if not nil:
        raise ValueError("is None, and the schema does not allow nil")
    return nil


def sequence(plan: list[tuple[str, bool, int, int, Write]]) -> Content:
    def write(value: Mapping[str, Any]) -> str:
        text = ""
        for key, many, low, high, write_item in plan:
            if key not in value:
                if low:
                    raise Flaw("missing_element", "is required", key)
                continue
            try:
                text += items_of(value[key], low, high, write_item) if many else write_item(value[key])
            except Flaw as flaw:
                raise flaw.within(key) from None
            except ValueError as error:
                raise Flaw("invalid_value", str(error), key) from None
        return text

    return write


def items_of(values: Any, low: int, high: int, write: Write) -> str:
    if not isinstance(values, list | tuple):
        raise ValueError(f"expected a list, not {type(values).__name__}")
    if not low <= len(values) <= high:
        raise ValueError(f"has {len(values)} items, allowed is {low} to {high}")
    text = ""
    for index, value in enumerate(values):
        try:
            text += write(value)
        except Flaw as flaw:
            raise flaw.within(f"[{index}]") from None
        except ValueError as error:
            raise Flaw("invalid_value", str(error), f"[{index}]") from None
    return text


def arranged(kind: Complex, writers: Mapping[int, Write], most: Mapping[str, int]) -> Content:
    def grouped(value: Mapping[str, Any]) -> dict[str, list[Any]]:
        values = {key: value[key] if most[key] > 1 else [value[key]] for key in most if key in value}
        for key, items in values.items():
            if not isinstance(items, list | tuple):
                raise Flaw("invalid_value", f"expected a list, not {type(items).__name__}", key)
        return values

    def write(value: Mapping[str, Any]) -> str:
        try:
            placed = arrange(kind.content, grouped(value), _order(value))
        except Misfit as misfit:
            if ORDER in value:
                raise Flaw(misfit.reason, f"does not fit the schema and the values at {misfit.key}", ORDER) from None
            words = "is required" if misfit.reason == "missing_element" else "may not occur beside the others"
            raise Flaw(misfit.reason, words, misfit.key) from None
        return "".join(
            _placed(writers[id(one)], one.key, item, index, most[one.key] > 1) for one, item, index in placed
        )

    return write


def _order(value: Mapping[str, Any]) -> list[str] | None:
    order = value.get(ORDER)
    if order is not None and not (isinstance(order, list | tuple) and all(isinstance(key, str) for key in order)):
        raise Flaw("invalid_value", "expected the list of keys in their order", ORDER)
    return None if order is None else list(order)


def _placed(write: Write, key: str, item: Any, index: int, many: bool) -> str:
    where = f"{key}[{index}]" if many else key
    try:
        return write(item)
    except Flaw as flaw:
        raise flaw.within(where) from None
    except ValueError as error:
        raise Flaw("invalid_value", str(error), where) from None
