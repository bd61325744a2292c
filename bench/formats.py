"""Message formats: a record of twelve fields (five texts in cp037, seven packed numbers) read, written and amended.

`python -m bench.formats` prints the figures as JSON. The peer is what one would write by hand for exactly this record,
without a look at damage; the goal is to be 0.7 times as fast. The other formats have no peer and are printed only.
"""

import json
import tempfile
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from adapters.formats import Format, build
from adapters.formats.config import (
    CopybookSettings,
    CsvSettings,
    FixedSettings,
    JsonSettings,
    MessagePackSettings,
    XmlSettings,
)
from bench.turns import Key, Work, faster, result, turns

AREA = "formats"
GOAL = 0.7
ROUNDS = 15
CALLS = 400
"""Calls a round."""
MANY = 1000
"""Records of the body of many."""

_NAMES = {
    "APPLICATION-ID": 10, "CHANNEL": 4, "PURPOSE": 4, "HOUSING": 4, "NAME": 20,
}  # fmt: skip
_PACKED = {
    "AMOUNT": (11, 2), "INCOME": (11, 2), "DURATION": (3, 0), "RATE": (7, 4), "AGE": (3, 0), "EXISTING": (3, 0),
    "CREDIT": (11, 2),
}  # fmt: skip
_PAYLOAD = {
    "APPLICATION-ID": "GC-0001", "CHANNEL": "BRCH", "PURPOSE": "A43", "HOUSING": "A152", "NAME": "MEYER",
    "AMOUNT": Decimal("3200.50"), "INCOME": Decimal("45000.00"), "DURATION": 24, "RATE": Decimal("3.1250"), "AGE": 44,
    "EXISTING": 1, "CREDIT": Decimal("-3200.00"),
}  # fmt: skip


def run() -> dict[str, Any]:
    """{"results", "ratios"} of this area; takes about 10 s."""
    rounds = turns(_cases(), ROUNDS, CALLS)
    many = turns(_many(), ROUNDS, max(CALLS // 100, 1))
    results = [result(AREA, key, found) for key, found in rounds.items()]
    results += [result(AREA, key, found, MANY) for key, found in many.items()]
    ratios = [
        faster(AREA, case, found[case, "copybook", "ours"], found[case, "by hand", "peer"], "code by hand", GOAL)
        for case, found in (("read", rounds), (f"read {MANY} records", many))
    ]
    return {"results": results, "ratios": ratios}


def copybook() -> str:
    """The record's copybook."""
    texts = [f"    05 {name} PIC X({length})." for name, length in _NAMES.items()]
    numbers = [
        f"    05 {name} PIC S9({digits - scale}){f'V9({scale})' if scale else ''} COMP-3."
        for name, (digits, scale) in _PACKED.items()
    ]
    return "\n".join(["01 LOAN.", *texts, *numbers, ""])


def _format(many: bool) -> Format:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "loan.cpy").write_text(copybook())
        return build(CopybookSettings(file="loan.cpy", source="free", many=many), Path(folder))


def _cases() -> Mapping[Key, Work]:
    """What is measured of one record, by case, name and kind."""
    record = _format(many=False)
    body = record.write(_PAYLOAD)
    assert record.read(body) == _by_hand(body, 0) == _PAYLOAD
    cases: dict[Key, Work] = {
        ("read", "copybook", "ours"): lambda: record.read(body),
        ("read", "by hand", "peer"): lambda: _by_hand(body, 0),
        ("write", "copybook", "ours"): lambda: record.write(_PAYLOAD),
        ("amend", "copybook", "ours"): lambda: record.amend(body, {("AMOUNT",): Decimal("1.00")}),
    }
    for name, format in _others().items():
        cases |= _three(name, format)
    return cases


def _three(name: str, format: Format) -> dict[Key, Work]:
    body = format.write(_PAYLOAD)
    return {
        ("read", name, "ours"): lambda: format.read(body),
        ("write", name, "ours"): lambda: format.write(_PAYLOAD),
        ("amend", name, "ours"): lambda: format.amend(body, {("CREDIT",): 7}),
    }


def _others() -> Mapping[str, Format]:
    fields = [{"name": name, "length": length} for name, length in _NAMES.items()]
    fields += [
        {"name": name, "length": digits // 2 + 1, "type": "packed", "scale": scale}
        for name, (digits, scale) in _PACKED.items()
    ]
    declared = FixedSettings.model_validate({"encoding": "latin-1", "fields": fields})
    settings = (
        declared, JsonSettings(), XmlSettings(root="Loan"), CsvSettings(columns=list(_PAYLOAD)), MessagePackSettings()
    )  # fmt: skip
    return {one.type: build(one, Path()) for one in settings}


def _many() -> Mapping[Key, Work]:
    record = _format(many=True)
    body = record.write({"records": [_PAYLOAD] * MANY})
    length = len(body) // MANY
    case = f"read {MANY} records"
    return {
        (case, "copybook", "ours"): lambda: record.read(body),
        (case, "by hand", "peer"): lambda: [_by_hand(body, at * length) for at in range(MANY)],
    }


def _by_hand(body: bytes, at: int) -> Mapping[str, Any]:
    """The record, read by code that knows it."""
    found: dict[str, Any] = {}
    for name, length in _NAMES.items():
        found[name] = body[at : at + length].decode("cp037").rstrip()
        at += length
    for name, (digits, scale) in _PACKED.items():
        text = body[at : at + digits // 2 + 1].hex()
        number = -int(text[:-1]) if text[-1] == "d" else int(text[:-1])
        found[name] = Decimal(number).scaleb(-scale) if scale else number
        at += digits // 2 + 1
    return found


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
