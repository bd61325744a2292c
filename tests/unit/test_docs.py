"""The documentation names every setting, metric and ledger term, and its links lead somewhere."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from pydantic import BaseModel

from adapters.amqp.config import AmqpSettings
from adapters.database.config import DatabaseSettings
from adapters.formats.config import Choice
from adapters.memory import MemorySettings
from adapters.soap.config import SoapSettings
from gateway import telemetry
from gateway.comparison import Compare, Cost, CostPair, KnownDifference, Noise, Segment
from gateway.config import Config, Route
from gateway.cutover import cohort
from gateway.rules import Band, Condition, Rule
from gateway.settings import Settings
from gateway.store.model import BALANCED
from models.elsewhere import Described, HttpSettings
from models.local import LocalSettings
from models.process import BentoSettings

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
SECTIONS = (
    Choice, Config, Route, AmqpSettings, SoapSettings, DatabaseSettings, MemorySettings, BentoSettings, HttpSettings,
    Described, LocalSettings,
    Rule, Band, Condition, Compare, Segment, Cost, CostPair, KnownDifference, Noise,
)  # fmt: skip


def sections(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """Every class that derives from this one."""
    for below in model.__subclasses__():
        yield below
        yield from sections(below)


def settings(model: type[BaseModel], seen: set[type[BaseModel]]) -> Iterator[tuple[str, str]]:
    """Every key of a section and of those below it, with the section's name."""
    if model in seen:
        return
    seen.add(model)
    for name, field in model.model_fields.items():
        yield model.__name__, field.alias or name
        for inner in re.findall(r"(?:gateway|adapters|models)\.[\w.]+\.(\w+)", str(field.annotation)):
            for below in sections(Settings):
                if below.__name__ == inner:
                    yield from settings(below, seen)


def every_setting() -> list[tuple[str, str]]:
    seen: set[type[BaseModel]] = set()
    return sorted({found for section in SECTIONS for found in settings(section, seen)})


@pytest.mark.parametrize(("section", "key"), every_setting())
def test_every_setting_has_its_line(section: str, key: str) -> None:
    text = (ROOT / "docs" / "configuration.md").read_text()
    assert re.search(rf"`(?:\w+\.)?{re.escape(key)}`", text), f"{section}.{key} is not in docs/configuration.md"


def test_every_metric_is_documented() -> None:
    text = (ROOT / "docs" / "operations.md").read_text()
    registry: CollectorRegistry = telemetry.Meters().registry
    names = [metric.name for metric in registry.collect()]
    assert names
    for name in names:
        assert name in text, f"{name} is not in docs/operations.md"


def test_every_term_of_the_ledger_is_documented() -> None:
    text = (ROOT / "docs" / "operations.md").read_text()
    for term in BALANCED:
        assert f"`{term}`" in text, f"{term} is not in docs/operations.md"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_cohorts_in_the_docs_are_those_of_the_code() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    vectors = re.findall(r"^\| `(\S+)` \| `(.+?)` \| (\d+) \|$", text, re.MULTILINE)
    assert len(vectors) >= 5
    for route, key, expected in vectors:
        assert cohort(route, key) == int(expected), (route, key)


def test_readme_leads_to_every_page() -> None:
    linked = set(re.findall(r"\]\((docs/[^)#]+\.md)\)", (ROOT / "README.md").read_text()))
    assert {str(page.relative_to(ROOT)) for page in ROOT.glob("docs/*.md")} <= linked


def test_decisions_are_numbered_without_gap_or_repetition() -> None:
    numbers = sorted(int(page.name[:4]) for page in ROOT.glob("docs/adr/*.md"))
    assert numbers == list(range(1, len(numbers) + 1))
