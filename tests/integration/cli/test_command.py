"""The program itself, in a process of its own: its entry point, its speed to help, and serving."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from sqlalchemy import Engine

MAIN = "from gateway.cli import main; main()"


def command(*words: str, **environment: str) -> subprocess.Popen[str]:
    kept = {name: value for name, value in os.environ.items() if name != "UNDERSTUDY_CONFIG"}
    return subprocess.Popen(
        [sys.executable, "-c", MAIN, *words], env=kept | environment,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_help_loads_nothing_heavy() -> None:
    heavy = ("pydantic", "sqlalchemy", "alembic", "zeep", "aiohttp", "fastapi", "sklearn", "bentoml", "structlog")
    code = (
        "import sys; from gateway.cli import app\n"
        "try: app(['--help'])\n"
        f"except SystemExit: print('loaded', [name for name in {heavy!r} if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == "loaded []"


def test_the_configuration_is_the_option_else_the_environment_else_here(path: Path, engine: Engine) -> None:
    said = "understudy.yaml: cannot be read"
    _, wrong = (missing := command("status", UNDERSTUDY_CONFIG="/nowhere/understudy.yaml")).communicate(timeout=60)
    assert (missing.returncode, said in wrong) == (2, True)
    out, wrong = command("status", "--config", str(path), UNDERSTUDY_CONFIG="/nowhere").communicate(timeout=60)
    assert ("loan_decision" in out, wrong) == (True, "")


def test_a_stage_moves_while_a_gateway_serves(path: Path) -> None:
    """Given a served gateway, when its stage is set, then it is served at once, and SIGTERM ends it all."""
    serving = command("serve", "--config", str(path))
    try:
        deadline = time.monotonic() + 60
        while not (path.parent / ".understudy" / "gateway.json").exists() and time.monotonic() < deadline:
            assert serving.poll() is None, serving.communicate()
            time.sleep(0.05)
        moved = command("stage", "loan_decision", "canary", "--percent", "25", "--config", str(path))
        out, wrong = moved.communicate(timeout=60)
        assert (moved.returncode, wrong) == (0, "")
        assert "in force canary 25 %" in out
        assert "the running gateway serves it" in out
        checked, _ = command("check", "--config", str(path)).communicate(timeout=60)
        assert "serves this version" in checked
    finally:
        serving.send_signal(signal.SIGTERM)
        _, logs = serving.communicate(timeout=60)
    assert serving.returncode == 0, logs
    assert not (path.parent / ".understudy" / "gateway.json").exists()
