"""Writes an envelope of ours once more, in the shape that recorded responses have shown."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from lxml import etree

from adapters.soap.escapes import escaped, escaped_attribute
from adapters.soap.lexical import Simple
from adapters.soap.namespaces import ENVELOPES, NIL, TYPE, XML, XSI, QName, clark, split
from adapters.soap.particles import Complex, Element, elements, text_of
from adapters.soap.shape import Learnt, Shape, Written
from adapters.soap.spelling import Respell, learnt

Scope = Mapping[str, str]
"""Namespaces by prefix, "" for the default one."""

_LANG = f"{{{XML}}}lang"
_CODES = frozenset({"faultcode", "Value"})
_SPELLED = ("Decimal", "float", "bool", "date", "datetime", "time")


class Types:
    """What the schema says of the elements of some messages, and how the samples spell their values."""

    def __init__(self, roots: Iterable[Element], samples: Iterable[Learnt]) -> None:
        self._roots = {one.name: one for one in roots}
        self._index: dict[int, dict[QName, Element]] = {}
        self._by_type: dict[str, list[str]] = {}
        self._respelled: dict[tuple[int, str], Respell | None] = {}
        for known in samples:
            for name, shape in known.top.items():
                self._gather(name, shape, None)

    def below(self, known: Element | None, name: QName) -> Element | None:
        """The declaration of a child, as far as it is known."""
        if known is None:
            return self._roots.get(name)
        kind = known.type
        if not isinstance(kind, Complex):
            return None
        if id(kind) not in self._index:
            every = chain(elements(kind.content), *(elements(one.content) for one in kind.variants.values()))
            self._index[id(kind)] = {one.name: one for one in every}
        return self._index[id(kind)].get(name)

    def respell(self, shape: Shape | None, simple: Simple, texts: Sequence[str]) -> Respell | None:
        """How a value of this type is spelled: as the samples do there, else as they do elsewhere for the type."""
        key = (id(shape), simple.name)
        if key not in self._respelled:
            seen = [text for text in texts if text.strip()] or self._by_type.get(simple.name, [])
            self._respelled[key] = learnt(simple.kind, seen)
        return self._respelled[key]

    def _gather(self, name: QName, shape: Shape, known: Element | None) -> None:
        """Notes what the samples show of each named type."""
        if (simple := simple_of(known)) is not None and simple.kind.__name__ in _SPELLED:
            self._by_type.setdefault(simple.name, []).extend(shape.texts)
        for child, below in shape.children.items():
            self._gather(child, below, self.below(known, child))


class Writer:
    """Writes the answers of one SOAP version in the shape of the samples of one."""

    def __init__(self, types: Types, known: Learnt, version: str, sampled: str) -> None:
        self._types = types
        self._known = known
        self._soap, self._sampled = ENVELOPES[version], ENVELOPES[sampled]
        self._starts: dict[tuple[int, int], tuple[str, str, Scope]] = {}
        self._top: Scope = {}
        self._usual_empty = known.usual_empty

    def whole(self, root: Any) -> str:
        """The envelope; an empty Header that legacy sends is sent."""
        shape = self._known.top[self._sampled, "Envelope"]
        header = shape.children.get((self._sampled, "Header"))
        if header is not None and not header.children and root.find(f"{{{self._soap}}}Header") is None:
            root.insert(0, etree.Element(f"{{{self._soap}}}Header"))
        return self._element(root, shape, None, self._top, 0, steady=True)

    def _element(
        self, node: Any, shape: Shape | None, known: Element | None, scope: Scope, depth: int, steady: bool
    ) -> str:
        """The element; `steady`: its scope is the same object for every answer, so that start tags can be kept."""
        steady = steady and shape is not None and not node.attrib
        start, tag, inner = self._kept(node, shape, known, scope) if steady else self._start(node, shape, known, scope)
        content = self._content(node, shape, known, inner, depth, steady)
        if content:
            return f"{start}{shape.before_end if shape else ''}>{content}</{tag}>"
        empty = shape.empty if shape and shape.empty is not None else self._usual_empty
        return f"{start}{empty}" if empty else f"{start}></{tag}>"

    def _kept(self, node: Any, shape: Shape | None, known: Element | None, scope: Scope) -> tuple[str, str, Scope]:
        key = (id(shape), id(scope))
        if key not in self._starts:
            self._starts[key] = self._start(node, shape, known, scope)
        return self._starts[key]

    def _start(self, node: Any, shape: Shape | None, known: Element | None, scope: Scope) -> tuple[str, str, Scope]:
        """The start tag without its end, the name as it is written, and the scope inside."""
        name, inner = split(node.tag), dict(scope)
        attributes = "".join(self._attributes(node, shape, known, inner))
        tag, declaration = self._tag(name, shape, inner)
        return f"<{tag}{attributes}{declaration}", tag, inner if len(inner) > len(scope) or inner != scope else scope

    def _tag(self, name: QName, shape: Shape | None, scope: dict[str, str]) -> tuple[str, str]:
        """The name as it is written, and what must be declared for it."""
        if shape is not None and scope.get(shape.tag.rpartition(":")[0], "") == name[0]:
            return shape.tag, ""
        prefix, declaration = self._prefix(name[0], scope)
        return (f"{prefix}:{name[1]}" if prefix else name[1]), declaration

    def _prefix(self, namespace: str, scope: dict[str, str], *, attribute: bool = False) -> tuple[str, str]:
        """A prefix that means the namespace here, declared where it is not yet."""
        if not namespace:
            return "", self._declared("", "", scope) if scope.get("") and not attribute else ""
        usual = self._known.prefixes.get(namespace)
        candidates = [usual, *(prefix for prefix in scope if prefix or not attribute)]
        for prefix in candidates:
            if prefix is not None and (prefix or not attribute) and scope.get(prefix) == namespace:
                return prefix, ""
        fresh = (f"ns{number}" for number in range(1, len(scope) + 2))
        free = usual if usual and usual not in scope else next(one for one in fresh if one not in scope)
        return free, self._declared(free, namespace, scope)

    @staticmethod
    def _declared(prefix: str, namespace: str, scope: dict[str, str]) -> str:
        scope[prefix] = namespace
        return f' xmlns{":" if prefix else ""}{prefix}="{escaped_attribute(namespace)}"'

    def _attributes(
        self, node: Any, shape: Shape | None, known: Element | None, scope: dict[str, str]
    ) -> Iterator[str]:
        """Those of the sample in its order, then those that only our answer has; declarations enter the scope."""
        given = {split(str(name)): str(value) for name, value in node.attrib.items()}
        for one in shape.attributes if shape else ():
            if one.key[0] == "xmlns":
                raw = self._soap if one.raw == self._sampled else one.raw
                scope[one.key[1]] = raw.replace("&amp;", "&")
                yield f"{one.blank}{one.name}={one.quote}{raw}{one.quote}"
        for one in shape.attributes if shape else ():
            if one.key[0] == "xmlns":
                continue
            if (value := given.pop(one.key, None)) is not None:
                yield self._known_attribute(node, one, value, known, scope)
            elif one.key[0] == self._sampled or (one.key[0] == XSI and _is_fixed(one, known)):
                yield f"{one.blank}{one.name}={one.quote}{one.raw}{one.quote}"
        for key, value in given.items():
            if not (shape and clark(key) == _LANG):
                yield self._new_attribute(node, key, value, known, scope)

    def _known_attribute(
        self, node: Any, one: Written, value: str, known: Element | None, scope: dict[str, str]
    ) -> str:
        text, declaration = self._value(node, one.key, value, scope, known)
        if clark(one.key) == _LANG or clark(one.key) == NIL:
            text = one.raw
        elif (simple := _attribute_type(known, one.key)) is not None and (way := learnt(simple.kind, [one.raw])):
            text = way(text)
        safe = escaped_attribute(text) if one.quote == '"' else escaped_attribute(text).replace("'", "&apos;")
        return f"{declaration}{one.blank}{one.name}={one.quote}{safe}{one.quote}"

    def _new_attribute(self, node: Any, key: QName, value: str, known: Element | None, scope: dict[str, str]) -> str:
        if key[0] == XML:
            return f' xml:{key[1]}="{escaped_attribute(value)}"'
        prefix, declaration = self._prefix(key[0], scope, attribute=True)
        text, also = self._value(node, key, self._known.nil if clark(key) == NIL else value, scope, known)
        return f'{declaration}{also} {prefix}{":" if prefix else ""}{key[1]}="{escaped_attribute(text)}"'

    def _value(
        self, node: Any, key: QName, value: str, scope: dict[str, str], known: Element | None
    ) -> tuple[str, str]:
        """The value, a qualified name with the prefix that means its namespace here, and what must be declared."""
        simple = _attribute_type(known, key)
        if clark(key) != TYPE and not (simple and simple.named):
            return value, ""
        prefix, _, local = value.rpartition(":")
        written, declaration = self._prefix(node.nsmap.get(prefix or None) or "", scope)
        return (f"{written}:{local}" if written else local), declaration

    def _content(
        self, node: Any, shape: Shape | None, known: Element | None, scope: Scope, depth: int, steady: bool
    ) -> str:
        if not len(node):
            return self._text(node, shape, known, scope)
        parts, last = [], ""
        for child in node:
            name = split(child.tag)
            key = (self._sampled, name[1]) if name[0] == self._soap else name
            blank = self._blank(shape, key, child.tag == last, depth + 1)
            below = shape.children.get(key) if shape else self._known.messages.get(key)
            declared = self._types.below(known, name)
            if known is not None and len(child.nsmap) > len(node.nsmap):
                # A name in its text or in what no schema describes may need the prefixes that it brings.
                parts += [blank, etree.tostring(child, encoding="unicode", with_tail=False)]
                continue
            parts += [blank, self._element(child, below, declared, scope, depth + 1, steady)]
            last = child.tag
        parts.append(shape.close if shape and shape.close is not None else self._known.blanks.at(depth))
        return "".join(parts)

    def _blank(self, shape: Shape | None, name: QName, again: bool, depth: int) -> str:
        if shape is not None and shape.before:
            if again and name in shape.again:
                return shape.again[name]
            return shape.before.get(name) or Counter(shape.before.values()).most_common(1)[0][0]
        return self._known.blanks.at(depth)

    def _text(self, node: Any, shape: Shape | None, known: Element | None, scope: Scope) -> str:
        text = node.text or ""
        if split(node.tag)[1] in _CODES and known is None:
            return escaped(self._code(node, text, shape, dict(scope)))
        simple = simple_of(known)
        if simple is not None and text and (way := self._types.respell(shape, simple, shape.texts if shape else ())):
            text = way(text)
        return escaped(text)

    def _code(self, node: Any, text: str, shape: Shape | None, scope: dict[str, str]) -> str:
        """A fault's code: its prefix must mean SOAP's namespace here, unless legacy writes none."""
        prefix, colon, local = text.rpartition(":")
        if not colon or (shape and shape.texts and ":" not in shape.texts[0]):
            return local
        written, _ = self._prefix(node.nsmap.get(prefix) or "", scope)
        return f"{written}:{local}" if written else local


def _is_fixed(one: Written, known: Element | None) -> bool:
    """Whether an attribute of XML Schema's own stays whatever the value is: a type does where there is no other."""
    if one.key[1] != "type":
        return one.key[1] != "nil"
    kind = known.type if known is not None else None
    return isinstance(kind, Simple) or (isinstance(kind, Complex) and not kind.variants and not kind.abstract)


def simple_of(known: Element | None) -> Simple | None:
    """The type of an element's text."""
    if known is None:
        return None
    return known.type.text if isinstance(known.type, Complex) else text_of(known.type)


def _attribute_type(known: Element | None, key: QName) -> Simple | None:
    kind = known.type if known is not None else None
    found = (one.type for one in kind.attributes if one.name == key) if isinstance(kind, Complex) else iter(())
    return next(found, None)
