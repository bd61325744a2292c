"""One operation as it is served: its codec, inside of what HTTP and old clients put around a message."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import structlog

from adapters.soap import attachments, content
from adapters.soap.asking import coerced
from adapters.soap.auth import FaultSettings
from adapters.soap.faults import Details, fault_body
from adapters.soap.mirror import Mirror, shown
from adapters.soap.namespaces import MEDIA
from adapters.soap.sample import Sample
from adapters.soap.shaping import DeclaredFault
from adapters.soap.validity import Problem, Validator
from adapters.soap.wsdl import Operation
from gateway.contract import Call, Opaque, Outcome, Path, Payload, Raw, Refusal, Undecodable, Unencodable, Values

COUNTED = 500
"""Different problems of an operation that are counted apart."""

log = structlog.get_logger()


@dataclass(slots=True, frozen=True)
class Dress:
    """What is configured of an operation's messages beside its WSDL."""

    samples: Sequence[Sample] = ()
    faults: Mapping[str, DeclaredFault] = field(default_factory=dict)
    statuses: FaultSettings = field(default_factory=FaultSettings)
    validator: Validator | None = None
    enforce: bool = False
    """Whether what the schema does not allow is refused, rather than counted."""


class ServedCodec:
    """gateway.contract.Codec for one operation, with gzip, attachments, validation and the wire shape of legacy.

    Nothing of it runs where the incumbent answers: there, nobody decodes."""

    def __init__(self, operation: Operation, dress: Dress, limit: int) -> None:
        """`limit`: bytes of a message that are decoded at most, inflated and with its attachments in place."""
        self._operation = operation
        self._inner = operation.codec
        self._dress = dress
        self._limit = limit
        self._invalid: Counter[tuple[str, str, str]] = Counter()
        self.noticed: Callable[[str], None] = lambda event: None

    @cached_property
    def _mirror(self) -> Mirror | None:
        return Mirror(self._dress.samples, self._inner.messages) if self._dress.samples else None

    def request(self, raw: Raw) -> Payload:
        """The decoded request. Raises Undecodable, where validation is enforced also for what the schema forbids."""
        plain = content.opened(raw, self._inner.reader, self._limit)
        if (wrong := self._problems(plain)) and self._counted("request", wrong):
            raise Undecodable(f"The schema does not allow this request. {_told(wrong)}", "invalid")
        return self._inner.request(plain)

    def reply(self, raw: Raw) -> Outcome:
        """The decoded answer of the incumbent. Raises Undecodable."""
        return self._inner.reply(content.opened(raw, self._inner.reader, self._limit))

    def encode(self, outcome: Values | Refusal, call: Call) -> Raw:
        """The answer in the SOAP version of the call and in the wire shape of legacy's samples. Raises Unencodable."""
        version = self._inner.version(content.beginning(call.raw))
        if isinstance(outcome, Refusal):
            raw = self._refused(outcome, version)
        elif self._inner.messages.one_way:
            return self._inner.answer(outcome.fields, version)
        else:
            raw = self._inner.answer(outcome.fields, version)
            if self._mirror:
                raw = self._mirror.dressed(version, raw, self._operation.response)
        if (wrong := self._problems(raw)) and self._counted("answer", wrong):
            raise Unencodable(f"The schema does not allow this answer. {_told(wrong)}")
        return raw

    def ask(self, fields: Payload) -> Raw:
        """The request with this payload as a client sends it, with its SOAPAction. Raises Unencodable.

        Texts become what the schema asks for, such as numbers."""
        raw = self._inner.ask(coerced(self._inner.messages.request, fields))
        action = self._operation.soap_action
        if raw.media == MEDIA["1.2"]:
            raw.media += f'; action="{action}"' if action else ""
            return replace(raw, headers=[(b"content-type", raw.media.encode())])
        return replace(raw, headers=[(b"content-type", raw.media.encode()), (b"soapaction", f'"{action}"'.encode())])

    def amend(self, raw: Raw, changes: Mapping[Path, Any]) -> Raw:
        """The incumbent's reply with the values at these paths replaced, packed as it was. Raises Unencodable."""
        try:
            if content.is_gzip(raw.body):
                plain = replace(raw, body=content.inflated(raw.body, self._limit))
                return replace(raw, body=content.deflated(self.amend(plain, changes).body))
            if attachments.is_package(raw.media):
                return self._amended_part(raw, changes)
        except Undecodable as error:
            raise Unencodable(f"The reply cannot be amended. {error}") from None
        return self._inner.amend(raw, changes)

    def _amended_part(self, raw: Raw, changes: Mapping[Path, Any]) -> Raw:
        root = attachments.parts(raw.body, raw.media)[0]
        if root.encoding in ("base64", "quoted-printable") or "content-length" in root.headers:
            raise Unencodable("The reply cannot be amended: its envelope is encoded, or its length is stated.")
        part = Raw(raw.body[root.start : root.end], root.headers.get("content-type", ""), raw.status)
        body = self._inner.amend(part, changes).body
        return replace(raw, body=raw.body[: root.start] + body + raw.body[root.end :])

    def unlike(self) -> Iterator[str]:
        """Where an answer with a sample's own values would differ from that sample."""
        names = (self._operation.response, *self._operation.faults.values())
        for sample in self._dress.samples:
            if shown(sample) not in names:
                continue
            raw = Raw(sample.body, sample.media, sample.status)
            try:
                outcome = self.reply(raw)
                if isinstance(outcome, Opaque):
                    yield f"{sample.path.name} is a technical answer: {outcome.reason}"
                    continue
                made = self.encode(outcome, Call("", self._operation.name, raw, self, timeout=1)).body
            except (Undecodable, Unencodable) as error:
                yield f"{sample.path.name} cannot be read and written again: {error}"
                continue
            if made != sample.body:
                at = next((n for n, pair in enumerate(zip(made, sample.body, strict=False)) if pair[0] != pair[1]), 0)
                yield f"an answer with the values of {sample.path.name} differs from it from byte {at} on"

    def _refused(self, outcome: Refusal, version: str) -> Raw:
        """A declared fault: as configured, else as legacy's sample has it, else a Server fault."""
        detail = self._inner.detail(outcome, version)
        said = self._dress.faults.get(outcome.code) or DeclaredFault()
        name = self._inner.messages.faults[outcome.code].name
        shown = self._mirror.fault(version, name) if self._mirror else None
        code, actor, status = shown or ("Server", "", 0)
        code, actor = said.code or code, said.actor if said.actor is not None else actor
        more = Details(actor=actor)
        body = fault_body(version, code, outcome.message or outcome.code, detail, more)
        status = said.status or status or self._dress.statuses.status(version, code.startswith("Client"))
        raw = Raw(body, MEDIA[version], status)
        return self._mirror.dressed(version, raw, name, status=status) if self._mirror else raw

    def _problems(self, raw: Raw) -> Sequence[Problem]:
        validator = self._dress.validator
        return self._inner.reader.read(raw.body, raw.media, validator.problems) if validator else ()

    def _counted(self, side: str, wrong: Sequence[Problem]) -> bool:
        """Whether it is refused. What is let through is logged without values, when its count is 1, 10, 100 ..."""
        self.noticed(f"invalid_{side}")
        if self._dress.enforce:
            return True
        for one in wrong:
            key = (side, one.element, one.rule)
            if key not in self._invalid and len(self._invalid) >= COUNTED:
                key = (side, "others", "others")
            self._invalid[key] += 1
            if str(self._invalid[key]).rstrip("0") == "1":
                log.warning(
                    "invalid_message", operation=self._operation.name, side=side, element=key[1], rule=key[2],
                    count=self._invalid[key],
                )  # fmt: skip
        return False


def _told(wrong: Sequence[Problem]) -> str:
    return " ".join(one.message[:200] for one in wrong)
