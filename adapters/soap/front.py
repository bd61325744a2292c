"""The address that SOAP callers use: finds the operation, has routed calls answered, passes all else through."""

import re
from collections.abc import Mapping
from urllib.parse import unquote_to_bytes

from adapters.soap.access import Access, Admission
from adapters.soap.config import SoapSettings
from adapters.soap.content import beginning, compressed, version_of
from adapters.soap.envelope import is_other_version, sniff
from adapters.soap.exchange import Exchange, Gone, TooLarge
from adapters.soap.faults import Details
from adapters.soap.namespaces import RPC12
from adapters.soap.publish import Published
from adapters.soap.relay import HttpRequest, Relay
from adapters.soap.selection import Selected, select
from adapters.soap.wsdl import Contract, Operation
from gateway.contract import (
    ASGI,
    By,
    Call,
    Codec,
    Denied,
    Failed,
    Gateway,
    IncumbentFailed,
    IncumbentTimeout,
    Made,
    Message,
    Raw,
    Receive,
    Send,
    Undecodable,
    UnderstudyError,
    Unmappable,
)

_LATE = "The service behind this address did not answer in time."
_AWAY = "The service behind this address cannot be reached."
_EFFECT = {True: "The call may have taken effect.", False: "The call did not get there. Try again later."}
"""By whether the service was asked."""
_NOBODY = "Nobody answers this call: the service has no such operation, or it is not served here. Check the request."
_FAILED = "The call could not be answered. Try again later."
_NO_PROCEDURE = Details(((RPC12, "ProcedureNotPresent"),))
_HOST = re.compile(r"[A-Za-z0-9._-]+(:\d+)?|\[[0-9A-Fa-f:.]+\](:\d+)?")


class SoapFront:
    """gateway.contract.Front for one address, as raw ASGI."""

    def __init__(
        self, name: str, settings: SoapSettings, contract: Contract, codecs: Mapping[str, Codec], published: Published,
        relay: Relay | None, gateway: Gateway, access: Access,
    ) -> None:  # fmt: skip
        self._name = name
        self._settings = settings
        self._contract = contract
        self._codecs = codecs
        self._published = published
        self._relay = relay
        self._gateway = gateway
        self._access = access

    def routes(self) -> Mapping[str, ASGI]:
        """The adapter's path and everything below it."""
        return {f"{self._settings.path}/*": self}

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answers one request: by the gateway, from the WSDL, by the incumbent, or with a SOAP fault."""
        exchange = Exchange(scope, receive, send, self._settings.path)
        try:
            await self._serve(exchange)
        except Gone:
            self._gateway.passed(self._name, "", "caller_gone")

    async def _serve(self, exchange: Exchange) -> None:
        request = exchange.request
        if (exchange.stated or 0) > self._settings.max_relay:
            return await self._refuse(exchange, "", "over_max_relay", self._settings.max_relay)
        if request.method in (b"GET", b"HEAD") and not request.below:
            document = self._published.document(request.query.decode("latin-1"), self._address(exchange))
            if document is not None:
                # No charset: the document's own declaration says how it is encoded.
                return await exchange.send(Raw(document, "text/xml", 200))
        await exchange.read(self._settings.max_decode)
        if request.method == b"POST" and not request.below:
            await self._post(exchange)
        else:
            await self._pass(exchange, "", "below" if request.below else "method")

    async def _post(self, exchange: Exchange) -> None:
        request = exchange.request
        child = sniff(beginning(request)).body_child
        selected = select(self._contract, child, exchange.headers, request.media)
        operation = selected.operation
        if operation is None:
            return await self._pass(exchange, "", "no_operation")
        decision = self._gateway.decide(self._name, operation.name, None)
        if decision is None:
            return await self._pass(exchange, operation.name, "no_route")
        if selected.other and decision.by is By.INCUMBENT:
            return await self._pass(exchange, operation.name, "ambiguous")
        if exchange.whole and len(request.body) <= self._settings.max_decode:
            return await self._answer(exchange, operation, selected)
        if decision.by is By.INCUMBENT:
            return await self._pass(exchange, operation.name, "too_large")
        await self._refuse(exchange, operation.name, "over_max_decode", self._settings.max_decode)

    async def _answer(self, exchange: Exchange, operation: Operation, selected: Selected) -> None:
        request, codec = exchange.request, self._codecs[operation.name]
        admission = self._access.admission(exchange.scope, request, selected, operation)
        call = Call(
            self._name, operation.name, request, codec, timeout=self._settings.timeout, admission=admission
        )  # fmt: skip
        try:
            [answer] = await self._gateway.answer([call])
        except Exception:
            # A caller's parser can read nothing but a fault; what happened is for the server's log.
            await exchange.send(self._access.faults(version_of(request), "Server", _FAILED))
            raise
        if isinstance(answer, Failed):
            return await exchange.reply(self._failed(request, answer.error, admission))
        raw = admission.answered(answer)
        packed = isinstance(answer, Made) and self._settings.gzip
        await exchange.reply(compressed(raw, exchange.headers) if packed else raw)

    def _failed(self, request: HttpRequest, error: UnderstudyError, admission: Admission) -> Raw:
        return error.raw if isinstance(error, Denied) else admission.failed(self._failure(request, error))

    async def _pass(self, exchange: Exchange, operation: str, reason: str) -> None:
        """Has the incumbent answer, unobserved; counted once, by how it ended."""
        request = exchange.request
        if self._relay is None or _climbs(request.below):
            self._gateway.passed(self._name, operation, "refused")
            return await exchange.send(self._nobody(request))
        more = None if exchange.whole else exchange.more(self._settings.max_relay)
        try:
            raw = await self._relay.stream(request, more, exchange.stated if more else len(request.body))
        except TooLarge:
            return await self._refuse(exchange, operation, "over_max_relay", self._settings.max_relay)
        except IncumbentFailed as error:
            late = isinstance(error, IncumbentTimeout)
            self._gateway.passed(self._name, operation, "timeout" if late else "unreachable")
            return await exchange.send(self._failure(request, error))
        self._gateway.passed(self._name, operation, reason)
        await exchange.reply(raw)

    async def _refuse(self, exchange: Exchange, operation: str, reason: str, most: int) -> None:
        self._gateway.passed(self._name, operation, reason)
        sentence = f"The request is larger than {most} bytes, the most that is accepted here. Send less at once."
        await exchange.send(self._access.faults(version_of(exchange.request), "Client", sentence))

    def _nobody(self, request: HttpRequest) -> Raw:
        version = version_of(request)
        return self._access.faults(version, "Client", _NOBODY, _NO_PROCEDURE if version == "1.2" else Details())

    def _failure(self, request: HttpRequest, error: UnderstudyError) -> Raw:
        """The fault for a call that nobody answered. The insides of our network are none of the caller's business."""
        version, fault = version_of(request), self._access.faults
        if isinstance(error, Undecodable) and error.reason == "not_soap" and is_other_version(beginning(request)):
            return fault(version, "VersionMismatch", "The envelope is neither of SOAP 1.1 nor of SOAP 1.2.")
        if isinstance(error, Undecodable | Unmappable):
            return fault(version, "Client", f"{str(error).rstrip('.')}. Correct the request and send it again.")
        if isinstance(error, IncumbentFailed):
            sentence = _LATE if isinstance(error, IncumbentTimeout) else _AWAY
            return fault(version, "Server", f"{sentence} {_EFFECT[error.asked]}")
        return fault(version, "Server", _FAILED)

    def _address(self, exchange: Exchange) -> str:
        """Where the caller reached us: as configured, else as a proxy says, else as the request does."""
        if self._settings.address:
            return self._settings.address
        headers, scope = exchange.headers, exchange.scope
        host = _first(headers, b"x-forwarded-host") or _first(headers, b"host")
        if not _HOST.fullmatch(host):
            host = "{}:{}".format(*scope["server"])
        port = _first(headers, b"x-forwarded-port")
        if port.isdigit() and port not in ("80", "443") and not re.search(r":\d+$", host):
            host = f"{host}:{port}"
        scheme = _first(headers, b"x-forwarded-proto")
        return f"{scheme if scheme in ('http', 'https') else scope['scheme']}://{host}{self._settings.path}"


def _first(values: Mapping[bytes, bytes], name: bytes) -> str:
    return values.get(name, b"").decode("latin-1").partition(",")[0].strip()


def _climbs(below: bytes) -> bool:
    """Whether a path could leave the incumbent's own when somebody decodes it, as often as old servers do."""
    plain = unquote_to_bytes(unquote_to_bytes(below)).replace(b"\\", b"/")
    return any(segment.partition(b";")[0].strip() == b".." for segment in plain.split(b"/"))
