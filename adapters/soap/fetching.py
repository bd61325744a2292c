"""The WSDL of a service and all that it imports, as files of one folder: for `understudy init` and nothing else.

From an address only documents of the same server are fetched, within limits; what is elsewhere stays an address.
"""

import re
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from urllib.error import URLError
from urllib.parse import parse_qsl, unquote, urldefrag, urljoin, urlsplit
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

from adapters.soap.markup import Edit, Span, Text, attribute, spans
from adapters.soap.namespaces import WSDL, XSD, QName
from gateway.contract import ConfigError, Undecodable

DOCUMENTS = 200
SIZE = 10 << 20
"""Bytes of a document."""
TIMEOUT = 20.0
"""Seconds that a document may take to begin."""

_LINKS: Mapping[QName, str] = {
    (WSDL, "import"): "location",
    (XSD, "import"): "schemaLocation",
    (XSD, "include"): "schemaLocation",
    (XSD, "redefine"): "schemaLocation",
}
_STRANGE = re.compile(r"[^A-Za-z0-9._-]+")


def documents(wsdl: str) -> Mapping[str, bytes]:
    """The files by name, the WSDL first; links among them name the files, all other bytes are kept.

    `wsdl` is a file's path, or an address that begins with http. Raises ConfigError."""
    top = wsdl if _is_address(wsdl) else Path(wsdl).absolute().as_uri()
    names: dict[str, str] = {top: _name(top, set(), "service.wsdl")}
    files: dict[str, bytes] = {}
    for place in (waiting := [top]):
        text, links = _read(place)
        edits: list[Edit] = []
        for start, end, target in links:
            where = urldefrag(urljoin(place, target)).url
            if not _belongs(where, top):
                continue
            if where not in names:
                names[where] = _name(where, set(names.values()), "schema.xsd")
                waiting.append(where)
            if names[where] != target:
                edits.append((start, end, names[where].encode()))
        if len(waiting) > DOCUMENTS:
            raise ConfigError(f"The WSDL imports more than {DOCUMENTS} documents.")
        files[names[place]] = text.edited(edits)
    return files


def _is_address(text: str) -> bool:
    return text.lower().startswith(("http://", "https://"))


def _belongs(where: str, top: str) -> bool:
    """Whether it comes from where the WSDL comes from; a file that is not there is left to whoever needs it."""
    here, there = urlsplit(where), urlsplit(top)
    if here.scheme == "file" == there.scheme:
        return Path(unquote(here.path)).is_file()
    return (here.scheme, here.netloc) == (there.scheme, there.netloc)


def _name(where: str, taken: AbstractSet[str], usual: str) -> str:
    """A plain file name: what the address calls the document."""
    parts = urlsplit(where)
    ending = Path(usual).suffix
    values = [value for _, value in parse_qsl(parts.query) if value.lower().endswith((".xsd", ".wsdl", ".xml"))]
    last = Path(values[0] if values else unquote(parts.path)).name
    plain = _STRANGE.sub("-", last).strip("-.") or usual
    if not plain.lower().endswith((".xsd", ".wsdl", ".xml")):
        plain = Path(plain).stem + ending
    stem, suffix = Path(plain).stem, Path(plain).suffix
    numbered = (f"{stem}-{number}{suffix}" for number in range(2, DOCUMENTS + 2))
    return plain if plain not in taken else next(one for one in numbered if one not in taken)


def _read(place: str) -> tuple[Text, list[tuple[int, int, str]]]:
    """A document, and where its links stand."""
    data = _fetched(place) if _is_address(place) else _opened(Path(unquote(urlsplit(place).path)))
    try:
        text = Text.of(data, "")
        root = spans(text.data)
    except Undecodable as error:
        raise ConfigError(f"{place} is no WSDL or schema. {error}") from None
    found = []
    for span in _all(root):
        if span.name in _LINKS and (at := attribute(text.data, span, ("", _LINKS[span.name]))) is not None:
            written = text.data[at[0] : at[1]].decode().strip()
            found.append((at[0], at[1], written.replace("&amp;", "&")))
    return text, found


def _all(span: Span) -> Iterator[Span]:
    yield span
    for child in span.children:
        yield from _all(child)


def _opened(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"The WSDL or schema {path} cannot be read: {error.strerror}.") from None


class _SameServer(HTTPRedirectHandler):
    """Follows a redirect only to the server that sent it."""

    def redirect_request(
        self, req: Request, fp: object, code: int, msg: str, headers: object, newurl: str
    ) -> Request | None:
        """The next request. Raises URLError for one to another server."""
        if urlsplit(newurl)[:2] != urlsplit(req.full_url)[:2]:
            raise URLError(f"it is redirected to {newurl}; name that address if you trust it")
        return Request(newurl)  # noqa: S310  # the same scheme and server as before


def _fetched(address: str) -> bytes:
    opener = build_opener(ProxyHandler({}), _SameServer)
    try:
        with opener.open(address, timeout=TIMEOUT) as response:
            data: bytes = response.read(SIZE + 1)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{address} cannot be fetched: {getattr(error, 'reason', None) or error}") from None
    if len(data) > SIZE:
        raise ConfigError(f"{address} has more than {SIZE} bytes.")
    return data
