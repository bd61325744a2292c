"""The settings of a SOAP adapter."""

from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from gateway.settings import Duration, Settings, Size


def _address(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("expected an address such as http://legacy.example:8080/loans")
    if "@" in parts.netloc or not url.isascii() or any(character.isspace() for character in url):
        raise ValueError("write the address without user name, password, spaces or letters beyond ASCII")
    return url


def _path(path: str) -> str:
    if not path.startswith("/") or path.endswith("/") or set(path) & set("?#*% ") or not path.isascii():
        raise ValueError("expected a path such as /soap/loans: it begins with a slash and does not end in one")
    return path


def _auth(value: Any) -> Any:
    word = value if isinstance(value, str) else next(iter(value), None) if isinstance(value, dict) else None
    if word in ("verify", "probe"):
        raise ValueError(f"`{word}` is not available yet; state why nobody needs to check: auth: {{none: REASON}}")
    return value


class Auth(Settings):
    """Who checks the caller of a call that the candidate answers, which legacy never sees."""

    none: str = Field(min_length=1)
    """Why nobody needs to."""


class IncumbentSettings(Settings):
    """The legacy service."""

    url: Annotated[str, AfterValidator(_address)]
    timeout: Duration = 5.0
    """How long an answer may take, and each wait of a streamed one."""
    connections: int = Field(64, ge=1)
    """Connections that a worker has to it at most."""
    verify: bool = True
    """Whether its TLS certificate must be valid for its name."""
    ca: str | None = None
    """A PEM file with the authority that signed it; relative to the configuration. By default the system's."""


class SoapSettings(Settings):
    """One address that SOAP callers use."""

    path: Annotated[str, AfterValidator(_path)]
    """Where callers reach it; what is below goes to the incumbent."""
    wsdl: str
    """The service's own WSDL; relative to the configuration."""
    incumbent: IncumbentSettings | None = None
    timeout: Duration = 10.0
    """The deadline of a call."""
    max_decode: Size = 1 << 20
    """Bytes of a message that are decoded; what is larger is relayed, or refused where the candidate answers."""
    max_relay: Size = 64 << 20
    """Bytes of a request that are relayed."""
    auth: Annotated[Auth | None, BeforeValidator(_auth)] = None
    """Must be stated for the candidate to answer."""
    address: Annotated[str | None, AfterValidator(lambda url: url and _address(url))] = None
    """The address in the published WSDL; by default the one that the caller used."""

    @model_validator(mode="after")
    def _decodes_what_it_relays(self) -> "SoapSettings":
        if self.max_relay < self.max_decode:
            raise ValueError("max_relay must be at least max_decode")
        return self
