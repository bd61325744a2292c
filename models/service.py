"""The BentoML service that scores records with one model of the Bento model store. Imports nothing of ours.

The model's folder describes itself: `schema.json`, and `model.joblib`, one object with
`predict(records) -> [{output: value} | {"error": text}]`. Loading that object imports the package it was trained by
(for the example `models.credit`) by name, so that package must be installed beside this service.
"""

import gc
import json
import os
from pathlib import Path
from typing import Any

import bentoml
import joblib
import orjson
from starlette.responses import Response


@bentoml.service(name="scorer", traffic={"timeout": 30}, logging={"access": {"enabled": False}})
class Scorer:
    """Answers for the model that UNDERSTUDY_MODEL_TAG names, pinned by whoever starts the process."""

    ref = bentoml.models.BentoModel(os.environ.get("UNDERSTUDY_MODEL_TAG", "credit:latest"))

    def __init__(self) -> None:
        folder = Path(self.ref.path)
        self.tag = str(self.ref.tag)
        self.model = joblib.load(folder / "model.joblib")
        self.described = {
            "model": self.tag,
            "schema": json.loads((folder / "schema.json").read_text()),
            "metadata": self.ref.info.metadata,
        }
        gc.freeze()  # what was imported and loaded stays for good: collections need not look at it again
        gc.set_threshold(50_000, 20, 100)  # nearly all that a request makes is freed by counting

    @bentoml.api(route="/predict")  # type: ignore[untyped-decorator]  # bentoml loads it lazily, without a type
    async def predict(self, records: list[Any]) -> Any:
        """{"model", "predictions"}: one entry a record, {"error"} where that record alone could not be scored."""
        return _json({"model": self.tag, "predictions": self.model.predict(records)})

    @bentoml.api(route="/schema")  # type: ignore[untyped-decorator]  # as above
    async def schema(self) -> Any:
        """{"model", "schema", "metadata"}: what travels with the model."""
        return _json(self.described)


def _json(value: dict[str, Any]) -> Response:
    """BentoML sends a Response as it is, where its type is not declared; else it builds a pydantic schema each call."""
    return Response(orjson.dumps(value), media_type="application/json")
