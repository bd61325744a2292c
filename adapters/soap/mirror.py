"""Writes our answers as recorded responses of the legacy service look; see docs/soap.md, "Wire shape".

Given the values of a sample, what is written is that sample, byte for byte. What no sample shows is written as near to
them as what is known of other elements allows.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from lxml import etree

from adapters.soap.codec import Messages
from adapters.soap.namespaces import MEDIA, QName
from adapters.soap.reshape import Types, Writer
from adapters.soap.sample import Sample
from adapters.soap.shape import Learnt
from gateway.contract import Raw

_utf8 = etree.XMLParser(resolve_entities=False, no_network=True, encoding="utf-8")


@dataclass(slots=True, frozen=True)
class _Frame:
    """What stands around an envelope: the text before and after it, content type, and the status, 0 for the usual."""

    sample: Sample
    prolog: str
    epilog: str
    media: str
    status: int


class Mirror:
    """The wire shape of one operation's answers."""

    def __init__(self, samples: Sequence[Sample], messages: Messages) -> None:
        """`samples` are of any SOAP version and of answers and faults; at least one."""
        self._samples = samples
        self._learnt = {version: Learnt(found) for version, found in _by_version(samples).items()}
        self._types = Types([messages.response, *messages.faults.values()], self._learnt.values())
        self._writers: dict[tuple[str, str], Writer] = {}
        self._frames: dict[tuple[str, QName], _Frame] = {}

    def dressed(self, version: str, raw: Raw, name: QName, *, status: int | None = None) -> Raw:
        """Our answer as legacy would have written it. `name` is that of the response, or of a fault's detail.

        `status` is what is configured; otherwise that of the sample, otherwise `raw`'s own."""
        if (version, name) not in self._frames:
            self._frames[version, name] = self._frame(version, name)
        frame = self._frames[version, name]
        text = self._writer(version, frame.sample.version).whole(etree.fromstring(raw.body))
        body = f"{frame.prolog}{text}{frame.epilog}".encode(frame.sample.text.encoding, "xmlcharrefreplace")
        return Raw(body, frame.media, status or frame.status or raw.status)

    def _frame(self, version: str, name: QName) -> "_Frame":
        sample = self._sample(version, name)
        data, root = sample.data, sample.root
        same = sample.version == version
        usual = f"{MEDIA[version].partition(';')[0]}; charset={_charset(sample)}"
        return _Frame(
            sample,
            data[: root.start].decode(),
            data[root.end :].decode(),
            sample.media if sample.media and same else usual,
            sample.status if same and _shows(sample, name) else 0,
        )

    def _writer(self, version: str, sampled: str) -> Writer:
        if (version, sampled) not in self._writers:
            self._writers[version, sampled] = Writer(self._types, self._learnt[sampled], version, sampled)
        return self._writers[version, sampled]

    def fault(self, version: str, name: QName) -> tuple[str, str, int] | None:
        """Code (`Client`, `Server`, with subcodes behind dots), actor and status of the fault with this detail, as
        its sample has them; None where no sample shows it."""
        found = [one for one in self._samples if _shows(one, name)]
        sample = next((one for one in found if one.version == version), found[0] if found else None)
        if sample is None:
            return None
        code, actor = spoken(sample)
        return code, actor, sample.status if sample.version == version else 0

    def _sample(self, version: str, name: QName) -> Sample:
        """The nearest sample: of this message in this version, of this version, of this message, any."""
        same = [one for one in self._samples if one.version == version]
        for near in ([one for one in same if _shows(one, name)], same, [o for o in self._samples if _shows(o, name)]):
            if near:
                return near[0]
        return self._samples[0]


def _by_version(samples: Sequence[Sample]) -> dict[str, list[Sample]]:
    found: dict[str, list[Sample]] = {}
    for one in samples:
        found.setdefault(one.version, []).append(one)
    return found


def shown(sample: Sample) -> QName | None:
    """The message that a sample shows: the name of Body's child, or of what is in its fault's detail."""
    soap = sample.root.name[0]
    body = next((one for one in sample.root.children if one.name == (soap, "Body")), None)
    if body is None or not body.children:
        return None
    child = body.children[0]
    if child.name != (soap, "Fault"):
        return child.name
    detail = next((one for one in child.children if one.name[1] in ("detail", "Detail")), None)
    return detail.children[0].name if detail and detail.children else None


def spoken(sample: Sample) -> tuple[str, str]:
    """Code and actor of a sample's fault: `Client`, `Server` or another, with subcodes behind dots."""
    soap = f"{{{sample.root.name[0]}}}"
    fault = etree.fromstring(sample.data.removeprefix(b"\xef\xbb\xbf").lstrip(), _utf8).find(f"{soap}Body")[0]
    if sample.version == "1.1":
        codes, actor = [fault.findtext("faultcode") or ""], fault.findtext("faultactor") or ""
    else:
        codes = [node.text or "" for node in fault.find(f"{soap}Code").iter(f"{soap}Value")]
        actor = fault.findtext(f"{soap}Role") or ""
    code = ".".join(one.strip().rpartition(":")[2] for one in codes)
    first, dot, finer = code.partition(".")
    return {"Sender": "Client", "Receiver": "Server"}.get(first, first) + dot + finer, actor.strip()


def _shows(sample: Sample, name: QName) -> bool:
    return shown(sample) == name


def _charset(sample: Sample) -> str:
    return {"latin-1": "iso-8859-1", "cp1252": "windows-1252", "utf-16-le": "utf-16", "utf-16-be": "utf-16"}.get(
        sample.text.encoding, sample.text.encoding
    )
