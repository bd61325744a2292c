"""The formats of message bodies, as pure codecs that the adapters of queues and tables share.

An adapter's settings have a `FormatChoice` (one format, or one a media type); `Formats(choice, folder).of(media)` is
the `Format` of a message. It reads a body into a payload, writes a payload, and replaces values of a body in place.

Payloads are as `gateway.contract` says. A body of many records is `{"records": [...]}`, with `header` and `trailer`
beside it where a format has those; so a value of the second record stands at `("records", 1, NAME)`. What a refusal
looks like is the application's affair: a format gives it as any other payload.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from adapters.formats.config import (
    CopybookSettings,
    CsvSettings,
    FixedSettings,
    FormatChoice,
    FormatSettings,
    JsonSettings,
    MessagePackSettings,
    SoapSettings,
    XmlSettings,
    media_of,
)
from adapters.formats.copybook import copybook
from adapters.formats.csv import Csv
from adapters.formats.fixed import fixed
from adapters.formats.json import Json
from gateway.contract import ConfigError, Payload, Undecodable
from gateway.contract import Path as PayloadPath

__all__ = ["Format", "FormatChoice", "FormatSettings", "Formats", "build"]


class Format(Protocol):
    """One way to write payloads as bytes. No I/O; holds nothing of a message."""

    media: str
    """The content type of what it writes."""

    def read(self, body: bytes, media: str = "") -> Payload:
        """The payload of a body; `media` is its content type, where the protocol tells one.

        Raises Undecodable, with the field and where it stands, and never with its value."""

    def write(self, payload: Payload) -> bytes:
        """The body of a payload. Raises Unencodable, with the field."""

    def amend(self, body: bytes, changes: Mapping[PayloadPath, Any], media: str = "") -> bytes:
        """The body with the values at these paths replaced and every other byte kept.

        Raises Unencodable where a path is not in the body: nothing is ever added."""


class Formats:
    """The formats of one adapter, chosen by the content type of a message."""

    def __init__(self, choice: FormatChoice, folder: Path) -> None:
        """`folder` is where understudy.yaml is; reads what a format refers to. Raises ConfigError."""
        self._default = None if choice.default is None else build(choice.default, folder)
        self._by_media = {media_of(media): build(one, folder) for media, one in choice.by_media.items()}

    def of(self, media: str) -> Format:
        """The format of a content type, whatever its parameters. Raises Undecodable where none is configured."""
        found = self._by_media.get(media_of(media), self._default)
        if found is None:
            known = ", ".join(self._by_media)
            raise Undecodable(f"The content type is not one of those configured: {known}.", "media_type")
        return found


def build(settings: FormatSettings, folder: Path) -> Format:
    """The format that is configured; reads what it refers to. Raises ConfigError, with file and line."""
    if isinstance(settings, JsonSettings):
        return Json(settings)
    if isinstance(settings, CsvSettings):
        return Csv(settings)
    if isinstance(settings, FixedSettings):
        return fixed(settings)
    if isinstance(settings, CopybookSettings):
        return copybook(settings, folder)
    with _installed(settings):
        return _with_library(settings, folder)


def _with_library(settings: MessagePackSettings | SoapSettings | XmlSettings, folder: Path) -> Format:
    """A format whose library loads only where it is configured."""
    if isinstance(settings, MessagePackSettings):
        from adapters.formats.messagepack import MessagePack

        return MessagePack(settings)
    if isinstance(settings, SoapSettings):
        from adapters.formats.soap import Soap

        return Soap(settings, folder)
    from adapters.formats.xml import xml

    return xml(settings, folder)


@contextmanager
def _installed(settings: MessagePackSettings | SoapSettings | XmlSettings) -> Iterator[None]:
    """Says what to install where a library is missing."""
    extra = "messagepack" if isinstance(settings, MessagePackSettings) else "soap"
    try:
        yield
    except ModuleNotFoundError as error:
        needed = f'pip install "understudy-gateway[{extra}]"'
        raise ConfigError(f"the format {settings.type!r} needs {error.name}: {needed}") from error
