"""Schemas that WSDLs take for granted, as stand-ins in our own words, and the prefixes that they go by.

Each says as much as is needed to find a name and to read and write its values; what only a validator would need is left
out. They are used where the operator's files do not bring the schema themselves."""

from collections.abc import Mapping
from pathlib import Path

_HERE = Path(__file__).parent

BUNDLED: Mapping[str, Path] = {
    "http://www.w3.org/XML/1998/namespace": _HERE / "xml.xsd",
    "http://www.w3.org/2001/XMLSchema": _HERE / "schema.xsd",
    "http://schemas.xmlsoap.org/soap/envelope/": _HERE / "envelope11.xsd",
    "http://www.w3.org/2003/05/soap-envelope": _HERE / "envelope12.xsd",
    "http://schemas.xmlsoap.org/soap/encoding/": _HERE / "encoding11.xsd",
    "http://www.w3.org/2003/05/soap-encoding": _HERE / "encoding12.xsd",
    "http://www.w3.org/2005/08/addressing": _HERE / "addressing2005.xsd",
    "http://schemas.xmlsoap.org/ws/2004/08/addressing": _HERE / "addressing2004.xsd",
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd": _HERE / "wsse.xsd",
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd": _HERE / "wsu.xsd",
    "http://www.w3.org/2005/05/xmlmime": _HERE / "xmlmime2005.xsd",
    "http://www.w3.org/2004/11/xmlmime": _HERE / "xmlmime2004.xsd",
    "http://www.w3.org/2004/08/xop/include": _HERE / "xop.xsd",
    "http://schemas.microsoft.com/2003/10/Serialization/": _HERE / "serialization.xsd",
}
"""File of the stand-in by namespace."""

PREFIXES: Mapping[str, str] = {
    "xs": "http://www.w3.org/2001/XMLSchema",
    "xsd": "http://www.w3.org/2001/XMLSchema",
    "wsdl": "http://schemas.xmlsoap.org/wsdl/",
    "soap": "http://schemas.xmlsoap.org/wsdl/soap/",
    "wsdlsoap": "http://schemas.xmlsoap.org/wsdl/soap/",
    "soap12": "http://schemas.xmlsoap.org/wsdl/soap12/",
    "http": "http://schemas.xmlsoap.org/wsdl/http/",
    "mime": "http://schemas.xmlsoap.org/wsdl/mime/",
    "soapenc": "http://schemas.xmlsoap.org/soap/encoding/",
    "SOAP-ENC": "http://schemas.xmlsoap.org/soap/encoding/",
    "soapenc12": "http://www.w3.org/2003/05/soap-encoding",
    "wsa": "http://www.w3.org/2005/08/addressing",
    "wsaw": "http://www.w3.org/2006/05/addressing/wsdl",
    "wsam": "http://www.w3.org/2007/05/addressing/metadata",
    "wsp": "http://schemas.xmlsoap.org/ws/2004/09/policy",
    "wsse": "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd",
    "wsu": "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd",
    "xmime": "http://www.w3.org/2005/05/xmlmime",
    "xop": "http://www.w3.org/2004/08/xop/include",
    "jaxb": "http://java.sun.com/xml/ns/jaxb",
    "jaxws": "http://java.sun.com/xml/ns/jaxws",
    "msdata": "urn:schemas-microsoft-com:xml-msdata",
}
"""What a prefix means that a document uses and does not declare."""
