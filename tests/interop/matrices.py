"""The interop matrices of the documentation, and the command that makes them from the report of a test run.

    python -m tests.interop.matrices REPORT.xml [--check]

Writes the results beside the clients and the sections of the pages; `--check` writes nothing and fails where the run
contradicts what is written. A matrix of which the report has some tests only stays as it is.
"""

import sys
from pathlib import Path

from tests.interop.amqp.clients import CLIENTS as QUEUE_CLIENTS
from tests.interop.clients import CALLERS, Client
from tests.interop.matrix import Matrix, Row

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent


def _row(client: Client, version: str) -> Row:
    marks = [client.detail == "XML", not client.tells_nil, not client.tells_code]
    notes = "".join(note for mark, note in zip(marks, "¹²³", strict=True) if mark)
    return Row(client.name, client.title, [version], notes)


SOAP = Matrix(
    ROOT / "docs" / "soap.md",
    HERE / "results.json",
    ("client", "SOAP"),
    {
        "test_scores_in_stage_off": "off",
        "test_scores_in_stage_shadow": "shadow",
        "test_scores_in_canary_within_the_cohort": "canary, in",
        "test_scores_in_canary_outside_of_the_cohort": "canary, out",
        "test_scores_in_stage_live": "live",
        "test_reads_a_batch_of_legacy": "batch, shadow",
        "test_reads_a_batch_in_canary": "batch, canary",
        "test_reads_a_batch_of_the_candidate": "batch, live",
        "test_reads_a_fault_of_legacy": "fault, legacy's",
        "test_reads_a_fault_of_the_candidate": "fault, ours",
        "test_passes_through_what_has_no_route": "passed through",
    },
    {f"{client.name}-{version}": _row(client, version) for client, version in CALLERS},
    """\
Made by `make interop`: eight client libraries, each generated from the `?wsdl` of a running gateway, in every SOAP
version that it speaks. Where the legacy service answers, a client must read the same to the letter as from the
service itself, and what its scorecard says; where the candidate answers, the values worked out by hand. *In* and
*out* are keys within the cohort and outside of it, *batch* is a message of several applications, *fault* is the
declared one with its detail, *passed through* are operations without a route in stage live. The tests are in
`tests/interop`.
""",
    (
        "¹ Its users get the detail of a declared fault as XML: the generator makes no type for it.",
        "² To its users a nil element and an absent one are the same.",
        "³ Its users get the declared detail without the fault code.",
    ),
)
AMQP = Matrix(
    ROOT / "docs" / "amqp.md",
    HERE / "amqp" / "results.json",
    ("client",),
    {
        "test_is_answered_in_stage_off": "off",
        "test_is_answered_in_stage_shadow": "shadow",
        "test_is_answered_in_canary_within_the_cohort": "canary, in",
        "test_is_answered_in_canary_outside_of_the_cohort": "canary, out",
        "test_is_answered_in_stage_live": "live",
        "test_is_answered_by_the_worker_at_its_direct_address": "direct, shadow",
        "test_is_answered_by_the_candidate_at_its_direct_address": "direct, live",
        "test_finds_the_answer_of_the_worker_where_answers_go": "elsewhere, shadow",
        "test_finds_the_answer_of_the_candidate_where_answers_go": "elsewhere, live",
    },
    {
        one.name: Row(one.name, one.title, notes="" if one.tells_properties else "¹",
                      lacks=() if one.direct else ("direct, shadow", "direct, live"))
        for one in QUEUE_CLIENTS
    },
    """\
Made by `make interop`: each client sends the same requests through a running gateway with the old worker behind it.
Where the worker answers, it must read the worker's own bytes and properties, with its own correlation id; where the
candidate answers, the values worked out by hand. The first five columns name a queue of replies in reply_to; *direct*
is RabbitMQ's direct reply address; *elsewhere* sends no reply_to, and the answer goes to the exchange that `answer`
names. *In* and *out* are keys within the cohort and outside of it. The tests are in `tests/interop/amqp`.
""",
    (
        "¹ Its programs set no correlation id and show no properties; each is a connection of its own, so there is no "
        "direct reply address.",
    ),
)  # fmt: skip
MATRICES = (SOAP, AMQP)


def main(report: str, *options: str) -> str | None:
    """An error, or None."""
    problems = [problem for one in MATRICES if (problem := _made(one, Path(report), "--check" in options))]
    return "\n".join(problems) or None


def _made(matrix: Matrix, report: Path, check: bool) -> str | None:
    found, page = matrix.results(report), matrix.page.relative_to(ROOT)
    if found is None:
        print(f"Not every test of the matrix in {page} ran, so it stays as it is")
        return f"the matrix in {page} is unchecked; `make services` installs missing clients" if check else None
    if not check:
        matrix.write(found)
    elif found["outcomes"] != matrix.written()["outcomes"]:
        return f"the clients do not do what {page} says: run `make interop` and commit what it writes"
    cells = [each for outcomes in found["outcomes"].values() for each in outcomes.values()]
    print(f"{page}: {cells.count('passed')} of {len(cells)} cells of the matrix hold; releases: {found['releases']}")
    return None


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
