"""`understudy serve`."""

import os
from pathlib import Path

from gateway.serve import Parent
from gateway.telemetry import configure_logs


def serve(path: Path) -> None:
    """Serves until told to stop. Raises ConfigError."""
    configure_logs("parent")
    Parent(path, os.environ).run()
