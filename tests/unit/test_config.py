"""The configuration: exact sentences for what is wrong, references, withheld secrets, typed components."""

import base64
from decimal import Decimal
from pathlib import Path
from typing import Literal

import pytest

from gateway.config import Loaded, load, parse
from gateway.contract import ConfigError, Stage
from gateway.document import Document
from gateway.settings import Duration, Settings
from gateway.validation import validated

GOOD = """\
store: ${STORE:-sqlite:///x.db}
workers: ${WORKERS:-2}
models:
  credit: {type: bentoml, tag: "credit:latest"}
adapters:
  loans:
    type: soap
    path: /soap/loans
    wsdl: loans.wsdl
    timeout: ${TIMEOUT}
    incumbent:
      url: ${LEGACY}
      timeout: ${TIMEOUT}
      connections: ${CONNECTIONS}
      verify: ${VERIFY}
      ca: ${file:/nowhere/at/all}
routes:
  loan:
    stage: shadow
    percent: ${PERCENT:-2.5}
    candidate: credit
    sources:
      loans/Score.Loan: {}
"""


def read(text: str, **environ: str) -> Loaded:
    return parse(text, Path("/etc/understudy/understudy.yaml"), environ)


def problems(text: str, **environ: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(text, **environ)
    return [problem.removeprefix("understudy.yaml line ") for problem in caught.value.problems]


def test_a_whole_configuration_is_typed_down_to_its_components() -> None:
    text = GOOD.replace("${file:/nowhere/at/all}", "ca.pem")
    loaded = read(text, TIMEOUT="2s", LEGACY="http://legacy:1/x", CONNECTIONS="3", VERIFY="false", WORKERS="4")
    assert loaded.config.workers == 4
    assert loaded.config.store == "sqlite:///x.db"
    assert loaded.config.routes["loan"].percent == Decimal("2.5")
    assert loaded.config.routes["loan"].stage is Stage.SHADOW
    assert loaded.models["credit"].model_dump(include={"tag"}) == {"tag": "credit:latest"}
    incumbent = loaded.adapters["loans"].model_dump()["incumbent"]
    stated = {"url": "http://legacy:1/x", "timeout": 2.0, "connections": 3, "verify": False, "ca": "ca.pem"}
    assert {key: incumbent[key] for key in stated} == stated
    assert loaded.withheld == {"TIMEOUT", "LEGACY", "CONNECTIONS", "VERIFY"}
    assert loaded.folder == Path("/etc/understudy/.understudy")
    assert loaded.version == read(text, TIMEOUT="9s", LEGACY="http://b", CONNECTIONS="1", VERIFY="true").version


def test_without_the_adapters_secrets_a_configuration_still_loads_and_nothing_else_is_forgiven() -> None:
    path = Path("understudy.yaml")
    loaded = parse(GOOD, path, {}, withhold=True)
    assert loaded.adapters["loans"].model_dump()["wsdl"] == "loans.wsdl"
    assert loaded.config.routes["loan"].stage is Stage.SHADOW
    with pytest.raises(ConfigError) as caught:
        parse(GOOD.replace("${WORKERS:-2}", "${WORKERS}").replace("wsdl:", "wsdll:"), path, {}, withhold=True)
    assert caught.value.problems == (
        "understudy.yaml line 2: workers: the environment variable WORKERS is not set",
        "understudy.yaml line 9: adapters.loans.wsdll: unknown key, did you mean 'wsdl'?",
    )


def test_a_withheld_file_is_never_read(tmp_path: Path) -> None:
    secret = tmp_path / "ca"
    secret.write_text("the secret")
    text = GOOD.replace("/nowhere/at/all", str(secret))
    assert "the secret" not in repr(parse(text, Path("understudy.yaml"), {}, withhold=True))


ROUTE = """\
models: {credit: {type: bentoml, tag: "c:1"}}
adapters: {a: {type: soap, path: /a, wsdl: a.wsdl}}
routes:
  loan:
    sources: {a/X: {}}
"""


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ("stgae: shadow", ["6: routes.loan.stgae: unknown key, did you mean 'stage'?"]),
        ("observ_incumbent: 1", ["6: routes.loan.observ_incumbent: unknown key, did you mean 'observe_incumbent'?"]),
        ("stage: life", ["6: routes.loan.stage: expected off, shadow, canary or live, found the text 'life'"]),
        (
            "percent: 100.5",
            ["6: routes.loan.percent: expected a number from 0 to 100 in steps of 0.01, found the number 100.5"],
        ),
        ("observe: all", ["6: routes.loan.observe: expected compare, record or none, found the text 'all'"]),
        ("concurrency: 0", ["6: routes.loan.concurrency: must be at least 1, found the number 0"]),
        ("concurrency: many", ["6: routes.loan.concurrency: expected a whole number, found the text 'many'"]),
        ("concurrency: 1.5", ["6: routes.loan.concurrency: expected a whole number, found the number 1.5"]),
        ("sample: 2", ["6: routes.loan.sample: must be at most 1, found the number 2"]),
        ("accept: 7", ["6: routes.loan.accept: expected a text, found the number 7, put it in quotes"]),
        ("accept: true", ["6: routes.loan.accept: expected a text, found true, put it in quotes"]),
        ("answer: none", ["6: routes.loan.answer: expected a mapping (`key: value`), found the text 'none'"]),
        ("keep_incumbent: {field: x}", ["6: routes.loan.keep_incumbent: expected a list, found a mapping"]),
        (
            "join_window: 5",
            [
                "6: routes.loan.join_window: expected a number with a unit (ms, s, m, h, d), for example 5s, "
                "found the number 5"
            ],
        ),
        (
            "features:\n      x:\n        from: 1\n        codes:\n          01: [1]\n        form: y",
            [
                "8: routes.loan.features.x.from: expected a text, found the number 1, put it in quotes",
                "10: routes.loan.features.x.codes.01: expected a text, a number or true or false, found a list",
                "11: routes.loan.features.x.form: unknown key, did you mean 'format'?",
            ],
        ),
        (
            "keep_incumbent:\n    - {field: a, i: [1]}\n    - below: 3",
            [
                "7: routes.loan.keep_incumbent[0].i: unknown key, did you mean 'in'?",
                "8: routes.loan.keep_incumbent[1].field: this key is required",
            ],
        ),
        ("stage: shadow", ["6: routes.loan: stage shadow needs a candidate"]),
        (
            "stage: shadow\n    candidate: credt",
            ["7: routes.loan.candidate: no model is called 'credt' (there are: credit)"],
        ),
        (
            "candidate: Credit",
            [
                "6: routes.loan.candidate: a name is lower-case letters, digits and _, begins with a letter and has 48 "
                "characters at most, found the text 'Credit'"
            ],
        ),
    ],
    ids=lambda value: value.split("\n")[0] if isinstance(value, str) else "",
)
def test_what_is_wrong_with_a_route_is_told_in_plain_english(rows: str, told: list[str]) -> None:
    assert problems(f"{ROUTE}    {rows}\n") == told


def test_the_cross_checks_are_told_all_at_once_where_they_belong() -> None:
    text = """\
adapters: {a: {type: soap, path: /a, wsdl: a.wsdl}}
routes:
  one:
    sources:
      a/X.y: {}
      b/X: {}
      lonely: {}
  two:
    candidate: nobody
    sources:
      a/X.y: {}
"""
    assert problems(text) == [
        "6: routes.one.sources.b/X: no adapter is called 'b' (there are: a)",
        "7: routes.one.sources.lonely: expected ADAPTER/OPERATION, such as lonely/Score",
        "9: routes.two.candidate: no model is called 'nobody' (none is configured)",
        "11: routes.two.sources.a/X.y: already a source of route 'one'",
    ]


def test_everything_that_is_wrong_is_told_at_once_and_in_the_order_of_the_lines() -> None:
    text = """\
wrkers: 2
grace: ${GRACE}
store: ${STORE}
listen: {data: "a:1", admin: "a:1"}
models:
  credit: {type: bentml}
  Bad: {tpye: bentoml}
adapters:
  soap: {type: soap, path: soap, wsdl: ${WSDL:-3}}
  none: 5
routes:
  loan: {}
"""
    assert problems(text.replace("${WSDL:-3}", '"${WSDL:-3}"'), GRACE="5") == [
        "1: wrkers: unknown key, did you mean 'workers'?",
        "2: grace: expected a number with a unit (ms, s, m, h, d), for example 5s, found the text of ${GRACE}",
        "3: store: the environment variable STORE is not set",
        "4: listen: data and admin need addresses of their own",
        "6: models.credit.type: unknown model type 'bentml', did you mean 'bentoml'?",
        "7: models.Bad: a name is lower-case letters, digits and _, begins with a letter and has 48 characters at "
        "most, found the text 'Bad'",
        "7: models.Bad.type: this key is required, is 'tpye' meant to be it?",
        "9: adapters.soap.path: expected a path such as /soap/loans: it begins with a slash and does not end in one, "
        "found the text 'soap'",
        "10: adapters.none: expected a mapping (`key: value`), found the number 5",
        "12: routes.loan.sources: this key is required",
    ]


@pytest.mark.parametrize("secret", ["s3cr't-value", "-hunter2", "x" * 60])
def test_a_value_from_the_environment_is_never_shown(secret: str) -> None:
    text = ROUTE + "    stage: ${SECRET}\n    candidate: ${SECRET}\n    accept: [1]\nworkers: '${SECRET}'\n"
    told = problems(text, SECRET=secret)
    assert [line.split(":")[1].strip() for line in told] == [
        "routes.loan.stage", "routes.loan.candidate", "routes.loan.accept", "workers",
    ]  # fmt: skip
    assert not any(secret[:5] in line for line in told)
    told = problems(ROUTE + "    candidate: ${WHO}\n", WHO="credt")
    assert told == ["6: routes.loan.candidate: no model is called '${WHO}' (there are: credit)"]


class Inner(Settings):
    kind: Literal["a", "b"]
    every: Duration = 1.0


class Outer(Settings):
    one: Inner | str
    many: list[Inner] = []


def test_the_noise_of_a_union_is_removed() -> None:
    document = Document("one: {kind: c, evry: 1s}\nmany: [{kind: a}, 3]\n")
    reading = document.read({})
    assert validated(Outer, (), document, reading) is None
    assert [problem.sentence("x") for problem in sorted(reading.problems)] == [
        "x line 1: one.evry: unknown key, did you mean 'every'?",
        "x line 1: one.kind: expected a or b, found the text 'c'",
        "x line 2: many[1]: expected a mapping (`key: value`), found the number 3",
    ]


def test_a_file_is_read_and_one_that_cannot_be_says_so(tmp_path: Path) -> None:
    path = tmp_path / "understudy.yaml"
    with pytest.raises(ConfigError, match=r"cannot be read: No such file .*; name the file with --config"):
        load(path, {})
    path.write_bytes(b"workers: 3\r\nstore: \xff\r\n")
    with pytest.raises(ConfigError, match=r"^understudy\.yaml line 2: is not UTF-8"):
        load(path, {})
    path.write_bytes(b"# all by itself\r\nworkers: 3\r\n")
    assert load(path, {}).config.workers == 3
    assert load(path, {}).text == "# all by itself\r\nworkers: 3\r\n"
    path.write_text("a: 1\n- b\n")
    with pytest.raises(ConfigError, match=r"^understudy\.yaml line 2: "):
        load(path, {})


KEY = base64.b64encode(b"k" * 32).decode()


@pytest.mark.parametrize(
    ("records", "says"),
    [
        ("fields: {a: encrypt}", "give a key"),
        (f"keys: {{one: {KEY}}}", "never stands in the configuration"),
        ("keys: {one: '${SHORT}'}", "32 random bytes"),
        ("keys: {one: '${KEY}', two: '${KEY}'}", "which of the keys one, two seals"),
        ("key: three\n  keys: {one: '${KEY}'}", "no key is called 'three'"),
    ],
)
def test_a_key_that_seals_records_is_there_and_comes_from_elsewhere(records: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as caught:
        parse(f"records:\n  {records}\n", Path("understudy.yaml"), {"KEY": KEY, "SHORT": "YWJj"})
    assert KEY not in str(caught.value)


def test_of_several_keys_the_one_named_seals() -> None:
    text = "records: {fields: {a: encrypt}, keys: {old: '${KEY}', new: '${KEY}'}, key: new}"
    records = parse(text, Path("understudy.yaml"), {"KEY": KEY}).config.records
    assert (records.key, records.keys["old"].get_secret_value()) == ("new", b"k" * 32)
    assert KEY not in repr(records)
