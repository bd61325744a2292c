"""The tariff is a look-up by duration and amount."""

from decimal import Decimal

import pytest

from gateway.examples.credit.tariff import tariff


@pytest.mark.parametrize(
    ("months", "amount", "currency", "nominal", "effective"),
    [
        (12, "2500", "DEM", "8.90", "9.27"),
        (13, "2500", "DEM", "9.40", "9.82"),
        (12, "2500.01", "DEM", "8.40", "8.73"),
        (60, "50000", "DEM", "9.90", "10.36"),
        (12, "2500", "EUR", "8.40", "8.73"),
        (12, "1278", "EUR", "8.90", "9.27"),
    ],
)
def test_the_rate_follows_from_duration_amount_and_currency(
    months: int, amount: str, currency: str, nominal: str, effective: str
) -> None:
    found = tariff(months, Decimal(amount), currency)
    assert (str(found.nominal), str(found.effective)) == (nominal, effective)
