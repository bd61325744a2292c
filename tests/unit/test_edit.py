"""Edits: the value asked for changes, and no other byte of the text."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.contract import ConfigError
from gateway.document import parse
from gateway.edit import edit

EXAMPLE = """\
# The whole demo.
routes:

  loan:   # the loan
    # how far it may go
    stage: shadow      # off | shadow | canary | live
    key: 'id'

    sources: {soap/A: {ceiling: "live"}}
  empty:
  other: {}
"""


@pytest.mark.parametrize(
    ("path", "value", "old", "new"),
    [
        (("routes", "loan", "stage"), "canary", "stage: shadow ", "stage: canary "),
        (("routes", "loan", "key"), "it's", "'id'", "'it''s'"),
        (("routes", "loan", "key"), 5, "'id'", "5"),
        (
            ("routes", "loan", "percent"), 0.25,
            "canary | live\n", "canary | live\n    percent: 0.25\n",
        ),
        (("routes", "loan", "sources", "soap/A", "ceiling"), "off", '"live"', '"off"'),
        (("routes", "loan", "sources", "soap/A", "each"), "a: b", '"live"', '"live", each: "a: b"'),
        (("routes", "empty"), True, "empty:", "empty: true"),
        (("routes", "empty", "stage"), "off", "empty:", "empty: {stage: off}"),
        (("routes", "other", "stage"), "null", "{}", '{stage: "null"}'),
        (("routes", "other", "a", "b c"), None, "{}", '{a: {"b c": null}}'),
        (("routes", "new"), 1, "  empty:\n", "  empty:\n  new: 1\n"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_an_edit_changes_its_place_and_no_other_byte(
    path: tuple[str, ...], value: Any, old: str, new: str, newline: str
) -> None:
    assert old in EXAMPLE
    after = EXAMPLE.replace(old, new, 1)
    assert edit(EXAMPLE.replace("\n", newline), {path: value}) == after.replace("\n", newline)


def test_a_row_is_added_to_a_file_without_a_last_line_end() -> None:
    assert edit("a:\n  b: 1", {("a", "c"): 2}) == "a:\n  b: 1\n  c: 2"


@pytest.mark.parametrize(
    ("text", "path", "reason"),
    [
        ("a: &s x\nb: *s\n", ("a",), "a: is shared as &s; edit it by hand"),
        ("a: &s x\nb: *s\n", ("b",), "b: is an alias, not a value; edit it by hand"),
        ("a: {b: 1}\n", ("a",), "a: is a section, not a value; edit it by hand"),
        ("a: |\n  x\n", ("a",), "a: is a block of text; edit it by hand"),
        ("a: 1\n", ("a", "b"), "a.b: a has no place for it"),
        ("a: [1]\n", ("a", 3), "a[3]: a has no place for it"),
        ("a:\n-\n- 2\n", ("a", 0), "a[0]: is an empty item; edit it by hand"),
        (
            "a: &s {x: 1}\nb: *s\n", ("a", "x"),
            "a.x: cannot be changed alone, without what shares or surrounds it; edit it by hand",
        ),
    ],
)  # fmt: skip
def test_a_place_that_cannot_be_changed_alone_is_refused(text: str, path: tuple[str, ...], reason: str) -> None:
    with pytest.raises(ConfigError) as caught:
        edit(text, {path: "new"})
    assert caught.value.problems == (f"understudy.yaml: {reason}",)


KEYS = st.sampled_from(["a", "stage", "x1", "'quoted key'", '"dots.and spaces"', "01", "NO"])
WORDS = st.text("abcxyz :#'\"-{}[],&*!%@$\\\té\u2028\U0001f600", max_size=12)
SCALARS = st.one_of(WORDS, st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.booleans(), st.none())
COMMENTS = st.sampled_from(["", "", "   # why: {x: 1}", " # 'not' a quote"])
PLAIN = st.sampled_from(
    ["shadow", "1", "1.50", "~", "", "'it''s'", '"q: \\"#\\""', "x # y", "two words", "a#b", "${A:-b}"]
)


def flow(depth: int) -> st.SearchStrategy[str]:
    inner = PLAIN.filter(lambda text: "{" not in text and " #" not in text)
    if depth:
        inner = inner | flow(depth - 1)
    pairs = st.lists(st.tuples(KEYS, inner), max_size=3, unique_by=lambda pair: pair[0])
    return pairs.map(lambda given: "{" + ", ".join(f"{key}: {value}" for key, value in given) + "}")


def rows(depth: int) -> st.SearchStrategy[list[str]]:
    """Lines of a block mapping: comments, blank lines, scalars, block texts, flow mappings, lists, sections."""
    gap = st.sampled_from([[], [], [""], ["# a comment: 'x"], ["", "    # indented oddly"]])
    row = st.builds(lambda key, value, note: [f"{key}: {value}{note}"], KEYS, PLAIN | flow(1), COMMENTS)
    block = st.builds(lambda key: [f"{key}: |", "  text: # not a comment", "", "  more"], KEYS)
    entry = row | row | block
    if depth:
        below = rows(depth - 1)
        section = st.builds(
            lambda key, note, lines: [f"{key}:{note}", *("  " + line for line in lines)], KEYS, COMMENTS, below
        )
        items = st.builds(
            lambda key, lines: [f"{key}:", *(("- " if n == 0 else "  ") + line for n, line in enumerate(lines))],
            KEYS, below.filter(lambda lines: bool(lines[0].strip()) and not lines[0].lstrip().startswith("#")),
        )  # fmt: skip
        entry = entry | section | items
    many = st.lists(st.tuples(gap, entry), min_size=1, max_size=4, unique_by=lambda given: given[1][0].split(":")[0])
    return many.map(lambda given: [line for before, lines in given for line in before + lines])


def places(data: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Every scalar's path, and one absent key of every section."""
    if isinstance(data, dict):
        return [(*path, "absent"), *(p for key, value in data.items() for p in places(value, (*path, key)))]
    if isinstance(data, list):
        return [p for index, value in enumerate(data) for p in places(value, (*path, index))]
    return [path]


@given(rows(2), st.data(), SCALARS, st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_an_edit_of_any_document_changes_one_value_and_keeps_every_line_of_the_others(
    lines: list[str], data: st.DataObject, value: Any, newline: str, ended: bool
) -> None:
    text = newline.join(lines) + (newline if ended else "")
    before = parse(text).written()
    path = data.draw(st.sampled_from(places(before)))
    try:
        after = edit(text, {path: value})
    except ConfigError as error:
        assert "is a block of text" in str(error)
        return
    expected: Any = before
    for part in path[:-1]:
        expected = expected[part]
    expected[path[-1]] = value
    assert repr(flat(parse(after).written())) == repr(flat(before))
    if path[-1] == "absent":
        ahead = next((n for n, (was, now) in enumerate(zip(text, after, strict=False)) if was != now), len(text))
        assert after.endswith(text[ahead:])
        return
    changed = [(was, now) for was, now in zip(text.split("\n"), after.split("\n"), strict=True) if was != now]
    assert len(changed) <= 1
    for was, now in changed:
        note = next(note for note in ("   # why: {x: 1}", " # 'not' a quote", "") if was.rstrip("\r").endswith(note))
        assert now.rstrip("\r").endswith(note)
        assert now.startswith(was.split(":")[0])


def flat(data: Any) -> Any:
    """Mappings as sorted pairs, so that neither order counts nor 1 is True."""
    if isinstance(data, dict):
        return sorted((key, flat(value)) for key, value in data.items())
    return [flat(value) for value in data] if isinstance(data, list) else data
