"""The document: what cannot be read, where things stand, and what comes from elsewhere."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.contract import ConfigError
from gateway.document import decode, parse

LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9)
)


def problem(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    [sentence] = caught.value.problems
    return sentence


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "line 1: the file is empty; it needs at least `routes:`, `adapters:` and `models:`"),
        ("# nothing yet\n", "line 1: the file is empty; it needs at least `routes:`, `adapters:` and `models:`"),
        ("~\n", "line 1: the file is empty; it needs at least `routes:`, `adapters:` and `models:`"),
        ("\n- a\n- b\n", "line 2: expected keys such as `routes:` at the top, found a list"),
        ("hello\n", "line 1: expected keys such as `routes:` at the top, found a text"),
        ("a: 1\nb: 2\na: 3\n", "line 3: the key 'a' stands here a second time, first on line 1"),
        ("r:\n  x: 1\n  'x': 2\n", "line 3: the key 'x' stands here a second time, first on line 2"),
        ("a:\n\tb: 1\n", "line 2: is indented with a tab; indent with spaces"),
        ("a:\n  b: 1\n c: 2\n", "line 3: does not line up with the lines above; check the indentation"),
        ("a:\n  - b\n  c: 1\n", "line 3: does not line up with the lines above; check the indentation"),
        (
            "a: 1\n  b: 2\n",
            "line 2: a key cannot stand here; check the indentation, and put a text that holds ': ' in quotes",
        ),
        ("a: 'x\nb: 1\n", "line 1: a quote is opened here and never closed"),
        ("a: {x: 1\nb: 2\n", "line 2: a comma or the end of the { of line 1 is missing"),
        ("a: [1, 2\n", "line 2: a comma or the end of the [ of line 1 is missing"),
        (
            "a: {u: ${X}}\n",
            "line 1: a comma or the end of the { of line 1 is missing; put texts with ${...} in quotes here",
        ),
        ("a: 1\nb: @x\n", "line 2: a text that begins with @, `, % or a tab must be in quotes"),
        ("a: *x\n", "line 1: *x is used, but no &x stands above it; quote a text that begins with *"),
        ("a: &x\n  b: *x\n", "line 2: *x is used inside of &x, which has no end"),
        ("a: 1\nb: !secret x\n", "line 2: the tag !secret is not supported; write a plain value, or a text in quotes"),
        ("a: 1\n---\nb: 1\n", "line 2: a second document begins here; a configuration is only one"),
        ("a: 1\nb: \x01\n", "line 2: holds a control character, which YAML does not allow"),
        ("a: 1\n[b]: 1\n", "line 2: a key must be a plain text"),
        ("a: 1\n<<: 3\n", "line 2: <<: takes a mapping"),
        ("a:\n  " + "[" * 5000, "line 2: is nested deeper than 40 levels"),
        (LAUGHS, "line 5: unfolds to more than 50000 values through its aliases"),
        (
            "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 2000)),
            "line 41: is nested deeper than 40 levels through its aliases",
        ),
        ("a: " + "x" * (1 << 20), "line 1: the file is larger than 1 MiB"),
    ],
    ids=lambda value: value[:24],
)
def test_a_text_that_is_no_configuration_is_refused_in_one_sentence_with_its_line(text: str, sentence: str) -> None:
    assert problem(text) == f"understudy.yaml {sentence}"


@given(st.text(st.sampled_from("ab01:-?,[]{}#&*!|>'\"%@`~<.$\\ \n\t\r\x00\ufeff\u2028"), max_size=40))
def test_any_text_at_all_is_either_read_or_refused_with_one_sentence(text: str) -> None:
    try:
        document = parse(text)
        document.read({})
    except ConfigError as error:
        assert len(error.problems) == 1
        assert error.problems[0].startswith("understudy.yaml line ")


def test_bytes_that_are_not_utf_8_are_refused_with_their_line() -> None:
    with pytest.raises(ConfigError, match=r"^understudy\.yaml line 2: is not UTF-8; save the file as UTF-8$"):
        decode("a: 1\nb: ä\n".encode("latin-1"))
    assert decode("a: ä\r\n".encode()) == "a: ä\r\n"


def test_every_path_has_its_line_and_an_absent_one_the_line_of_what_is_above_it() -> None:
    document = parse("# c\n\na:\n  b: 1\n  c:\n  - x: 1\n\n  - {y: 2,\n     z: 3}\nd: 1\n")
    lines = {
        (): 3, ("a",): 3, ("a", "b"): 4, ("a", "c", 0): 6, ("a", "c", 0, "x"): 6, ("a", "c", 1): 8,
        ("a", "c", 1, "z"): 9, ("d",): 10, ("a", "nope", "deeper"): 3, ("a", "c", 7): 5, ("nope",): 3,
    }  # fmt: skip
    assert {path: document.line(path) for path in lines} == lines


def test_a_dotted_path_is_found_though_its_keys_hold_dots_themselves() -> None:
    document = parse("routes:\n  loan:\n    sources:\n      soap/A: {}\n      soap/A.b: {c: [{d: 1}]}\n")
    assert document.locate("routes.loan.sources.soap/A.b") == ("routes", "loan", "sources", "soap/A.b")
    assert document.locate("sources.soap/A.b.c[0].d", ("routes", "loan"))[-3:] == ("c", 0, "d")  # type: ignore[index]  # None fails the test too
    assert document.locate("routes.lean") is None


@pytest.mark.parametrize(
    ("problem", "line"),
    [("a.b.c[1].d: wrong", 4), ("a.b.c[9].d: wrong", 3), ("a.x: 'b' or 'c'", 1), ("a.b: 'x', 'c'", 3), ("z: wrong", 1)],
)
def test_a_problem_is_told_with_the_line_that_is_nearest_to_it(problem: str, line: int) -> None:
    document = parse("a:\n  b:\n    c: [1,\n        {d: 1}]\n")
    assert document.sentence(problem) == f"understudy.yaml line {line}: {problem}"


def test_keys_are_texts_as_written_and_values_follow_the_core_schema() -> None:
    text = "01: 007\n1: 7\nNO: no\nnull: ~\nx: [0x1f, 1.5, .5, 1e3, -3, true, False, off, 2024-01-31, .inf, '1', 1_0]\n"
    assert parse(text).plain({}) == {
        "01": "007", "1": 7, "NO": "no", "null": None,
        "x": [31, 1.5, 0.5, 1000.0, -3, True, False, "off", "2024-01-31", ".inf", "1", "1_0"],
    }  # fmt: skip


def test_aliases_and_merges_are_written_out() -> None:
    text = "a: &a {x: 1, y: [2]}\nb: {<<: *a, x: 3}\nc: *a\nd: {<<: [{p: 1}, {p: 2, q: 3}]}\n"
    assert parse(text).plain({}) == {
        "a": {"x": 1, "y": [2]}, "b": {"x": 3, "y": [2]}, "c": {"x": 1, "y": [2]}, "d": {"p": 1, "q": 3},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("${A}", "one"),
        ("x${A}y${B}", "xoney"),
        ("${C:-dflt}", "dflt"),
        ("${B:-dflt}", "dflt"),
        ("${C:-}", ""),
        ("$${A}", "${A}"),
        ("$${A} ${A} $A $$", "${A} one $A $$"),
        ("${file:secret}!", "s3cret!"),
        ("${D}", "a: {b: ${A}}"),
    ],
)
def test_references_are_replaced_in_texts_once_and_never_make_structure(
    written: str, value: str, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("\n s3cret \n")
    environ = {"A": "one", "B": "", "D": "a: {b: ${A}}"}
    document = parse(f"'${{A}}': ['{written}', {{k: \"{written}\"}}]\nn: {written}\n")
    assert document.plain(environ, tmp_path) == {"${A}": [value, {"k": value}], "n": value}


def test_everything_that_cannot_be_resolved_is_told_at_once_with_path_line_and_name(tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes(b"\xe4")
    text = 'a:\n- x: "${FIRST}"\n- ok ${FINE}\nb: ${}\nc: "${second}${FINE}"\nd: ${file:gone}\ne: ${file:latin}\n'
    with pytest.raises(ConfigError) as caught:
        parse(text).plain({"FINE": "hidden"}, tmp_path)
    assert caught.value.problems == (
        "understudy.yaml line 2: a[0].x: the environment variable FIRST is not set",
        "understudy.yaml line 4: b: expected ${NAME}, ${NAME:-default} or ${file:PATH}; write $${ for a literal ${",
        "understudy.yaml line 5: c: the environment variable second is not set",
        f"understudy.yaml line 6: d: the file {tmp_path / 'gone'} cannot be read: No such file or directory",
        f"understudy.yaml line 7: e: the file {tmp_path / 'latin'} is not UTF-8 text",
    )


def test_the_variables_below_a_path_are_known_and_those_used_nowhere_else() -> None:
    text = "s: ${S}\nadapters: {a: {p: '${P:-x}', q: ['${S}${Q}', '$${NOT}', '${file:f}']}, b: '${Z}'}\n"
    document = parse(text)
    assert document.referenced(("adapters",)) == {"P", "S", "Q", "Z"}
    assert document.referenced(("adapters", "a", "p")) == {"P"}
    assert document.referenced() == {"P", "S", "Q", "Z"}
    assert document.referenced(("nowhere",)) == set()
    assert document.exclusive(("adapters",)) == {"P", "Q", "Z"}
