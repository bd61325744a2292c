"""The matrix in the documentation is the one that the tests made last."""

from pathlib import Path
from xml.etree import ElementTree

from tests.interop import matrix, test_clients
from tests.interop.clients import CALLERS, CLIENTS


def test_the_page_shows_the_results_made_last() -> None:
    """Neither is edited by hand: `make interop` writes both."""
    assert matrix.section(matrix.written()) in matrix.PAGE.read_text()


def test_every_client_has_every_case_in_the_results() -> None:
    """No client and no case is left out."""
    written = matrix.written()
    assert set(written["outcomes"]) == {f"{client.name} {version}" for client, version in CALLERS}
    assert all(set(outcomes) == set(matrix.CASES.values()) for outcomes in written["outcomes"].values())
    assert set(written["releases"]) == {client.name for client in CLIENTS}


def test_every_test_of_the_clients_is_a_case() -> None:
    """A test that the matrix does not know would be left out of it."""
    assert {name for name in vars(test_clients) if name.startswith("test_")} == set(matrix.CASES)


def test_a_run_of_some_tests_or_with_a_missing_client_makes_no_matrix(tmp_path: Path) -> None:
    """What did not run says nothing, neither good nor bad."""
    whole = {(client.name, version, test): "" for client, version in CALLERS for test in matrix.CASES}
    assert matrix.results(_report(tmp_path, whole)) is not None
    one = ("zeep", "1.2", "test_reads_a_batch_in_canary")
    assert matrix.results(_report(tmp_path, {cell: tag for cell, tag in whole.items() if cell != one})) is None
    assert matrix.results(_report(tmp_path, whole | {one: "skipped"})) is None


def test_a_failure_stands_in_the_matrix(tmp_path: Path) -> None:
    """A cell says no when its test failed, or could not start."""
    whole = {(client.name, version, test): "" for client, version in CALLERS for test in matrix.CASES}
    bad = {
        ("php", "1.1", "test_reads_a_batch_in_canary"): "failure",
        ("perl", "1.2", "test_scores_in_stage_off"): "error",
    }
    found = matrix.results(_report(tmp_path, whole | bad))
    assert found is not None
    assert found["outcomes"]["php 1.1"]["batch, canary"] == found["outcomes"]["perl 1.2"]["off"] == "failed"
    assert matrix.section(found).count("**no**") == 2


def _report(folder: Path, cells: dict[tuple[str, str, str], str]) -> Path:
    suite = ElementTree.Element("testsuite")
    properties = ElementTree.SubElement(suite, "properties")
    for client in CLIENTS:
        ElementTree.SubElement(properties, "property", name=client.name, value="1.0")
    for (client_name, version, test), tag in cells.items():
        case = ElementTree.SubElement(suite, "testcase", name=f"{test}[{client_name}-{version}]")
        if tag:
            ElementTree.SubElement(case, tag)
    path = folder / "report.xml"
    ElementTree.ElementTree(suite).write(path)
    return path
