"""Our own technical failures as SOAP faults in the caller's version."""

import re
from typing import Literal

from adapters.soap.encode import escaped
from adapters.soap.namespaces import ENVELOPES, MEDIA
from gateway.contract import Raw

LONGEST = 500
"""Characters of a reason or detail that are sent."""

_UNSENDABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_CODES = {"1.1": {"Client": "Client", "Server": "Server"}, "1.2": {"Client": "Sender", "Server": "Receiver"}}


def fault(version: str | None, *, code: Literal["Client", "Server"], reason: str, detail: str = "") -> Raw:
    """A fault that says who is at fault and why; 1.1 where the version is unknown.

    Status 500; 400 for a 1.2 Sender (SOAP 1.2 Part 2, 7.5.2.2). Texts are escaped and cut to 500 characters."""
    known = version if version in ENVELOPES else "1.1"
    inner = f'<message xmlns="">{_safe(detail)}</message>' if detail else ""
    body = fault_body(known, code, reason, inner)
    return Raw(body, MEDIA[known], 400 if known == "1.2" and code == "Client" else 500)


def fault_body(version: str, code: str, reason: str, detail: str) -> bytes:
    """The envelope of a fault; `detail` is well-formed XML, or empty."""
    name = _CODES[version][code]
    if version == "1.1":
        text = f"<faultcode>soap:{name}</faultcode><faultstring>{_safe(reason)}</faultstring>"
        text += f"<detail>{detail}</detail>" if detail else ""
    else:
        text = f"<soap:Code><soap:Value>soap:{name}</soap:Value></soap:Code>"
        text += f'<soap:Reason><soap:Text xml:lang="en">{_safe(reason)}</soap:Text></soap:Reason>'
        text += f"<soap:Detail>{detail}</soap:Detail>" if detail else ""
    return enveloped(version, f"<soap:Fault>{text}</soap:Fault>")


def enveloped(version: str, content: str) -> bytes:
    """The whole message around Body's content."""
    return (
        f'<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="{ENVELOPES[version]}">'
        f"<soap:Body>{content}</soap:Body></soap:Envelope>"
    ).encode()


def _safe(text: str) -> str:
    return escaped(_UNSENDABLE.sub("\ufffd", text[:LONGEST]))
