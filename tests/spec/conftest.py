"""The broker of the AMQP specimen, started only for it."""

import pytest

from tests.spec import broker


@pytest.fixture(autouse=True)
def _broker(request: pytest.FixtureRequest) -> None:
    """Lends the shared node to the specimen that needs one."""
    callspec = getattr(request.node, "callspec", None)
    specimen = callspec.params.get("specimen") if callspec else None
    if specimen is not None and specimen.kind == "amqp":
        broker.NODE.append(request.getfixturevalue("rabbitmq"))
