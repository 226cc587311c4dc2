"""The guard of tests/conftest.py: nothing leaves this machine while tests run."""

import socket
import urllib.error
import urllib.request

import pytest


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
