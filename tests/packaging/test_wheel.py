"""The wheel, built from this checkout and installed into a fresh environment elsewhere, is the whole product."""

import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.packaging.tree import ROOT, packaged_files

pytestmark = pytest.mark.wheel
EXAMPLE = "gateway/examples/credit"
LEGACY = "http://127.0.0.1:9001/loans"  # as the example has it


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy: a build leaves its traces in the folder it works in."""
    copy = tmp_path_factory.mktemp("checkout")
    for path in (*packaged_files(), ROOT / "pyproject.toml", ROOT / "README.md", ROOT / "LICENSE"):
        target = copy / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    out = tmp_path_factory.mktemp("wheel")
    run([sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(copy)], copy)
    (built,) = out.iterdir()
    return built


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The programs of a fresh environment with the pinned requirements and the wheel."""
    folder = tmp_path_factory.mktemp("environment")
    run([sys.executable, "-m", "venv", str(folder)], folder)
    install = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    run([*install, "--require-hashes", "-r", str(ROOT / "requirements" / "run.txt")], folder)
    run([*install, "--no-deps", "--no-index", str(wheel)], folder)
    yield folder / "bin"


def environ() -> dict[str, str]:
    """This environment without what would lead back to the checkout or to the test run's own model store."""
    strange = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "UNDERSTUDY_CONFIG", "BENTOML_HOME"}
    return {name: value for name, value in os.environ.items() if name not in strange}


def run(command: list[str], folder: Path) -> str:
    """The output of a command that must succeed, run in a folder and knowing nothing of this checkout."""
    done = subprocess.run(command, cwd=folder, env=environ(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_the_wheel_has_every_file_of_the_packages_and_no_other(wheel: Path) -> None:
    inside = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert inside == {path.relative_to(ROOT).as_posix() for path in packaged_files()}


def test_the_wheel_has_what_no_import_would_miss(wheel: Path) -> None:
    inside = zipfile.ZipFile(wheel).namelist()
    wanted = [
        f"{EXAMPLE}/loans.wsdl", f"{EXAMPLE}/loans.xsd", f"{EXAMPLE}/codes.xsd", f"{EXAMPLE}/understudy.yaml",
        "models/credit/german_credit.csv", "models/credit/german_credit.md",
    ]  # fmt: skip
    assert [name for name in wanted if name not in inside] == []
    assert any("/migrations/" in name and "/versions/" in name for name in inside)
    assert any("card" in name.rpartition("/")[2].lower() for name in inside if name.startswith("models/"))
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in inside)


def test_the_installed_command_explains_itself(environment: Path, tmp_path: Path) -> None:
    helped = run([str(environment / "understudy"), "--help"], tmp_path)
    assert all(name in helped for name in ("serve", "check", "status", "stage", "hold", "resume", "report", "demo"))


@pytest.fixture
def legacy(environment: Path, tmp_path: Path) -> Iterator[str]:
    """The address of the installed example's legacy service."""
    command = [str(environment / "python"), "-m", "gateway.examples.credit.legacy", "--port", "0"]
    with subprocess.Popen(command, cwd=tmp_path, env=environ(), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().removeprefix("listening ").strip()
        process.terminate()


def test_the_installed_example_can_be_trained_and_checked(environment: Path, legacy: str, tmp_path: Path) -> None:
    """`check` says yes to the packaged example once it has a model and its legacy service runs."""
    code = f"import importlib.resources as r; print(r.files('{EXAMPLE.replace('/', '.')}'))"
    packaged = Path(run([str(environment / "python"), "-c", code], tmp_path).strip())
    assert environment.parent in packaged.parents
    for path in packaged.iterdir():
        if path.suffix in {".yaml", ".wsdl", ".xsd"}:
            (tmp_path / path.name).write_bytes(path.read_bytes())
    configuration = tmp_path / "understudy.yaml"
    assert LEGACY in configuration.read_text()
    configuration.write_text(configuration.read_text().replace(LEGACY, legacy))
    run([str(environment / "python"), "-m", "models.credit.train", "--home", ".understudy/bentoml"], tmp_path)
    run([str(environment / "understudy"), "check", "--config", "understudy.yaml"], tmp_path)


def test_nothing_is_installed_that_does_not_fit(environment: Path, tmp_path: Path) -> None:
    run([str(environment / "python"), "-m", "pip", "check"], tmp_path)
