"""Who and what is let in where the candidate answers a call whole: nothing of this runs where the incumbent answers."""

from collections.abc import Sequence

from adapters.soap.addressing import Actions, Addressing, Misaddressed, actions, addressing, with_header
from adapters.soap.config import SoapSettings
from adapters.soap.content import version_of
from adapters.soap.escapes import escaped_attribute
from adapters.soap.faults import Code, Details, Faults
from adapters.soap.headers import SECURITY, WSA, WSA_2004, WSSE, HeaderReader, Headers
from adapters.soap.namespaces import ENVELOPES, QName
from adapters.soap.probe import Prober, is_yes
from adapters.soap.relay import HttpRequest
from adapters.soap.security import Rejected, Verifier
from adapters.soap.selection import Selected
from adapters.soap.wsdl import Contract, Operation
from gateway.contract import By, Denied, Gateway, Made, Message, Raw, Refusal, Relayed

_CONTRADICTION = "The request's Body and its action name different operations. Send the action of the operation called."
_NOT_UNDERSTOOD = "A header block that must be understood is not: {}. Leave it out, or do not mark it mustUnderstand."
_TOKEN = f"{{{WSSE}}}UsernameToken"


class Access:
    """What one address demands of its callers."""

    def __init__(
        self, settings: SoapSettings, contract: Contract, gateway: Gateway, prober: Prober | None, faults: Faults
    ) -> None:
        verify = settings.auth.verify if settings.auth else None
        self.contract = contract
        self.prober = prober
        self.faults = faults
        self.reader = HeaderReader(settings.max_decode, keep=prober is not None)
        self.verifier = Verifier(verify, gateway.once) if verify else None
        self.challenge = verify.realm if verify and verify.basic else None
        self.understood = frozenset({f"{{{WSA}}}", f"{{{WSA_2004}}}", *settings.understands})
        if verify or prober:
            self.understood |= {SECURITY}
        self._actions = actions(contract.documents)

    def actions(self, operation: str) -> Actions:
        """The actions of the operation's answers."""
        return self._actions.get(operation, _NO_ACTIONS)

    def admission(self, scope: Message, request: HttpRequest, selected: Selected, operation: Operation) -> "Admission":
        """One call's way in; nothing is looked at before it is asked."""
        return Admission(self, scope, request, selected.other, operation)


_NO_ACTIONS = Actions()


class Admission:
    """gateway.contract.Admission of one call; afterwards it knows what its answer says to the caller's."""

    __slots__ = ("_access", "_addressing", "_asked", "_key", "_operation", "_other", "_request", "_scope", "_whole")

    def __init__(self, access: Access, scope: Message, request: HttpRequest, other: str, operation: Operation) -> None:
        self._access = access
        self._scope = scope
        self._request = request
        self._other = other
        self._operation = operation
        self._addressing: Addressing | None = None
        self._asked = self._whole = False
        self._key: bytes | None = None

    async def __call__(self) -> By:
        """Whether the candidate may answer. Raises Denied, Undecodable, or IncumbentFailed where legacy was asked."""
        self._whole = True
        headers = self._access.reader.headers(self._request)
        if headers.blocks:
            self._addressed(headers)
        if self._other:
            raise self._denied("Client", _CONTRADICTION, "ambiguous")
        if headers.must and (missing := headers.not_understood(self._access.understood)):
            raise self._not_understood(missing)
        if self._access.verifier:
            await self._verified(self._access.verifier, headers)
        if self._access.prober:
            return await self._probed(self._access.prober, headers)
        return By.CANDIDATE

    def answered(self, answer: Relayed | Made) -> Raw:
        """The answer as the caller gets it: with headers where the candidate made it whole, else as it came."""
        if isinstance(answer, Relayed):
            if self._asked and self._access.prober and is_yes(answer.raw, self._operation):
                self._access.prober.learn(self._key)
            return answer.raw
        if not self._whole:
            return answer.raw
        raw, stated = answer.raw, self._access.actions(self._operation.name)
        if not isinstance(answer.outcome, Refusal):
            return self._headed(raw, stated.output)
        return self._headed(raw, stated.faults.get(answer.outcome.code, ""))

    def failed(self, raw: Raw) -> Raw:
        """A fault of ours as the caller gets it."""
        return self._headed(raw, self._addressing.fault_action if self._addressing else "")

    def _addressed(self, headers: Headers) -> None:
        """Takes note of WS-Addressing; refuses what contradicts itself."""
        try:
            self._addressing = addressing(headers)
        except Misaddressed as error:
            raise self._denied("Client", str(error), "addressing", Details(error.subcodes)) from None
        if not self._other and self._addressing:
            named = self._access.contract.by_action(self._addressing.action) if self._addressing.action else None
            self._other = named.name if named and named is not self._operation else ""

    def _not_understood(self, names: Sequence[QName]) -> Denied:
        header = ""
        if (version := version_of(self._request)) == "1.2":
            header = "".join(
                f'<soap:NotUnderstood xmlns:soap="{ENVELOPES[version]}" {_qualified(name)}/>' for name in names
            )
        sentence = _NOT_UNDERSTOOD.format(", ".join(f"{{{namespace}}}{local}" for namespace, local in names))
        return self._denied("MustUnderstand", sentence, "must_understand", Details(header=header))

    async def _verified(self, verifier: Verifier, headers: Headers) -> None:
        try:
            await verifier.check(self._scope, headers)
        except Rejected as error:
            more = Details((error.code,))
            realm = self._access.challenge
            if realm and not any(block.all(_TOKEN) for block in headers.all(SECURITY)):
                challenge = f'Basic realm="{realm}", charset="UTF-8"'.encode("ascii")
                more = Details((error.code,), http=((b"www-authenticate", challenge),), status=401)
            raise self._denied("Client", str(error), error.reason, more) from None

    async def _probed(self, prober: Prober, headers: Headers) -> By:
        self._key = prober.key(self._request, headers, self._operation.name)
        if prober.knows(self._key):
            return By.CANDIDATE
        if not prober.has_request:
            self._asked = True
            return By.INCUMBENT
        if (said := await prober.ask(self._request, headers, self._operation)) is not None:
            raise Denied("legacy does not let this caller in", "refused", said)
        prober.learn(self._key)
        return By.CANDIDATE

    def _denied(self, code: Code, sentence: str, reason: str, more: Details | None = None) -> Denied:
        raw = self._access.faults(version_of(self._request), code, sentence, more or Details())
        return Denied(sentence, reason, self.failed(raw))

    def _headed(self, raw: Raw, action: str) -> Raw:
        return with_header(raw, self._addressing.header(action)) if self._addressing else raw


def _qualified(name: QName) -> str:
    return f'qname="n:{name[1]}" xmlns:n="{escaped_attribute(name[0])}"' if name[0] else f'qname="{name[1]}"'
