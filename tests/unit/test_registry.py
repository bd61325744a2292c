"""The registry: built-in components, those of third parties, and what it says when one cannot be had."""

import subprocess
import sys
from pathlib import Path

import pytest

from gateway import registry
from gateway.contract import ConfigError
from gateway.settings import Settings

ROOT = Path(__file__).resolve().parents[2]


def run(code: str, *folders: Path) -> str:
    """What a fresh interpreter prints that finds modules in these folders first, then in ours."""
    lines = [f"import sys; sys.path[:0] = {[str(folder) for folder in (*folders, ROOT)]!r}", code]
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, cwd="/")
    assert not done.stderr, done.stderr
    return done.stdout.strip()


def offered(folder: Path, group: str, kind: str, place: str, source: str = "", distribution: str = "other") -> None:
    """Installs a distribution with one entry point."""
    info = folder / f"{distribution}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{group}]\n{kind} = {place}\n")
    if source:
        (folder / f"{place.partition(':')[0]}.py").write_text(source)


COMPONENT = """
from gateway.settings import Settings
class FaxSettings(Settings):
    number: str
class Fax:
    Settings = FaxSettings
"""


@pytest.mark.parametrize("kind", ["bentoml", "python"])
def test_every_built_in_model_has_typed_settings(kind: str) -> None:
    assert issubclass(registry.model(kind).Settings, Settings)


@pytest.mark.parametrize("kind", ["soap", "memory"])
def test_every_built_in_adapter_has_typed_settings(kind: str) -> None:
    assert issubclass(registry.adapter(kind).Settings, Settings)


def test_nothing_of_a_protocol_is_imported_before_it_is_configured() -> None:
    code = "import gateway.config; print([n for n in ('zeep', 'lxml', 'bentoml', 'adapters.soap') if n in sys.modules])"
    assert run(code) == "[]"


def test_an_unknown_type_is_refused_with_the_nearest_or_with_all() -> None:
    with pytest.raises(ConfigError, match=r"^unknown adapter type 'saop', did you mean 'soap'\?$"):
        registry.adapter("saop")
    with pytest.raises(ConfigError, match=r"^unknown model type 'onnx' \(there are: bentoml, http, python\)$"):
        registry.model("onnx")


def test_a_third_party_adapter_is_found_by_its_entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offered(tmp_path, "understudy.adapters", "fax", "understudy_fax_test:Fax", COMPONENT)
    monkeypatch.syspath_prepend(tmp_path)
    assert registry.adapter("fax").Settings.model_fields.keys() == {"number"}
    with pytest.raises(ConfigError, match="unknown model type 'fax'"):
        registry.model("fax")


@pytest.mark.parametrize(
    ("kind", "place", "sentence"),
    [
        ("fax", "no_such_module_x:Fax", "the model type 'fax' cannot be loaded: No module named 'no_such_module_x'"),
        ("fax", "json:Fax", "the model type 'fax' cannot be loaded: module 'json' has no attribute 'Fax'"),
        (
            "fax",
            "json:JSONDecoder",
            "the model type 'fax' is no component: json:JSONDecoder needs a class attribute `Settings`",
        ),
        ("python", "json:loads", "several installed packages offer the model type 'python'; uninstall all but one"),
    ],
)
def test_a_broken_third_party_model_is_refused_with_its_reason(
    kind: str, place: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offered(tmp_path, "understudy.models", kind, place)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError) as caught:
        registry.model(kind)
    assert caught.value.problems == (sentence,)


def test_a_missing_extra_is_named_with_the_command_that_installs_it() -> None:
    code = """
sys.modules["lxml"] = None
from gateway import registry
from gateway.contract import ConfigError
try: registry.adapter("soap")
except ConfigError as error: print(error)
"""
    assert run(code) == "the adapter type 'soap' needs lxml: pip install \"understudy-gateway[soap]\""


OURS = """
from gateway import registry
from gateway.contract import ConfigError
try: print(registry.ours())
except ConfigError as error: print(error)
"""


def test_our_own_packages_are_recognised() -> None:
    assert run(OURS) == "None"


@pytest.mark.parametrize("file", ["models/__init__.py", "models.py"])
def test_a_package_of_another_project_under_our_name_is_refused_without_running_it(file: str, tmp_path: Path) -> None:
    stranger = tmp_path / file
    stranger.parent.mkdir(exist_ok=True)
    stranger.write_text("print('was run')")
    assert run(OURS, tmp_path) == (
        f"Python finds packages of another project under names that Understudy needs: 'models' ({stranger}); "
        "start understudy from another folder, or take the other project from PYTHONPATH"
    )
