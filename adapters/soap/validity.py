"""Validates Body's child by the WSDL's own schemas with libxml2, which knows every facet and constraint there is.

libxml2 follows one import a namespace and no inline schema, so each namespace gets a document that includes all of its
schemas, and every schema imports those documents.
"""

from collections.abc import Iterable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from lxml import etree

from adapters.soap.documents import Document
from adapters.soap.namespaces import SOAP11, SOAP12, XML, XSD
from gateway.contract import ConfigError

SHOWN = 5
"""Problems of a message that are told."""

_X = f"{{{XSD}}}"
_ARRAY_TYPE = "{http://schemas.xmlsoap.org/wsdl/}arrayType"
_BODIES = tuple(f"{{{namespace}}}Body" for namespace in (SOAP11, SOAP12))


@dataclass(slots=True, frozen=True)
class Problem:
    """What is wrong: the element's name, libxml2's name of the rule, and its sentence, which may quote a value."""

    element: str
    rule: str
    message: str


class Validator:
    """The compiled schemas of one WSDL."""

    def __init__(self, documents: Sequence[Document]) -> None:
        """Raises ConfigError where libxml2 cannot compile them."""
        store = _Store(documents)
        parser = etree.XMLParser(no_network=True, resolve_entities=False)
        parser.resolvers.add(store)
        try:
            self._schema = etree.XMLSchema(etree.fromstring(store.top(), parser))
        except etree.XMLSchemaParseError as error:
            raise ConfigError(f"The schemas of the WSDL cannot be compiled for `validate`: {error}") from None

    def problems(self, root: Any) -> Sequence[Problem]:
        """What is wrong with the child of an envelope's Body; empty where it is valid, or is SOAP's own fault."""
        body = next((child for child in root if child.tag in _BODIES), None)
        if body is None or not len(body) or body[0].tag.endswith("}Fault"):
            return ()
        return self.below(body[0])

    def below(self, node: Any) -> Sequence[Problem]:
        """What is wrong with an element."""
        if self._schema.validate(node):
            return ()
        return [
            Problem(_named(entry.message), entry.type_name.removeprefix("SCHEMAV_CVC_").lower(), entry.message)
            for entry in list(self._schema.error_log)[:SHOWN]
        ]


class _Store(etree.Resolver):  # type: ignore[misc]  # lxml has no types
    """Serves the schemas to libxml2 from memory."""

    def __init__(self, documents: Iterable[Document]) -> None:
        self._texts: dict[str, bytes] = {}
        targets: dict[str, list[str]] = {}
        schemas = [(root, root.get("targetNamespace") or taken) for one in documents for root, taken in one.schemas]
        schemas = [(root, target) for root, target in schemas if any(_declares(child) for child in root)]
        known = {target for _, target in schemas}
        for number, (root, target) in enumerate(schemas):
            place = f"memory:{number}"
            self._texts[place] = _rewritten(root, known - {target})
            targets.setdefault(target, []).append(place)
        self._places = {target: f"memory:of/{number}" for number, target in enumerate(targets)}
        for target, places in targets.items():
            included = "".join(f'<xs:include schemaLocation="{place}"/>' for place in places)
            self._texts[self._places[target]] = _schema(included, target)
        for place, text in self._texts.items():
            self._texts[place] = self._placed(text)

    def _placed(self, text: bytes) -> bytes:
        root = etree.fromstring(text)
        for node in root.findall(f"{_X}import"):
            if (place := self._places.get(node.get("namespace", ""))) is not None:
                node.set("schemaLocation", place)
            elif node.get("namespace") != XML:
                root.remove(node)
        return bytes(etree.tostring(root))

    def top(self) -> bytes:
        """A schema that brings all of them together."""
        links = (
            f'<xs:import namespace="{_quoted(target)}" schemaLocation="{place}"/>' if target else
            f'<xs:include schemaLocation="{place}"/>' for target, place in self._places.items()
        )  # fmt: skip
        return _schema("".join(sorted(links)), "")

    def resolve(self, url: str, public_id: str, context: Any) -> Any:
        """The text of a place; nothing else is ever opened."""
        return self.resolve_string(self._texts.get(url, _schema("", "")), context)


def _rewritten(root: Any, others: Iterable[str]) -> bytes:
    """A schema with its links gone and imports of all other namespaces; prefixes of values are kept."""
    made = etree.Element(root.tag, dict(root.attrib), nsmap=root.nsmap)
    for target in sorted(others):
        etree.SubElement(made, f"{_X}import", {"namespace": target} if target else {})
    for child in root:
        if _declares(child):
            made.append(deepcopy(child))
    for node in made.iter(f"{_X}attribute"):
        node.attrib.pop(_ARRAY_TYPE, None)
    return bytes(etree.tostring(made))


def _declares(node: Any) -> bool:
    return isinstance(node.tag, str) and node.tag not in (f"{_X}import", f"{_X}include", f"{_X}annotation")


def _schema(content: str, target: str) -> bytes:
    stated = f' targetNamespace="{_quoted(target)}"' if target else ""
    return f'<xs:schema xmlns:xs="{XSD}"{stated}>{content}</xs:schema>'.encode()


def _quoted(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")


def _named(message: str) -> str:
    """The element of libxml2's sentence (`Element '{urn:x}Age': ...`) by its local name."""
    quoted: Iterator[str] = iter(message.split("'"))
    next(quoted)
    return next(quoted, "").rpartition("}")[2][:80]
