"""The container files, read and checked against each other; nothing here builds or starts them."""

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from adapters.soap.config import SoapSettings
from gateway import assembly
from gateway.config import Config, load
from gateway.contract import Stage
from gateway.document import parse
from gateway.examples.credit import sources
from gateway.interpolation import resolve
from gateway.link import Link
from gateway.table import compile_table
from models.process import BentoSettings
from models.transport import KEEP_ALIVE_OF_SERVER
from tests.packaging.tree import ROOT

TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE: Mapping[str, Any] = YAML(typ="safe").load(TEXT)
SERVICES: Mapping[str, Mapping[str, Any]] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
SECRET = re.compile(r"PASS|SECRET|TOKEN|STORE|KEY")


def test_compose_follows_its_schema() -> None:
    tool = Path(sys.executable).with_name("check-jsonschema")
    subprocess.run([tool, "--builtin-schema", "vendor.compose-spec", ROOT / "docker-compose.yml"], check=True)


def test_compose_has_every_part() -> None:
    assert {"gateway", "model", "postgresql", "rabbitmq", "legacy", "worker"} <= SERVICES.keys()


@pytest.mark.parametrize("name", SERVICES)
def test_no_service_is_root_or_gains_rights(name: str) -> None:
    service = SERVICES[name]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", service["user"])
    assert service["cap_drop"] == ["ALL"] and "no-new-privileges:true" in service["security_opt"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_says_when_it_is_healthy(name: str) -> None:
    """The gateway's check is the image's own; what ends by itself has none."""
    own = SERVICES[name].get("healthcheck", {})
    assert (
        "test" in own or (name == "gateway" and "HEALTHCHECK" in DOCKERFILE) or (name == "training" and own["disable"])
    )


@pytest.mark.parametrize("name", SERVICES)
def test_no_secret_stands_in_the_file(name: str) -> None:
    values = {key: value for key, value in SERVICES[name].get("environment", {}).items() if SECRET.search(key)}
    assert [key for key, value in values.items() if "${" not in value] == []


def test_a_missing_secret_stops_compose_and_the_sample_names_each() -> None:
    sample = (ROOT / "deploy" / "compose" / "env.example").read_text()
    references = re.findall(r"(?<!\$)\$\{([A-Z_]+)(:\?)?", TEXT)
    assert references and [name for name, required in references if not required] == []
    assert {name for name, _ in references} == set(re.findall(r"^([A-Z_]+)=$", sample, re.MULTILINE))


@pytest.mark.parametrize("name", SERVICES)
def test_what_a_service_refers_to_exists(name: str) -> None:
    service = SERVICES[name]
    sources = [each.split(":")[0] for each in service.get("volumes", [])]
    files, volumes = [each for each in sources if each[0] == "."], [each for each in sources if each[0] != "."]
    assert [each for each in files if not (ROOT / each).exists()] == []
    assert set(volumes) <= COMPOSE["volumes"].keys()
    assert set(service["networks"]) <= COMPOSE["networks"].keys()
    assert set(service.get("depends_on", {})) <= SERVICES.keys()


def test_only_the_gateway_can_be_reached_and_only_from_this_host() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published.keys() == {"gateway"}
    assert all(port.startswith("127.0.0.1:") for port in published["gateway"])


def test_the_image_is_built_from_what_its_build_can_see() -> None:
    copied = {word for line in re.findall(r"^COPY (?!--)(.+) \S+$", DOCKERFILE, re.MULTILINE) for word in line.split()}
    sent = set(re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    assert [each for each in sorted(copied) if not (ROOT / each).exists()] == []
    assert {each.split("/")[0] for each in copied} == sent


def test_the_image_runs_without_rights_from_pinned_requirements() -> None:
    final = DOCKERFILE.split("\nFROM ")[-1]
    assert re.search(r"^USER [1-9]\d*:[1-9]\d*$", final, re.MULTILINE) and "/readyz" in final
    assert "--require-hashes" in DOCKERFILE and "pip install" not in final


ENVIRONMENT = {"UNDERSTUDY_STORE": "postgresql://here/db", "UNDERSTUDY_BROKER_PASSWORD": "secret"}


def configuration(path: Path) -> Any:
    """A configuration as plain values, its references to the environment replaced."""
    return YAML(typ="safe").load(resolve(path.read_text(), ENVIRONMENT, path.parent))


def test_the_gateway_is_given_what_its_configuration_refers_to() -> None:
    document = parse((ROOT / "deploy" / "compose" / "understudy.yaml").read_text())
    given = SERVICES["gateway"]["environment"].keys()
    assert {"UNDERSTUDY_MODEL"} == document.referenced() - given  # it has a default
    assert document.referenced() >= given


def test_a_gateway_compiles_the_configuration_in_containers(tmp_path: Path) -> None:
    """With its files mounted as the compose file mounts them."""
    for volume in SERVICES["gateway"]["volumes"]:
        source, target = volume.split(":")[:2]
        if source.startswith("."):
            (tmp_path / Path(target).relative_to("/etc/understudy")).symlink_to(ROOT / source)
    loaded = load(tmp_path / "understudy.yaml", ENVIRONMENT)
    links = {name: Link(name, kind, "") for name, kind in assembly.models(loaded).items()}
    table = compile_table(loaded, assembly.adapters(loaded), links)
    assert table.bound.keys() == {("loans_soap", "ScoreLoan"), ("loans_mq", "Score")}
    assert {one.ceiling for one in table.bound.values()} == {Stage.SHADOW}
    [broker] = loaded.adapters["loans_mq"].model_dump()["addresses"]
    assert broker == "amqp://rabbitmq:5672"


def test_the_configuration_in_containers_is_valid_and_points_at_the_services() -> None:
    config = Config.model_validate(configuration(ROOT / "deploy" / "compose" / "understudy.yaml"))
    assert config.listen.data.endswith(":8080") and config.listen.admin.endswith(":8081")
    soap = SoapSettings.model_validate(config.adapters["loans_soap"].model_extra)
    bento = BentoSettings.model_validate(config.models["credit"].model_extra)
    assert soap.incumbent is not None
    assert (soap.incumbent.url, bento.url) == ("http://legacy:9001/loans", "http://model:3000")
    (mounted,) = (each.split(":") for each in SERVICES["gateway"]["volumes"] if "examples/credit" in each)
    assert (ROOT / mounted[0] / Path(soap.wsdl).name).is_file() and mounted[1].endswith(Path(soap.wsdl).parent.name)


def test_the_configuration_in_containers_serves_the_routes_of_the_example(tmp_path: Path) -> None:
    ours = configuration(ROOT / "deploy" / "compose" / "understudy.yaml")
    text = (ROOT / "gateway" / "examples" / "credit" / "understudy.yaml").read_text()
    (tmp_path / "understudy.yaml").write_text(sources.added(text, "queue"))
    example = configuration(tmp_path / "understudy.yaml")
    assert ours["routes"] == example["routes"]
    assert ours["adapters"].keys() == example["adapters"].keys() and ours["models"].keys() == example["models"].keys()


def test_the_model_keeps_connections_for_longer_than_the_gateway() -> None:
    assert f"--timeout-keep-alive={KEEP_ALIVE_OF_SERVER}" in SERVICES["model"]["command"]
