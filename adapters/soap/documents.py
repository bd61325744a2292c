"""The WSDL and every local file that it imports or includes, read once; nothing is fetched over a network."""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from lxml import etree

from adapters.soap.namespaces import WSDL, XSD
from gateway.contract import ConfigError

BUNDLED: Mapping[str, bytes] = {}
"""Well-known schemas by their address, for those that are worth carrying; none so far."""

_REMOTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
_W, _X = f"{{{WSDL}}}", f"{{{XSD}}}"
_SCHEMA_LINKS = (f"{_X}import", f"{_X}include", f"{_X}redefine")


@dataclass(slots=True, eq=False)
class Document:
    """A file: `name` relative to the WSDL's folder, `data` as it stands on disk.

    `schemas` are its xs:schema elements, each with the namespace that it takes where it has none of its own;
    `remote` the addresses of imports that are not fetched."""

    name: str
    path: Path
    data: bytes
    root: Any
    schemas: list[tuple[Any, str]] = field(default_factory=list)
    remote: list[str] = field(default_factory=list)


def read_documents(path: Path) -> tuple[Document, ...]:
    """The WSDL, first, and all that it reaches locally. Raises ConfigError, naming the file."""
    documents: dict[Path, Document] = {}
    top = path.resolve()
    waiting = [(top, "")]
    seen = set()
    while waiting:
        entry = waiting.pop(0)
        if entry in seen:
            continue
        seen.add(entry)
        place, namespace = entry
        if place not in documents:
            documents[place] = _read(place, top.parent)
        waiting.extend(_reached(documents[place], namespace))
    return tuple(documents.values())


def local_path(document: Document, location: str) -> Path | None:
    """The file that a location in this document means; None where it is an address."""
    if _REMOTE.match(location):
        return None
    return (document.path.parent / unquote(location)).resolve()


def _read(path: Path, folder: Path) -> Document:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"The WSDL or schema {path} cannot be read: {error.strerror}.") from None
    name = Path(os.path.relpath(path, folder)).as_posix()
    return Document(name, path, data, _parse(data.lstrip(b" \t\r\n"), path))


def _parse(data: bytes, path: Path) -> Any:
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise ConfigError(f"The WSDL or schema {path} is not well-formed XML: {error}.") from None
    if root.getroottree().docinfo.doctype:
        raise ConfigError(f"The WSDL or schema {path} has a DOCTYPE, which is not read; please remove it.")
    return root


def _reached(document: Document, namespace: str) -> Iterator[tuple[Path, str]]:
    """Files that this one imports or includes, each with the namespace that its schema takes on."""
    root = document.root
    schemas = [root] if root.tag == f"{_X}schema" else root.findall(f"{_W}types/{_X}schema")
    for node in root.findall(f"{_W}import"):
        yield from _linked(document, node.get("location"), "", required=True)
    for schema in schemas:
        document.schemas.append((schema, namespace))
        target = schema.get("targetNamespace") or namespace
        for node in schema.iterchildren(*_SCHEMA_LINKS):
            included = node.tag != f"{_X}import"
            yield from _linked(document, node.get("schemaLocation"), target if included else "", required=included)


def _linked(document: Document, location: str | None, namespace: str, *, required: bool) -> Iterator[tuple[Path, str]]:
    if not location:
        return
    if (place := local_path(document, location.strip())) is not None:
        yield place, namespace
    elif required:
        raise ConfigError(
            f"{document.path} needs {location}, and nothing is fetched over a network: "
            "save it beside the WSDL and refer to the file."
        )
    elif location not in BUNDLED:
        document.remote.append(location)
