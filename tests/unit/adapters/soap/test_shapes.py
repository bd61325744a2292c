"""A message of a known shape is read as the parser reads it, whatever its texts are, and shapes take bounded memory."""

import random
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.soap import shapes
from adapters.soap.reading import DEPTH, Reader
from adapters.soap.shapes import KNOWN, SIZE, Shapes
from adapters.soap.wsdl import Operation, load
from gateway.contract import Opaque, Payload, Raw, Undecodable, Values
from tests.unit.adapters.soap.test_mutations import BODIES, CORPUS, ENVELOPE, mutated
from tests.unit.adapters.soap.wsdls import ask, body_type, operation

SEED = 20040507
TYPES = body_type(
    """<xs:sequence><xs:element name="Text" type="xs:string"/><xs:element name="Number" type="xs:int"/>
<xs:element name="Day" type="xs:date"/><xs:element name="Sum" type="xs:decimal" maxOccurs="3"/>
<xs:element name="Nothing" type="xs:string" nillable="true"/></xs:sequence>
<xs:attribute name="kind" type="xs:NMTOKENS"/>"""
)
BODY = "<t:Text>{}</t:Text><t:Number>{}</t:Number><t:Day>{}</t:Day><t:Sum>{}</t:Sum><t:Sum>2</t:Sum>" + (
    '<t:Nothing xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:nil="true"/>'
)


@pytest.fixture(scope="module", autouse=True)
def soon() -> Iterator[None]:
    """Two messages of a shape are enough."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shapes, "OFTEN", 2)
        yield


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Operation:
    """An operation that knows the shape of BODY."""
    found = operation(tmp_path_factory.mktemp("wsdl"), TYPES)
    for _ in range(2):
        found.codec.request(asked("x", 1, "2004-05-06", "1.5"))
    return found


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Operation:
    """The same operation, which has seen nothing."""
    return operation(tmp_path_factory.mktemp("wsdl"), TYPES)


def asked(*texts: Any) -> Raw:
    return ask(BODY.format(*texts), attributes=' kind="a b"')


def indented(raw: Raw, indent: str = "\n  ") -> Raw:
    """The same message as a tool for people prints it."""
    return Raw(raw.body.replace(b"><", f">{indent}<".encode()), raw.media)


def read(operation: Operation, raw: Raw) -> Payload | str:
    """The payload, or why there is none."""
    try:
        return operation.codec.request(raw)
    except Undecodable as error:
        return error.reason


def parsed(operation: Operation, raw: Raw) -> Payload | str:
    """The same by the parser: as if this were the first message of all."""
    vars(operation.codec).pop("_request_shapes", None)
    return read(operation, raw)


def test_a_known_shape_is_read_without_the_parser(one: Operation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(Reader, "parsed")
    expected = {
        "Text": " Ärger > im Haus", "Number": -7, "Day": date(1999, 12, 31), "Sum": [Decimal("0.10"), Decimal(2)],
        "Nothing": None, "@kind": ["a", "b"],
    }  # fmt: skip
    found = [one.codec.request(asked(" Ärger im Haus", "-7", "1999-12-31", "0.10")) for _ in range(2)]
    assert found == [{**expected, "Text": " Ärger im Haus"}] * 2
    assert found[0]["Sum"] is not found[1]["Sum"], "what is read may be changed by who reads it"
    assert found[0]["@kind"] is not found[1]["@kind"]


@pytest.mark.parametrize("indent", ["\n  ", "\r\n\t", " "])
def test_an_indented_message_is_learnt_and_its_blanks_are_no_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, indent: str
) -> None:
    found, stranger = (operation(tmp_path, TYPES) for _ in range(2))
    first, later = (indented(asked(text, 1, "2004-05-06", "1.5"), indent) for text in ("x", " y\n"))
    blank = indented(asked(" ", 1, "2004-05-06", "1.5"), indent)
    assert [read(found, first) for _ in range(2)] == [parsed(stranger, first)] * 2
    assert read(found, blank) == parsed(stranger, blank), "a text of blanks is a value"
    expected = parsed(stranger, later)
    monkeypatch.delattr(Reader, "parsed")
    assert read(found, later) == expected


@pytest.mark.parametrize(
    "number", ["", "x", "1 2", "2147483648", "&#49;", "<t:Number>1</t:Number>", "1<!-- -->", "\x1f1"]
)
def test_what_is_wrong_is_told_as_the_parser_tells_it(one: Operation, stranger: Operation, number: str) -> None:
    raw = asked("x", number, "2004-05-06", "1")
    assert read(one, raw) == parsed(stranger, raw)
    if number == "x":
        with pytest.raises(Undecodable, match="Number: 'x' is no int"):
            one.codec.request(raw)


PIECES = st.sampled_from([
    "<", ">", "&", "&amp;", "]]>", "<!--", "-->", "</t:Text>", "<t:Text>", "\0", "\r", "\n", "\t", "\x1f", "\x7f",
    "\x85", "\ue000", "\ue0000", "\ufffe", "\uffff", "\U0001f600", " ", "é", "1",
])  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(st.one_of(st.text(max_size=3), PIECES), max_size=4).map("".join))
def test_any_text_is_read_or_refused_as_the_parser_does(one: Operation, stranger: Operation, text: str) -> None:
    raw = asked(text.encode("utf-8", "replace").decode(), 1, "2004-05-06", "1")
    for sent in (raw, indented(raw)):
        expected = parsed(stranger, sent)
        assert [read(one, sent) for _ in range(3)] == [expected] * 3


def test_5000_mutated_envelopes_are_read_or_refused_as_the_parser_does() -> None:
    random_ = random.Random(SEED)
    contracts = [{file: load(CORPUS / file) for file, _ in BODIES} for _ in range(2)]
    known, strangers = (
        [(one[file].operations[name], body) for (file, name), body in BODIES.items()] for one in contracts
    )
    agreed = 0
    for number in range(5000):
        (operation, body), (stranger, _) = known[number % len(known)], strangers[number % len(known)]
        whole = Raw(ENVELOPE.format(body).encode(), "text/xml")
        raw = Raw(mutated(random_, (indented(whole) if number // len(known) % 2 else whole).body), "text/xml")
        expected = parsed(stranger, raw)
        assert repr([read(operation, raw) for _ in range(3)]) == repr([expected] * 3), (SEED, number, raw.body)
        agreed += not isinstance(expected, str)
    assert agreed > 100, (SEED, agreed)


def test_an_answer_of_a_known_shape_is_technical_where_its_status_says_so(tmp_path: Path) -> None:
    found = operation(tmp_path, TYPES)
    raw = asked("x", 1, "2004-05-06", "1")
    answer = Raw(raw.body.replace(b"t:Ask", b"t:Answer"), raw.media, 200)
    replies = [found.codec.reply(answer) for _ in range(3)]
    assert replies == [Values(found.codec.request(raw))] * 3
    assert found.codec.reply(Raw(answer.body, answer.media, 503)) == Opaque("http:503")


def test_no_more_shapes_are_remembered_than_there_is_room_for() -> None:
    learnt: list[bytes] = []

    def marked(body: bytes) -> Payload:
        learnt.append(body)
        return {"a": "b"}

    known = Shapes(marked)
    for number in range(3 * KNOWN):
        assert [known.payload(b"<a><x%d>1</x%d></a>" % (number, number)) for _ in range(3)] == [None, None, {"a": "b"}]
    assert len(known._makers) == KNOWN
    for number in range(KNOWN + 9):
        large = b"<a>%b<x%d>1</x%d></a>" % (b" " * 30_000, number, number)
        assert [known.payload(large) for _ in range(3)] == [None, None, {"a": "b"}]
    assert sum(map(len, known._makers)) < known._size <= SIZE
    for number in range(8):
        many = b"<a>%b<z%d/></a>" % (b"<x>1</x>" * 3000, number)
        assert [known.payload(many) for _ in range(3)] == [None, None, {"a": "b"}]
    assert len(known._makers) * 3000 * shapes.OF_A_TEXT < SIZE, "texts count too"
    for number in range(3 * shapes.SEEN):
        assert known.payload(b"<a><y%d>1</y%d></a>" % (number, number)) is None
    assert len(known._seen) <= shapes.SEEN
    assert len(learnt) == 3 * KNOWN + KNOWN + 9 + 8, "what comes once is not learnt"


def test_what_comes_less_often_than_learning_pays_for_is_not_learnt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shapes, "OFTEN", 5)
    known = Shapes(lambda body: {"a": "b"})
    assert [known.payload(b"<a>1</a>") for _ in range(6)] == [None] * 5 + [{"a": "b"}]


def test_the_deepest_message_that_is_read_can_be_learnt() -> None:
    """Python nests no more than 200 brackets; of each element there are two at most, of a mapping and of a list."""
    deep: Payload = {}
    for _ in range(DEPTH):
        deep = {"Part": [deep]}
    known = Shapes(lambda body: deep)
    assert [known.payload(b"<a>1</a>") for _ in range(3)] == [None, None, deep]
