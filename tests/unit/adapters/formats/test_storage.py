"""Numbers as programs store them: bytes worked out by hand from the rules, and every value there and back."""

import struct
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.formats.charset import Charset
from adapters.formats.fields import Blank, Coding, Named, Spelled, Text
from adapters.formats.storage import Binary, Hexadecimal, Ieee, Packed, Zoned

EBCDIC, ASCII = Charset("cp037"), Charset("latin-1")

# In EBCDIC the digits are F0 to F9. The last byte of a signed number has C as its zone for plus and D for minus, so
# that +123 is F1 F2 C3, which is "12C" in cp037, and -123 is "12L". Translated to ASCII the letters stay: 31 32 43.
KNOWN: list[tuple[str, Coding, str, Any]] = [
    ("unsigned 9(3)", Zoned(3, 0, EBCDIC), "f1f2f3", 123),
    ("S9(3) plus", Zoned(3, 0, EBCDIC, signed=True), "f1f2c3", 123),
    ("S9(3) minus", Zoned(3, 0, EBCDIC, signed=True), "f1f2d3", -123),
    ("S9(3) minus zero digit", Zoned(3, 0, EBCDIC, signed=True), "f1f2d0", -120),
    ("S9V99", Zoned(3, 2, EBCDIC, signed=True), "f1f2d3", Decimal("-1.23")),
    ("leading overpunch", Zoned(3, 0, EBCDIC, signed=True, leading=True), "d1f2f3", -123),
    ("trailing separate", Zoned(3, 0, EBCDIC, signed=True, separate=True), "f1f2f360", -123),  # 60 is "-"
    ("leading separate", Zoned(3, 0, EBCDIC, signed=True, leading=True, separate=True), "4ef1f2f3", 123),  # 4E is "+"
    ("ASCII, translated", Zoned(3, 0, ASCII, signed=True), "31324c", -123),  # "12L"
    ("ASCII, translated plus", Zoned(3, 0, ASCII, signed=True), "31327b", 120),  # "12{"
    ("ASCII, of the PC", Zoned(3, 0, ASCII, signed=True, overpunch="ascii"), "313273", -123),  # "12s": 70 + 3
    ("ASCII, of the PC plus", Zoned(3, 0, ASCII, signed=True, overpunch="ascii"), "313233", 123),
    ("9(3)PP", Zoned(3, -2, EBCDIC), "f1f2f3", 12300),  # two digits that are not stored are zero
    ("VPP99", Zoned(2, 4, EBCDIC), "f1f2", Decimal("0.0012")),
    # Packed: a digit each half byte, the last one the sign: C plus, D minus, F where there is none in the picture.
    ("S9(5) COMP-3", Packed(5, 0, signed=True), "12345c", 12345),
    ("S9(5)V99 COMP-3", Packed(7, 2, signed=True), "0012345d", Decimal("-123.45")),
    ("9(5) COMP-3", Packed(5, 0), "12345f", 12345),
    ("S9(4) COMP-3", Packed(4, 0, signed=True), "01234d", -1234),  # an even number of digits leaves half a byte
    ("COMP-6 9(4)", Packed(4, 0, nibble=False), "1234", 1234),
    ("COMP-6 9(3)", Packed(3, 0, nibble=False), "0123", 123),
    # Binary: 2 bytes up to 4 digits, 4 up to 9, 8 up to 18, two's complement, the high byte first.
    ("S9(4) COMP", Binary(2, 0, signed=True, digits=4), "ff85", -123),
    ("9(4) COMP", Binary(2, 0, digits=4), "270f", 9999),
    ("S9(9) COMP", Binary(4, 0, signed=True, digits=9), "075bcd15", 123456789),
    ("S9(7)V99 COMP", Binary(4, 2, signed=True, digits=9), "ffffcfc7", Decimal("-123.45")),  # -12345
    ("COMP-5 little", Binary(4, 0, signed=True, order="little"), "15cd5b07", 123456789),
    ("COMP-5 beyond its picture", Binary(2, 0), "ffff", 65535),
    # Hexadecimal float: 16 ** (exponent - 64) times the fraction. 118.625 is 76.A hex, so 0.76A times 16 ** 2.
    ("COMP-1 of IBM", Hexadecimal(4), "4276a000", 118.625),
    ("COMP-1 of IBM, minus", Hexadecimal(4), "c276a000", -118.625),
    ("COMP-1 of IBM, one", Hexadecimal(4), "41100000", 1.0),
    ("COMP-1 of IBM, below one", Hexadecimal(4), "40800000", 0.5),
    ("COMP-1 of IBM, zero", Hexadecimal(4), "00000000", 0.0),
    ("COMP-2 of IBM", Hexadecimal(8), "4276a00000000000", 118.625),
    ("COMP-2 of IBM, a tenth", Hexadecimal(8), "401999999999999a", 0.1),  # 0.1 is 0.1999... in base 16
    # IEEE: 118.625 is 1.853515625 times 2 ** 6; exponent 133, fraction DA8000 shifted.
    ("COMP-1 of IEEE", Ieee(4), "42ed4000", 118.625),
    ("COMP-2 of IEEE, little", Ieee(8, "little"), "0000000000a85d40", 118.625),
    ("BLANK WHEN ZERO", Blank(Zoned(3, 0, EBCDIC), EBCDIC, 0), "404040", 0),
    ("blank is nil", Blank(Zoned(3, 0, EBCDIC), EBCDIC, None), "404040", None),
    ("text", Text(4, EBCDIC), "c1c24040", "AB"),
    ("text to the right", Text(4, EBCDIC, right=True), "4040c1c2", "AB"),
    ("German text", Text(4, Charset("cp273")), "c06ad0a1", "äöüß"),
    ("z/OS Unix", Text(6, Charset("cp1047")), "5fb0adbdbabb", "^¬[]Ý¨"),
    ("with the euro", Text(2, Charset("cp1140")), "9f40", "€"),
    ("spelled", Spelled(8, ASCII, scale=2), "2020202d312e3530", Decimal("-1.50")),
    ("spelled, zeros", Spelled(6, ASCII, scale=None, pad="0"), "2d3030312e35", Decimal("-1.5")),
]


@pytest.mark.parametrize(("coding", "data", "value"), [case[1:] for case in KNOWN], ids=[case[0] for case in KNOWN])
def test_known_bytes_are_read_and_written(coding: Coding, data: str, value: Any) -> None:
    read = coding.read(bytes.fromhex(data))
    assert read == value and type(read) is type(value)
    assert coding.write(value).hex() == data
    assert coding.length == len(data) // 2


def test_scale_is_kept() -> None:
    assert str(Packed(5, 2, signed=True).read(bytes.fromhex("01200c"))) == "12.00"


@pytest.mark.parametrize(
    ("coding", "data", "value"),
    [
        (Packed(3, 0, signed=True), "123f", 123), (Packed(3, 0, signed=True), "123a", 123),
        (Packed(3, 0, signed=True), "123e", 123), (Packed(3, 0, signed=True), "123b", -123),
        (Packed(3, 0), "123c", 123), (Packed(3, 0, signed=True), "000d", 0), (Packed(3, 0), "000c", 0),
        (Zoned(2, 0, EBCDIC, signed=True), "f1f2", 12), (Zoned(2, 0, EBCDIC), "f1c2", 12),
        (Zoned(2, 0, EBCDIC, signed=True), "f1b2", -12), (Zoned(2, 2, EBCDIC, signed=True), "f0d0", Decimal("0.00")),
        (Zoned(2, 0, ASCII, signed=True), "3179", -19), (Zoned(2, 0, ASCII, signed=True), "3132", 12),
        (Hexadecimal(4), "42000000", 0.0), (Hexadecimal(4), "43076a00", 118.625),
        (Spelled(4, ASCII, scale=None), "31202020", 1),
    ],
)  # fmt: skip
def test_other_spellings_are_read(coding: Coding, data: str, value: Any) -> None:
    assert coding.read(bytes.fromhex(data)) == value
    assert not str(coding.read(bytes.fromhex(data))).startswith("-0.00")


@pytest.mark.parametrize(
    ("coding", "data"),
    [
        (Packed(3, 0, signed=True), "1234"), (Packed(3, 0, signed=True), "1a3c"), (Packed(2, 0, signed=True), "123c"),
        (Packed(3, 0), "123d"), (Packed(2, 0, nibble=False), "1c"), (Packed(3, 0, signed=True), "4040"),
        (Zoned(2, 0, EBCDIC), "f1d2"), (Zoned(2, 0, EBCDIC, signed=True), "40c1"), (Zoned(2, 0, EBCDIC), "4040"),
        (Zoned(2, 0, EBCDIC, signed=True), "c1c1"), (Zoned(1, 0, EBCDIC, signed=True, separate=True), "f1f0"),
        (Zoned(2, 0, ASCII), "3120"), (Ieee(4), "7fc00000"), (Ieee(4), "7f800000"), (Text(1, Charset("cp1252")), "81"),
        (Spelled(3, ASCII, scale=None), "312c35"), (Spelled(3, ASCII, scale=None), "202020"),
        (Spelled(3, ASCII, scale=None), "4e614e"),
    ],
)  # fmt: skip
def test_damaged_bytes_are_refused_without_being_shown(coding: Coding, data: str) -> None:
    with pytest.raises(ValueError) as caught:
        coding.read(bytes.fromhex(data))
    assert data not in str(caught.value)


@pytest.mark.parametrize(
    ("coding", "value"),
    [
        (Packed(3, 0, signed=True), 1000), (Packed(3, 2, signed=True), Decimal("0.001")), (Packed(3, 0), -1),
        (Zoned(3, 0, EBCDIC), "12x"), (Zoned(3, 0, EBCDIC), None), (Zoned(3, 0, EBCDIC), True),
        (Zoned(3, 0, EBCDIC), []),
        (Zoned(3, -2, EBCDIC), 150), (Binary(2, 0, signed=True, digits=4), 10000), (Binary(2, 0), 65536),
        (Binary(2, 0), -1), (Zoned(3, 0, EBCDIC), float("nan")), (Zoned(3, 0, EBCDIC), Decimal("1e999999")),
        (Hexadecimal(4), 1e80), (Hexadecimal(4), 1e-300), (Ieee(4), 1e39), (Ieee(4), float("inf")),
        (Text(2, EBCDIC), "ABC"),
        (Text(2, EBCDIC), "€"), (Text(2, EBCDIC), 1.5), (Text(2, EBCDIC), True), (Text(2, EBCDIC), b"A"),
        (Spelled(3, ASCII, scale=1), Decimal("10.5")), (Spelled(3, ASCII, scale=0), Decimal("0.5")),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(coding: Coding, value: Any) -> None:
    with pytest.raises(ValueError):
        coding.write(value)


_shapes = st.tuples(st.integers(1, 18), st.integers(-3, 20), st.booleans())


def _numbers(digits: int, scale: int, signed: bool) -> st.SearchStrategy[Any]:
    most = 10**digits - 1
    whole = st.integers(-most if signed else 0, most)
    return whole.map(lambda one: one * 10**-scale if scale <= 0 else Decimal(one).scaleb(-scale))


@given(_shapes, st.sampled_from([EBCDIC, ASCII, Charset("cp273"), Charset("utf-8")]), st.data())
def test_every_number_comes_back(shape: tuple[int, int, bool], charset: Charset, data: st.DataObject) -> None:
    digits, scale, signed = shape
    value = data.draw(_numbers(*shape))
    flags: Any = {"leading": data.draw(st.booleans()), "separate": data.draw(st.booleans())}
    style: Any = data.draw(st.sampled_from(["ebcdic", "ascii"]))
    size = 2 if digits <= 4 else 4 if digits <= 9 else 8
    codings: list[Coding] = [
        Zoned(digits, scale, charset, signed=signed, overpunch=style, **flags),
        Packed(digits, scale, signed=signed),
        Binary(size, scale, signed=signed, digits=digits),
        Binary(size, scale, signed=signed, order="little"),
    ]
    for coding in codings:
        written = coding.write(value)
        assert len(written) == coding.length
        assert coding.read(written) == value
        assert coding.write(str(value)) == written


@given(st.floats(allow_nan=False, allow_infinity=False, width=32))
def test_single_floats_come_back(value: float) -> None:
    assert Ieee(4).read(Ieee(4).write(value)) == value


@given(st.floats(1e-70, 1e70).flatmap(lambda one: st.sampled_from([one, -one])))
def test_hexadecimal_doubles_come_back(value: float) -> None:
    # 56 bits of fraction less three leading zeros are the 53 that a float has.
    assert Hexadecimal(8).read(Hexadecimal(8).write(value)) == value


@given(st.floats(1e-70, 1e70))
def test_hexadecimal_singles_are_the_nearest(value: float) -> None:
    found = Hexadecimal(4).read(Hexadecimal(4).write(value))
    assert abs(found - value) <= value * 2**-21  # 24 bits, up to three of them zero; and half of the last
    assert Hexadecimal(4).write(found) == Hexadecimal(4).write(value)


@given(st.binary(min_size=8, max_size=8))
def test_reading_a_float_never_fails_for_another_reason(data: bytes) -> None:
    try:
        assert Ieee(8).write(Ieee(8).read(data)) == data or struct.unpack(">d", data)[0] == 0
    except ValueError as error:
        assert str(error) == "is not a finite number"


@given(st.text(st.characters(codec="cp037", exclude_characters=" "), max_size=8), st.booleans())
def test_every_text_comes_back(text: str, right: bool) -> None:
    coding = Text(8, EBCDIC, right=right)
    assert coding.read(coding.write(text)) == text


def test_names_stand_for_values_and_ranges() -> None:
    coding = Named(Zoned(2, 0, EBCDIC), [("LOW", 0, 9), ("TEN", 10, 10), ("AGAIN", 10, 10)])
    assert [coding.read(coding.write(one)) for one in (5, 10, 11)] == ["LOW", "TEN", 11]
    assert coding.write("LOW") == coding.write(0)
    assert Named(Blank(Zoned(2, 0, EBCDIC), EBCDIC, None), [("LOW", 0, 9)]).read(b"\x40\x40") is None
    assert coding.write("AGAIN") == coding.write("10") == coding.write(10)


@pytest.mark.parametrize("name", ["utf-16", "utf-32", "utf-7x", "rot13", "base64", "utf-8-sig", "", "idna-nope"])
def test_an_encoding_that_records_cannot_have_is_refused(name: str) -> None:
    with pytest.raises(ValueError):
        Charset(name)


@pytest.mark.parametrize("name", ["cp037", "cp273", "cp424", "cp500", "cp875", "cp1026", "cp1047", "cp1140"])
def test_code_pages_of_the_mainframe_are_known(name: str) -> None:
    assert Charset(name).ebcdic
    assert Zoned(2, 0, Charset(name), signed=True).write(-12) == b"\xf1\xd2"


@given(st.sampled_from(["cp037", "cp273", "cp500", "cp1140"]), st.binary(max_size=20))
def test_a_code_page_is_read_as_its_codec_does(name: str, data: bytes) -> None:
    assert Charset(name).text(data) == data.decode(name)
    assert Charset(name).encoded(data.decode(name)) == data
