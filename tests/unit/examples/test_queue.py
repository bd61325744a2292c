"""The mainframe's records: written by hand here, byte for byte, and what the old worker replies to them."""

from decimal import Decimal

from gateway.examples.credit import queue
from gateway.examples.credit.applications import requests
from gateway.examples.credit.scorecard import judge

FIRST = (
    "GC-0001   ".encode("cp037")  # LR-ID
    + "20040503".encode("cp037")  # LR-RECEIVED-ON
    + bytes.fromhex("00000116900c")  # LR-AMOUNT 1169.00, packed: 11 digits and the sign C
    + bytes.fromhex("006f")  # LR-MONTHS 6, packed and unsigned: the sign F
    + "A43 ".encode("cp037")
    + "4".encode("cp037")  # LR-INSTALLMENT-RATE
    + bytes.fromhex("067f")  # LR-AGE 67
    + "A75 A173A152".encode("cp037")
    + "0401".encode("cp037")  # four years of residence, one dependent
    + "A192A11 A65 A34 ".encode("cp037")
    + bytes.fromhex("0002")  # LR-EXISTING-CREDITS, binary
    + "A101A121A143".encode("cp037")
    + b"\x40" * 8
)


def test_a_record_has_the_bytes_of_the_mainframe() -> None:
    assert queue.request(requests()[0]) == FIRST


def test_the_worker_decides_as_the_scorecard_does_and_the_same_each_time() -> None:
    reply = queue.reply(FIRST)
    assert reply == queue.reply(FIRST)
    fields = queue.record("loan-reply.cpy").read(reply)
    assert (fields["LY-ID"], fields["LY-DECISION"], fields["LY-SCORE"]) == ("GC-0001", "A", Decimal("567.8"))
    assert len({queue.request(one) for one in requests()}) == len(requests())


def test_every_application_survives_the_record() -> None:
    for one in requests()[:50]:
        fields = queue.record("loan-reply.cpy").read(queue.reply(queue.request(one)))
        application = one["Application"]
        flat = {"Id": application["Id"], "ReceivedOn": application["ReceivedOn"].isoformat()}
        for group in ("Applicant", "Loan", "Accounts", "Security"):
            flat |= {name: str(value) for name, value in application[group].items()}
        found = judge(flat)
        assert (fields["LY-DECISION"], fields["LY-SCORE"]) == (found.decision, found.score)
        assert fields["LY-REASON"] == list(found.reasons)


def test_what_the_scorecard_refuses_is_a_fault() -> None:
    young = FIRST.replace(bytes.fromhex("067f"), bytes.fromhex("017f"))
    fields = queue.record("loan-reply.cpy").read(queue.reply(young))
    assert (fields["LY-FAULT"], fields["LY-DECISION"]) == ("InvalidApplication", "")
