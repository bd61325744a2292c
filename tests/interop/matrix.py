"""Makes the interop matrix of docs/soap.md from the report of a test run.

    python -m tests.interop.matrix REPORT.xml [--check]

Writes results.json beside this file and the section of the page; `--check` writes nothing and fails where the run
contradicts what is written. A report of some of the tests only changes nothing.
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from tests.interop.clients import CALLERS, CLIENTS

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "soap.md"
RESULTS = Path(__file__).with_name("results.json")
BEGIN, END = "<!-- interop:begin -->", "<!-- interop:end -->"
CASES = {
    "test_scores_in_stage_off": "off",
    "test_scores_in_stage_shadow": "shadow",
    "test_scores_in_canary_within_the_cohort": "canary, in",
    "test_scores_in_canary_outside_of_the_cohort": "canary, out",
    "test_scores_in_stage_live": "live",
    "test_reads_a_batch_of_legacy": "batch, shadow",
    "test_reads_a_batch_in_canary": "batch, canary",
    "test_reads_a_batch_of_the_candidate": "batch, live",
    "test_reads_a_fault_of_legacy": "fault, legacy's",
    "test_reads_a_fault_of_the_candidate": "fault, ours",
    "test_passes_through_what_has_no_route": "passed through",
}
_TEST = re.compile(r"(\w+)\[(\w+)-(1\.[12])\]")
_INTRODUCTION = """\
Made by `make interop`: eight client libraries, each generated from the `?wsdl` of a running gateway, in every SOAP
version that it speaks. Where the legacy service answers, a client must read the same to the letter as from the
service itself, and what its scorecard says; where the candidate answers, the values worked out by hand. *In* and
*out* are keys within the cohort and outside of it, *batch* is a message of several applications, *fault* is the
declared one with its detail, *passed through* are operations without a route in stage live. The tests are in
`tests/interop`.
"""
_NOTES = """\
¹ Its users get the detail of a declared fault as XML: the generator makes no type for it.
² To its users a nil element and an absent one are the same.
³ Its users get the declared detail without the fault code.
"""

Results = Mapping[str, Any]
"""`releases` by client, and `outcomes`: by client and SOAP version the outcome of each case."""


def results(report: Path) -> Results | None:
    """What a JUnit report says; None where a case is missing from it or was skipped."""
    root = ElementTree.parse(report).getroot()  # noqa: S314  # our own test run wrote it
    outcomes: dict[str, dict[str, str]] = {f"{client.name} {version}": {} for client, version in CALLERS}
    for case in root.iter("testcase"):
        if match := _TEST.fullmatch(case.get("name", "")):
            test, client, version = match.groups()
            outcomes[f"{client} {version}"][CASES[test]] = _outcome(case)
    if any(set(each) != set(CASES.values()) or "skipped" in each.values() for each in outcomes.values()):
        return None
    releases = {each.get("name", ""): each.get("value", "") for each in root.iter("property")}
    ordered = {name: {case: each[case] for case in CASES.values()} for name, each in outcomes.items()}
    return {"releases": {client.name: releases[client.name] for client in CLIENTS}, "outcomes": ordered}


def _outcome(case: ElementTree.Element) -> str:
    children = {child.tag for child in case}
    return "failed" if children & {"failure", "error"} else "skipped" if "skipped" in children else "passed"


def section(found: Results) -> str:
    """The section of the page, between its markers."""
    titles = ["client", "SOAP", *CASES.values()]
    rows = [titles, ["---"] * len(titles), *_rows(found)]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return f"{BEGIN}\n{_INTRODUCTION}\n{table}\n\n{_NOTES.replace(chr(10), '  ' + chr(10)).rstrip()}\n{END}"


def _rows(found: Results) -> Iterator[list[str]]:
    for client, version in CALLERS:
        marks = [client.detail == "XML", not client.tells_nil, not client.tells_code]
        notes = "".join(note for mark, note in zip(marks, "¹²³", strict=True) if mark)
        outcomes = found["outcomes"][f"{client.name} {version}"]
        name = f"{client.title} {found['releases'][client.name]}"
        yield [
            f"{name} {notes}".strip(),
            version,
            *("yes" if outcomes[case] == "passed" else "**no**" for case in CASES.values()),
        ]


def written() -> Results:
    """What was written last."""
    found: Results = json.loads(RESULTS.read_text())
    return found


def write(found: Results) -> None:
    """Writes the results and the section; a page without the markers gets a section at its end."""
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")
    text = PAGE.read_text() if PAGE.exists() else "# SOAP\n"
    if BEGIN not in text:
        text = f"{text.rstrip()}\n\n## Interop\n\n{BEGIN}\n{END}\n"
    before, _, rest = text.partition(BEGIN)
    PAGE.write_text(before + section(found) + rest.partition(END)[2])


def main(report: str, *options: str) -> str | None:
    """An error, or None."""
    found = results(Path(report))
    if found is None:
        print("Not every interop test ran, so the matrix stays as it is")
        return "the matrix is unchecked; `make services` installs missing clients" if "--check" in options else None
    if "--check" not in options:
        write(found)
    elif found["outcomes"] != written()["outcomes"]:
        return "the clients do not do what docs/soap.md says: run `make interop` and commit what it writes"
    passed = sum(each == "passed" for outcomes in found["outcomes"].values() for each in outcomes.values())
    print(f"{passed} of {len(CALLERS) * len(CASES)} cells of the matrix hold; releases: {found['releases']}")
    return None


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
