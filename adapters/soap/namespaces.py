"""The namespaces of SOAP, WSDL and XML Schema, and names in them."""

SOAP11 = "http://schemas.xmlsoap.org/soap/envelope/"
SOAP12 = "http://www.w3.org/2003/05/soap-envelope"
VERSIONS = {SOAP11: "1.1", SOAP12: "1.2"}
ENVELOPES = {"1.1": SOAP11, "1.2": SOAP12}
MEDIA = {"1.1": "text/xml; charset=utf-8", "1.2": "application/soap+xml; charset=utf-8"}

WSDL = "http://schemas.xmlsoap.org/wsdl/"
BINDINGS = {"http://schemas.xmlsoap.org/wsdl/soap/": "1.1", "http://schemas.xmlsoap.org/wsdl/soap12/": "1.2"}
HTTP_BINDING = "http://schemas.xmlsoap.org/wsdl/http/"
XSD = "http://www.w3.org/2001/XMLSchema"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
XML = "http://www.w3.org/XML/1998/namespace"
ENCODING = "http://schemas.xmlsoap.org/soap/encoding/"
ENCODING12 = "http://www.w3.org/2003/05/soap-encoding"
ENCODINGS = {"1.1": ENCODING, "1.2": ENCODING12}
RPC12 = "http://www.w3.org/2003/05/soap-rpc"

NIL = f"{{{XSI}}}nil"
TYPE = f"{{{XSI}}}type"

QName = tuple[str, str]
"""Namespace ("" for none) and local name."""


def clark(name: QName) -> str:
    """The name as lxml writes it: `{namespace}local`, or `local` alone."""
    return f"{{{name[0]}}}{name[1]}" if name[0] else name[1]


def split(tag: str) -> QName:
    """The name behind lxml's `{namespace}local`."""
    if tag.startswith("{"):
        namespace, _, local = tag[1:].partition("}")
        return namespace, local
    return "", tag
