"""Makes an interop matrix of the documentation from the report of a test run: a row a client, a column a case."""

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

BEGIN, END = "<!-- interop:begin -->", "<!-- interop:end -->"
_TEST = re.compile(r"(\w+)\[([\w.-]+)\]")

Results = Mapping[str, Any]
"""`releases` by client, and `outcomes`: by row the outcome of each case."""


@dataclass(frozen=True)
class Row:
    """One client, in one of its ways where it has several."""

    client: str
    """By which its release is reported."""
    title: str
    cells: Sequence[str] = ()
    """What else stands before the cases."""
    notes: str = ""
    lacks: Collection[str] = ()
    """The cases that it knows no way for."""


@dataclass(frozen=True)
class Matrix:
    """What is reported by tests called `CASE[ROW]`."""

    page: Path
    path: Path
    """Of the results, as they were made last."""
    heads: Sequence[str]
    cases: Mapping[str, str]
    """The title of each test."""
    rows: Mapping[str, Row]
    """By what test ids call them."""
    introduction: str
    notes: Sequence[str] = field(default=())

    def results(self, report: Path) -> Results | None:
        """What a JUnit report says; None where a case is missing from it or was skipped."""
        root = ElementTree.parse(report).getroot()  # noqa: S314  # our own test run wrote it
        outcomes: dict[str, dict[str, str]] = {name: {} for name in self.rows}
        for case in root.iter("testcase"):
            match = _TEST.fullmatch(case.get("name", ""))
            if match and match[1] in self.cases and match[2] in self.rows:
                outcomes[match[2]][self.cases[match[1]]] = _outcome(case)
        whole = all(set(each) == set(self.expected(name)) for name, each in outcomes.items())
        if not whole or any("skipped" in each.values() for each in outcomes.values()):
            return None
        releases = {each.get("name", ""): each.get("value", "") for each in root.iter("property")}
        ordered = {name: {case: each[case] for case in self.expected(name)} for name, each in outcomes.items()}
        return {
            "releases": {row.client: releases.get(row.client, "") for row in self.rows.values()},
            "outcomes": ordered,
        }

    def expected(self, row: str) -> Sequence[str]:
        """The cases of a row."""
        return [case for case in self.cases.values() if case not in self.rows[row].lacks]

    def section(self, found: Results) -> str:
        """The section of the page, between its markers."""
        titles = [*self.heads, *self.cases.values()]
        rows = [titles, ["---"] * len(titles), *self._cells(found)]
        table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
        notes = "  \n".join(self.notes)
        return f"{BEGIN}\n{self.introduction}\n{table}\n\n{notes}\n{END}"

    def _cells(self, found: Results) -> Iterator[list[str]]:
        words = {None: "-", "passed": "yes"}
        for name, row in self.rows.items():
            title = f"{row.title} {found['releases'][row.client]} {row.notes}".strip()
            outcomes = found["outcomes"][name]
            yield [title, *row.cells, *(words.get(outcomes.get(case), "**no**") for case in self.cases.values())]

    def written(self) -> Results:
        """What was written last."""
        found: Results = json.loads(self.path.read_text())
        return found

    def write(self, found: Results) -> None:
        """Writes the results and the section."""
        self.path.write_text(json.dumps(found, indent=1) + "\n")
        before, _, rest = self.page.read_text().partition(BEGIN)
        self.page.write_text(before + self.section(found) + rest.partition(END)[2])


def _outcome(case: ElementTree.Element) -> str:
    children = {child.tag for child in case}
    return "failed" if children & {"failure", "error"} else "skipped" if "skipped" in children else "passed"
