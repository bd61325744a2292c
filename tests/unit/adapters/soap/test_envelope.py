"""The sniff says what an envelope is or nothing; our own faults are proper envelopes in the caller's version."""

import random
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from adapters.soap.envelope import HEAD, Sniffed, _sniffed, sniff
from adapters.soap.faults import LONGEST, fault
from adapters.soap.namespaces import ENVELOPES, SOAP11, SOAP12
from tests.unit.adapters.soap.test_mutations import SEED, mutated
from tests.unit.adapters.soap.wsdls import ask

ASK = ("urn:t", "Ask")
TEXT = ask("<t:V>1</t:V>").body.decode()


def soap(inner: str, head: str = "", before: str = "") -> bytes:
    return f'{before}<e:Envelope xmlns:e="{SOAP11}">{head}<e:Body>{inner}</e:Body></e:Envelope>'.encode()


SEEN = [
    ("1.1", TEXT.encode(), Sniffed("1.1", ASK)),
    ("1.2", ask("", "1.2").body, Sniffed("1.2", ASK)),
    ("an empty Body", soap(""), Sniffed("1.1")),
    ("no namespace", soap("<x/>"), Sniffed("1.1", ("", "x"))),
    ("a prefix declared on the Envelope", TEXT.replace(' xmlns:t="urn:t"', "").replace("<e:Env", '<e:Env', 1)
     .replace("Envelope xmlns", 'Envelope xmlns:t="urn:t" xmlns', 1).encode(), Sniffed("1.1", ASK)),
    ("a default namespace", soap('<Ask xmlns="urn:t"/>'), Sniffed("1.1", ASK)),
    ("other prefixes for Envelope and Body",
     f'<a:Envelope xmlns:a="{SOAP11}" xmlns:b="{SOAP11}"><b:Body><x/></b:Body></a:Envelope>'.encode(),
     Sniffed("1.1", ("", "x"))),
    ("a header", soap("<x/>", "<e:Header><Body><fake/></Body></e:Header>"), Sniffed("1.1", ("", "x"))),
    ("comments and CDATA that lie", 
     soap("<!-- <lie/> --><x/>", "<e:Header><h><![CDATA[<e:Body><lie/>]]></h></e:Header>"),
     Sniffed("1.1", ("", "x"))),
    ("a body of another namespace", soap("<x/>", '<Body xmlns="urn:z"><lie/></Body>'), Sniffed("1.1", ("", "x"))),
    ("a declaration after a newline", soap("<x/>", before='\n<?xml version="1.0"?>'), Sniffed("1.1", ("", "x"))),
    ("a byte order mark", b"\xef\xbb\xbf" + soap("<x/>"), Sniffed("1.1", ("", "x"))),
    ("UTF-16", soap("<x/>").decode().encode("utf-16"), Sniffed("1.1", ("", "x"))),
    ("Latin-1", b"<?xml version='1.0' encoding='ISO-8859-1'?><!--\xe9-->" + soap("<x/>"), Sniffed("1.1", ("", "x"))),
    ("cut off behind the child's tag", TEXT.encode()[: TEXT.index("<t:V>") + 2], Sniffed("1.1", ASK)),
    ("broken behind the child's tag", soap("<x/>") + b"<<<", Sniffed("1.1", ("", "x"))),
    ("cut off in the child's tag", TEXT.encode()[: TEXT.index("<t:Ask") + 6], Sniffed("1.1")),
    ("a child beyond the head", soap("<x/>", f"<e:Header><h>{'x' * HEAD}</h></e:Header>"), Sniffed("1.1")),
    ("a DOCTYPE", b"<!DOCTYPE x [<!ENTITY e 'x'>]>" + soap("<x/>"), Sniffed()),
    ("another root", b"<Envelope><Body><x/></Body></Envelope>", Sniffed()),
    ("another envelope", f'<e:Other xmlns:e="{SOAP12}"/>'.encode(), Sniffed()),
    ("nothing", b"", Sniffed()),
    ("HTML", b"<html><p></html>", Sniffed()),
    ("JSON", b'{"a": 1}', Sniffed()),
    ("an undeclared prefix", b"<e:Envelope><e:Body/></e:Envelope>", Sniffed()),
    ("an unknown encoding", b"<?xml version='1.0' encoding='martian'?>" + soap("<x/>"), Sniffed()),
]  # fmt: skip


@pytest.mark.parametrize(("head", "expected"), [row[1:] for row in SEEN], ids=[row[0] for row in SEEN])
def test_the_sniff_sees_version_and_child_or_says_nothing(head: bytes, expected: Sniffed) -> None:
    assert sniff(head) == expected


@given(st.one_of(st.binary(max_size=300), st.integers(0, len(TEXT)).map(lambda end: TEXT.encode()[:end])))
def test_the_sniff_never_raises(head: bytes) -> None:
    found = sniff(head)
    assert found.version in (None, "1.1", "1.2")


@given(st.integers(0, len(TEXT) - 1), st.integers(0, 255))
def test_one_wrong_byte_never_raises(place: int, byte: int) -> None:
    damaged = bytearray(TEXT.encode())
    damaged[place] = byte
    assert sniff(bytes(damaged)).version in (None, "1.1")


@pytest.mark.parametrize(
    ("version", "code", "status", "media", "name"),
    [
        ("1.1", "Client", 500, "text/xml; charset=utf-8", "Client"),
        ("1.1", "Server", 500, "text/xml; charset=utf-8", "Server"),
        ("1.2", "Client", 400, "application/soap+xml; charset=utf-8", "Sender"),
        ("1.2", "Server", 500, "application/soap+xml; charset=utf-8", "Receiver"),
        (None, "Server", 500, "text/xml; charset=utf-8", "Server"),
    ],
)
def test_a_fault_is_in_the_callers_version(
    version: str | None, code: Literal["Client", "Server"], status: int, media: str, name: str
) -> None:
    raw = fault(version, code=code, reason='no <b> & "x"', detail="why")
    root = etree.fromstring(raw.body)
    assert (raw.status, raw.media) == (status, media)
    assert root.tag == f"{{{ENVELOPES[version or '1.1']}}}Envelope"
    assert root.findtext(".//{*}faultcode" if version != "1.2" else ".//{*}Value") == f"soap:{name}"
    assert root.findtext(".//{*}faultstring" if version != "1.2" else ".//{*}Text") == 'no <b> & "x"'
    assert root.findtext(".//message") == "why"


def test_the_reason_of_a_1_2_fault_names_its_language() -> None:
    text = etree.fromstring(fault("1.2", code="Server", reason="x").body).find(".//{*}Text")
    assert text.get("{http://www.w3.org/XML/1998/namespace}lang") == "en"


@given(st.text(max_size=600))
def test_a_fault_is_well_formed_and_bounded_whatever_it_says(reason: str) -> None:
    found = etree.fromstring(fault("1.1", code="Client", reason=reason).body).findtext(".//faultstring")
    assert len(found or "") <= LONGEST


def test_what_is_remembered_of_a_beginning_is_what_the_parser_says() -> None:
    random_ = random.Random(SEED)
    seen = 0
    for number in range(5000):
        head = mutated(random_, SEEN[number % len(SEEN)][1])[:HEAD]
        expected = _sniffed(head)
        assert [sniff(head), sniff(head)] == [expected] * 2, (SEED, number, head)
        seen += expected.body_child is not None
    assert seen > 300, (SEED, seen)
