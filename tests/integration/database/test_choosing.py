"""Which rows are claimed next where answered ones stay in the way: all are found, and what was answered is not read
again and again."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from adapters.database.desk import Desk
from adapters.database.endings import Endings
from adapters.database.engine import connect
from adapters.database.work import Ended, Taken
from bench import claims
from tests.integration.database.configured import settings
from tests.integration.database.legacy_tables import Legacy
from tests.load import until
from tests.services import Postgresql

SIZE = 10
ANSWER = {"table": "verdicts", "key": {"id": "loan"}}
WAYS: Mapping[str, Mapping[str, Any]] = {
    "result": {"find": {"result": ANSWER}, "refusal": {"code": "source"}},
    "watermark": {"find": {"watermark": {"column": "id", "from": "beginning", "reconcile": "1h", "overlap": "50ms"}},
                  "answer": ANSWER, "refusal": {"code": "source"}},
}  # fmt: skip
in_both_ways = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


class Reader:
    """A poller's two halves of work, without a model."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.endings = desk, Endings(desk)

    def answer(self) -> list[int]:
        """Claims and answers what there is, until a look finds nothing; the rows."""
        found = []
        while (taken := self.desk.claim(SIZE)).rows:
            self.endings.answer(taken, Ended({row.key: {"decision": "A"} for row in taken.rows}))
            found += ids(taken)
        return sorted(found)


def ids(taken: Taken) -> list[int]:
    return sorted(row.key[0] for row in taken.rows)


@contextmanager
def reading(legacy: Legacy, way: Mapping[str, Any], reconcile: float = 3600.0) -> Iterator[Reader]:
    configured = settings(legacy, **way)
    legacy.claims(configured)
    desk = Desk("here", configured.tables["Score"], connect("bank", configured, Path()), None, reconcile)
    yield Reader(desk)
    desk.engine.dispose()


@in_both_ways
def test_more_rows_than_a_batch_takes_are_all_found_however_often_they_come(
    legacy: Legacy, way: Mapping[str, Any]
) -> None:
    with reading(legacy, way) as reader:
        for begun in range(1, 500, 50):
            legacy.apply(range(begun, begun + 50))
            assert reader.answer() == list(range(begun, begun + 50))


@in_both_ways
def test_rows_that_were_given_back_or_whose_lease_has_ended_are_found_behind_others(
    legacy: Legacy, way: Mapping[str, Any]
) -> None:
    with reading(legacy, way) as reader:
        legacy.apply(range(1, 31))
        first, second = reader.desk.claim(SIZE), reader.desk.claim(SIZE)
        assert reader.answer() == list(range(21, 31))
        reader.endings.answer(first, Ended(unasked=[row.key for row in first.rows]))
        assert reader.answer() == ids(first)
        with legacy.engine.begin() as connection:  # whoever had the second batch was killed
            connection.exec_driver_sql("UPDATE understudy_loans SET us_lease = 1 WHERE us_state = 'run'")
        until(lambda: bool(reader.desk.peek(1)), "the claim that has lapsed to be seen")
        assert reader.answer() == ids(second)


def test_a_row_behind_others_is_found_as_often_as_reconcile_says(legacy: Legacy) -> None:
    with reading(legacy, WAYS["result"], reconcile=0.0) as reader:
        legacy.apply(range(100, 120))
        assert len(reader.answer()) == 20
        legacy.apply([50])
        assert reader.answer() == [50]


@pytest.mark.parametrize("canary", [False, True], ids=["live", "canary"])
@pytest.mark.parametrize("way", claims.WAYS.values(), ids=claims.WAYS)
def test_a_claim_reads_as_many_rows_however_many_wait_and_were_answered(
    postgresql_server: Postgresql, way: Mapping[str, Any], canary: bool
) -> None:
    few, many = (
        claims.explained(claims.filled(postgresql_server, way, rows), way, canary) for rows in (2_000, 40_000)
    )  # fmt: skip
    print(f"{few.rows} and {many.rows} rows read")
    assert many.unindexed == 0 and 0 < many.rows <= 1.1 * few.rows
