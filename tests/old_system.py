"""An old system of the tests: JSON in, JSON out; approves by a rule of thumb. Its odd spacing must survive a relay."""

import json


async def score(body: bytes) -> bytes:
    """The answer to one application, or to each of a batch."""
    asked = json.loads(body)
    if asked.get("Technical"):
        return b'{ "error":"E99" }'
    if "Applications" in asked:
        return json.dumps({"Results": [_judge(one) for one in asked["Applications"]]}, indent=1).encode()
    return json.dumps(_judge(asked), indent=3).encode()


def _judge(asked: dict[str, object]) -> dict[str, object]:
    amount = float(str(asked["Amount"]))
    return {"Decision": "A" if amount < 1000 else "R", "Score": round(1000 - amount / 10, 1), "Clerk": " 07 "}


async def gone(body: bytes) -> bytes:
    """Nobody there."""
    raise ConnectionRefusedError("nobody is listening")
