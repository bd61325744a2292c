"""The page needs nothing but itself, can be read by everybody, and shows the figures of the JSON and no others."""

import json
import re
from collections import Counter
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from gateway.cli import app
from gateway.report.page import number, percent
from tests.inprocess import InProcess
from tests.integration.report.recorded import text

VOID = {"meta", "br", "hr", "img", "input", "link"}


class Outline(HTMLParser):
    """Tags in balance, and what matters of them."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: Counter[str] = Counter()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.words: list[str] = []
        self.drawings: list[dict[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Notes a tag."""
        self.tags[tag] += 1
        named = dict(attrs)
        self.ids += [value for key, value in attrs if key == "id" and value]
        self.links += [value or "" for key, value in attrs if key in ("href", "src", "srcset", "action")]
        if tag == "svg":
            self.drawings.append(named)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Notes an empty element."""
        self.tags[tag] += 1

    def handle_endtag(self, tag: str) -> None:
        """Checks the balance."""
        assert self.open and self.open.pop() == tag, f"</{tag}>"

    def handle_data(self, data: str) -> None:
        """Notes words that are shown."""
        if self.open and self.open[-1] not in ("style", "title", "desc"):
            self.words.append(data)


@pytest.fixture(scope="session")
def page(report: Callable[..., Result], tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page."""
    file = tmp_path_factory.mktemp("page") / "report.html"
    assert "audit head 2:" in report("--html", str(file)).output
    return file.read_text()


def outlined(page: str) -> Outline:
    outline = Outline()
    outline.feed(page)
    outline.close()
    assert outline.open == []
    return outline


def test_it_is_one_file_without_script_or_network(page: str) -> None:
    outline = outlined(page)
    assert not outline.tags.keys() & {"script", "link", "img", "iframe", "object", "embed", "form", "base"}
    assert all(link.startswith("#") for link in outline.links)
    assert not re.search(r"@import|url\(|\bon[a-z]+=|javascript:|https?://", page)
    assert {link[1:] for link in outline.links} <= set(outline.ids)
    assert len(outline.ids) == len(set(outline.ids))


def test_every_chart_has_a_title_a_description_and_a_table_beside_it(page: str) -> None:
    outline = outlined(page)
    assert len(outline.drawings) >= 10
    for one in outline.drawings:
        names = (one["aria-labelledby"] or "").split()
        assert one["role"] == "img" and len(names) == 2 and set(names) <= set(outline.ids)
    for section in re.split(r'<h2 id="', page)[1:]:
        if "<svg" in section:
            assert "<table" in section, section[:40]
    assert 'lang="en"' in page and outline.tags["caption"] >= 4
    assert "prefers-color-scheme: dark" in page and "@media print" in page


def test_what_people_wrote_is_shown_and_never_run(page: str) -> None:
    assert "two weeks without surprise &lt;ok&gt;" in page and "<ok>" not in page
    assert "&lt;b&gt;for tests&lt;/b&gt;" in page and "<b>for tests" not in page


def test_it_shows_the_figures_of_the_json(page: str, told: Any) -> None:
    words = " ".join(" ".join(outlined(page).words).split())
    assert percent(told["agreement"]["rate"]) in words
    assert percent(told["noise"]["ceiling"]) in words
    assert f"EUR at risk per 1,000 records {number(told['cost']['per_1000'])}" in words
    for name, one in told["segments"].items():
        assert f"{name} {percent(one['rate'])}" in words
    for one in told["drift"]["inputs"]:
        assert f"{one['name']} inputs {number(one['psi'])}" in words
    for row in told["answers"]["decision"]["counts"]:
        assert " ".join(number(count) for count in row) in words
    for one in told["guard"]["conditions"]:
        assert one["reason"] in words
    assert f"The guard says {told['guard']['outcome']}" in words and told["plan"]["waits"][0] in words
    assert told["audit_head"] in words
    dearest = max(told["over_time"]["buckets"], key=lambda one: one["cost"])
    assert dearest["cost"] and f"{number(dearest['cost'])} {dearest['agreement']['compared']}" in words
    assert "early_refunds expired on 2020-01-31" in words


def test_a_route_of_which_nothing_is_known_has_a_page_too(tmp_path: Path) -> None:
    (tmp_path / "understudy.yaml").write_text(text().replace("with_a_card", "by_amount"))
    InProcess(text(), tmp_path).engine.dispose()
    file = tmp_path / "report.html"
    words = ["report", "loan", "--config", str(tmp_path / "understudy.yaml")]
    ran = CliRunner().invoke(app, [*words, "--html", str(file)])
    assert ran.exit_code == 0, ran.output
    outline = outlined(file.read_text())
    assert outline.drawings == [] and "Nothing has been compared yet." in " ".join(outline.words)
    told = json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout)
    assert (told["agreement"]["rate"], told["scores"], told["drift"]) == (None, {}, {"inputs": [], "scores": []})


def test_without_its_model_a_route_still_has_a_report(folder: Path, tmp_path: Path) -> None:
    other, file = tmp_path / "understudy.yaml", tmp_path / "report.html"
    written = (
        (folder / "understudy.yaml").read_text().replace("sqlite:///understudy.db", f"sqlite:///{folder}/understudy.db")
    )
    other.write_text(
        written.replace('{type: python, call: "tests.models:with_a_card"}', '{type: bentoml, tag: "gone:1"}')
    )
    ran = CliRunner().invoke(app, ["report", "loan", "--config", str(other), "--html", str(file)])
    assert ran.exit_code == 0, ran.output
    words = " ".join(outlined(file.read_text()).words)
    assert "there is no model gone:1" in words and "The model carries no card." in words
    assert "The route has no guard, or is off." in words


def test_a_file_that_cannot_be_written_is_said(folder: Path, tmp_path: Path) -> None:
    words = ["report", "loan", "--config", str(folder / "understudy.yaml"), "--html", str(tmp_path / "none" / "a.html")]
    ran = CliRunner().invoke(app, words)
    assert (ran.exit_code, "cannot be written" in ran.output) == (2, True)
