"""The guard of tests/offline: nothing leaves this machine while tests run, from no process of theirs."""

import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request

import pytest

from house.sources import ROOT


def test_a_look_up_is_refused():
    with pytest.raises(ConnectionRefusedError, match="no network"):
        socket.getaddrinfo("example.com", 443)


def test_a_connection_by_address_is_refused():
    with socket.socket() as s, pytest.raises(ConnectionRefusedError, match="no network"):
        s.connect(("192.0.2.1", 80))


def test_a_library_is_refused_too():
    with pytest.raises(urllib.error.URLError, match="no network"):
        urllib.request.urlopen("http://192.0.2.1/")


def test_loopback_stays_open():
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
    ):
        assert client.getpeername() == server.getsockname()


OUT = {
    "address": "s.socket().connect(('192.0.2.1', 80))",
    "datagram": "s.socket(type=s.SOCK_DGRAM).sendto(b'x', ('192.0.2.1', 53))",
    "name": "s.getaddrinfo('example.com', 443)",
    "old look-up": "s.gethostbyname('example.com')",
}


def child(code, **changed):
    """What a process that a test starts says to `code`, with `s` the module socket."""
    environment = {k: v for k, v in (os.environ | changed).items() if v is not None}
    line = [sys.executable, "-c", f"import socket as s; s.setdefaulttimeout(.01); {code}"]
    return subprocess.run(line, env=environment, capture_output=True, text=True).stderr


@pytest.mark.parametrize("way", OUT)
def test_a_child_is_refused(way):
    assert "ConnectionRefusedError: tests have no network" in child(OUT[way])


def test_a_child_of_a_child_is_refused():
    inner = f"import socket as s; {OUT['address']}"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}])"
    assert "tests have no network" in child(code)


def test_a_child_may_talk_to_this_machine():
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert child(f"s.create_connection({server.getsockname()!r}).close()") == ""


@pytest.mark.parametrize("absent", ["MEZZOTINT_TEST_OFFLINE", "PYTHONPATH"])
def test_without_the_environment_a_child_is_not_guarded(absent):
    """The control: it is the environment that does it. Nothing is sent, so it holds where there is a network, too."""
    code = "import sys; print('network_guard' in sys.modules, file=sys.stderr)"
    assert child(code).strip() == "True" and child(code, **{absent: None}).strip() == "False"


def test_the_package_brings_no_such_file():
    assert not list((ROOT / "src").rglob("*customize.py"))
