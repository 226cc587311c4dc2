"""Says what a file is that is not safetensors, from its first bytes.

Takes the beginning of a file. Gives a word for people and whether it is a pickle. Opens and runs nothing; the name
of the file plays no part, because renamed pickles are the usual way to pass one off as a model.
"""

import re
from pathlib import Path

HEAD = 4096
"""How many bytes from the beginning `kind_of` wants to see."""

PICKLE = "a pickle"
GGUF = "a GGUF file"

_BINARY_PICKLE = re.compile(rb"\x80[\x01-\x05]")
_TEXT_PICKLE = re.compile(rb"(?:c[\w.]+\r?\n[\w.]+\r?\n|\((?:[dlip]|[SV]['\w]|c[\w.]+\n)|\]q|\}q)")

_TAR = b"ustar"
_TAR_AT = 257
_OLD_MEMBERS = frozenset({b"sys_info", b"pickle", b"tensors", b"storages"})
"""What PyTorch before 0.1.2 put into a tar archive."""

_SIGNS: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GGUF", GGUF),
    (b"PK\x03\x04", "a zip archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself"),
    (b"<", "a web page or XML"),
    (b"{", "a JSON file"),
)


def is_safetensors(head: bytes) -> bool:
    """Whether `head` begins like safetensors: a header length below 4 GB, then an opening brace."""
    return head[4:9] == b"\0\0\0\0{"


def kind_of(head: bytes) -> str | None:
    """What the file with this beginning is, in words; PICKLE for pickles (torch's archives too); None when unknown."""
    if _BINARY_PICKLE.match(head) or _TEXT_PICKLE.match(head):
        return PICKLE
    if head.startswith(b"PK\x03\x04") and b".pkl" in head:
        return PICKLE
    if head[_TAR_AT : _TAR_AT + len(_TAR)] == _TAR:
        return PICKLE if head[:100].rstrip(b"\0") in _OLD_MEMBERS else "a tar archive"
    return next((kind for sign, kind in _SIGNS if head.startswith(sign)), None)


def sniffed(path: Path) -> str | None:
    """`kind_of` for a file; None too when it cannot be read."""
    try:
        with open(path, "rb") as file:
            return kind_of(file.read(HEAD))
    except OSError:
        return None
