"""A model on somebody else's server answers calls, and an answer that cannot be right never leaves."""

import asyncio
import json
from pathlib import Path

import pytest

from adapters.memory import Memory
from gateway.contract import Made, Relayed
from tests.foreign import serving
from tests.inprocess import running
from tests.integration.test_stages import config, message

MODEL = """type: http, protocol: {protocol}, url: "{url}", tag: "credit:7", inputs: {{amount: {{type: number}}}},
    outputs: {{probability_bad: {{type: number, minimum: 0, maximum: 1}}}}"""


@pytest.mark.parametrize("protocol", ["open_inference", "mlflow", "tensorflow"])
def test_it_answers_in_live_and_where_its_answer_is_out_of_range_the_incumbent_does(
    tmp_path: Path, protocol: str
) -> None:
    async def case(url: str) -> None:
        entry = MODEL.format(protocol=protocol, url=url)
        text = config("live", accept="credit:7").replace('type: python, call: "tests.models:by_amount"', entry)
        async with running(text, tmp_path, observe=False) as gateway:
            box = gateway.adapters["old"]
            assert isinstance(box, Memory)
            box.put(message(1, 600))
            box.put(message(2, 4000))
            await gateway.until(lambda: len(box.delivered) == 2)
            answers = dict(box.delivered)
            first, second = answers["m1"], answers["m2"]
            assert isinstance(first, Made) and first.model == "credit:7"
            assert json.loads(first.raw.body)["Score"] == 940.0
            assert isinstance(second, Relayed), "a probability of 2 is nobody's"

    with serving() as server:
        asyncio.run(case(f"http://127.0.0.1:{server.server_port}"))
