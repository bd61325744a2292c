"""The settings of formats, as they stand under an adapter's `format`."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, model_validator

from gateway.settings import Settings, Size


class Bounded(Settings):
    """What all formats have."""

    max_decode: Size = 1 << 20
    """Bytes of a body that are read at most."""


class JsonSettings(Bounded):
    """JSON objects."""

    type: Literal["json"] = "json"
    many: bool = False
    """Whether a body is an array of objects, the payload then `{"records": [...]}`."""


def named(value: Any) -> Any:
    """A format by its name alone, such as `json`, as the section it stands for."""
    return {"type": value} if isinstance(value, str) else value


FormatSettings = Annotated[JsonSettings, BeforeValidator(named)]
"""One format: a section with its `type`, or the type's name alone."""


class Choice(Settings):
    """The formats of an adapter."""

    default: FormatSettings | None = None
    """Of messages whose content type is not listed, or that have none."""
    by_media: dict[str, FormatSettings] = {}
    """Formats by content type without parameters, such as `application/xml`."""

    @model_validator(mode="after")
    def _has_one(self) -> "Choice":
        if self.default is None and not self.by_media:
            raise ValueError("name a format, such as json")
        return self


def chosen(value: Any) -> Any:
    """A single format as the choice it stands for."""
    several = isinstance(value, dict) and "type" not in value
    return value if several or isinstance(value, Choice) else {"default": value}


FormatChoice = Annotated[Choice, BeforeValidator(chosen)]
"""One format as in FormatSettings, or `default` and `by_media`."""


def media_of(media: str) -> str:
    """A content type without its parameters, in small letters."""
    return media.partition(";")[0].strip().lower()
