"""Fifty people call in every stage, also with messages that fail in every way: what stays of them is what may stay."""

import html
import json
import random
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli import app
from tests.load import MEDIA, envelopes, until
from tests.served import ROUTE, Served, served

PEOPLE = 50
FIRST = ("Änne", "Björn", "Chloé", "Dörte", "Émile", "Fenja", "Göran", "Hülya", "Ígor", "Jürgen")
SYLLABLES = ("zwie", "mäck", "lohr", "quast", "fitz", "brünn", "kolb", "wirsch", "knöt", "jasp")
QUOTING = {"type": "python", "call": "tests.faults.faulty:quoting"}
ALLOWED = {
    "city": "keep",
    "name": "hash",
    "national_id": "encrypt",
    "iban": "mask",
    "birth": "drop",
    "decision": "keep",
}
PERSON = """
      <xs:element name="Person">
        <xs:complexType><xs:sequence>
          <xs:element name="Name" type="xs:string"/><xs:element name="Birth" type="xs:date"/>
          <xs:element name="NationalId" type="xs:string"/><xs:element name="Iban" type="xs:string"/>
          <xs:element name="City" type="xs:string"/>
        </xs:sequence></xs:complexType>
      </xs:element>
    </xs:sequence>
    <xs:attribute name="Channel" type="code:Channel"/>"""


@dataclass(frozen=True)
class Person:
    """Somebody whose every trace is unlike anything else."""

    id: str
    name: str
    birth: date
    national_id: str
    iban: str
    city: str

    def envelope(self, at: int) -> str:
        """One of the applications in this person's name, with what a session would bring."""
        text = envelopes()[at].decode()
        person = (
            f"<ns0:Remarks>call {html.escape(self.name)}</ns0:Remarks><ns0:Person><ns0:Name>{self.name}</ns0:Name>"
            f"<ns0:Birth>{self.birth}</ns0:Birth><ns0:NationalId>{self.national_id}</ns0:NationalId>"
            f"<ns0:Iban>{self.iban}</ns0:Iban><ns0:City>{self.city}</ns0:City></ns0:Person></ns0:Application>"
        )
        text = text.replace("</ns0:Application>", person)
        header = f'<soap-env:Header><x:Caller xmlns:x="urn:x">{self.name}</x:Caller></soap-env:Header><soap-env:Body>'
        text = text.replace("<soap-env:Body>", header, 1)
        return re.sub("(?<=<ns0:Id>)[^<]*", self.id, text)

    def messages(self, at: int) -> Sequence[str]:
        """A good one, and some that fail with this person's data in the very place that is wrong."""
        good = self.envelope(at)
        return [
            good,
            good[: good.index("</ns0:City>")],
            good.replace("<ns0:Age>", f"<ns0:Age>{self.name}"),
            re.sub("(?<=<ns0:Checking>)[^<]*", self.national_id, good),
            re.sub("(?<=<ns0:Birth>)[^<]*", f"{self.birth:%d.%m.%Y} {self.name}", good),
            good.replace("ns0:ScoreLoan", f"ns0:{re.sub('[^A-Za-z]', '', self.name)}"),
            good.replace("?>", f"?><!DOCTYPE x [<!ENTITY a '{self.name}'>]>", 1),
            re.sub("(?<=<ns0:Age>)[^<]*", "17", good),
            re.sub("<ns0:Amount>[^<]*</ns0:Amount>", "", good),
            good.replace("</ns0:Person>", f"<ns0:{self.iban}/></ns0:Person>"),
        ]

    def traces(self) -> Mapping[str, Sequence[str]]:
        """What must not be found, by what it is, in every spelling that anybody would look for."""
        return {
            "id": [self.id, self.id[3:]],
            "name": [self.name, self.name.upper(), self.name.split()[1], json.dumps(self.name)[1:-1],
                     html.escape(self.name), self.name.encode("ascii", "xmlcharrefreplace").decode()],
            "birth": [f"{self.birth:{form}}" for form in ("%Y-%m-%d", "%d.%m.%Y", "%Y%m%d")],
            "national id": [self.national_id],
            "iban": [self.iban, self.iban[4:]],
        }  # fmt: skip


def people(rng: random.Random) -> Iterator[Person]:
    days = rng.sample(range(date(1930, 1, 1).toordinal(), date(1990, 1, 1).toordinal()), PEOPLE)
    for at, day in enumerate(days):
        last = "".join(rng.sample(SYLLABLES, 4)).capitalize()
        numbers = [rng.randrange(10**9, 10**10) for _ in range(3)]
        yield Person(
            f"PQ-{10_000_000 + at * 1_000_003 + rng.randrange(1000)}", f"{rng.choice(FIRST)} {last}",
            date.fromordinal(day), f"NID{numbers[0]}", f"DE89{numbers[1]}{numbers[2]}", f"Ort{last[::-1]}heim",
        )  # fmt: skip


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Served]:
    """The example whose applications name their people, and whose model quotes whom it cannot score."""
    key = "a2V5IG9mIHRoaXJ0eS10d28gYnl0ZXMsIHBhZGRlZC4="
    records = {"fields": ALLOWED, "keys": {"first": "${UNDERSTUDY_TEST_KEY}"}}
    with served(
        tmp_path, model=QUOTING, accept="quoting:1", start=False, environment={"UNDERSTUDY_TEST_KEY": key},
        records=records,
    ) as one:  # fmt: skip
        schema = tmp_path / "loans.xsd"
        end = '    </xs:sequence>\n    <xs:attribute name="Channel" type="code:Channel"/>'
        assert end in schema.read_text()
        schema.write_text(schema.read_text().replace(end, PERSON.lstrip("\n")))
        content = one.content()
        route, source = content["routes"][ROUTE], content["routes"][ROUTE]["sources"]["loans_soap/ScoreLoan"]
        named = {"name": "Name", "national_id": "NationalId", "iban": "Iban", "city": "City", "birth": "Birth"}
        for field, element in named.items():
            route["fields"][field] = "date" if field == "birth" else "text"
            source["request"][field] = f"Application.Person.{element}"
        route["features"]["name"] = None
        one.write(content)
        one.start()
        yield one
        one.end()


def call(gateway: Served, crowd: Sequence[Person], shift: int) -> None:
    """Everybody calls, well and badly."""
    for at, person in enumerate(crowd):
        good, *bad = person.messages(at + shift)
        for number, message in enumerate((good, bad[(at + shift) % len(bad)], bad[(at + shift + 4) % len(bad)])):
            action = f'"http://bank.example/{person.national_id}"' if number == 2 else '"ScoreLoan"'
            gateway.post(message.encode(), MEDIA, SOAPAction=action)


def _seen(gateway: Served, before: int) -> bool:
    return gateway.ledger()["seen"] > before


def told(gateway: Served) -> Mapping[str, bytes]:
    """Everything that a gateway leaves or shows, by where it is."""
    run = Path(tempfile.gettempdir())
    places = {str(path): path for path in gateway.folder.rglob("*") if path.is_file() and path.name != "loans.xsd"}
    ours = [one for one in run.glob("understudy-*") if (one / "metrics").is_dir() and _is_ours(gateway, one)]
    assert ours, "the run-time folder"
    places |= {str(path): path for folder in ours for path in folder.rglob("*") if path.is_file()}
    found = {name: path.read_bytes() for name, path in places.items()}
    for path in ("/metrics", "/status", "/readyz", "/livez"):
        found[path] = gateway.get(path, "admin")[1]
    for words in (["report", ROUTE], ["report", ROUTE, "--json"], ["status"], ["status", "--json"], ["audit", "--json"],
                  ["kept"], ["check"]):  # fmt: skip
        found[" ".join(words)] = _said(gateway, *words)
    return found


def _is_ours(gateway: Served, folder: Path) -> bool:
    opened = Path(f"/proc/{gateway.pid('observer')}/fd").iterdir()
    return any(str(folder) in str(one.readlink()) for one in opened)


def _said(gateway: Served, *words: str) -> bytes:
    ran = CliRunner().invoke(app, [*words, "--config", str(gateway.path)], env=dict(gateway.environment))
    assert ran.exit_code in (0, 1), ran.output
    return ran.output.encode()


def test_nothing_of_fifty_people_stays_but_what_is_allowed(gateway: Served, rng: random.Random) -> None:
    crowd = list(people(rng))
    for shift, (stage, percent) in enumerate((("off", 0), ("shadow", 0), ("canary", 50), ("live", 0))):
        gateway.edit(stage=stage, percent=percent, observe="record" if stage == "off" else "compare")
        before = gateway.ledger()["seen"]
        call(gateway, crowd, shift * PEOPLE)
        until(partial(_seen, gateway, before), "calls to be seen")
        gateway.quiet()
    ledger = gateway.ledger()
    print(f"{len(crowd)} people, ledger {dict(ledger)}")
    assert min(ledger["compared"], ledger["failed"], ledger["undecodable"]) > PEOPLE / 2
    found = told(gateway)
    print(f"{sum(map(len, found.values())):,} bytes in {len(found)} places")
    leaks = {
        (kind, place) for person in crowd for kind, spelled in person.traces().items() for place, data in found.items()
        if any(one.encode() in data for one in spelled)
    }  # fmt: skip
    assert leaks == set()
    kept = b"".join(data for place, data in found.items() if "understudy.db" in place)
    assert all(person.city.encode() in kept for person in crowd), "the search finds what is there: cities are allowed"
    assert kept.count(b"$sealed") >= PEOPLE
