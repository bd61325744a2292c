"""The WSDL and every local file that it imports or includes, read once; nothing is fetched over a network."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from lxml import etree

from adapters.soap.namespaces import WSDL, XSD
from adapters.soap.reading import explained
from adapters.soap.wellknown import BUNDLED, PREFIXES
from gateway.contract import ConfigError

_REMOTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
_W, _X = f"{{{WSDL}}}", f"{{{XSD}}}"
_UNDECLARED = re.compile(r"[Nn]amespace prefix ([^\s:]+)(?: for \S+ on \S+)? (?:on \S+ )?is not defined")
_ROOT = re.compile(rb"<[A-Za-z_][^\s/>]*")
_SCHEMA_LINKS = (f"{_X}import", f"{_X}include", f"{_X}redefine")


@dataclass(slots=True, eq=False)
class Document:
    """A file: `name` relative to the WSDL's folder, `data` as it stands on disk, but for `repairs`.

    `schemas` are its xs:schema elements, each with the namespace that it takes where it has none of its own;
    `missing` says of each import that is not read where it is and why; `renamed` has the namespaces that imports
    state, each with the file that has another one; `repairs` says what was put right, a sentence each."""

    name: str
    path: Path
    data: bytes
    root: Any
    schemas: list[tuple[Any, str]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    renamed: list[tuple[str, Path]] = field(default_factory=list)
    repairs: list[str] = field(default_factory=list)


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
    data, added = _declared(data)
    document = Document(name, path, data, _parse(data.lstrip(b" \t\r\n"), path))
    document.repairs = [f"{name}: the prefix {one!r} is not declared; taken as {PREFIXES[one]}." for one in added]
    return document


def _declared(data: bytes) -> tuple[bytes, list[str]]:
    """The document with well-known prefixes declared at its root where names use them undeclared, and which."""
    added: list[str] = []
    while match := _UNDECLARED.search(_complaint(data)):
        prefix = match[1]
        root = _ROOT.search(data)
        if prefix not in PREFIXES or prefix in added or root is None:
            break
        data = data[: root.end()] + f' xmlns:{prefix}="{PREFIXES[prefix]}"'.encode() + data[root.end() :]
        added.append(prefix)
    return data, added


def _complaint(data: bytes) -> str:
    """What the parser says is wrong, "" where nothing is."""
    try:
        etree.fromstring(data.lstrip(b" \t\r\n"), _parser())
    except (etree.XMLSyntaxError, ValueError) as error:
        return str(error)
    return ""


def _parser() -> Any:
    return etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
    )


def _parse(data: bytes, path: Path) -> Any:
    try:
        root = etree.fromstring(data, _parser())
    except (etree.XMLSyntaxError, ValueError) as error:
        raise ConfigError(f"The WSDL or schema {path} is not well-formed XML{explained(error)}.") from None
    if root.getroottree().docinfo.doctype:
        raise ConfigError(f"The WSDL or schema {path} has a DOCTYPE, which is not read; please remove it.")
    return root


def _reached(document: Document, namespace: str) -> Iterator[tuple[Path, str]]:
    """Files that this one imports or includes, each with the namespace that its schema takes on."""
    root = document.root
    schemas = [root] if root.tag == f"{_X}schema" else root.findall(f"{_W}types/{_X}schema")
    for node in root.findall(f"{_W}import"):
        yield from _linked(document, node.get("location"), "", wsdl=True)
    for schema in schemas:
        document.schemas.append((schema, namespace))
        target = schema.get("targetNamespace") or namespace
        for node in schema.iterchildren(*_SCHEMA_LINKS):
            included = node.tag != f"{_X}import"
            stated = target if included else node.get("namespace", "")
            for place, _ in _linked(document, node.get("schemaLocation"), "", stated=stated):
                yield place, target if included else ""
                document.renamed.append((stated, place))


def _linked(
    document: Document, location: str | None, namespace: str, *, wsdl: bool = False, stated: str = ""
) -> Iterator[tuple[Path, str]]:
    if not location:
        return
    place = local_path(document, location.strip())
    if place is not None and (wsdl or place.is_file()):
        yield place, namespace
    elif wsdl:
        raise ConfigError(
            f"{document.path} needs {location}, and nothing is fetched over a network: "
            "save it beside the WSDL and refer to the file."
        )
    elif stated not in BUNDLED:
        document.missing.append(f"{location} ({'not fetched' if place is None else 'no such file'})")
