"""Our own technical failures as SOAP faults in the caller's version."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from adapters.soap.auth import FaultSettings
from adapters.soap.escapes import escaped
from adapters.soap.namespaces import ENVELOPES, MEDIA, QName
from gateway.contract import Raw

LONGEST = 500
"""Characters of a reason or detail that are sent."""

Code = Literal["Client", "Server", "MustUnderstand", "VersionMismatch"]

_UNSENDABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_CODES = {"Client": "Sender", "Server": "Receiver"}
_STANDARD = FaultSettings()


@dataclass(slots=True, frozen=True)
class Details:
    """What a fault may say beyond its code and reason.

    `subcodes` from the outer to the inner: SOAP 1.2 nests them, SOAP 1.1 has the inner one as its code. `header` is
    the content of the envelope's Header, well-formed XML; `http` are headers of the HTTP answer."""

    subcodes: Sequence[QName] = ()
    header: str = ""
    http: Sequence[tuple[bytes, bytes]] = ()
    actor: str = ""
    """Who is at fault on the way, a URI."""
    status: int | None = None
    """The HTTP status; by default that of the code."""


_NONE = Details()


def fault(
    version: str | None, *, code: Code, reason: str, detail: str = "", more: Details = _NONE,
    statuses: FaultSettings = _STANDARD,
) -> Raw:  # fmt: skip
    """A fault that says who is at fault and why; 1.1 where the version is unknown.

    Status 500, 400 for a 1.2 Sender (SOAP 1.2 Part 2, 7.5.2.2), unless configured otherwise. Texts are escaped and
    cut to 500 characters."""
    known = version if version in ENVELOPES else "1.1"
    inner = f'<message xmlns="">{_safe(detail)}</message>' if detail else ""
    body = fault_body(known, code, reason, inner, more)
    return Raw(body, MEDIA[known], more.status or statuses.status(known, code == "Client"), more.http)


class Faults:
    """Faults with the configured statuses."""

    def __init__(self, statuses: FaultSettings) -> None:
        self._statuses = statuses

    def __call__(self, version: str | None, code: Code, reason: str, more: Details = _NONE) -> Raw:
        """A fault in the caller's version."""
        return fault(version, code=code, reason=reason, more=more, statuses=self._statuses)


def fault_body(version: str, code: str, reason: str, detail: str, more: Details = _NONE) -> bytes:
    """The envelope of a fault; `detail` is well-formed XML, or empty.

    Dots are SOAP 1.1's own subcodes: `Client.Validation` is Sender with a Subcode in SOAP 1.2."""
    name, *finer = code.split(".")
    if version == "1.1":
        standard = ".".join((f"soap:{name}", *finer))
        text = f"{_code('faultcode', standard, more.subcodes[-1:])}<faultstring>{_safe(reason)}</faultstring>"
        text += f"<faultactor>{_safe(more.actor)}</faultactor>" if more.actor else ""
        text += f"<detail>{detail}</detail>" if detail else ""
    else:
        subcodes = [*(("", one) for one in finer), *more.subcodes]
        text = f"<soap:Code><soap:Value>soap:{_CODES.get(name, name)}</soap:Value>{_nested(subcodes)}</soap:Code>"
        text += f'<soap:Reason><soap:Text xml:lang="en">{_safe(reason)}</soap:Text></soap:Reason>'
        text += f"<soap:Role>{_safe(more.actor)}</soap:Role>" if more.actor else ""
        text += f"<soap:Detail>{detail}</soap:Detail>" if detail else ""
    return enveloped(version, f"<soap:Fault>{text}</soap:Fault>", more.header)


def enveloped(version: str, content: str, header: str = "") -> bytes:
    """The whole message around Body's content, with a Header around `header` where there is any."""
    head = f"<soap:Header>{header}</soap:Header>" if header else ""
    return (
        f'<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="{ENVELOPES[version]}">'
        f"{head}<soap:Body>{content}</soap:Body></soap:Envelope>"
    ).encode()


def _code(tag: str, standard: str, subcodes: Sequence[QName]) -> str:
    """A code as a qualified name, its prefix declared where it stands."""
    if not subcodes:
        return f"<{tag}>{standard}</{tag}>"
    namespace, local = subcodes[0]
    if not namespace:
        return f"<{tag}>{local}</{tag}>"
    return f'<{tag} xmlns:s="{escaped(namespace)}">s:{local}</{tag}>'


def _nested(subcodes: Sequence[QName]) -> str:
    if not subcodes:
        return ""
    return f"<soap:Subcode>{_code('soap:Value', '', subcodes)}{_nested(subcodes[1:])}</soap:Subcode>"


def _safe(text: str) -> str:
    return escaped(_UNSENDABLE.sub("\ufffd", text[:LONGEST]))
