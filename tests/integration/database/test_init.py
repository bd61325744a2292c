"""`understudy init --db`: what it writes passes `understudy check` once its statements have run."""

from pathlib import Path

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner, Result

from adapters.database.engine import connect
from adapters.database.probe import problems
from gateway.cli import app
from tests.integration.database.configured import settings
from tests.integration.database.legacy_tables import Legacy


def understudy(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def test_a_table_becomes_a_configuration_and_the_statements_for_it(
    legacy: Legacy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, url = tmp_path / "made", legacy.engine.url.render_as_string(hide_password=False)
    ran = understudy("init", str(folder), "--db", url, "--table", "loans")
    assert ran.exit_code == 0, ran.output
    text = (folder / "understudy.yaml").read_text()
    assert "column: state" in text and "amount: {type: decimal, optional: true}" in text
    assert (legacy.engine.url.password or "no password") not in text
    monkeypatch.setenv("UNDERSTUDY_LEGACY_DB", url)
    checked = understudy("check", "--config", str(folder / "understudy.yaml"))
    assert checked.exit_code == 1 and "understudy_loans" in checked.output and "init --db" in checked.output
    needed = (folder / "claims.sql").read_text().split("\n\n")[0]
    with legacy.engine.begin() as connection:
        for statement in [one for one in needed.split(";\n") if "CREATE" in one]:
            connection.exec_driver_sql(statement.partition("altered.\n")[2] or statement)
    checked = understudy("check", "--config", str(folder / "understudy.yaml"))
    assert checked.exit_code == 0, checked.output


@pytest.mark.parametrize("legacy", ["postgresql"], indirect=True)
@pytest.mark.parametrize("way", ["status", "result"])
def test_a_user_who_may_not_write_is_told_of_before_the_candidate_answers(legacy: Legacy, way: str) -> None:
    more = (
        {} if way == "status" else {"find": {"result": {"table": "verdicts", "key": {"id": "loan"}}}, "refusal": None}
    )
    legacy.claims(settings(legacy, **more))
    with legacy.engine.begin() as connection:
        for word in (
            "DROP ROLE IF EXISTS reader", "CREATE ROLE reader LOGIN",
            "GRANT SELECT ON loans, verdicts, understudy_loans TO reader",
        ):  # fmt: skip
            connection.exec_driver_sql(word)

    def told() -> str:
        url = legacy.engine.url.set(username="reader").render_as_string(hide_password=False)
        reader = settings(legacy, **more).model_copy(update={"url": SecretStr(url)})
        engine = connect("bank", reader, Path())
        try:
            return " ".join(problems("bank", reader, engine))
        finally:
            engine.dispose()

    assert "permission denied for table understudy_loans" in told()
    with legacy.engine.begin() as connection:
        connection.exec_driver_sql("GRANT INSERT, UPDATE, DELETE ON understudy_loans TO reader")
    target = {"status": "loans", "result": "verdicts"}[way]
    assert f"permission denied for table {target}" in told()
    with legacy.engine.begin() as connection:
        connection.exec_driver_sql(f"GRANT INSERT, UPDATE ON {target} TO reader")
    assert told() == ""
    with legacy.engine.begin() as connection:
        connection.exec_driver_sql("DROP OWNED BY reader")
        connection.exec_driver_sql("DROP ROLE reader")


@pytest.mark.parametrize("legacy", ["sqlite"], indirect=True)
def test_what_is_wrong_is_said_in_a_sentence(legacy: Legacy, tmp_path: Path) -> None:
    url = str(legacy.engine.url)
    gone = understudy("init", str(tmp_path / "made"), "--db", url, "--table", "nowhere")
    assert gone.exit_code == 2 and "no table or view 'nowhere'" in gone.output and "loans" in gone.output
    half = understudy("init", str(tmp_path / "made"), "--db", url)
    assert half.exit_code == 2 and "--db and --table" in half.output
    odd = understudy("init", str(tmp_path / "made"), "--db", url, "--table", "a b;c")
    assert (odd.exit_code, odd.output) == (2, "--db, --table or --key: expected TABLE or SCHEMA.TABLE\n")
    assert not (tmp_path / "made").exists()


def test_a_missing_column_is_named_with_those_there_are(legacy: Legacy, tmp_path: Path) -> None:
    from tests.integration.database.configured import adapter, config

    values = adapter(legacy, where={"brunch": "N1"})
    (tmp_path / "understudy.yaml").write_text(config(values, stage="off"))
    ran = understudy("check", "--config", str(tmp_path / "understudy.yaml"))
    assert ran.exit_code == 1
    assert "tables.Score.where: loans has no column 'brunch'" in ran.output.replace("\n", " ").replace("  ", " ")
