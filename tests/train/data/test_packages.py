"""Fetching and unpacking: exact versions, no shell, the cache, and every way in which it can fail."""

import shutil
import subprocess
import tarfile
from pathlib import Path

import fakes
import pytest

from mezzotint.train.data import packages
from mezzotint.train.data.packages import Package, command, fetch, obtain, root_of, unpacked
from mezzotint.values.errors import DataProblem

NPM = Package("npm", "@scope/name", "1.2.3")


@pytest.mark.parametrize(
    ("package", "last"),
    [
        (NPM, "@scope/name@1.2.3"),
        (Package("pip", "name", "1.0"), "name==1.0"),
        (Package("apt-get", "name", "1:3.0-1"), "name=1:3.0-1"),
    ],
)
def test_command_names_the_exact_version(package, last):
    assert command(package)[-1] == last
    assert command(package)[0] == package.client


def client(monkeypatch, does):
    """Replaces the client by `does(line, folder)`, which returns the exit status."""

    def ran(line, *, cwd, capture_output, timeout, check):
        assert isinstance(line, tuple) and capture_output and not check and timeout
        return subprocess.CompletedProcess(line, does(line, Path(cwd)), b"", b"first\nno such version\n")

    monkeypatch.setattr(packages.subprocess, "run", ran)


def test_fetch_returns_the_one_archive(monkeypatch, tmp_path):
    client(monkeypatch, lambda line, folder: (folder / "a.tgz").write_bytes(b"x") and 0)
    assert fetch(NPM, tmp_path) == tmp_path / "a.tgz"


@pytest.mark.parametrize("does", [lambda line, folder: 1, lambda line, folder: 0])
def test_fetch_fails_with_the_clients_last_line(monkeypatch, tmp_path, does):
    client(monkeypatch, does)
    with pytest.raises(DataProblem, match=r"could not fetch @scope/name@1\.2\.3 \(no such version\)"):
        fetch(NPM, tmp_path)


def test_fetch_without_the_client(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DataProblem, match=r"npm is needed .* install npm"):
        fetch(NPM, tmp_path)


def test_fetch_gives_up(monkeypatch, tmp_path):
    def ran(line, **options):
        raise subprocess.TimeoutExpired(line, options["timeout"])

    monkeypatch.setattr(packages.subprocess, "run", ran)
    with pytest.raises(DataProblem, match="no answer"):
        fetch(NPM, tmp_path)


def test_obtain_fetches_once(tmp_path):
    fetcher = fakes.Fetcher()
    package = fakes.KNOWN["flat"].package
    assert obtain(package, tmp_path, fetcher)[1] is True
    assert obtain(package, tmp_path, fetcher)[1] is False
    assert fetcher.asked == [str(package)]


def test_a_failed_fetch_leaves_nothing(tmp_path):
    def broken(package, folder):
        (folder / "half").write_bytes(b"half")
        raise DataProblem("no", hint="try again")

    with pytest.raises(DataProblem):
        obtain(NPM, tmp_path, broken)
    assert list(tmp_path.iterdir()) == []


def test_unpacked_is_kept_and_rooted(tmp_path):
    package = fakes.KNOWN["flat"].package
    path, _ = obtain(package, tmp_path, fakes.Fetcher())
    folder = unpacked(package, path, tmp_path)
    assert (root_of(folder) / "icons.json").is_file()
    path.unlink()
    assert unpacked(package, path, tmp_path) == folder


def test_a_truncated_archive_is_removed(tmp_path):
    package = fakes.KNOWN["flat"].package
    path, _ = obtain(package, tmp_path, fakes.Fetcher())
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(DataProblem, match="run the same command again"):
        unpacked(package, path, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_archive_cannot_write_outside(tmp_path):
    path = tmp_path / "cache" / "evil"
    path.parent.mkdir()
    path.write_bytes(fakes.archive({"../../outside": b"x"}))
    with pytest.raises(DataProblem, match="leads out"):
        unpacked(NPM, path, tmp_path / "cache")
    assert not (tmp_path / "outside").exists()


def test_an_archive_cannot_link_outside(tmp_path):
    path = tmp_path / "evil"
    with tarfile.open(path, "w") as tar:
        entry = tarfile.TarInfo("package/link")
        entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(entry)
    with pytest.raises(DataProblem, match="is a link"):
        unpacked(NPM, path, tmp_path)


@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="needs dpkg-deb")
def test_debian_packages_unpack(tmp_path):
    package = Package("apt-get", "fake", "1")
    path = fakes.debian(tmp_path, {"usr/share/fake/words": "hello"})
    folder = unpacked(package, path, tmp_path)
    assert (folder / "usr/share/fake/words").read_text() == "hello"
    broken = tmp_path / "broken.deb"
    broken.write_bytes(b"not a package")
    with pytest.raises(DataProblem, match="cannot be unpacked"):
        unpacked(Package("apt-get", "broken", "1"), broken, tmp_path)
