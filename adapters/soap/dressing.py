"""Puts together what is configured of an adapter's messages: samples, declared faults, validation."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from adapters.soap.config import SoapSettings
from adapters.soap.mirror import shown
from adapters.soap.sample import Sample, read
from adapters.soap.served import Dress, ServedCodec
from adapters.soap.validity import Validator
from adapters.soap.wsdl import Contract
from gateway.contract import ConfigError


def dressed(contract: Contract, settings: SoapSettings, folder: Path) -> Mapping[str, ServedCodec]:
    """The codec of each operation as it is served. Raises ConfigError."""
    samples = _samples(contract, settings, folder)
    _check_faults(contract, settings)
    validator = None if settings.validate_ == "off" else Validator(contract.documents)
    return {
        name: ServedCodec(
            operation,
            Dress(
                samples.get(name, samples.get("", ())),
                settings.declared_faults,
                settings.faults,
                validator if operation.style == "document" else None,
                settings.validate_ == "enforce",
            ),
            settings.max_decode,
        )
        for name, operation in contract.operations.items()
    }


def unlike(codecs: Mapping[str, ServedCodec]) -> Sequence[str]:
    """Where an answer with a sample's own values would differ from that sample, a sentence each."""
    return list(dict.fromkeys(sentence for codec in codecs.values() for sentence in codec.unlike()))


def _samples(contract: Contract, settings: SoapSettings, folder: Path) -> Mapping[str, Sequence[Sample]]:
    found = {}
    for name, files in settings.mirror.items():
        if name and name not in contract.operations:
            served = ", ".join(sorted(contract.operations))
            raise ConfigError(f"mirror.{name}: the WSDL has no such operation that is served (there are: {served}).")
        found[name] = [read(folder / file) for file in files]
        owners = [contract.operations[name]] if name else contract.operations.values()
        answers = {answer for one in owners for answer in (one.response, *one.faults.values())}
        for sample in found[name]:
            if shown(sample) not in answers:
                what = "no message" if (seen := shown(sample)) is None else seen[1]
                raise ConfigError(f"mirror: {sample.path} shows {what}, which is no answer or declared fault here.")
    return found


def _check_faults(contract: Contract, settings: SoapSettings) -> None:
    known = {fault for one in contract.operations.values() for fault in one.faults}
    if strange := sorted(settings.declared_faults.keys() - known):
        there = ", ".join(sorted(known)) or "none"
        raise ConfigError(f"declared_faults.{strange[0]}: the WSDL declares no such fault (there are: {there}).")
