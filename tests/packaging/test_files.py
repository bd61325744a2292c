"""What must hold of the files themselves: they are fit to be given away, and agree with each other."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.packaging.tree import ROOT, packaged_files, project_files

# In two parts each, as this file is searched as well.
REGISTRIES = [
    "py" + "pi.org", "pythonhosted" + ".org", "anaconda" + ".org", "npmjs" + ".", "crates" + ".io",
    "rubygems" + ".org", "golang" + ".org/proxy", "proxy.golang" + ".org", "maven" + ".org", "maven.apache" + ".org",
    "docker" + ".io", "docker" + ".com", "gh" + "cr.io", "gcr" + ".io", "quay" + ".io",
]  # fmt: skip
PLACES = [
    "/ro" + "ot/", "/ho" + "me/", "/Us" + "ers/", "/work" + "/main", "/opt/py" + "pi", "/opt/wh" + "eels",
]  # fmt: skip


def found(patterns: list[str]) -> list[str]:
    """`file:line: pattern` of every occurrence in the project."""
    search = re.compile("|".join(re.escape(each) for each in patterns), re.IGNORECASE)
    lines = (
        (path, number, line)
        for path in project_files()
        for number, line in enumerate(path.read_text("utf-8", errors="replace").splitlines(), 1)
    )
    return [
        f"{path.relative_to(ROOT)}:{number}: {match[0]}"
        for path, number, line in lines
        if (match := search.search(line))
    ]


def test_no_file_names_a_registry() -> None:
    assert found(REGISTRIES) == []


def test_no_file_names_a_place_on_somebodys_machine() -> None:
    own = [place for place in (str(ROOT), str(Path.home())) if place.count("/") > 1]
    assert found(PLACES + own) == []


def test_the_search_would_find_both(tmp_path: Path) -> None:
    """Guards the two tests above against a walk that sees nothing."""
    seen = {str(path.relative_to(ROOT)) for path in project_files()}
    assert {"Makefile", ".ci/run", "pyproject.toml", "gateway/contract.py", "requirements/run.txt"} <= seen
    assert found(["sees nothi" + "ng"]) == [
        f"{Path(__file__).resolve().relative_to(ROOT)}:{line_of('sees nothi' + 'ng')}"
    ]


def line_of(text: str) -> str:
    """`number: text` of the first line of this file with the text."""
    lines = Path(__file__).read_text().splitlines()
    return f"{next(number for number, line in enumerate(lines, 1) if text in line)}: {text}"


def targets() -> set[str]:
    """The targets of the Makefile that are meant for people."""
    return set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_every_make_target_is_explained_and_in_the_contributors_guide() -> None:
    guide = (ROOT / "CONTRIBUTING.md").read_text()
    explained = subprocess.run(["make", "help"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert targets() >= {"demo", "test", "check", "serve", "services", "bench", "lock", "clean"}
    assert [name for name in sorted(targets()) if f"`make {name}`" not in guide] == []
    assert [name for name in sorted(targets()) if f"make {name} " not in explained] == []


def test_ci_runs_targets_that_exist() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    runs = re.findall(r"^run ([a-z]+)$", script, re.MULTILINE)
    assert set(runs) <= targets() and {"check", "test", "wheel"} <= set(runs)
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    subprocess.run(["bash", "-n", ROOT / ".ci" / "run"], check=True)


def test_ci_fails_when_a_part_fails_and_runs_the_others(tmp_path: Path) -> None:
    (tmp_path / ".ci").mkdir()
    (tmp_path / ".ci" / "run").write_text((ROOT / ".ci" / "run").read_text())
    (tmp_path / "Makefile").write_text("services check wheel:\n\t@echo good $@ $(CI)\ntest:\n\t@echo bad; exit 3\n")
    done = subprocess.run(["bash", tmp_path / ".ci" / "run"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "good wheel true" in done.stdout and "failed: test" in done.stdout
    assert "services: good services true" in done.stdout


def test_every_folder_of_code_is_a_package() -> None:
    """Else import-linter would not look into it."""
    folders = {path.parent for path in packaged_files() if path.suffix == ".py"}
    assert [str(each) for each in sorted(folders) if not (each / "__init__.py").exists()] == []


def test_linters_know_where_imports_may_point() -> None:
    """An import-linter that finds no contract is content with everything."""
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert re.search(r"Contracts: (\d+) kept, 0 broken", done.stdout), done.stdout
