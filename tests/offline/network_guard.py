"""The guard that keeps tests from the network: an audit hook that refuses what leaves this machine."""

import sys

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
    if event in {"socket.connect", "socket.sendto", "socket.sendmsg"} and not is_local(args[1]):
        raise ConnectionRefusedError(f"tests have no network: {event} {args[1]!r}")
    if event in {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"} and not is_local(
        args[0]
    ):
        raise ConnectionRefusedError(f"tests have no network: {event} {args[0]!r}")


def install() -> None:
    """From now on this process is guarded. There is no way back."""
    sys.addaudithook(guard)
