"""The 1,000 applications of the Statlog German Credit data, exactly as carried; see german_credit.md for its source."""

import csv
import hashlib
import io
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

SHA256 = "3fcb43df2de4c81b7da88fb924e315ba37a10627af7c617c182e7d6a5b6263b4"
_INTEGERS = frozenset(
    {
        "duration_months", "credit_amount", "installment_rate", "residence_since", "age", "existing_credits",
        "dependents",
    }
)  # fmt: skip
_SEED = 20040101


@dataclass(frozen=True, slots=True)
class Application:
    """One application: its id, the 18 attributes by column name, and whether the loan went bad."""

    id: str
    row: Mapping[str, str | int]
    bad: bool


def load() -> list[Application]:
    """All 1,000 applications in the file's order. Raises ValueError when the file is not the one we publish."""
    content = files(__package__).joinpath("german_credit.csv").read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != SHA256:
        raise ValueError(f"german_credit.csv was changed: its SHA-256 is {found}, not {SHA256}; restore the file")
    return [_application(line) for line in csv.DictReader(io.StringIO(content.decode("ascii")))]


def split() -> tuple[Sequence[str], Sequence[str]]:
    """(ids to train on, ids never seen in training): 500 each, always the same, with 150 bad loans on each side."""
    applications = load()
    train, test = [], []
    for outcome in (False, True):
        ids = [each.id for each in applications if each.bad is outcome]
        random.Random(_SEED).shuffle(ids)  # noqa: S311  # a reproducible split, not a secret
        train += ids[: len(ids) // 2]
        test += ids[len(ids) // 2 :]
    return sorted(train), sorted(test)


def _application(line: Mapping[str, str]) -> Application:
    row = {name: int(value) if name in _INTEGERS else value for name, value in line.items()}
    identifier = str(row.pop("application_id"))
    return Application(identifier, row, bad=row.pop("class") == "2")
