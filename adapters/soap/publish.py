"""The operator's WSDL and its imports as they are served: the operator's bytes with only addresses changed."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qsl

from adapters.soap.documents import Document, local_path
from adapters.soap.escapes import escaped_attribute
from adapters.soap.markup import Edit, Span, Text, attribute, spans
from adapters.soap.namespaces import BINDINGS, HTTP_BINDING, WSDL, XSD, QName
from adapters.soap.wsdl import Contract
from gateway.contract import ConfigError, Undecodable

_ADDRESSES = {(namespace, "address") for namespace in (*BINDINGS, HTTP_BINDING)}
_LINKS: dict[QName, str] = {
    (WSDL, "import"): "location",
    (XSD, "import"): "schemaLocation",
    (XSD, "include"): "schemaLocation",
    (XSD, "redefine"): "schemaLocation",
}

Places = list[tuple[int, int, int | None]]
"""Where a value stands, and the number of the document that it links to; None for a service's address."""


class Published:
    """Serves the documents that were known at load, and no others: no path of a request is ever opened."""

    def __init__(self, contract: Contract, path: Path) -> None:
        """Finds every value that is rewritten. Raises ConfigError."""
        numbers = {document.path: number for number, document in enumerate(contract.documents)}
        try:
            texts = [Text.of(document.data, "") for document in contract.documents]
            self._served = [
                (text, _places(document, text, numbers))
                for document, text in zip(contract.documents, texts, strict=True)
            ]
        except Undecodable as error:
            raise ConfigError(f"The WSDL {path} cannot be served with another address. {error}") from None

    def document(self, query: str, address: str) -> bytes | None:
        """The document that `wsdl` or `import=NUMBER` names, for clients that reach us at `address`; else None."""
        number = self._number(query)
        if number is None:
            return None
        text, places = self._served[number]
        return text.edited(_edits(places, escaped_attribute(address).replace("'", "&apos;")))

    def _number(self, query: str) -> int | None:
        pairs = [(name.lower(), value) for name, value in parse_qsl(query, keep_blank_values=True)]
        if pairs == [("wsdl", "")]:
            return 0
        if len(pairs) != 1 or pairs[0][0] != "import":
            return None
        value = pairs[0][1]
        known = value.isascii() and value.isdigit() and len(value) < 6 and 0 < int(value) < len(self._served)
        return int(value) if known else None


def _places(document: Document, text: Text, numbers: dict[Path, int]) -> Places:
    places: Places = []
    for span in _all(spans(text.data)):
        if span.name in _ADDRESSES:
            if (found := attribute(text.data, span, ("", "location"))) is not None:
                places.append((found[0], found[1], None))
        elif span.name in _LINKS and (found := attribute(text.data, span, ("", _LINKS[span.name]))) is not None:
            target = local_path(document, text.data[found[0] : found[1]].decode().strip())
            if target in numbers:
                places.append((found[0], found[1], numbers[target]))
    return places


def _all(span: Span) -> Iterator[Span]:
    yield span
    for child in span.children:
        yield from _all(child)


def _edits(places: Places, address: str) -> Iterator[Edit]:
    for start, end, number in places:
        link = "?wsdl" if number == 0 else f"?import={number}"
        yield start, end, (address if number is None else address + link).encode()
