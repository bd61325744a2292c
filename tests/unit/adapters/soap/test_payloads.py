"""Every construct of the corpus: what fits the schema survives being written and read, and others read the same."""

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import zeep
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree
from zeep.helpers import serialize_object

from adapters.soap.plain import plain, typed
from adapters.soap.wsdl import Operation, load
from gateway.contract import Values
from tests.unit.adapters.soap.strategies import payloads, same

CORPUS = Path(__file__).with_name("corpus")
FILES = (
    "constructs.wsdl",
    "encoded.wsdl",
    "folders/main.wsdl",
    "renamed.wsdl",
    "prefixes.wsdl",
    "wellknown.wsdl",
    "several.wsdl",
)
CASES = [(file, name) for file in FILES for name in load(CORPUS / file).operations]
LITERAL = [name for file, name in CASES if file == "constructs.wsdl"]

UNREAD_BY_ZEEP = {
    "Choice",
    "RepeatedChoice",
    "RepeatedSequence",
    "Wildcard",
    "OneWildcard",
    "AnyType",
    "SameNames",
    "QNames",
    "OpenAttributes",
    "Substitution",
    "Reuse",
}
"""Where zeep cannot read what the schema allows, loses its order, or makes other objects of it."""


@cache
def operation(file: str, name: str) -> Operation:
    return load(CORPUS / file).operations[name]


@cache
def schema() -> Any:
    """libxml2's view of the constructs: both schemas, the second imported by the first."""
    root = etree.parse(CORPUS / "constructs.wsdl").getroot()
    other, main = root.iter("{http://www.w3.org/2001/XMLSchema}schema")
    resolver = _Other(etree.tostring(other))
    main.find("{*}import").set("schemaLocation", "memory:other.xsd")
    parser = etree.XMLParser()
    parser.resolvers.add(resolver)
    return etree.XMLSchema(etree.fromstring(etree.tostring(main), parser))


class _Other(etree.Resolver):  # type: ignore[misc]  # lxml is untyped
    """Gives libxml2 the documents that stand in no file."""

    def __init__(self, other: bytes) -> None:
        self._other = other

    def resolve(self, url: str, public_id: str | None, context: Any) -> Any:
        return self.resolve_string(self._other, context)


@cache
def peer() -> Any:
    return zeep.Client(str(CORPUS / "constructs.wsdl")).wsdl.services["Constructs"].ports["P11"].binding


@pytest.mark.parametrize(("file", "name"), CASES)
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_what_is_written_is_read_back_the_same(file: str, name: str, data: Any) -> None:
    codec, version = operation(file, name).codec, data.draw(st.sampled_from(["1.1", "1.2"]))
    fields = data.draw(payloads(codec.messages.response))
    reply = codec.answer(fields, version)
    found = codec.reply(reply)
    assert isinstance(found, Values)
    assert same(found.fields, fields), (found.fields, fields)
    fields = data.draw(payloads(codec.messages.request))
    assert same(codec.request(codec.ask(fields, version)), fields)


@pytest.mark.parametrize("name", LITERAL)
@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_what_is_written_is_valid_by_libxml2(name: str, data: Any) -> None:
    codec = operation("constructs.wsdl", name).codec
    reply = codec.answer(data.draw(payloads(codec.messages.response)), "1.1")
    schema().assertValid(etree.fromstring(etree.tostring(etree.fromstring(reply.body).find("{*}Body")[0])))


@pytest.mark.parametrize("name", [name for name in LITERAL if name not in UNREAD_BY_ZEEP])
@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_zeep_reads_the_same_values(name: str, data: Any) -> None:
    codec = operation("constructs.wsdl", name).codec
    fields = data.draw(payloads(codec.messages.response))
    body = etree.fromstring(codec.answer(fields, "1.1").body).find("{*}Body")
    found = serialize_object(peer().get(name).output._deserialize_body(body)["body"], dict)
    assert_agrees(fields, found, ())


def assert_agrees(ours: Any, theirs: Any, path: tuple[str, ...]) -> None:
    """For zeep empty, nil and absent are one, and zones of dates and digits beyond microseconds are none."""
    if isinstance(ours, dict):
        if not isinstance(theirs, dict):
            # zeep unwraps what has one child or a text alone
            theirs = dict.fromkeys(ours, theirs)
        for key, value in ours.items():
            if key not in (
                "@xsi:type",
                "Span",
                "Month",
                "Hex",
                "Either",
            ):  # which zeep keeps as text, or makes other objects of
                name = "_value_1" if key == "#text" else key.lstrip("@").rpartition("}")[2]
                assert_agrees(value, theirs.get(name), (*path, key))
    elif isinstance(ours, list):
        theirs = theirs if isinstance(theirs, list) else [] if theirs is None else [theirs]
        assert len(theirs) == len(ours), path
        for one, two in zip(ours, theirs, strict=True):
            assert_agrees(one, two, path)
    else:
        theirs = None if isinstance(theirs, dict) and not any(theirs.values()) else theirs
        assert (ours or None) == (theirs or None), path


@pytest.mark.parametrize(("file", "name"), CASES)
@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_payload_survives_json(file: str, name: str, data: Any) -> None:
    codec = operation(file, name).codec
    kind = codec.messages.response.type
    fields = data.draw(payloads(codec.messages.response))
    value = fields["#text"] if fields.keys() == {"#text"} else fields
    if name not in ("AnyType", "Free") and file != "wellknown.wsdl":  # there only the message names the type
        assert same(typed(kind, plain(kind, value)), value)
