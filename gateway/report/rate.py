"""Rates as a report tells them."""

from typing import Any

from gateway.statistics.rates import wilson


def rate(agreed: int, compared: int) -> dict[str, Any]:
    """A share with its 95 % Wilson interval, `low` to `high`; `rate` is null when nothing was compared."""
    low, high = wilson(agreed, compared)
    return {
        "agreed": agreed, "compared": compared, "rate": agreed / compared if compared else None,
        "low": low, "high": high,
    }  # fmt: skip
