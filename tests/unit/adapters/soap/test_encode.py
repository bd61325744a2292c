"""What we write is held to all that the schema says, and escaped; faults are typed and in the caller's version."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from adapters.soap.namespaces import SOAP11, SOAP12
from gateway.contract import Opaque, Refusal, Unencodable, Values
from tests.unit.adapters.soap.test_constructs import CHOICE, LETTER, LOANS, MONEY, TREE, one, simple
from tests.unit.adapters.soap.wsdls import called, enveloped, operation


def facets(base: str, *pairs: tuple[str, str]) -> str:
    return simple(
        f'<xs:restriction base="{base}">' + "".join(f'<xs:{n} value="{v}"/>' for n, v in pairs) + "</xs:restriction>"
    )


BROKEN: list[tuple[str, str, Any, str]] = [
    ("text for int", one("xs:int"), "abc", "V: "),
    ("boolean for int", one("xs:int"), True, "V: "),
    ("fraction for int", one("xs:int"), 1.5, "V: "),
    ("too big for int", one("xs:int"), 2**31, "V: .*range"),
    ("number for text", one("xs:string"), 5, "V: "),
    ("number for boolean", one("xs:boolean"), 1, "V: "),
    ("infinity for decimal", one("xs:decimal"), float("inf"), "V: .*finite"),
    ("NaN for decimal", one("xs:decimal"), Decimal("NaN"), "V: "),
    ("text for date", one("xs:date"), "2004-05-06", "V: "),
    ("text for bytes", one("xs:base64Binary"), "aGk=", "V: "),
    ("None where nil is not allowed", one("xs:int"), None, "V: .*nil"),
    ("one value for a list", one("xs:int", 'maxOccurs="2"'), 1, "V: .*list"),
    ("too many", one("xs:int", 'maxOccurs="2"'), [1, 2, 3], "V: "),
    ("an item", one("xs:int", 'maxOccurs="2"'), [1, "x"], r"V\.?\[1\]: "),
    ("a scalar for a mapping", TREE + one("t:Tree"), 5, "V: .*mapping"),
    ("deep", TREE + one("t:Tree"), {"N": 1, "Tree": [{"N": "x"}]}, r"V\.Tree\.?\[0\]\.N: "),
    ("missing", TREE + one("t:Tree"), {}, "V.N: is required"),
    ("unknown", TREE + one("t:Tree"), {"N": 1, "Z": 1}, "V.Z: "),
    ("missing attribute", MONEY + one("t:Money"), {"#text": Decimal(1)}, "V.@cur: "),
    ("missing text", MONEY + one("t:Money"), {"@cur": "x"}, "V.#text: "),
    ("abstract", LOANS + one("t:Loan"), {"Sum": 1}, "V.@xsi:type: "),
    ("unknown derived type", LOANS + one("t:Loan"), {"@xsi:type": "Bike", "Sum": 1}, "V.@xsi:type: "),
    ("a character XML cannot carry", one("xs:string"), "a\x01", "V: .*0001"),
    ("half a pair", one("xs:string"), "\ud800", "V: .*D800"),
    ("enumeration", simple(LETTER), "C", "V: "),
    ("not even text for an enumeration", simple(LETTER), ["A"], "V: "),
    ("length", facets("xs:string", ("length", "3")), "ab", "V: .*length"),
    ("minLength", facets("xs:string", ("minLength", "3")), "ab", "V: .*length"),
    ("maxLength", facets("xs:string", ("maxLength", "3")), "abcd", "V: .*length"),
    ("length of bytes", facets("xs:hexBinary", ("length", "1")), b"ab", "V: .*length"),
    ("pattern", facets("xs:string", ("pattern", r"[A-Z]{2}\d$")), "AB1", "V: .*pattern"),
    ("minInclusive", facets("xs:int", ("minInclusive", "5")), 4, "V: .*at least 5"),
    ("maxInclusive", facets("xs:decimal", ("maxInclusive", "5.5")), Decimal("5.51"), "V: .*at most 5.5"),
    ("minExclusive", facets("xs:double", ("minExclusive", "0")), 0.0, "V: .*more than 0"),
    ("maxExclusive", facets("xs:int", ("maxExclusive", "5")), 5, "V: .*less than 5"),
    ("totalDigits", facets("xs:decimal", ("totalDigits", "3")), Decimal("12.34"), "V: .*3 digits"),
    ("fractionDigits", facets("xs:decimal", ("fractionDigits", "1")), Decimal("0.8731"), "V: .*1 decimal"),
    ("fractionDigits of a float", facets("xs:decimal", ("fractionDigits", "1")), 0.1 + 0.2, "V: .*1 decimal"),
]


@pytest.mark.parametrize(("types", "value", "message"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN])
def test_what_breaks_the_schema_is_not_written(types: str, value: Any, message: str, tmp_path: Path) -> None:
    one_operation = operation(tmp_path, types)
    with pytest.raises(Unencodable, match=f"^{message}"):
        one_operation.codec.encode(Values({"V": value}), called(one_operation))


KEPT: list[tuple[str, str, Any, str]] = [
    ("pattern", facets("xs:string", ("pattern", "[A-Z]{2}"), ("pattern", "[0-9]+")), "12", "12"),
    (
        "trailing zeros are no digits",
        facets("xs:decimal", ("totalDigits", "3"), ("fractionDigits", "1")),
        Decimal("12.300"),
        "12.300",
    ),
    ("large decimal without exponent", one("xs:decimal"), Decimal("1E+20"), "100000000000000000000"),
    ("float for decimal", one("xs:decimal"), 0.1, "0.1"),
    ("whole float for int", one("xs:int"), 5.0, "5"),
    ("infinity", one("xs:double"), float("-inf"), "-INF"),
    ("escapes", one("xs:string"), 'a<b>&"\r', 'a<b>&"\r'),
    ("no end of CDATA", one("xs:string"), "]]>", "]]>"),
    ("beyond the basic plane", one("xs:string"), "\U0001f600", "\U0001f600"),
    ("a pattern that Python cannot say is left alone", facets("xs:string", ("pattern", r"\p{Lu}+")), "x", "x"),
]


@pytest.mark.parametrize(("types", "value", "text"), [row[1:] for row in KEPT], ids=[row[0] for row in KEPT])
def test_what_the_schema_allows_is_written_exactly(types: str, value: Any, text: str, tmp_path: Path) -> None:
    one_operation = operation(tmp_path, types)
    raw = one_operation.codec.encode(Values({"V": value}), called(one_operation))
    assert etree.fromstring(raw.body).findtext(".//{*}V") == text


def test_two_branches_of_a_choice_are_not_written(tmp_path: Path) -> None:
    one_operation = operation(tmp_path, CHOICE)
    for fields in ({"Id": 1, "Name": "x", "First": "y"}, {"Id": 1}, {"Id": 1, "Last": "z"}):
        with pytest.raises(Unencodable):
            one_operation.codec.encode(Values(fields), called(one_operation))


@pytest.mark.parametrize(
    ("version", "namespace", "media"), [("1.1", SOAP11, "text/xml"), ("1.2", SOAP12, "application/soap+xml")]
)
def test_the_answer_is_in_the_callers_version(version: str, namespace: str, media: str, tmp_path: Path) -> None:
    one_operation = operation(tmp_path, one("xs:int"))
    raw = one_operation.codec.encode(Values({"V": 1}), called(one_operation, version))
    assert (raw.status, raw.media) == (200, f"{media}; charset=utf-8")
    assert etree.fromstring(raw.body).tag == f"{{{namespace}}}Envelope"


@pytest.mark.parametrize("version", ["1.1", "1.2"])
def test_a_refusal_is_the_declared_fault_and_read_back_as_one(version: str, tmp_path: Path) -> None:
    one_operation = operation(tmp_path, one("xs:int"))
    refusal = Refusal("Trouble", "too <young>", {"Code": 7})
    raw = one_operation.codec.encode(refusal, called(one_operation, version))
    assert raw.status == 500
    assert one_operation.codec.reply(raw) == refusal
    code = etree.fromstring(raw.body).findtext(".//faultcode" if version == "1.1" else ".//{*}Code/{*}Value")
    assert code == ("soap:Server" if version == "1.1" else "soap:Receiver")


def test_a_refusal_outside_the_contract_is_not_written(tmp_path: Path) -> None:
    one_operation = operation(tmp_path, one("xs:int"))
    with pytest.raises(Unencodable, match="declared: Trouble"):
        one_operation.codec.encode(Refusal("Other"), called(one_operation))
    with pytest.raises(Unencodable, match=r"^Code: "):
        one_operation.codec.encode(Refusal("Trouble", detail={"Code": "x"}), called(one_operation))


FAULT11 = f'<e:Fault xmlns:e="{SOAP11}"><faultcode>e:Server.Busy</faultcode><faultstring>x</faultstring>%s</e:Fault>'
FAULT12 = (
    f'<e:Fault xmlns:e="{SOAP12}"><e:Code><e:Value>e:Sender</e:Value></e:Code>'
    "<e:Reason><e:Text>x</e:Text></e:Reason></e:Fault>"
)


@pytest.mark.parametrize(
    ("version", "body", "outcome"),
    [
        ("1.1", FAULT11 % "", Opaque("fault:Server.Busy")),
        ("1.1", FAULT11 % "<detail><other/></detail>", Opaque("fault:Server.Busy")),
        ("1.2", FAULT12, Opaque("fault:Sender")),
        (
            "1.1",
            FAULT11 % '<detail><t:Trouble xmlns:t="urn:t"><t:Code>3</t:Code></t:Trouble></detail>',
            Refusal("Trouble", "x", {"Code": 3}),
        ),
    ],
)
def test_a_fault_is_a_refusal_only_where_the_wsdl_declares_it(
    version: str, body: str, outcome: Any, tmp_path: Path
) -> None:
    raw = enveloped(body, version)
    for status in (200, 400, 500):
        raw.status = status
        assert operation(tmp_path, one("xs:int")).codec.reply(raw) == outcome
