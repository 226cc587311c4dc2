"""One text inside an XMP packet, which JPEG and WebP files carry and photo programs keep.

Takes a text and gives the packet; takes a packet, also one that another program has rewritten, and gives the text.
Packets that declare a document type are not read: they could expand without end. Knows nothing of the text.
"""

import re
from xml.etree import ElementTree
from xml.sax.saxutils import quoteattr

NAMESPACE = "urn:mezzotint:1.0/"
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_NAME = f"{{{NAMESPACE}}}recipe"


def pack(text: str) -> bytes:
    """The packet that holds the JSON `text`."""
    # XML has no way to say these two; inside JSON strings they can be escaped.
    body = re.sub("[\ufffe\uffff]", lambda found: f"\\u{ord(found[0]):x}", text)
    packet = (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        f'<rdf:RDF xmlns:rdf="{_RDF}"><rdf:Description rdf:about="" xmlns:mezzotint="{NAMESPACE}"'
        f' mezzotint:recipe={quoteattr(body)}/></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    )
    return packet.encode()


def unpack(packet: bytes) -> str | None:
    """The text in `packet`, or None where there is none: as an attribute or, as some programs write, an element."""
    if b"<!DOCTYPE" in packet or b"<!ENTITY" in packet:
        return None
    try:
        nodes = ElementTree.fromstring(packet.rstrip(b"\0 \n")).iter()
    except (ElementTree.ParseError, ValueError, LookupError):
        return None
    found = (node.text if node.tag == _NAME else node.get(_NAME) for node in nodes)
    return next((text for text in found if text), None)
