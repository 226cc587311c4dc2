"""What holds for every test: no network, fixed seeds, two threads.

The network guard is an audit hook: it sees every connection that Python code opens, whichever library asks for it, and
cannot be taken off again. A test that needs another machine fails; loopback and local sockets stay open.
"""

import os
import random
import sys
import tempfile

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "2")
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(prefix="mezzotint-tests-")

LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1", "", "0.0.0.0", "::"})


def is_local(address: object) -> bool:
    """True for paths of local sockets and for loopback addresses."""
    if isinstance(address, tuple):
        address = address[0]
    if isinstance(address, bytes):
        address = address.decode("ascii", "replace")
    if not isinstance(address, str):
        return address is None
    return address in LOCAL_HOSTS or address.startswith(("127.", "/", "\0"))


def guard(event: str, args: tuple[object, ...]) -> None:
    """Raises for a look-up or a connection that leaves this machine."""
    if event in {"socket.connect", "socket.sendto"} and not is_local(args[1]):
        raise ConnectionRefusedError(f"tests have no network: {event} {args[1]!r}")
    if event in {"socket.getaddrinfo", "socket.gethostbyname"} and not is_local(args[0]):
        raise ConnectionRefusedError(f"tests have no network: {event} {args[0]!r}")


sys.addaudithook(guard)


@pytest.fixture(autouse=True)
def fixed_seeds() -> None:
    """Every test starts from the same random state; torch is touched only where a test has imported it."""
    random.seed(0)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(0)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)
