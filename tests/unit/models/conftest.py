"""The credit model, fitted once for all tests."""

import pytest

from models.credit.data import Application, load
from models.credit.scorer import CreditScorer
from models.credit.train import chosen, fit


@pytest.fixture(scope="session")
def applications() -> list[Application]:
    return load()


@pytest.fixture(scope="session")
def scorer() -> CreditScorer:
    """The demo's model: trained on 500 rows."""
    return fit(chosen("half"))
