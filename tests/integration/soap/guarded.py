"""A whole gateway with one guarded SOAP address: real dispatch, real store, a model in process, a legacy server."""

import base64
import hashlib
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from lxml import etree

from adapters.soap import Soap
from adapters.soap.headers import WSA, WSSE, WSU
from adapters.soap.namespaces import ENVELOPES, MEDIA, SOAP11
from gateway.http import Limits, Router
from tests.inprocess import InProcess, running
from tests.integration.wire import Behaviour, Caller, Legacy, answering, caller, legacy_server, ok, post, serving
from tests.unit.adapters.soap.wsdls import body_type, written

PATH = "/soap/ask"
ROUTE = {
    "candidate": "scorer", "accept": "by_amount:1", "effects": "none", "key": "id",
    "fields": {"id": "text", "amount": "decimal"},
    "features": {"amount": None},
    "answer": {"fields": {"decision": {"from": "probability_bad", "bands": [{"below": 0.5, "value": "approve"},
                                                                            {"value": "reject"}]}},
               "refuse": [{"when": {"field": "amount", "above": 1000000}, "fault": "Trouble",
                           "detail": {"Code": {"constant": 7}}}]},
    "sources": {"desk/Ask": {"request": {"id": "Id", "amount": "Amount"}, "answer": {"decision": "Decision"}}},
}  # fmt: skip
_TYPES = body_type(
    '<xs:sequence><xs:element name="Id" type="xs:string" minOccurs="0"/>'
    '<xs:element name="Amount" type="xs:decimal" minOccurs="0"/>'
    '<xs:element name="Decision" type="xs:string" minOccurs="0"/></xs:sequence>'
)


def answer(decision: str = "legacy", version: str = "1.1") -> bytes:
    """Legacy's reply."""
    return envelope(f'<t:Answer xmlns:t="urn:t"><t:Decision>{decision}</t:Decision></t:Answer>', version=version)


def envelope(content: str = "", header: str = "", version: str = "1.1") -> bytes:
    """An envelope; by default a good call."""
    body = content or '<t:Ask xmlns:t="urn:t"><t:Id>1</t:Id><t:Amount>10</t:Amount></t:Ask>'
    head = f"<e:Header>{header}</e:Header>" if header else ""
    return f'<e:Envelope xmlns:e="{ENVELOPES[version]}">{head}<e:Body>{body}</e:Body></e:Envelope>'.encode()


def stamp(seconds: float = 0.0) -> str:
    """A moment that far from now, as old stacks write it."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def security(inner: str, attributes: str = "") -> str:
    """A Security header."""
    return f'<wsse:Security xmlns:wsse="{WSSE}" xmlns:wsu="{WSU}"{attributes}>{inner}</wsse:Security>'


def text_token(user: str = "ada", word: str = "s3cret", more: str = "") -> str:
    """A UsernameToken with a password as text."""
    return (
        f"<wsse:UsernameToken><wsse:Username>{user}</wsse:Username><wsse:Password>{word}</wsse:Password>"
        f"{more}</wsse:UsernameToken>"
    )


def digest_token(
    user: str = "ada", word: str = "s3cret", nonce: bytes | None = None, created: str | None = None
) -> str:
    """A UsernameToken with a password digest."""
    nonce = os.urandom(16) if nonce is None else nonce
    created = stamp() if created is None else created
    summed = hashlib.sha1(nonce + created.encode() + word.encode())  # noqa: S324  # what the profile says
    digest = base64.b64encode(summed.digest()).decode()
    kind = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordDigest"
    return (
        f'<wsse:UsernameToken><wsse:Username>{user}</wsse:Username><wsse:Password Type="{kind}">{digest}'
        f"</wsse:Password><wsse:Nonce>{base64.b64encode(nonce).decode()}</wsse:Nonce>"
        f"<wsu:Created>{created}</wsu:Created></wsse:UsernameToken>"
    )


def basic(user: str = "ada", word: str = "s3cret") -> str:
    """An Authorization header."""
    return "Authorization: Basic " + base64.b64encode(f"{user}:{word}".encode()).decode()


def addressed(inner: str) -> str:
    """Blocks of WS-Addressing, written with the prefixes `a` and `e`."""
    root = etree.fromstring(f'<x xmlns:a="{WSA}" xmlns:e="{SOAP11}">{inner}</x>')
    return "".join(etree.tostring(child, encoding="unicode") for child in root)


@dataclass
class Guarded:
    """The gateway, the legacy server behind it, and a caller."""

    gateway: InProcess
    legacy: Legacy
    client: Caller
    port: int

    async def ask(
        self, header: str = "", *more: str, body: bytes | None = None, version: str = "1.1", content: str = ""
    ) -> tuple[int, "Said"]:
        """Status and content of the answer to a call."""
        media = MEDIA[version]
        sent = envelope(content, header, version) if body is None else body
        head, found = await self.client.ask(post(PATH, sent, f"Content-Type: {media}", *more))
        return int(head[9:12]), Said(head, found)


class Said:
    """An answer."""

    def __init__(self, head: bytes, body: bytes) -> None:
        self.head = head
        self.body = body

    @property
    def root(self) -> Any:
        """Its envelope."""
        return etree.fromstring(self.body)

    @property
    def decision(self) -> str | None:
        """Who answered: `legacy`, or the model's own word."""
        found: str | None = self.root.findtext(".//{urn:t}Decision")
        return found

    @property
    def code(self) -> tuple[str, str]:
        """Namespace and local name of a fault's innermost code."""
        nodes = self.root.findall(".//faultcode") or self.root.findall(".//{*}Code//{*}Value")
        prefix, _, local = (nodes[-1].text or "").rpartition(":")
        return nodes[-1].nsmap.get(prefix or None, ""), local

    @property
    def reason(self) -> str:
        """A fault's text."""
        return str(self.root.findtext(".//faultstring") or self.root.findtext(".//{*}Reason/{*}Text") or "")


def configured(adapter: dict[str, Any], stage: str, base: str, percent: float = 0) -> str:
    """understudy.yaml."""
    route = ROUTE | {"stage": stage, "percent": percent, "answer": ROUTE["answer"] | {"base": base}}  # type: ignore[operator]  # a test's mapping
    if base == "incumbent":
        route["answer"].pop("refuse")
    return json.dumps({
        "store": "sqlite:///understudy.db",
        "models": {"scorer": {"type": "python", "call": "tests.models:by_amount"}},
        "adapters": {"desk": {"type": "soap", "path": PATH, "wsdl": "service.wsdl"} | adapter},
        "routes": {"ask": route},
    })  # fmt: skip


def described(folder: Path) -> Path:
    """A WSDL with the operations Ask and Other."""
    path = written(folder, _TYPES + '<xs:element name="Else" type="xs:string"/>')
    text = path.read_text()
    message = '<w:message name="OtherIn"><w:part name="p" element="t:Else"/></w:message>'
    text = text.replace("</w:message>", f"</w:message>{message}", 1)
    operation = '<w:operation name="Other"><w:input message="t:OtherIn"/><w:output message="t:Out"/></w:operation>'
    text = text.replace("</w:portType>", f"{operation}</w:portType>")
    for prefix in ("s11", "s12"):
        operation = (
            f'<w:operation name="Other"><{prefix}:operation soapAction="urn:t/Other"/><w:input><{prefix}:body '
            f'use="literal"/></w:input><w:output><{prefix}:body use="literal"/></w:output></w:operation>'
        )
        place = text.index("</w:binding>", text.index(f'name="B{prefix[1:]}"'))
        text = text[:place] + operation + text[place:]
    path.write_text(text)
    return path


@asynccontextmanager
async def guarded(
    folder: Path, auth: Any, *, stage: str = "live", base: str = "none", behave: Behaviour | None = None,
    incumbent: dict[str, Any] | None = None, tls: Any = None, percent: float = 0, **adapter: Any,
) -> AsyncIterator[Guarded]:  # fmt: skip
    """A gateway whose candidate approves; `legacy` says who answers otherwise. Without `incumbent` it has one."""
    described(folder)
    async with legacy_server(behave or answering(ok(answer(), "Content-Type: text/xml"))) as legacy:
        settings = {"auth": auth, "incumbent": {"url": legacy.url, "timeout": "5s"} | (incumbent or {})} | adapter
        async with running(configured(settings, stage, base, percent), folder, observe=False) as gateway:
            soap = gateway.adapters["desk"]
            assert isinstance(soap, Soap)
            router = Router(soap.front(gateway.dispatch).routes())
            async with serving(router, Limits(grace=1.0), tls) as served, caller(served.port) as client:
                yield Guarded(gateway, legacy, client, served.port)
            await soap.close()
