"""The settings of who is allowed, and of headers and faults."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator

from gateway.settings import Duration, Settings

_FINGERPRINT = re.compile(r"sha256:[0-9a-f]{64}")


def _users(value: Any) -> Any:
    """A mapping, or the content of a file with `NAME:PASSWORD` on each line; `#` begins a comment line."""
    if not isinstance(value, str):
        return value
    lines = [line for line in value.splitlines() if line.strip() and not line.startswith("#")]
    for number, line in enumerate(lines, 1):
        if not line.partition(":")[0] or ":" not in line:
            raise ValueError(f"entry {number} of the users is not NAME:PASSWORD")
    return {name: password for name, _, password in (line.partition(":") for line in lines)}


def _certificate(text: str) -> str:
    if text.lower().startswith("sha256:"):
        text = "sha256:" + text[7:].replace(":", "").lower()
        if not _FINGERPRINT.fullmatch(text):
            raise ValueError("expected sha256: and the 64 hex digits of the certificate's fingerprint")
    elif text and "=" not in text:
        raise ValueError("expected sha256:FINGERPRINT, or a subject such as CN=batch,O=Bank")
    return text


def _clark(name: str) -> str:
    if not re.fullmatch(r"(\{[^{}]+\})?[^\s{}:]+|\{[^{}]+\}", name):
        raise ValueError("expected {namespace}name, or {namespace} for all of its names")
    return name


ClarkName = Annotated[str, AfterValidator(_clark)]


class Verify(Settings):
    """We check the caller. At least one method; with several it must be said whether any of them or all must hold."""

    users: Annotated[dict[str, SecretStr], BeforeValidator(_users)] = {}
    """Passwords by name, as given: a digest cannot be checked against a hash of them."""
    tokens: list[Literal["text", "digest"]] = []
    """Passwords that a WS-Security UsernameToken may have."""
    basic: bool = False
    """Whether HTTP Basic is taken."""
    realm: str = Field("Understudy", pattern=r'^[^"\\\x00-\x1f\x7f-\uffff]+$')
    certificates: list[Annotated[str, AfterValidator(_certificate)]] = []
    """Client certificates that are let in: `sha256:FINGERPRINT`, or the subject as in RFC 4514."""
    require: Literal["any", "all"] | None = None
    timestamp: bool = False
    """Whether a Timestamp is demanded. One that is there is always checked."""
    skew: Duration = 300.0
    """How far a caller's clock may differ."""
    lifetime: Duration = 300.0
    """How long after it was created a token may be used."""

    @model_validator(mode="after")
    def _can_check(self) -> "Verify":
        methods = [bool(self.tokens), self.basic, bool(self.certificates)]
        if not any(methods):
            raise ValueError("say how: `tokens: [text, digest]`, `basic: true` or `certificates: [...]`")
        if (self.tokens or self.basic) and "users" not in self.model_fields_set:
            raise ValueError("tokens and basic need `users`: {NAME: ${PASSWORD}}, or a ${file:...} of them")
        if sum(methods) > 1 and self.require is None:
            raise ValueError("several methods are given: state `require: any` or `require: all`")
        return self


class Probe(Settings):
    """Legacy is asked with the caller's own credentials, and its yes is kept for a while."""

    request: str | None = None
    """A file with a harmless request; by default the caller's own first call is sent to legacy, which answers it."""
    action: str = ""
    """The SOAPAction of that request."""
    headers: list[str] = ["authorization", "cookie"]
    """HTTP headers that carry credentials."""
    ignore: list[ClarkName] = []
    """SOAP header blocks that are no credentials although they differ from call to call."""
    keep: Duration = 300.0
    """How long a yes is good for."""
    entries: int = Field(10_000, ge=1)
    """Callers that a worker remembers."""


def stated(value: Any) -> Any:
    """`auth: probe` is short for `auth: {probe: {}}`."""
    if value == "probe":
        return {"probe": {}}
    if value in ("verify", "none"):
        what = "how, such as {verify: {tokens: [digest], users: ...}}" if value == "verify" else "why: {none: REASON}"
        raise ValueError(f"`{value}` must say {what}")
    return value


class Auth(Settings):
    """Who checks the caller of a call that the candidate answers, which legacy never sees. Exactly one of the three."""

    none: str | None = Field(None, min_length=1)
    """Why nobody needs to."""
    verify: Verify | None = None
    probe: Probe | None = None

    @model_validator(mode="after")
    def _one(self) -> "Auth":
        if sum(one is not None for one in (self.none, self.verify, self.probe)) != 1:
            raise ValueError("state exactly one of `verify`, `probe` and `none`")
        return self


class FaultSettings(Settings):
    """HTTP statuses of faults; old services and their clients use 200."""

    status_11: int = Field(500, ge=200, le=599)
    status_12_sender: int = Field(400, ge=200, le=599)
    status_12_receiver: int = Field(500, ge=200, le=599)

    def status(self, version: str, sender: bool) -> int:
        """The status of a fault; in 1.2 by whose fault it is (SOAP 1.2 Part 2, 7.5.2.2)."""
        if version == "1.1":
            return self.status_11
        return self.status_12_sender if sender else self.status_12_receiver


class BasicCredentials(Settings):
    """What legacy is shown instead of the caller's Authorization."""

    user: str = Field(pattern=r"^[^:\x00-\x1f]*$")
    password: SecretStr


class Credentials(Settings):
    """`{basic: {user, password}}`."""

    basic: BasicCredentials


def own(value: Any) -> Any:
    """`relay`, the default, means none of our own."""
    return None if value == "relay" else value


def missing(auth: Auth | None) -> Mapping[str, str]:
    """What is configured so that nobody would be let in: by setting, a sentence."""
    verify = auth.verify if auth else None
    if verify is None or not (verify.tokens or verify.basic):
        return {}
    found = {} if verify.users else {"users": "is empty, so nobody is let in"}
    empty = [name for name, password in verify.users.items() if not password.get_secret_value()]
    return found | {f"users.{name}": "has an empty password, which is never taken" for name in empty}
