"""The settings of formats, as they stand under an adapter's `format`."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from adapters.formats.charset import Charset, Overpunch
from gateway.settings import Settings, Size

Character = Annotated[str, Field(min_length=1, max_length=1)]


def known(encoding: str) -> str:
    """An encoding that records may have. Raises ValueError."""
    return Charset(encoding).name


Encoding = Annotated[str, AfterValidator(known)]


class Bounded(Settings):
    """What all formats have."""

    max_decode: Size = 1 << 20
    """Bytes of a body that are read at most."""
    media: str | None = None
    """The content type of what is written, where it is not the format's own."""


class JsonSettings(Bounded):
    """JSON objects."""

    type: Literal["json"] = "json"
    many: bool = False
    """Whether a body is an array of objects, the payload then `{"records": [...]}`."""


class MessagePackSettings(Bounded):
    """MessagePack maps."""

    type: Literal["messagepack"] = "messagepack"
    many: bool = False
    """Whether a body is an array of maps, the payload then `{"records": [...]}`."""


class XmlSettings(Bounded):
    """An XML document."""

    type: Literal["xml"] = "xml"
    root: str
    """The root element: `Loan`, or `{urn:bank:loans}Loan`."""
    xsd: str | None = None
    """The schema that has it; values are then typed. Relative to the configuration."""
    validate_: bool = Field(True, alias="validate")
    """Whether documents must be valid by the schema."""
    lists: list[str] = []
    """Without a schema: elements that are lists however many there are, by their names from the root: `Lines.Line`."""

    @model_validator(mode="after")
    def _lists_without_schema(self) -> "XmlSettings":
        if self.xsd and self.lists:
            raise ValueError("lists are told by the schema; leave out `lists` or `xsd`")
        return self


class SoapSettings(Bounded):
    """A SOAP envelope, by the service's own WSDL."""

    type: Literal["soap"] = "soap"
    wsdl: str
    """Relative to the configuration."""
    operation: str
    """Of which operation the messages are."""
    message: Literal["request", "response"]
    """Which of its messages."""


class CsvSettings(Bounded):
    """Lines of separated values."""

    type: Literal["csv"] = "csv"
    columns: list[str] = []
    """Their names in order; without them the first line is a header that has them."""
    header: bool | None = None
    """Whether the first line is a header; by default where there are no `columns`."""
    delimiter: Character = ","
    quote: Character = '"'
    encoding: str = "utf-8"
    """Where the content type does not say it."""
    line_end: Literal["\n", "\r\n", "\r"] = "\r\n"
    """What is written; all three are read."""
    quoting: Literal["minimal", "all"] = "minimal"
    """Whether values are quoted that need not be."""
    many: bool = False
    """Whether a body may have any number of records, the payload then `{"records": [...]}`."""

    @model_validator(mode="after")
    def _has_names(self) -> "CsvSettings":
        if self.header is False and not self.columns:
            raise ValueError("without a header, name the `columns`")
        if len(set(self.columns)) != len(self.columns):
            raise ValueError("two columns have one name")
        if self.delimiter == self.quote or {self.delimiter, self.quote} & set("\r\n"):
            raise ValueError("delimiter and quote must differ, and be no line end")
        return self


class RecordSettings(Bounded):
    """What fixed-width records and those of a copybook have."""

    encoding: Encoding
    """One of Python's encodings with one byte a digit: `cp037`, `cp500`, `cp273`, `cp1140`, `latin-1`, `utf-8`."""
    many: bool = False
    """Whether a body may have any number of records, the payload then `{"records": [...]}`."""
    separator: str | None = None
    """What stands between records, and may stand behind the last one, such as `"\\n"`."""
    rdw: bool = False
    """Whether each record follows a record descriptor word: its length in two bytes, the word's four included."""
    count: str | None = None
    """The field of `header` or `trailer` that holds the number of records: written by us, and read to be right."""
    overpunch: Overpunch = "ebcdic"
    """How signs of zoned numbers are written where the encoding is no EBCDIC: `{ABC` as it is translated, or `pqr`."""
    trim: bool = True
    """Whether texts are read without the blanks that fill them up."""
    blank_numbers: Literal["refuse", "nil"] = "refuse"
    """Whether a number of nothing but blanks is nil."""
    initialize: bool = False
    """Whether what the payload leaves out is written as COBOL's INITIALIZE does: blanks and zeros."""

    @model_validator(mode="after")
    def _one_framing(self) -> "RecordSettings":
        if self.separator is not None and self.rdw:
            raise ValueError("records have a separator or a descriptor word, not both")
        if self.separator == "":
            raise ValueError("leave `separator` out where there is none")
        return self


class FixedField(Settings):
    """One field of a fixed-width record."""

    name: str | None = None
    """Without it, the place is filled with `value`."""
    offset: int | None = Field(None, ge=0)
    """Bytes before it, from 0; by default right behind the field before."""
    length: int = Field(ge=1, le=1 << 20)
    """Bytes."""
    type: Literal["text", "number", "zoned", "packed", "binary", "float", "hex_float"] = "text"
    scale: int | None = Field(None, ge=-18, le=38)
    """Digits behind the point, which is not written except in a `number`."""
    signed: bool = True
    sign: Literal["overpunched", "leading overpunched", "trailing", "leading", "none"] = "overpunched"
    """Of a zoned number: on its last or first digit, or a character behind or before it. Of a packed one `none`:
    without the half byte of a sign."""
    order: Literal["big", "little"] = "big"
    """Of the bytes of a binary number or a float."""
    justify: Literal["left", "right"] | None = None
    """By default text to the left, numbers to the right."""
    pad: Character = " "
    """What fills it up."""
    encoding: Encoding | None = None
    """Where it is not the record's."""
    value: str | int | None = None
    """What is written where the payload has nothing."""


class FixedSettings(RecordSettings):
    """Records whose fields have a fixed place each."""

    type: Literal["fixed"] = "fixed"
    fields: list[FixedField] = Field(min_length=1)
    length: int | None = Field(None, ge=1)
    """Bytes of a record, where there are more behind the last field."""
    header: list[FixedField] = []
    """The fields of the first record, where it is another one."""
    trailer: list[FixedField] = []
    """The fields of the last record, where it is another one."""


class Redefined(Settings):
    """Which alternative of a REDEFINES a record has."""

    by: str | None = None
    """The field that tells; it stands before."""
    when: dict[str, str] = {}
    """The field's value to the name of what is there."""
    default: str | None = None
    """What is there for all other values."""


def alternative(value: Any) -> Any:
    """The name of an alternative alone as the one that is always there."""
    return {"default": value} if isinstance(value, str) else value


class CopybookSettings(RecordSettings):
    """Records as a COBOL copybook describes them."""

    type: Literal["copybook"] = "copybook"
    file: str
    """The copybook; relative to the configuration. What it copies is looked for beside it."""
    encoding: Encoding = "cp037"
    record: str | None = None
    """The level-01 record, where the copybook has several."""
    header: str | None = None
    """The level-01 record that is the first of a body."""
    trailer: str | None = None
    """The level-01 record that is the last of a body."""
    source: Literal["auto", "fixed", "free"] = "auto"
    """Whether the source has columns: text in 8 to 72."""
    replacing: dict[str, str] = {}
    """Text of the copybook to what stands for it, as in COPY REPLACING: `{":TAG:": LOAN}`."""
    redefines: dict[str, Annotated[Redefined, BeforeValidator(alternative)]] = {}
    """By the name of what is redefined; without it the first description is taken."""
    depending: Literal["slide", "fixed"] = "slide"
    """Whether what follows a table of OCCURS DEPENDING ON moves with its length (IBM), or never (Micro Focus)."""
    floats: Literal["ibm", "ieee"] = "ibm"
    """What COMP-1 and COMP-2 are."""
    native_order: Literal["big", "little"] = "big"
    """The order of bytes of COMP-5, and of IEEE floats."""
    binary_sizes: Literal["2-4-8", "1-2-4-8"] = "2-4-8"
    """How many bytes binary numbers have; GnuCOBOL and others have one for up to two digits."""
    edited: Literal["refuse", "text"] = "refuse"
    """Whether fields with edited pictures, such as ZZ9.99, are taken as text."""
    condition_names: bool = False
    """Whether values that level 88 names are read and written by their names."""


def named(value: Any) -> Any:
    """A format by its name alone, such as `json`, as the section it stands for."""
    return {"type": value} if isinstance(value, str) else value


FormatSettings = Annotated[
    Annotated[
        JsonSettings
        | XmlSettings
        | SoapSettings
        | CsvSettings
        | FixedSettings
        | CopybookSettings
        | MessagePackSettings,
        Field(discriminator="type"),
    ],
    BeforeValidator(named),
]
"""One format: a section with its `type`, or the type's name alone."""


class Choice(Settings):
    """The formats of an adapter."""

    default: FormatSettings | None = None
    """Of messages whose content type is not listed, or that have none."""
    by_media: dict[str, FormatSettings] = {}
    """Formats by content type without parameters, such as `application/xml`."""

    @model_validator(mode="after")
    def _has_one(self) -> "Choice":
        if self.default is None and not self.by_media:
            raise ValueError("name a format, such as json")
        return self


def chosen(value: Any) -> Any:
    """A single format as the choice it stands for."""
    several = isinstance(value, dict) and "type" not in value
    return value if several or isinstance(value, Choice) else {"default": value}


FormatChoice = Annotated[Choice, BeforeValidator(chosen)]
"""One format as in FormatSettings, or `default` and `by_media`."""


def media_of(media: str) -> str:
    """A content type without its parameters, in small letters."""
    return media.partition(";")[0].strip().lower()
