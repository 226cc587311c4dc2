"""Hashes of files are computed once for a file that stays as it is, and anew for every other."""

import hashlib
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from mezzotint.values.files import cache_folder
from mezzotint.weights import hashes
from mezzotint.weights.digest import digest, digest_of
from mezzotint.weights.files import InMemory, Joined, open_tensors, save_tensors
from mezzotint.weights.hashes import Stamp, file_hash, remembered

WORDS = b"what a file holds"
RIGHT = hashlib.sha256(WORDS).hexdigest()


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return cache_folder() / "hashes"


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are old enough at once."""
    monkeypatch.setattr(hashes, "SETTLED", -(2**62))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "a").write_bytes(WORDS)
    return tmp_path / "a"


def hashed(path: Path, told: Callable[[int, int], object] | None = None) -> str:
    with path.open("rb") as file:
        return file_hash(file, path, told)


@pytest.fixture
def reading(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How often a file was really read."""
    real, calls = hashes._read, list[int]()

    def counting(*given):
        calls.append(1)
        return real(*given)

    monkeypatch.setattr(hashes, "_read", counting)
    return calls


@pytest.mark.usefixtures("settled")
def test_a_file_is_read_once(path: Path, reading: list[int]) -> None:
    assert hashed(path) == hashed(path) == RIGHT and len(reading) == 1


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("change", ["exchanged", "written to", "time put back", "another name"])
def test_a_changed_file_is_read_anew(change: str, path: Path, reading: list[int]) -> None:
    hashed(path)
    before = path.stat()
    if change == "exchanged":
        (path.parent / "b").write_bytes(WORDS[::-1])
        os.replace(path.parent / "b", path)
    elif change == "another name":
        path = path.rename(path.parent / "b")
    else:
        path.write_bytes(WORDS[::-1])
        while path.stat().st_ctime_ns == before.st_ctime_ns:  # a tick of a coarse clock
            os.utime(path, ns=(1, before.st_mtime_ns if change == "time put back" else 1))
    wanted = WORDS if change == "another name" else WORDS[::-1]
    assert hashed(path) == hashlib.sha256(wanted).hexdigest() and len(reading) == 2


def test_a_file_that_was_written_just_now_is_not_remembered(
    path: Path, reading: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(hashes, "SETTLED", 2**62)  # a slow machine makes files old
        assert hashed(path) == hashed(path) == RIGHT and len(reading) == 2
    stamp = Stamp.of(path, path.stat())
    assert stamp.settled(stamp.altered + 3 * 10**9) and not stamp.settled(stamp.altered + 10**9)
    assert not stamp.settled(stamp.altered - 1), "a clock that was set back proves nothing"


@pytest.mark.usefixtures("settled")
def test_a_file_that_changes_while_it_is_read_is_not_remembered(path: Path, own_cache: Path) -> None:
    def write(done: int, size: int) -> None:
        assert (done, size) == (len(WORDS), len(WORDS))
        path.write_bytes(b"")

    assert hashed(path, write) == RIGHT and not own_cache.exists()


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("text", ["", "\n", RIGHT, "\0", "\udcff", "no hash"])
def test_a_damaged_memory_is_made_anew(text: str, path: Path, own_cache: Path, reading: list[int]) -> None:
    hashed(path)
    (kept,) = own_cache.iterdir()
    whole = kept.read_text()
    kept.write_text(whole.replace(RIGHT, "x" * 64) if text == "no hash" else text, errors="surrogateescape")
    assert hashed(path) == RIGHT and kept.read_text() == whole and len(reading) == 2


@pytest.mark.usefixtures("settled")
def test_a_memory_that_cannot_be_written_costs_nothing_but_time(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(path))
    assert hashed(path) == hashed(path) == RIGHT


@pytest.mark.usefixtures("settled")
def test_what_has_no_files_is_computed_each_time() -> None:
    answers = iter(["1", "2"])
    found = [remembered("x", (), lambda: next(answers), lambda: True) for _ in range(2)]
    assert found == ["1", "2"]


@pytest.mark.usefixtures("settled")
def test_the_digest_of_weights_is_computed_once_for_each_way_of_reading(tmp_path: Path) -> None:
    for name in "ab":
        save_tensors({name: torch.ones(2)}, tmp_path / f"{name}.safetensors")
    source = Joined(tmp_path, tuple(open_tensors(tmp_path / f"{name}.safetensors") for name in "ab"))
    tensors = {name: source.tensor(name) for name in source}
    loads = []

    def load():
        loads.append(1)
        return tensors

    assert digest_of(source, tensors, load) == digest_of(source, tensors, load) == digest(tensors)
    assert len(loads) == 1 and len(source.stamps()) == 2
    assert digest_of(source, ["other"], load) == digest(tensors) and len(loads) == 2
    memory = InMemory(tmp_path, tensors)
    assert memory.stamps() == () == Joined(tmp_path, (source, memory.__class__(tmp_path, {}))).stamps()
    save_tensors(tensors, tmp_path / "b.safetensors")
    assert digest_of(source, tensors, load) == digest(tensors) and len(loads) == 2, (
        "the first one stays mapped"
    )
    os.utime(tmp_path / "a.safetensors", ns=(1, 1))
    assert digest_of(source, tensors, load) is None


def test_every_part_of_a_stamp_counts(path: Path) -> None:
    stamp = Stamp.of(path, path.stat())
    assert all(stamp != replace(stamp, **{name: "x"}) for name in Stamp.__dataclass_fields__)
