"""What validation lets through is counted over all processes; nobody is let in by what another system answers."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from gateway import assembly
from gateway.config import parse
from gateway.contract import ConfigError
from gateway.link import Links
from gateway.table import compile_table
from tests.integration.soap.guarded import configured, described
from tests.load import envelopes, until
from tests.served import served

DISORDERED = re.compile(rb"(<(?:\w+:)?Id>[^<]*</(?:\w+:)?Id>)(<(?:\w+:)?ReceivedOn>[^<]*</(?:\w+:)?ReceivedOn>)")


def test_a_request_that_warn_lets_through_is_counted_once_in_shadow_and_in_live(tmp_path: Path) -> None:
    body, changed = DISORDERED.subn(rb"\2\1", envelopes()[0])
    assert changed == 1
    with served(tmp_path, adapters={"loans_soap": {"validate": "warn"}}, observer={"nice": 0}) as gateway:
        for stage in ("shadow", "live"):
            gateway.edit(stage=stage)
            assert gateway.post(body)[0] == 200 and gateway.post(envelopes()[1])[0] == 200
            gateway.quiet()
            until(lambda: invalid(gateway) >= 1, "the call to be counted")
        until(lambda: invalid(gateway) >= 2, "the other call to be counted")
        gateway.quiet()
        assert invalid(gateway) == 2


def invalid(gateway: Any) -> float:
    count: float = gateway.metric(
        "understudy_adapter_events_total", event="invalid_request", source="loans_soap", operation="ScoreLoan"
    )
    return count


@pytest.mark.parametrize(
    ("stage", "auth", "refused"),
    [
        ("live", {"probe": {}}, True), ("canary", {"probe": {}}, True), ("shadow", {"probe": {}}, False),
        ("live", {"probe": {"request": "ask.xml"}}, False), ("live", {"none": "a test"}, False),
    ],
)  # fmt: skip
def test_a_probe_by_the_callers_own_call_needs_ones_own_incumbent(
    tmp_path: Path, stage: str, auth: dict[str, Any], refused: bool
) -> None:
    described(tmp_path)
    (tmp_path / "ask.xml").write_text(
        '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body/></e:Envelope>'
    )
    content = json.loads(configured({"auth": auth, "incumbent": {"url": "http://127.0.0.1:9/x"}}, stage, "none"))
    content["adapters"]["other"] = content["adapters"]["desk"] | {"path": "/other"}
    content["routes"]["ask"]["incumbent"] = {
        "adapter": "other", "operation": "Ask", "request": {"id": "Id"}, "answer": {"decision": "Decision"}
    }  # fmt: skip
    loaded = parse(json.dumps(content), tmp_path / "understudy.yaml", {})
    links = Links(assembly.models(loaded), {})

    def compiled() -> None:
        compile_table(loaded, assembly.adapters(loaded), links.by_name)

    if refused:
        with pytest.raises(
            ConfigError, match=r"routes\.ask\.incumbent: desk lets callers in .* which other cannot tell"
        ):
            compiled()
    else:
        compiled()
