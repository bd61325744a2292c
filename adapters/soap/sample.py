"""A recorded response of the legacy service, read for what old clients match on: see docs/soap.md, "Wire shape"."""

import re
from dataclasses import dataclass
from pathlib import Path

from adapters.soap.markup import Span, Text, spans
from adapters.soap.namespaces import VERSIONS
from gateway.contract import ConfigError, Undecodable

_HEAD = re.compile(rb"(?:HTTP/[0-9.]+ 1[^\n]*\n\r?\n)?HTTP/[0-9.]+ ([0-9]{3})[^\n]*\n((?:[^\r\n][^\n]*\n)*)\r?\n")
_MEDIA = re.compile(rb"^content-type:[ \t]*([^\r\n]*?)[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)


@dataclass(slots=True, frozen=True)
class Sample:
    """A response; `status` is 0 and `media` empty where the file has no HTTP head. `data` is the body in UTF-8."""

    path: Path
    status: int
    media: str
    body: bytes
    text: Text
    root: Span

    @property
    def version(self) -> str:
        """Its SOAP version."""
        return VERSIONS[self.root.name[0]]

    @property
    def data(self) -> bytes:
        """The body in UTF-8."""
        return self.text.data


def read(path: Path) -> Sample:
    """The response in a file: a body, or an HTTP response as `curl -i` shows it. Raises ConfigError."""
    try:
        recorded = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"mirror: {path} cannot be read: {error.strerror}") from error
    head = _HEAD.match(recorded)
    body = recorded[head.end() :] if head else recorded
    found = _MEDIA.search(head[2]) if head else None
    media = found[1].decode("latin-1") if found else ""
    try:
        text = Text.of(body, media)
        root = spans(text.data)
    except Undecodable as error:
        raise ConfigError(f"mirror: {path} is no recorded SOAP response. {error}") from None
    if root.name[1] != "Envelope" or root.name[0] not in VERSIONS:
        raise ConfigError(f"mirror: {path} is no recorded SOAP response: its root element is {root.name[1]}.")
    return Sample(path, int(head[1]) if head else 0, media, body, text, root)
