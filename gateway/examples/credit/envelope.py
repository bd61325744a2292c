"""The old service's own XML: reads with expat, writes by string templates. Shares nothing with the gateway's codec."""

from collections.abc import Iterable
from xml.etree.ElementTree import Element, ParseError, XMLParser
from xml.sax.saxutils import escape

from gateway.examples.credit.scorecard import InvalidApplication, Judgement
from gateway.examples.credit.tariff import Tariff

NAMESPACE = "http://bank.example/loans/2004/05"
SOAP11 = "http://schemas.xmlsoap.org/soap/envelope/"
SOAP12 = "http://www.w3.org/2003/05/soap-envelope"
MEDIA = {SOAP11: "text/xml; charset=utf-8", SOAP12: "application/soap+xml; charset=utf-8"}

ENVELOPE = """<?xml version="1.0" encoding="utf-8"?>
<soapenv:Envelope xmlns:soapenv="{soap}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
 <soapenv:Body>
{content}
 </soapenv:Body>
</soapenv:Envelope>
"""
MESSAGE = '  <ns1:{name} xmlns:ns1="{namespace}">\n{content}\n  </ns1:{name}>'
RESULT = """   <ns1:Result>
    <ns1:ApplicationId>{id}</ns1:ApplicationId>
    <ns1:Decision>{decision}</ns1:Decision>
    <ns1:Score>{score}</ns1:Score>
    <ns1:DecidedOn>{day}</ns1:DecidedOn>
    {reasons}{limit}
   </ns1:Result>"""
TARIFF = """   <ns1:Tariff>
    <ns1:NominalRate>{nominal}</ns1:NominalRate>
    <ns1:EffectiveRate>{effective}</ns1:EffectiveRate>
    <ns1:ValidFrom>{day}</ns1:ValidFrom>
   </ns1:Tariff>"""
FAULT11 = """  <soapenv:Fault>
   <faultcode>soapenv:{code}</faultcode>
   <faultstring>{text}</faultstring>{detail}
  </soapenv:Fault>"""
FAULT12 = """  <soapenv:Fault>
   <soapenv:Code><soapenv:Value>soapenv:{code}</soapenv:Value></soapenv:Code>
   <soapenv:Reason><soapenv:Text xml:lang="en">{text}</soapenv:Text></soapenv:Reason>{detail}
  </soapenv:Fault>"""
INVALID = """
   <{tag}>
    <ns1:InvalidApplication xmlns:ns1="{namespace}">
     {id}<ns1:Field>{field}</ns1:Field>
     <ns1:Code>{code}</ns1:Code>
     <ns1:Message>{message}</ns1:Message>
    </ns1:InvalidApplication>
   </{tag}>"""


class Malformed(Exception):
    """Not a request to this service. The message is plain text."""


def local(tag: str) -> str:
    """The name without its namespace."""
    return tag[tag.find("}") + 1 :]


def body(text: bytes) -> tuple[str, Element]:
    """The SOAP version's namespace and the first element of the Body. Raises Malformed."""
    parser = XMLParser()  # noqa: S314  # expat bounds entities, and it listens to the example only
    try:
        parser.feed(text.lstrip())
        root: Element = parser.close()
    except (ParseError, ValueError, LookupError) as error:
        raise Malformed(f"not well-formed: {error}") from error
    soap = root.tag[1:].partition("}")[0]
    if soap not in MEDIA or local(root.tag) != "Envelope":
        raise Malformed("not a SOAP envelope")
    found = root.find(f"{{{soap}}}Body")
    if found is None or not len(found):
        raise Malformed("nothing in the Body")
    return soap, found[0]


def fields(parent: Element) -> dict[str, str]:
    """The texts by local name, one level of groups flattened; spaces around a value are dropped."""
    found = {}
    for element in parent:
        for leaf in element if len(element) else (element,):
            found[local(leaf.tag)] = (leaf.text or "").strip()
    return found


def child(parent: Element, name: str) -> Element:
    """The first child of this local name. Raises InvalidApplication."""
    for element in parent:
        if local(element.tag) == name:
            return element
    raise InvalidApplication(name, "E01", "missing")


def wrap(name: str, content: str) -> str:
    """A message with its namespace."""
    return MESSAGE.format(name=name, namespace=NAMESPACE, content=content)


def envelope(soap: str, content: str) -> bytes:
    """The whole answer."""
    return ENVELOPE.format(soap=soap, content=content).encode()


def result(judgement: Judgement) -> str:
    """One judgement as XML."""
    reasons = "".join(f"<ns1:Reason>{code}</ns1:Reason>" for code in judgement.reasons)
    return RESULT.format(
        id=escape(judgement.application_id),
        decision=judgement.decision,
        score=judgement.score,
        day=judgement.decided_on,
        reasons=f"<ns1:Reasons>{reasons}</ns1:Reasons>" if reasons else "<ns1:Reasons/>",
        limit=limit(judgement),
    )


def limit(judgement: Judgement) -> str:
    """The line granted with two places; nil when rejected, left out while under review."""
    if judgement.limit is not None:
        return f"\n    <ns1:Limit>{judgement.limit:.2f}</ns1:Limit>"
    return '\n    <ns1:Limit xsi:nil="true"/>' if judgement.decision == "R" else ""


def batch(batch_id: str, judgements: Iterable[Judgement]) -> str:
    """The answer to a batch."""
    inner = "\n".join(["   <ns1:Results>", *map(result, judgements), "   </ns1:Results>"])
    return wrap("ScoreBatchResponse", f"   <ns1:BatchId>{escape(batch_id)}</ns1:BatchId>\n{inner}")


def rates(found: Tariff) -> str:
    """The answer to a look-up of the tariff."""
    content = TARIFF.format(nominal=found.nominal, effective=found.effective, day=found.valid_from)
    return wrap("GetTariffResponse", content)


def fault(soap: str, text: str, detail: str = "") -> str:
    """A fault of the caller in the caller's SOAP version; `detail` is XML."""
    text = escape(text)
    if soap == SOAP12:
        return FAULT12.format(code="Sender", text=text, detail=detail)
    return FAULT11.format(code="Client", text=text, detail=detail)


def invalid(soap: str, error: InvalidApplication) -> str:
    """The declared detail of a refusal."""
    known = f"<ns1:ApplicationId>{escape(error.application_id)}</ns1:ApplicationId>\n     "
    return INVALID.format(
        tag="soapenv:Detail" if soap == SOAP12 else "detail",
        namespace=NAMESPACE,
        id=known if error.application_id else "",
        field=error.field,
        code=error.code,
        message=escape(error.message),
    )
