"""The example bank's own replies, as its old service writes them."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import gateway.examples.credit as example
from adapters.soap.wsdl import Contract, load
from gateway.examples.credit.legacy import LoanScoring
from gateway.examples.credit.listener import Request, Response
from tests.load import envelopes

FOLDER = Path(example.__path__[0])
SOAP11, SOAP12 = b"http://schemas.xmlsoap.org/soap/envelope/", b"http://www.w3.org/2003/05/soap-envelope"


@cache
def contract() -> Contract:
    """What the bank's WSDL promises."""
    return load(FOLDER / "loans.wsdl")


def ask(envelope: bytes) -> Response:
    """The old service's own answer."""
    return LoanScoring()(Request("POST", "/loans", {}, envelope))


@cache
def examples(count: int = 1000) -> Mapping[str, bytes]:
    """A request whose answer approves (A), rejects with a nil limit (R), leaves to review (M), and one refused."""
    found: dict[str, bytes] = {}
    for envelope in envelopes()[:count]:
        body = ask(envelope).body
        found.setdefault(body.partition(b"Decision>")[2][:1].decode(), envelope)
    return found | {"fault": envelopes()[0].replace(b"A11", b"A99")}


def recorded(response: Response) -> bytes:
    """The answer as `curl -i` would have recorded it."""
    head = f"HTTP/1.1 {response.status} Whatever\r\nContent-Type: {response.media}\r\nServer: Old/1\r\n\r\n"
    return head.encode() + response.body
