"""A message of each construct of XML Schema, and one of 100 records, for the codec's bench. The peer is zeep."""

import re
import tempfile
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import zeep
from lxml import etree
from zeep.helpers import serialize_object

from adapters.soap.wsdl import Operation, load
from gateway.contract import Raw

Cases = Mapping[tuple[str, str, str], Callable[[], Any]]

_WSDL = Path(__file__).resolve().parents[1] / "tests/unit/adapters/soap/corpus/constructs.wsdl"
NEVER_SEEN = b"<!-- -->"
"""With this behind it, a message has to be parsed as if its markup had never been seen before."""
_ITEMS = 6
"""How often each construct stands in its message: about as many values as a real one has."""
_ITEM = (
    r'<xs:element name="\1"><xs:complexType><xs:sequence><xs:element name="Item" type="\2" maxOccurs="unbounded"/>'
    + ("</xs:sequence></xs:complexType></xs:element>")
)
_LEAF = {"Label": "leaf"}
_MESSAGES: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {
    # What we write, and how zeep wants the same.
    "Numbers": (
        fields := {
            "Int": 1,
            "Long": 2**40,
            "Big": 10**20,
            "Exact": Decimal("1.50"),
            "Rough": 0.5,
            "Flag": True,
            "Small": 255,
        },
        fields,
    ),
    "Texts": (fields := {"Text": "some text & more", "Token": "a b", "Address": "http://x/"}, fields),
    "Octets": (fields := {"Base": b"some octets", "Hex": b"more"}, {"Base": b"some octets", "Hex": "6D6F7265"}),
    "NilAbsentEmpty": (fields := {"Text": "x", "Number": 1, "Many": ["a", "b"], "Inner": {"A": 1}}, fields),
    "Attributes": ({"A": 1, "@plain": 2, "@needed": "A"}, {"A": 1, "plain": 2, "needed": "A"}),
    "SimpleContent": (
        {"Sum": {"#text": Decimal("1.50"), "@currency": "DEM"}},
        {"Sum": {"_value_1": Decimal("1.50"), "currency": "DEM"}},
    ),
    "ListsAndUnions": (
        {"Codes": [1, 2, 3], "Either": 5, "Grade": "A"},
        {"Codes": [1, 2, 3], "Either": 5, "Grade": "A"},
    ),
    "Groups": (fields := {"X": 1, "Y": 2, "Z": 3}, fields),
    "All": (fields := {"A": 1, "B": "x", "C": True}, fields),
    "Choice": (fields := {"Id": 1, "Name": "x"}, fields),
    "Recursion": (fields := {"Tree": {"Label": "root", "Tree": [{**_LEAF, "Tree": [_LEAF]}, _LEAF]}}, fields),
    "Extension": ({"Loan": {"Sum": 1}, "Loans": [{"Sum": 2}]}, {"Loan": {"Sum": 1}, "Loans": [{"Sum": 2}]}),
    "Restriction": ({"Narrow": {"A": 1, "@x": 2}}, {"Narrow": {"A": 1, "x": 2}}),
    "Moments": (
        fields := {
            "Day": date(2004, 5, 6),
            "Moment": datetime(2004, 5, 6, 7, 8, 9),
            "Clock": datetime(2004, 5, 6, 7, 8).time(),
            "Span": "P1D",
            "Month": "2004-05",
        },
        {**fields, "Span": None, "Month": None},
    ),
}


def cases() -> Cases:
    """Decoding and encoding of each construct, ours and zeep's; what zeep cannot write is only read."""
    found: dict[tuple[str, str, str], Callable[[], Any]] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "constructs.wsdl"
        path.write_text(re.sub(r'<xs:element name="(\w+)" type="(t:\w+Type)"/>', _ITEM, _WSDL.read_text()))
        contract, binding = load(path), _peer(path, "Constructs", "P11")
    for name, (ours, theirs) in _MESSAGES.items():
        fields, peers = {"Item": [ours] * _ITEMS}, {"Item": [theirs] * _ITEMS}
        found |= _sides(
            name, contract.operations[name], binding.get(name), fields, None if name == "Moments" else peers
        )
    return found


def records(wsdl: Path, application: Mapping[str, Any], result: Mapping[str, Any]) -> Cases:
    """100 applications in, and 100 results out."""
    operation, peer = (
        load(wsdl).operations["ScoreBatch"],
        _peer(wsdl, "LoanScoring", "LoanScoringSoap").get("ScoreBatch"),
    )
    codec = operation.codec
    raw = Raw(codec.ask({"BatchId": "B1", "Applications": {"Application": [application] * 100}}).body, "text/xml")
    answer = {"BatchId": "B1", "Results": {"Result": [result] * 100}}
    return {
        ("decode 100 records", "compiled codec", "ours"): lambda: codec.request(raw),
        ("decode 100 records", "zeep", "peer"): lambda: _decoded(peer, raw.body),
        ("encode 100 records", "compiled codec", "ours"): lambda: codec.answer(answer, "1.1"),
        ("encode 100 records", "zeep", "peer"): lambda: etree.tostring(peer.output.serialize(**answer).content),
    }


def _sides(
    label: str, operation: Operation, peer: Any, ours: Mapping[str, Any], theirs: Mapping[str, Any] | None
) -> dict[Any, Any]:
    codec = operation.codec
    asked, answered = codec.ask(ours), ours
    raw = Raw(asked.body + NEVER_SEEN, "text/xml")
    assert codec.request(raw) == ours
    found: dict[Any, Any] = {
        (f"decode, {label}", "compiled codec", "ours"): lambda: codec.request(raw),
        (f"decode, {label}", "zeep", "peer"): lambda: _decoded(peer, raw.body),
    }
    if theirs is not None:
        found[f"encode, {label}", "compiled codec", "ours"] = lambda: codec.answer(answered, "1.1")
        found[f"encode, {label}", "zeep", "peer"] = lambda: etree.tostring(peer.output.serialize(**theirs).content)
    return found


def _peer(path: Path, service: str, port: str) -> Any:
    client = zeep.Client(str(path))
    return client.wsdl.services[service].ports[port].binding


def _decoded(operation: Any, body: bytes) -> Any:
    found = operation.input._deserialize_body(etree.fromstring(body).find("{*}Body"))
    return serialize_object(found["body"], dict)
