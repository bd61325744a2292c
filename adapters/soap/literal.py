"""One global element of a schema as a document by itself, without an envelope: what the format `xml` reads with a
schema."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from adapters.soap import amend
from adapters.soap.codec import read_element, rooted, written_element
from adapters.soap.declarations import Unresolved
from adapters.soap.decode import Decoder
from adapters.soap.documents import read_documents
from adapters.soap.names import Names
from adapters.soap.namespaces import QName, clark
from adapters.soap.reading import Reader
from adapters.soap.schema import Schema
from adapters.soap.validity import Problem, Validator
from adapters.soap.wsdl import declarations
from gateway.contract import ConfigError, Payload, Undecodable, Unencodable
from gateway.contract import Path as PayloadPath


class Literal:
    """Documents whose root is one element."""

    def __init__(self, path: Path, root: QName, limit: int, validate: bool) -> None:
        """`limit`: bytes that are read at most; `validate`: by libxml2 too. Raises ConfigError."""
        documents = read_documents(path)
        declared, _ = declarations(documents)
        try:
            self._element = Schema(declared).message(root)
        except (Unresolved, RecursionError) as error:
            raise ConfigError(f"{path}: the element {clark(root)} cannot be read. {error}") from None
        self._reader = Reader(limit, Names(declared.names()))
        self._read = Decoder().element(self._element)
        self._write = rooted(self._element, "")
        self._validator = Validator(documents) if validate else None

    def read(self, body: bytes, media: str) -> Payload:
        """The typed payload. Raises Undecodable."""
        return self._reader.read(body, media, self._payload)

    def _payload(self, root: Any) -> Payload:
        if root.tag != clark(self._element.name):
            raise Undecodable(f"The root element is not {clark(self._element.name)}.", "wrong_root")
        if self._validator is not None and (problems := self._validator.below(root)):
            raise Undecodable(_told(problems), "invalid")
        return read_element(self._read, root)

    def write(self, payload: Payload) -> bytes:
        """The document in UTF-8. Raises Unencodable."""
        text = written_element(self._write, payload, self._element)
        body = f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'.encode()
        if self._validator is not None and (problems := self._validator.below(self._reader.root(body, ""))):
            raise Unencodable(_told(problems))
        return body

    def amend(self, body: bytes, changes: Mapping[PayloadPath, Any], media: str) -> bytes:
        """The document with these values, every other byte kept. Raises Unencodable."""
        return amend.document(body, media, self._element, changes)


def _told(problems: Sequence[Problem]) -> str:
    """Where and which rule, since the validator's own sentences quote values."""
    return "; ".join(f"{one.element} does not meet the schema ({one.rule})" for one in problems) + "."
