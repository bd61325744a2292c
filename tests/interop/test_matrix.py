"""The matrices in the documentation are those that the tests made last."""

from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import pytest

from tests.interop import test_clients
from tests.interop.amqp import test_queue_clients
from tests.interop.matrices import AMQP, MATRICES, SOAP
from tests.interop.matrix import Matrix

every = pytest.mark.parametrize("matrix", MATRICES, ids=lambda one: one.page.stem)
Cells = Mapping[tuple[str, str], str]
"""By row and test the tag of what went wrong."""


@every
def test_the_page_shows_the_results_made_last(matrix: Matrix) -> None:
    """Neither is edited by hand: `make interop` writes both."""
    assert matrix.section(matrix.written()) in matrix.page.read_text()


@every
def test_every_client_has_every_case_in_the_results(matrix: Matrix) -> None:
    """No client and no case is left out, but what a client knows no way for."""
    written = matrix.written()
    assert {name: list(cases) for name, cases in written["outcomes"].items()} == {
        name: matrix.expected(name) for name in matrix.rows
    }
    assert set(written["releases"]) == {row.client for row in matrix.rows.values()}


@pytest.mark.parametrize(("matrix", "module"), [(SOAP, test_clients), (AMQP, test_queue_clients)])
def test_every_test_of_the_clients_is_a_case(matrix: Matrix, module: ModuleType) -> None:
    """A test that the matrix does not know would be left out of it."""
    assert {name for name in vars(module) if name.startswith("test_")} == set(matrix.cases)


@every
def test_a_run_of_some_tests_or_with_a_missing_client_makes_no_matrix(matrix: Matrix, tmp_path: Path) -> None:
    """What did not run says nothing, neither good nor bad."""
    whole = dict.fromkeys(cells(matrix), "")
    assert matrix.results(report(tmp_path, matrix, whole)) is not None
    one = next(reversed(whole))
    assert matrix.results(report(tmp_path, matrix, {cell: tag for cell, tag in whole.items() if cell != one})) is None
    assert matrix.results(report(tmp_path, matrix, whole | {one: "skipped"})) is None


@every
def test_a_failure_stands_in_the_matrix(matrix: Matrix, tmp_path: Path) -> None:
    """A cell says no when its test failed, or could not start."""
    first, *_, last = cells(matrix)
    found = matrix.results(
        report(tmp_path, matrix, dict.fromkeys(cells(matrix), "") | {first: "failure", last: "error"})
    )
    assert found is not None
    for row, test in (first, last):
        assert found["outcomes"][row][matrix.cases[test]] == "failed"
    assert matrix.section(found).count("**no**") == 2


def cells(matrix: Matrix) -> list[tuple[str, str]]:
    """All rows with all their tests."""
    return [(row, test) for row in matrix.rows for test, case in matrix.cases.items() if case in matrix.expected(row)]


def report(folder: Path, matrix: Matrix, tags: Cells) -> Path:
    """What pytest would have written."""
    suite = ElementTree.Element("testsuite")
    properties = ElementTree.SubElement(suite, "properties")
    for name in {row.client for row in matrix.rows.values()}:
        ElementTree.SubElement(properties, "property", name=name, value="1.0")
    for (row, test), tag in tags.items():
        case = ElementTree.SubElement(suite, "testcase", name=f"{test}[{row}]")
        if tag:
            ElementTree.SubElement(case, tag)
    path = folder / "report.xml"
    ElementTree.ElementTree(suite).write(path)
    return path
