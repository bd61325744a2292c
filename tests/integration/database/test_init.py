"""`understudy init --db`: what it writes passes `understudy check` once its statements have run."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway.cli import app
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
