"""The settings of a SOAP adapter."""

from collections.abc import Sequence
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from adapters.soap.auth import Auth, ClarkName, Credentials, FaultSettings, own, stated
from adapters.soap.shaping import DeclaredFault, Mirrored, mirrored
from gateway.settings import Duration, Settings, Size
from gateway.tls import Server


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


class IncumbentSettings(Server):
    """The legacy service, and the TLS to it where its address is https."""

    url: Annotated[str, AfterValidator(_address)]
    timeout: Duration = 60.0
    """How long an answer may take, and each wait of a streamed one. Not shorter than callers used to wait."""
    connections: int = Field(64, ge=1)
    """Connections that a worker has to it at most."""
    credentials: Annotated[Credentials | None, BeforeValidator(own)] = None
    """Shown instead of the caller's own Authorization, which is relayed by default."""
    rewrite: Literal["wsa_to"] | None = None
    """The one exception to byte for byte: wsa:To of a request becomes the incumbent's address."""

    @property
    def secure(self) -> bool:
        """Whether TLS is spoken with it."""
        return self.url.startswith("https:")

    def weaknesses(self) -> Sequence[str]:
        """What is configured and weakens security, one sentence each."""
        found = [*self.weak_server("", "incumbent")] if self.secure else []
        if self.credentials:
            user = self.credentials.basic.user
            found.append(
                f"credentials: every caller acts as {user!r} at the incumbent, which checks nobody else any more"
            )
        if self.credentials and not self.secure:
            found.append("credentials: they are sent in the clear, since the address is not https")
        return found


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
    auth: Annotated[Auth | None, BeforeValidator(stated)] = None
    """Must be stated for the candidate to answer."""
    understands: list[ClarkName] = []
    """Header blocks that callers may mark mustUnderstand although the candidate does nothing with them."""
    faults: FaultSettings = FaultSettings()
    declared_faults: dict[str, DeclaredFault] = {}
    """How declared faults go out, by their names in the WSDL."""
    mirror: Annotated[Mirrored, BeforeValidator(mirrored)] = {}
    """Recorded responses of legacy that encoded answers look like; relative to the configuration."""
    gzip: bool = False
    """Whether the candidate's answers are compressed for callers that accept it."""
    validate_: Literal["off", "warn", "enforce"] = Field("off", alias="validate")
    """Whether what is decoded for the candidate, and what it answers, must be valid by the WSDL's schemas."""
    address: Annotated[str | None, AfterValidator(lambda url: url and _address(url))] = None
    """The address in the published WSDL; by default the one that the caller used."""

    @model_validator(mode="after")
    def _asks_with_the_callers_credentials(self) -> "SoapSettings":
        if self.auth and self.auth.probe:
            if self.incumbent is None:
                raise ValueError("auth: probe needs an `incumbent` that can be asked")
            if self.incumbent.credentials:
                raise ValueError("auth: probe needs `credentials: relay`, or legacy would say yes to everybody")
        return self

    @model_validator(mode="after")
    def _decodes_what_it_relays(self) -> "SoapSettings":
        if self.max_relay < self.max_decode:
            raise ValueError("max_relay must be at least max_decode")
        return self
