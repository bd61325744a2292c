"""A command may start a model for itself; its process ends with the command, whatever happens."""

import asyncio
import os
from pathlib import Path
from typing import cast

import pytest

from gateway.cli.trial import connected, kind_of
from gateway.config import parse
from gateway.contract import ModelKind, ModelUnavailable
from models.process import Bento, BentoSettings
from tests.processes import alive, family


def test_a_model_is_started_scores_and_is_gone_afterwards(bento: Bento) -> None:
    before = set(family(os.getpid()))

    async def case() -> set[int]:
        async with connected("credit", cast(ModelKind, bento)) as link:
            children = set(family(os.getpid())) - before
            assert link.tag == bento.tag and link.model
            [answer] = await link.predict([link.model.schema["example"]], 10)
            assert isinstance(answer, dict) and 0 <= answer["probability_bad"] <= 1
            return children

    children = asyncio.run(case())
    assert children and not alive(list(children))


def test_a_model_that_ends_before_it_is_ready_is_unavailable(home: Path, bento: Bento) -> None:
    broken = Bento("credit", BentoSettings(tag=bento.tag, home=str(home), service="models.service:Missing"), home)

    async def case() -> None:
        async with connected("credit", cast(ModelKind, broken)):
            raise AssertionError("nothing can be connected")

    with pytest.raises(ModelUnavailable, match="its process ended before it was ready"):
        asyncio.run(case())


def test_another_tag_of_the_same_model_is_taken_from_its_store(home: Path, bento: Bento) -> None:
    text = f'models: {{credit: {{type: bentoml, tag: "credit:latest", home: "{home}"}}}}'
    loaded = parse(text, home / "understudy.yaml", {})
    assert kind_of(loaded, "credit", bento.tag).tag == bento.tag
    assert kind_of(loaded, "credit", None).tag == bento.tag
