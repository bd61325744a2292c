"""Checks callers ourselves: WS-Security UsernameToken and Timestamp, HTTP Basic, client certificates.

Sources: OASIS WSS UsernameToken Profile 1.1.1 (3.1: a digest is Base64 of SHA-1 over nonce, Created and password), WSS
SOAP Message Security 1.1.1 (10: timestamps, 12: fault codes), RFC 7617. What was wrong with a name or a password is
never told, and nothing of a token is logged or kept: the store holds a digest of its nonce.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from adapters.soap.auth import Verify
from adapters.soap.headers import SECURITY, WSSE, WSU, Headers, Node
from adapters.soap.moments import BLANK, parse_datetime
from adapters.soap.namespaces import QName
from gateway.contract import Message

Once = Callable[[str, bytes, float], Awaitable[bool]]

FAILED: QName = (WSSE, "FailedAuthentication")
INVALID: QName = (WSSE, "InvalidSecurity")
INVALID_TOKEN: QName = (WSSE, "InvalidSecurityToken")
UNSUPPORTED: QName = (WSSE, "UnsupportedSecurityToken")
EXPIRED: QName = (WSU, "MessageExpired")

NONCE = 128
"""Bytes of a nonce that are taken at most."""

_TOKEN, _TIMESTAMP = f"{{{WSSE}}}UsernameToken", f"{{{WSU}}}Timestamp"
_WRONG = "The caller could not be authenticated. Check the name and the password."


class Rejected(Exception):
    """The caller is not let in; `code` is a fault code of WS-Security, `reason` a short word to count by."""

    def __init__(self, code: QName, sentence: str, reason: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.reason = reason


@dataclass(slots=True, frozen=True)
class Token:
    """A UsernameToken as it stands in the message."""

    user: str
    password: str | None
    digest: bool
    nonce: bytes
    created: str


class Verifier:
    """Lets in who proves who they are by the configured methods."""

    def __init__(self, settings: Verify, once: Once, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        """`once` tells whether a nonce is new, over all workers."""
        self._settings = settings
        self._users = {name: password.get_secret_value() for name, password in settings.users.items()}
        self._nobody = secrets.token_hex(16)
        self._certificates = frozenset(settings.certificates)
        self._once = once
        self._now = now

    async def check(self, scope: Message, headers: Headers) -> None:
        """Returns where the caller is let in. Raises Rejected. What is shown and wrong is refused in any case."""
        settings = self._settings
        security = _security(headers)
        self._check_security(security, SECURITY in headers.must)
        held = []
        if settings.certificates:
            held.append(self._certificate(scope))
        if settings.basic:
            held.append(self._basic([value for name, value in scope["headers"] if name == b"authorization"]))
        if settings.tokens:
            held.append(await self._username_token(security))
        if not (all(held) if settings.require == "all" else any(held)):
            raise Rejected(FAILED, "The caller must say who it is, and has not, or not by every means.", "missing")

    def _check_security(self, security: Node | None, must: bool) -> None:
        known = {_TIMESTAMP, _TOKEN} if self._settings.tokens else {_TIMESTAMP}
        children = security.children if security else []
        if must and (strange := next((child.name for child in children if child.name not in known), None)):
            raise Rejected(UNSUPPORTED, f"In the Security header {strange} is not processed here.", "unsupported")
        stamps = [child for child in children if child.name == _TIMESTAMP]
        if len(stamps) > 1:
            raise Rejected(INVALID, "The Security header has more than one Timestamp.", "malformed")
        if stamps:
            self._check_timestamp(stamps[0])
        elif self._settings.timestamp:
            raise Rejected(INVALID, "The Security header must have a Timestamp.", "no_timestamp")

    def _check_timestamp(self, stamp: Node) -> None:
        created, expires = (_only(stamp, f"{{{WSU}}}{name}") for name in ("Created", "Expires"))
        if expires and self._age(expires) > self._settings.skew:
            raise Rejected(EXPIRED, "The message has expired. Check the clock.", "expired")
        if created:
            self._check_created(created)
        elif not expires:
            raise Rejected(INVALID, "The Timestamp says neither when it was created nor when it expires.", "malformed")
        if created and expires and _moment(expires) < _moment(created):
            raise Rejected(INVALID, "The Timestamp expires before it was created.", "malformed")

    def _check_created(self, created: str) -> None:
        age, settings = self._age(created), self._settings
        if age > settings.lifetime + settings.skew or age < -settings.skew:
            raise Rejected(EXPIRED, "It was created too long ago, or in the future. Check the clock.", "expired")

    def _age(self, moment: str) -> float:
        return (self._now() - _moment(moment)).total_seconds()

    async def _username_token(self, security: Node | None) -> bool:
        found = security.all(_TOKEN) if security else []
        if not found:
            return False
        if len(found) > 1:
            raise Rejected(INVALID, "The Security header has more than one UsernameToken.", "malformed")
        token = _token(found[0])
        kind = "digest" if token.digest else "text"
        if kind not in self._settings.tokens:
            raise Rejected(UNSUPPORTED, f"A UsernameToken with a password as {kind} is not taken here.", "unsupported")
        await (self._digest(token) if token.digest else self._text(token))
        return True

    async def _text(self, token: Token) -> None:
        self._compare(token.user, token.password or "")
        if token.created:
            self._check_created(token.created)

    async def _digest(self, token: Token) -> None:
        if not (token.nonce and token.created):
            raise Rejected(INVALID_TOKEN, "A password digest needs Nonce and Created.", "malformed")
        password = self._users.get(token.user, "")
        # Sources of the formula: see above. SHA-1 is what the profile says.
        sum_ = hashlib.sha1(token.nonce + token.created.encode() + (password or self._nobody).encode())  # noqa: S324
        expected = base64.b64encode(sum_.digest())
        if not hmac.compare_digest(expected, (token.password or "").strip(BLANK).encode()) or not password:
            raise Rejected(FAILED, _WRONG, "wrong")
        self._check_created(token.created)
        # As long as Created would be taken: from `skew` ahead of us until `lifetime` and `skew` behind.
        ttl = self._settings.lifetime + 2 * self._settings.skew
        nonce = hashlib.sha256(token.user.encode() + b"\0" + token.nonce).digest()
        if not await self._once("wsse", nonce, ttl):
            raise Rejected(FAILED, "The token was used before. Every call needs a nonce of its own.", "replayed")

    def _basic(self, values: Sequence[bytes]) -> bool:
        shown = [value for value in values if value[:6].lower() == b"basic "]
        if not shown:
            return False
        if len(values) > 1:
            raise Rejected(FAILED, "The request has more than one Authorization.", "malformed")
        try:
            plain = base64.b64decode(shown[0][6:].strip(), validate=True)
        except binascii.Error:
            raise Rejected(FAILED, _WRONG, "malformed") from None
        try:
            text = plain.decode()
        except UnicodeDecodeError:
            text = plain.decode("latin-1")
        user, _, password = text.partition(":")
        self._compare(user, password)
        return True

    def _compare(self, user: str, password: str) -> None:
        """Takes as long for a name that nobody has as for a wrong password."""
        expected = self._users.get(user, "")
        same = hmac.compare_digest(_hashed(password), _hashed(expected or self._nobody))
        if not (same and expected):
            raise Rejected(FAILED, _WRONG, "wrong")

    def _certificate(self, scope: Message) -> bool:
        tls: Mapping[str, object] = scope.get("extensions", {}).get("tls", {})
        chain = tls.get("client_cert_chain")
        if not isinstance(chain, list) or not chain:
            return False
        fingerprint = hashlib.sha256(ssl.PEM_cert_to_DER_cert(chain[0])).hexdigest()
        return bool({f"sha256:{fingerprint}", str(tls.get("client_cert_name") or "-")} & self._certificates)


def _security(headers: Headers) -> Node | None:
    found = headers.all(SECURITY)
    if len(found) > 1:
        raise Rejected(INVALID, "The message has more than one Security header for the same receiver.", "malformed")
    return found[0] if found else None


def _token(node: Node) -> Token:
    password = _child(node, f"{{{WSSE}}}Password")
    kind = (password.attributes.get("Type", "") if password else "").replace(":", "#").rpartition("#")[2]
    if kind not in ("", "PasswordText", "PasswordDigest"):
        raise Rejected(UNSUPPORTED, "The Type of the token's password is not known.", "unsupported")
    nonce = _only(node, f"{{{WSSE}}}Nonce")
    user = _only(node, f"{{{WSSE}}}Username")
    if not user:
        raise Rejected(INVALID_TOKEN, "The UsernameToken has no Username.", "malformed")
    return Token(
        user, password.text if password else None, kind == "PasswordDigest", _nonce(nonce) if nonce else b"",
        _only(node, f"{{{WSU}}}Created"),
    )  # fmt: skip


def _nonce(text: str) -> bytes:
    try:
        nonce = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise Rejected(INVALID_TOKEN, "The Nonce is not Base64.", "malformed") from None
    if len(nonce) > NONCE:
        raise Rejected(INVALID_TOKEN, f"The Nonce has more than {NONCE} bytes.", "malformed")
    return nonce


def _child(node: Node, name: str) -> Node | None:
    """The only child of this name, which has nothing but text: what stands twice could be read in two ways."""
    found = node.all(name)
    if len(found) > 1 or (found and found[0].children):
        raise Rejected(INVALID_TOKEN, f"{name.rpartition('}')[2]} must be there once, as plain text.", "malformed")
    return found[0] if found else None


def _only(node: Node, name: str) -> str:
    """The text of the only child of this name, "" where there is none."""
    found = _child(node, name)
    return found.text.strip(BLANK) if found else ""


def _moment(text: str) -> datetime:
    """Without a zone it is UTC, as the profile says."""
    try:
        moment = parse_datetime(text)
    except (ValueError, OverflowError):
        raise Rejected(INVALID, "A time in the Security header is no dateTime.", "malformed") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _hashed(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
