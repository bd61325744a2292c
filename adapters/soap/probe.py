"""Legacy is asked whether it lets a caller in, with the caller's own credentials, and its yes is kept for a while."""

import hashlib
import hmac
import secrets
import time
from collections import OrderedDict
from pathlib import Path

from adapters.soap.auth import Probe
from adapters.soap.envelope import HEAD, sniff
from adapters.soap.headers import SECURITY, WSA, WSA_2004, WSSE, WSU, Headers, Node, is_among, with_blocks
from adapters.soap.namespaces import MEDIA, SOAP11, SOAP12
from adapters.soap.relay import HttpRequest, Relay, Rest
from adapters.soap.wsdl import Operation
from gateway.contract import Call, ConfigError, IncumbentFailed, Raw

_FAULTS = ((SOAP11, "Fault"), (SOAP12, "Fault"))
_ADDRESSING = (f"{{{WSA}}}", f"{{{WSA_2004}}}")
_TEXT = frozenset({"", "PasswordText"})


class Prober:
    """Knows whom legacy let in. Credentials are kept as keyed digests only, in this process only."""

    def __init__(self, settings: Probe, relay: Relay, folder: Path, timeout: float) -> None:
        """`timeout` in seconds for one question. Raises ConfigError where the request is no envelope."""
        self._settings = settings
        self._relay = relay
        self._timeout = timeout
        self._carriers = frozenset(name.lower().encode() for name in settings.headers)
        self._ignored = frozenset({*_ADDRESSING, *settings.ignore})
        self._secret = secrets.token_bytes(32)
        self._known: OrderedDict[bytes, float] = OrderedDict()
        self._request = _request(folder / settings.request) if settings.request else None

    @property
    def has_request(self) -> bool:
        """Whether legacy is asked with a request of its own, instead of the caller's call."""
        return self._request is not None

    def key(self, request: HttpRequest, headers: Headers, operation: str) -> bytes | None:
        """What stands for the caller's credentials; None where there are none, or none that last longer than a call.

        A yes to one operation says nothing about another, unless legacy is asked with a request of its own."""
        parts = [name + b":" + value for name, value in request.headers if name.lower() in self._carriers]
        for block in (*headers.blocks, *headers.others):
            if is_among(block.name, self._ignored):
                continue
            lasting = _lasting(block) if block.name == SECURITY else block.xml
            if lasting is None:
                return None
            parts.append(lasting.encode())
        if not parts:
            return None
        mac = hmac.new(self._secret, b"" if self.has_request else operation.encode(), hashlib.sha256)
        for part in parts:
            mac.update(b"%d:" % len(part) + part)
        return mac.digest()

    def knows(self, key: bytes | None) -> bool:
        """Whether legacy said yes to these credentials, not too long ago."""
        return key is not None and self._known.get(key, 0.0) > time.monotonic()

    def learn(self, key: bytes | None) -> None:
        """Legacy said yes. Who was there longest is forgotten first, when there are too many."""
        if key is None:
            return
        self._known[key] = time.monotonic() + self._settings.keep
        self._known.move_to_end(key)
        while len(self._known) > self._settings.entries:
            self._known.popitem(last=False)

    async def ask(self, request: HttpRequest, headers: Headers, operation: Operation) -> Raw | None:
        """None where legacy says yes to the configured request; else its answer.

        Raises IncumbentUnreachable or IncumbentTimeout."""
        body = self._request or b""
        blocks = (*headers.blocks, *headers.others)
        shown = [block.xml for block in blocks if not is_among(block.name, _ADDRESSING)]
        carried = [header for header in request.headers if header[0].lower() in self._carriers]
        version, action = sniff(body).version or "1.1", self._settings.action
        media = MEDIA[version] + (f'; action="{action}"' if action and version == "1.2" else "")
        carried.append((b"content-type", media.encode("latin-1")))
        if version == "1.1":
            carried.append((b"soapaction", f'"{action}"'.encode("latin-1")))
        question = HttpRequest(with_blocks(body, shown), media, 0, carried)
        call = Call("", "", question, operation.codec, timeout=self._timeout)
        try:
            answer = await self._relay.call(call, self._timeout)
        except IncumbentFailed as error:
            error.asked = False  # the caller's own call has not been sent
            raise
        if not _is_reply(answer):
            return answer
        if isinstance(answer.rest, Rest):
            answer.rest.close()
        return None


def is_yes(answer: Raw, operation: Operation) -> bool:
    """Whether legacy let a call in: it gave the operation's own answer, no fault and no page of HTML."""
    if not 200 <= answer.status < 300:
        return False
    if operation.codec.messages.one_way and not answer.body.strip():
        return True
    seen = sniff(answer.body[:HEAD])
    if operation.codec.messages.one_way:
        return seen.version is not None and seen.body_child not in _FAULTS
    return seen.body_child == operation.response


def _is_reply(answer: Raw) -> bool:
    seen = sniff(answer.body[:HEAD])
    return 200 <= answer.status < 300 and seen.body_child is not None and seen.body_child not in _FAULTS


def _lasting(security: Node) -> str | None:
    """Name and password of the only token; None where there is what a caller makes anew for every call."""
    tokens = security.all(f"{{{WSSE}}}UsernameToken")
    known = (f"{{{WSSE}}}UsernameToken", f"{{{WSU}}}Timestamp")
    if len(tokens) != 1 or any(child.name not in known for child in security.children):
        return None
    users, passwords = (tokens[0].all(f"{{{WSSE}}}{name}") for name in ("Username", "Password"))
    if len(users) != 1 or len(passwords) != 1 or users[0].children or passwords[0].children:
        return None
    kind = passwords[0].attributes.get("Type", "").replace(":", "#").rpartition("#")[2]
    return f"{len(users[0].text)}:{users[0].text}{passwords[0].text}" if kind in _TEXT else None


def _request(path: Path) -> bytes:
    try:
        body = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"auth.probe.request: {path} cannot be read: {error.strerror}") from error
    if sniff(body).version is None:
        raise ConfigError(f"auth.probe.request: {path} is no SOAP envelope")
    try:
        with_blocks(body, ())
    except ValueError as error:
        raise ConfigError(f"auth.probe.request: {path}: {error}") from error
    return body
