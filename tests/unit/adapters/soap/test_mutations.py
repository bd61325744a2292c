"""5,000 mutated envelopes, and names without end: a decoder answers or refuses, and a process does not grow."""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from adapters.soap.names import ATTRIBUTED, ROOM, Names
from adapters.soap.reading import tokens
from adapters.soap.wsdl import Operation, load
from gateway.contract import Raw, Undecodable

CORPUS = Path(__file__).with_name("corpus")
SEED = 20040506
ENVELOPE = '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>{}</e:Body></e:Envelope>'
BODIES = {
    (
        "constructs.wsdl",
        "RepeatedChoice",
    ): '<c:RepeatedChoice xmlns:c="urn:constructs"><c:B>x</c:B><c:A>1</c:A></c:RepeatedChoice>',
    (
        "constructs.wsdl",
        "Wildcard",
    ): '<c:Wildcard xmlns:c="urn:constructs"><c:A>1</c:A><x:E xmlns:x="urn:x"><x:F/></x:E></c:Wildcard>',
    (
        "constructs.wsdl",
        "Extension",
    ): '<c:Extension xmlns:c="urn:constructs" xmlns:i="http://www.w3.org/2001/XMLSchema-instance">'
    '<c:Loan i:type="c:CarLoan" used="true"><c:Sum>1</c:Sum><c:Doors>4</c:Doors></c:Loan></c:Extension>',
    (
        "constructs.wsdl",
        "Moments",
    ): '<c:Moments xmlns:c="urn:constructs"><c:Day>2004-05-06Z</c:Day><c:Moment>2004-05-06T07:08:09.1234567Z'
    "</c:Moment><c:Clock>07:08:09</c:Clock><c:Span>P1D</c:Span><c:Month>2004-05</c:Month></c:Moments>",
    ("constructs.wsdl", "QNames"): '<c:QNames xmlns:c="urn:constructs" kind="c:x"><c:Kind>c:y</c:Kind></c:QNames>',
    (
        "encoded.wsdl",
        "Struct",
    ): '<t:Struct xmlns:t="urn:encoded" xmlns:e="http://schemas.xmlsoap.org/soap/encoding/"><row href="#a"/>'
    '</t:Struct><m id="a"><Id>1</Id><Name>n</Name><Sum>1.5</Sum><Codes href="#b"/></m><n id="b"><i>x</i></n>',
}
PIECES = [
    b"<",
    b">",
    b"/>",
    b"</",
    b"<!--",
    b"]]>",
    b"<![CDATA[",
    b"<?x?>",
    b"<!DOCTYPE a>",
    b"&lt;",
    b"&#0;",
    b"&#xD800;",
    b"&x;",
    b'"',
    b"\x00",
    b"\xff",
    b"\xc3",
    b"\xed\xa0\x80",
    b' xmlns=""',
    b' xsi:nil="true"',
    b' href="#a"',
    b' id="a"',
    b"<a/>",
    b"9" * 400,
    b"\xef\xbb\xbf",
    b"<?xml version='1.1'?>",
    b"xml:id='a'",
    b"\t" * 20,
    b"NaN",
    b"-",
    b"{urn:x}y",
    b"0001-01-01",
    b"24:00:00",
]


def mutated(random_: random.Random, body: bytes) -> bytes:
    """The body with one to four things done to it."""
    for _ in range(random_.randint(1, 4)):
        start = random_.randrange(len(body) + 1)
        end = min(len(body), start + random_.randint(0, 30))
        match random_.randrange(6):
            case 0:
                body = body[:start] + random_.choice(PIECES) + body[start:]
            case 1:
                body = body[:start] + body[end:]
            case 2:
                body = body[:end] + body[start:end] * random_.randint(1, 40) + body[end:]
            case 3:
                body = body[:start] + bytes(random_.randrange(256) for _ in range(end - start)) + body[end:]
            case 4:
                other = random_.randrange(len(body) + 1)
                body = body[:start] + body[other : other + 40] + body[end:]
            case _:
                body = body.decode("utf-8", "replace").encode(
                    random_.choice(["utf-16", "latin-1", "utf-16-be"]), "replace"
                )
    return body


def test_a_mutated_envelope_is_read_or_refused_and_nothing_else() -> None:
    random_ = random.Random(SEED)
    operations = [(load(CORPUS / file).operations[name], body) for (file, name), body in BODIES.items()]
    refused = read = 0
    for number in range(5000):
        operation, body = operations[number % len(operations)]
        raw = Raw(mutated(random_, ENVELOPE.format(body).encode()), "text/xml", 200)
        try:
            operation.codec.request(raw)
            read += 1
        except Undecodable as error:
            assert error.reason
            refused += 1
        try:
            operation.codec.reply(raw)
        except Undecodable:
            continue
    assert (refused > 3000, read > 100) == (True, True), (SEED, refused, read)


@pytest.fixture
def operation() -> Operation:
    return load(CORPUS / "constructs.wsdl").operations["Texts"]


GROWS = """
import sys
from pathlib import Path
from adapters.soap.wsdl import load
from gateway.contract import Raw, Undecodable
def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
codec = load(Path(sys.argv[1])).operations["Texts"].codec
envelope = '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>{}</e:Body></e:Envelope>'
kinds = [lambda n: f"<n{n}xxxxxxxxxxxxxxxxxx/>", lambda n: f'<a n{n}xxxxxxxxxxxxxxxxxx="1"/>',
         lambda n: f'<p{n}xxxxxxxxx:a xmlns:p{n}xxxxxxxxx="u{n}xxxxxxxxx"/>']
def send(number):
    body = "".join(kinds[number % 3](number * 3000 + n) for n in range(3000))
    try:
        codec.request(Raw(envelope.format(body).encode(), "text/xml"))
    except Undecodable:
        pass
for number in range(90):
    send(number)
before = resident()
for number in range(90, 290):
    send(number)
print(resident() - before)
"""


def test_names_without_end_do_not_make_a_process_grow() -> None:
    """600,000 new names are about 50 MB in lxml's dictionary."""
    # One arena: otherwise glibc spreads the threads' memory over several, and that is what would be measured.
    environment = {**os.environ, "MALLOC_ARENA_MAX": "1", "PYTHONPATH": "."}
    argv = [sys.executable, "-c", GROWS, str(CORPUS / "constructs.wsdl")]
    root = Path(load.__code__.co_filename).parents[2]
    grown = subprocess.run(argv, check=True, capture_output=True, text=True, cwd=root, env=environment)
    assert int(grown.stdout) < 12 << 20


def token(text: str) -> tuple[bytes, list[bytes]]:
    body = text.encode()
    return body, tokens(body)


def test_there_is_room_for_some_names_that_the_schema_does_not_know() -> None:
    names = Names(["Known"])
    assert names.admit(*token("<a>" + "".join(f"<n{number}/>" for number in range(ROOM - 2)) + "</a>"))
    assert names.admit(*token("<a><n1/><Known/></a>"))
    assert not names.admit(*token("<a><one/><more/></a>"))
    assert names.admit(*token("<a><n1/><Known/></a>"))


@pytest.mark.parametrize(
    "text",
    ['<a b=">" c="d"/>', '<a xml:id="x"/>', "<a><?pi x?></a>", '<a xml:space="preserve"/>'],
    ids=["a > in a value", "an id", "an instruction", "preserved blanks"],
)
def test_what_could_hide_names_is_parsed_apart(text: str) -> None:
    assert not Names().admit(*token(text))


def test_values_of_attributes_are_no_names() -> None:
    names = Names()
    assert all(names.admit(*token(f'<a b="{number}"/>')) for number in range(ATTRIBUTED * 6))


def test_blank_texts_that_lxml_would_keep_count_as_names() -> None:
    names = Names()
    blanks = [f"{number:014b}".replace("0", " ").replace("1", "\t") + "  " for number in range(ROOM + 10)]
    assert not all(names.admit(*token(f"<a>{blank}<b/></a>")) for blank in blanks)


def test_a_message_with_strange_names_is_read_all_the_same(operation: Operation) -> None:
    operation.codec.reader._names = Names()
    operation.codec.reader._names._most = 0
    xml = '<c:Texts xmlns:c="urn:constructs"><c:Text>x</c:Text><c:Token>y</c:Token><c:Address>z</c:Address></c:Texts>'
    raw = Raw(ENVELOPE.format(xml).encode(), "text/xml")
    assert operation.codec.request(raw) == {"Text": "x", "Token": "y", "Address": "z"}
    with pytest.raises(Undecodable):
        operation.codec.request(Raw(raw.body.replace(b"c:Token>", b"c:Other>"), "text/xml"))
