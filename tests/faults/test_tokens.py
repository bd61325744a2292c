"""Real workers that share a store take a digest once between them, and their observer never learns a password."""

from pathlib import Path

from adapters.soap.headers import with_blocks
from tests.integration.soap.guarded import digest_token, security
from tests.load import envelopes, until
from tests.served import Served, served

WORD = "s3cret-of-the-desk"
REPLAYS = 24


def guarded(gateway: Served) -> None:
    """Has the workers verify digests, with a password from the environment."""
    content = gateway.content()
    users = {"desk": "${DESK_PASSWORD}"}
    content["adapters"]["loans_soap"]["auth"] = {"verify": {"tokens": ["digest"], "users": users}}
    content["adapters"]["loans_soap"]["incumbent"]["credentials"] = {"basic": {"user": "gw", "password": "${GW}"}}
    gateway.write(content)


def test_a_digest_is_taken_once_between_two_workers(tmp_path: Path) -> None:
    environment = {"DESK_PASSWORD": WORD, "GW": "x"}
    with served(tmp_path, stage="live", workers=2, environment=environment, start=False) as gateway:
        guarded(gateway)
        try:
            gateway.start()
            call = envelopes()[0]
            wrong = with_blocks(call, [security(digest_token("desk", "wrong"))])
            until(lambda: b"FailedAuthentication" in gateway.post(wrong)[1], "the workers to know the holds")
            for _ in range(3):
                body = with_blocks(call, [security(digest_token("desk", WORD))])
                # Each is a connection of its own, which either worker may take.
                answers = [gateway.post(body)[1] for _ in range(REPLAYS)]
                assert sum(b"ScoreLoanResponse" in answer for answer in answers) == 1
                assert sum(b"used before" in answer for answer in answers) == REPLAYS - 1
            assert WORD not in gateway.log.read_text()
            assert len(gateway.logged("weak")) == 2 * 2
            observer = Path(f"/proc/{gateway.pid('observer')}/environ").read_bytes()
            worker = Path(f"/proc/{gateway.pid('worker-0')}/environ").read_bytes()
            assert (WORD.encode() in observer, WORD.encode() in worker) == (False, True)
        finally:
            gateway.end()
