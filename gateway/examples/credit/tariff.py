"""The bank's interest rates by duration and amount: a table look-up."""

from bisect import bisect_left
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

DEM_PER_EUR = Decimal("1.95583")
VALID_FROM = date(2004, 5, 1)
DURATIONS = (12, 24, 36)
AMOUNTS = (Decimal(2500), Decimal(10000))
RATES = (("8.90", "8.40", "7.90"), ("9.40", "8.90", "8.40"), ("9.90", "9.40", "8.90"), ("10.90", "10.40", "9.90"))
CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Tariff:
    """Rates in per cent a year, two places."""

    nominal: Decimal
    effective: Decimal
    valid_from: date


def tariff(months: int, amount: Decimal, currency: str) -> Tariff:
    """The rates for a loan; an amount in EUR is converted at the fixed rate, everything else is taken as DEM."""
    marks = amount * DEM_PER_EUR if currency == "EUR" else amount
    nominal = Decimal(RATES[bisect_left(DURATIONS, months)][bisect_left(AMOUNTS, marks)])
    effective = ((1 + nominal / 1200) ** 12 - 1) * 100
    return Tariff(nominal, effective.quantize(CENT, ROUND_HALF_UP), VALID_FROM)
