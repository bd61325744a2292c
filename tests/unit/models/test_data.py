"""The carried data are the ones we publish, and the split never changes."""

import hashlib

import pytest

from models.credit import data
from models.credit.data import Application
from models.credit.preprocess import INPUTS


def test_there_are_1000_applications_of_which_300_went_bad(applications: list[Application]) -> None:
    assert len(applications) == 1000
    assert sum(each.bad for each in applications) == 300
    assert len({each.id for each in applications}) == 1000


def test_a_row_has_the_18_attributes_in_the_order_of_the_schema_and_neither_id_nor_class(
    applications: list[Application],
) -> None:
    assert all(tuple(each.row) == tuple(INPUTS) for each in applications)
    assert len(INPUTS) == 18
    assert applications[0].row["checking_status"] == "A11"
    assert applications[0].row["credit_amount"] == 1169


def test_a_changed_file_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "SHA256", "0" * 64)
    with pytest.raises(ValueError, match="was changed"):
        data.load()


def test_the_split_is_two_disjoint_halves_with_as_many_bad_loans_each(applications: list[Application]) -> None:
    train, test = data.split()
    bad = {each.id for each in applications if each.bad}
    assert len(train) == len(test) == 500
    assert not set(train) & set(test)
    assert len(bad & set(train)) == len(bad & set(test)) == 150


def test_the_split_is_the_one_that_published_figures_were_measured_on() -> None:
    digest = hashlib.sha256(" ".join(data.split()[0]).encode()).hexdigest()
    assert digest == "627ddfa423a572ae0c4f58943caa62e8c8f5dc03536b43053a82a96018c0c4d8"
