"""`understudy init`: what it writes passes `understudy check`, and its own contract test, against the service."""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import gateway.examples.credit as example
from gateway import assembly
from gateway.cli import app
from gateway.config import load, parse
from gateway.table import compile_table
from tests.legacy import Legacy
from tests.served import ROOT

LOANS = Path(example.__path__[0])


@pytest.fixture(scope="module")
def legacy() -> Iterator[Legacy]:
    one = Legacy()
    yield one
    one.end()


def init(*words: str) -> Result:
    return CliRunner().invoke(app, ["init", *words])


def test_from_an_address_the_folder_passes_check_and_its_contract_test(legacy: Legacy, tmp_path: Path) -> None:
    folder = tmp_path / "made"
    ran = init("--wsdl", f"{legacy.url}?wsdl", "--endpoint", legacy.url, str(folder), "--operation", "GetTariff")
    assert ran.exit_code == 0, ran.output
    names = {"understudy.yaml", "loans.wsdl", "loans.xsd", "codes.xsd", "test_contract.py", "request.xml"}
    assert {file.name for file in folder.iterdir()} == names
    assert b'schemaLocation="codes.xsd"' in (folder / "loans.xsd").read_bytes()
    checked = CliRunner().invoke(app, ["check", "--config", str(folder / "understudy.yaml")])
    assert checked.exit_code == 0, checked.output
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_contract.py"]
    tested = subprocess.run(
        command, cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert "2 passed" in tested.stdout


@pytest.mark.parametrize("operation", ["ScoreLoan", "ScoreBatch", "GetTariff", "Ping"])
def test_the_commented_route_is_valid_once_it_is_uncommented(operation: str, tmp_path: Path) -> None:
    ran = init(
        "--wsdl", str(LOANS / "loans.wsdl"), "--endpoint", "http://old:1/a", str(tmp_path), "--operation", operation
    )
    assert ran.exit_code == 0, ran.output
    text = (tmp_path / "understudy.yaml").read_text()
    route = re.sub(r"^# (?=routes:|  )", "", text, flags=re.MULTILINE)
    loaded = parse(route.replace("  candidate: {type: bentoml", "#"), tmp_path / "understudy.yaml", {})
    table = compile_table(loaded, assembly.adapters(loaded), {})
    assert list(table.bound) == [("loan_scoring", operation)]
    assert not load(tmp_path / "understudy.yaml", {}).config.routes


def test_the_files_of_a_local_wsdl_are_copied_byte_for_byte(tmp_path: Path) -> None:
    init("--wsdl", str(LOANS / "loans.wsdl"), "--endpoint", "http://old:1/a", str(tmp_path / "new" / "folder"))
    for name in ("loans.wsdl", "loans.xsd", "codes.xsd"):
        assert (tmp_path / "new" / "folder" / name).read_bytes() == (LOANS / name).read_bytes()


def test_files_of_several_folders_come_into_one_and_refer_to_each_other(tmp_path: Path) -> None:
    for name, place in {"loans.wsdl": "a/b", "loans.xsd": "a", "codes.xsd": "c"}.items():
        text = (
            (LOANS / name)
            .read_text()
            .replace('"loans.xsd"', '"../loans.xsd"')
            .replace('"codes.xsd"', '"../c/codes.xsd"')
        )
        (tmp_path / place).mkdir(parents=True, exist_ok=True)
        (tmp_path / place / name).write_text(text)
    made = tmp_path / "made"
    assert (
        init("--wsdl", str(tmp_path / "a" / "b" / "loans.wsdl"), "--endpoint", "http://old:1/a", str(made)).exit_code
        == 0
    )
    for name in ("loans.wsdl", "loans.xsd", "codes.xsd"):
        assert (made / name).read_bytes() == (LOANS / name).read_bytes()


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "understudy.yaml").write_text("mine")
    ran = init("--wsdl", str(LOANS / "loans.wsdl"), "--endpoint", "http://old:1/a", str(tmp_path))
    assert (ran.exit_code, [file.name for file in tmp_path.iterdir()]) == (2, ["understudy.yaml"])
    assert "has understudy.yaml already" in ran.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--wsdl", "absent.wsdl", "--endpoint", "http://old:1/a"], "cannot be read"),
        (["--wsdl", str(LOANS / "understudy.yaml"), "--endpoint", "http://old:1/a"], "is no WSDL or schema"),
        (["--wsdl", "http://127.0.0.1:9/a?wsdl", "--endpoint", "http://old:1/a"], "cannot be fetched"),
        (["--wsdl", str(LOANS / "loans.wsdl"), "--endpoint", "old/a"], "--endpoint old/a: expected an address such"),
        (
            ["--wsdl", str(LOANS / "loans.wsdl"), "--endpoint", "http://old/a", "--operation", "Score"],
            "there are: GetTariff",
        ),
    ],
)
def test_what_is_wrong_is_said(words: list[str], said: str, tmp_path: Path) -> None:
    ran = init(*words, str(tmp_path / "made"))
    assert ran.exit_code == 2, ran.output
    assert said in ran.stderr
    assert not (tmp_path / "made").exists()


def pages(found: Mapping[str, tuple[int, dict[str, str], bytes]]) -> tuple[ThreadingHTTPServer, list[str]]:
    """A web server with these pages, and what it was asked for."""
    asked: list[str] = []

    class Pages(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            status, headers, body = found.get(self.path, (404, {}, b""))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    threading.Thread(target=server.serve_forever).start()
    return server, asked


def test_only_the_wsdls_own_server_is_asked_and_no_redirect_leads_elsewhere(tmp_path: Path) -> None:
    wsdl = (LOANS / "loans.wsdl").read_bytes()
    other, asked_elsewhere = pages({})
    elsewhere = f"http://127.0.0.1:{other.server_port}"
    far = wsdl.replace(b'"loans.xsd"', f'"{elsewhere}/loans.xsd"'.encode())
    moved = {"Location": f"{elsewhere}/loans.wsdl"}
    server, asked = pages({"/far?wsdl": (200, {}, far), "/moved?wsdl": (302, moved, b""),
                           "/large?wsdl": (200, {}, b" " * (11 << 20))})  # fmt: skip
    try:
        for name, said in (("far", "can be served"), ("moved", "is redirected to"), ("large", "bytes")):
            url = f"http://127.0.0.1:{server.server_port}/{name}?wsdl"
            ran = init("--wsdl", url, "--endpoint", "http://old:1/a", str(tmp_path / name))
            assert ran.exit_code == 2 and said in ran.stderr, ran.stderr
        assert (len(asked), asked_elsewhere) == (3, [])
    finally:
        for one in (server, other):
            one.shutdown()
            one.server_close()
