"""What holds for every format: it loads only what it needs, and no bytes make it raise anything but its own errors."""

import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

import gateway.examples.credit as example
from adapters.formats import Format, FormatSettings, build
from gateway.contract import ConfigError, Undecodable, Unencodable
from gateway.contract import Path as PayloadPath

EXAMPLE = Path(str(example.__path__[0]))
RECORDED = Path(__file__).with_name("recorded")
RESPONSE = (
    b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><r:ScoreLoanResponse '
    b'xmlns:r="http://bank.example/loans/2004/05"><r:Result><r:ApplicationId>GC-0001</r:ApplicationId><r:Decision>A'
    b"</r:Decision><r:Score>512</r:Score><r:DecidedOn>2004-05-03</r:DecidedOn><r:Reasons/></r:Result>"
    b"</r:ScoreLoanResponse></s:Body></s:Envelope>"
)
CASES: Mapping[str, tuple[Mapping[str, Any], bytes, PayloadPath]] = {
    "json": ({"type": "json"}, b'{"a": [1, {"b": "x"}], "c": 1.50}', ("a", 1, "b")),
    "json, many": ({"type": "json", "many": True}, b'[{"a": 1}, {}]', ("records", 0, "a")),
    "xml": ({"type": "xml", "root": "A"}, b'<A><B c="1">x</B><D>1</D><D>2</D></A>', ("D", 1)),
    "soap": (
        {"type": "soap", "wsdl": "loans.wsdl", "operation": "ScoreLoan", "message": "response"}, RESPONSE,
        ("Result", "Decision"),
    ),
    "csv": ({"type": "csv", "many": True}, b'a,b\r\n1,"x, ""y"""\r\n2,\r\n', ("records", 1, "b")),
    "fixed": (
        {"type": "fixed", "encoding": "cp037", "separator": "\n", "many": True,
         "fields": [{"name": "a", "length": 3, "type": "packed"}, {"name": "b", "length": 2}]},
        bytes.fromhex("00123c" + "c1c2" + "25" + "00001d" + "4040" + "25"), ("records", 1, "a"),
    ),
    "copybook": (
        {"type": "copybook", "file": str(RECORDED / "record.cpy"), "encoding": "latin-1", "floats": "ieee"},
        (RECORDED / "signs-of-ebcdic.bin").read_bytes(), ("U-TAB", 2, "U-N"),
    ),
    "messagepack": ({"type": "messagepack"}, bytes.fromhex("82a16105a16292c3c0"), ("b", 1)),
}  # fmt: skip


def made(section: Mapping[str, Any]) -> Format:
    settings: TypeAdapter[Any] = TypeAdapter(FormatSettings)
    return build(settings.validate_python(section), EXAMPLE)


FORMATS = {name: made(section) for name, (section, _, _) in CASES.items()}
every = pytest.mark.parametrize("name", CASES)


@every
def test_what_is_read_is_written_and_read_again(name: str) -> None:
    format, body = FORMATS[name], CASES[name][1]
    payload = format.read(body, format.media)
    assert format.read(format.write(payload), format.media) == payload


@every
@given(data=st.data())
def test_no_bytes_raise_anything_but_undecodable(name: str, data: st.DataObject) -> None:
    format, good, path = FORMATS[name], CASES[name][1], CASES[name][2]
    body = data.draw(st.binary(max_size=64) | _damaged(good))
    if found := _refused(lambda: format.read(body), Undecodable):
        assert isinstance(found, dict)
    amended = _refused(lambda: format.amend(body, {path: "7"}), Unencodable)
    assert isinstance(amended, bytes | None)
    for other in ((), ("no",), (0,), (*path, "no"), (*path, 0)):
        with pytest.raises(Unencodable):
            format.amend(good, {other: 1})


def _damaged(body: bytes) -> st.SearchStrategy[bytes]:
    places = st.integers(0, len(body))
    cut = places.map(lambda end: body[:end])
    changed = st.builds(lambda at, byte: body[:at] + bytes([byte]) + body[at + 1 :], places, st.integers(0, 255))
    twice = st.builds(lambda one, two: body[: max(one, two)] + body[min(one, two) :], places, places)
    return cut | changed | twice


def _refused(step: Callable[[], Any], error: type[Exception]) -> Any:
    try:
        return step()
    except error as caught:
        assert str(caught)
        return None


_scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.decimals() | st.text(max_size=4)
    | st.binary(max_size=2)
)  # fmt: skip
_values = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=4,
)


@every
@given(value=_values)
def test_no_value_raises_anything_but_unencodable(name: str, value: Any) -> None:
    format, good, path = FORMATS[name], CASES[name][1], CASES[name][2]
    amended = _refused(lambda: format.amend(good, {path: value}), Unencodable)
    if amended is not None:
        format.read(amended)
    payloads: list[Any] = [{"a": value}, {"records": value}, value if isinstance(value, dict) else {}]
    for payload in payloads:
        assert isinstance(_refused(partial(format.write, payload), Unencodable), bytes | None)


def test_libraries_load_only_where_they_are_needed() -> None:
    code = "import sys, adapters.formats; print(sorted({'lxml', 'msgpack', 'zeep'} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"


@pytest.mark.parametrize(
    ("name", "library", "module", "extra"),
    [("messagepack", "msgpack", "messagepack", "messagepack"), ("xml", "adapters.soap.reading", "xml", "soap")],
)
def test_a_missing_library_is_named_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch, name: str, library: str, module: str, extra: str
) -> None:
    monkeypatch.delitem(sys.modules, f"adapters.formats.{module}", raising=False)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ConfigError, match=rf"needs {library}: pip install .understudy-gateway\[{extra}\]"):
        made(CASES[name][0])
