"""The safetensors reader and writer: bad files, pickles, every type, and writes that fail."""

import json
import os
import pickle
import random
import resource
import struct
import zipfile
from io import BytesIO
from pathlib import Path

import pytest
import safetensors.torch
import torch

from mezzotint.values.errors import BadModelFile, ModelNotFound, OutputFailed, PickleRefused
from mezzotint.weights import files
from mezzotint.weights.files import InMemory, Joined, open_tensors, save_tensors
from mezzotint.weights.header import DTYPES, TensorInfo, read_header
from weights.bad_files import BYTES, FOUR, ONE, f32, framed, listed, put, says


@pytest.mark.parametrize("name", [name for name in BYTES if name != "pickle"])
def test_bad_files_are_refused_without_memory(name: str, tmp_path: Path) -> None:
    path = put(name, tmp_path)
    size, before = path.stat().st_size, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(BadModelFile, match=says(name)) as caught:
        open_tensors(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50 * 1024 + 2 * size // 1024
    assert len(str(caught.value)) < 600 and "\n" not in str(caught.value) and caught.value.path == path


class Harm:
    def __reduce__(self) -> tuple[object, ...]:
        return os.system, ("touch harmed",)


def pickles(folder: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        for label, value in (("harm", Harm()), ("dict", {"a": 1}), ("list", [1])):
            path = folder / f"{label}{protocol}.safetensors"
            path.write_bytes(pickle.dumps(value, protocol=protocol))
            found[path.name] = path
    torch.save({"a": torch.zeros(2)}, folder / "zip.safetensors")
    torch.save({"a": torch.zeros(2)}, folder / "old.ckpt", _use_new_zipfile_serialization=False)
    with zipfile.ZipFile(folder / "bomb.safetensors", "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("archive/data.pkl", b"\0" * 50_000_000)
    return found | {p.name: p for p in folder.iterdir()}


def test_pickles_are_told_by_content_and_never_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, path in pickles(tmp_path).items():
        if name in {"zip.safetensors", "old.ckpt"}:
            assert torch.equal(open_tensors(path).tensor("a"), torch.zeros(2))
            continue
        with pytest.raises(PickleRefused if name.startswith("harm") else BadModelFile):
            open_tensors(path)
    assert not (tmp_path / "harmed").exists()


def test_what_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadModelFile, match="is not a file"):
        open_tensors(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BadModelFile, match="is not a file"):
        open_tensors(tmp_path / "pipe")
    for missing in (tmp_path / "none", Path("a\0b"), tmp_path / ("x" * 5000)):
        with pytest.raises(ModelNotFound):
            open_tensors(missing)
    closed = tmp_path / "closed"
    closed.write_bytes(b"")
    monkeypatch.setattr(files.os, "access", lambda *_: False)
    with pytest.raises(BadModelFile, match="may not be read"):
        open_tensors(closed)


def samples() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    made = {f"t.{n}": (torch.randn(3, 5) * 50).to(dtype) for n, dtype in enumerate(DTYPES.values())}
    return made | {
        "scalar": torch.tensor(2.5),
        "none": torch.empty(0, 4),
        "z.odd": torch.ones(3, dtype=torch.int8),
    }


def bits(tensor: torch.Tensor) -> bytes:
    return tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()


def test_every_type_comes_back_bit_equal(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "a.safetensors"
    save_tensors(samples(), path, {"who": "me"})
    source = open_tensors(path)
    assert (
        source.metadata == {"who": "me"} and len(source) == len(samples()) and set(source) == set(samples())
    )
    for name, tensor in samples().items():
        assert source[name] == TensorInfo(tuple(tensor.shape), tensor.dtype)
        assert bits(source.tensor(name)) == bits(tensor)
    library = safetensors.torch.load_file(path)
    assert all(bits(library[name]) == bits(tensor) for name, tensor in samples().items())
    assert [p.name for p in path.parent.iterdir()] == ["a.safetensors"]
    with pytest.raises(KeyError):
        source.tensor("absent")


def test_the_header_reader_alone_holds_its_limits() -> None:
    for header in (b"[1, 2]", b"7", b"", b"{}}"):
        raw = framed(header)
        with pytest.raises(BadModelFile):
            read_header(BytesIO(raw), len(raw), Path("a"))
    raw = listed({"a": ONE}, FOUR)
    assert list(read_header(BytesIO(raw), len(raw), Path("a")).tensors) == ["a"]


def test_unaligned_data_is_read(tmp_path: Path) -> None:
    path = tmp_path / "odd"
    header = {"a": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}, "b": f32([2], 1, 9)}
    path.write_bytes(listed(header, b"\7" + struct.pack("<2f", 1.5, -2.0)))
    assert open_tensors(path).tensor("b").tolist() == [1.5, -2.0]


def test_damaged_files_are_refused_or_read_and_never_anything_else(tmp_path: Path) -> None:
    chance, path = random.Random(0), tmp_path / "a"
    save_tensors(samples(), path, {"who": "me"})
    whole, refused = path.read_bytes(), 0
    for _ in range(1500):
        damaged = bytearray(whole[: chance.choice([len(whole), chance.randrange(len(whole))])])
        for _ in range(chance.choice([1, 2, 8])):
            place = chance.randrange(min(len(damaged) or 1, 1800))
            damaged[place : place + 1] = chance.randbytes(chance.choice([0, 1, 1, 1, 3]))
        path.write_bytes(damaged)
        try:
            source = open_tensors(path)
            assert all(source.tensor(name).shape == info.shape for name, info in source.items())
        except (BadModelFile, PickleRefused):
            refused += 1
    assert 1000 < refused < 1500


def test_a_header_length_that_looks_like_a_pickle_is_still_read(tmp_path: Path) -> None:
    header = (
        json.dumps({"a": ONE}).encode().ljust(0x0280)
    )  # the length's bytes are \x80\x02, as pickles begin
    path = tmp_path / "a"
    path.write_bytes(framed(header, struct.pack("<f", 3.0)))
    assert open_tensors(path).tensor("a").item() == 3.0


def test_tensors_survive_a_swapped_file_and_never_change_it(tmp_path: Path) -> None:
    path = tmp_path / "a"
    save_tensors({"a": torch.full((8,), 1.0)}, path)
    source, before = open_tensors(path), path.read_bytes()
    save_tensors({"a": torch.full((8,), 2.0)}, path)
    tensor = source.tensor("a")
    assert tensor.tolist() == [1.0] * 8
    again = open_tensors(path)
    again.tensor("a").add_(1)
    assert open_tensors(path).tensor("a").tolist() == [2.0] * 8 and path.read_bytes() != before


def test_tied_and_sliced_tensors_are_written_whole(tmp_path: Path) -> None:
    base = torch.arange(12.0).view(3, 4)
    made = {"a": base, "tied": base, "row": base[1], "t": base.t(), "p": torch.nn.Parameter(base)}
    save_tensors(made, tmp_path / "a")
    source = open_tensors(tmp_path / "a")
    assert all(torch.equal(source.tensor(name), tensor) for name, tensor in made.items())


def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    save_tensors({"a": torch.ones(1)}, path)
    before = path.read_bytes()

    def full(_file: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputFailed, match="No space left"):
        save_tensors({"a": torch.zeros(1)}, path)
    assert path.read_bytes() == before and [p.name for p in tmp_path.iterdir()] == ["a"]


def test_a_real_full_disk_and_a_bad_folder_are_typed(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputFailed):
        save_tensors({"a": torch.ones(1)}, tmp_path / "file" / "a")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(OutputFailed):
            save_tensors({"a": torch.ones(100_000)}, tmp_path / "big")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_joined_and_in_memory_sources() -> None:
    one = InMemory(Path("one"), {"a": torch.ones(2)}, {"x": "1"})
    two = InMemory(Path("two"), {"a": torch.zeros(3, dtype=torch.int8)})
    whole = Joined(Path("w"), {"p/": one, "q/": two})
    assert list(whole) == ["p/a", "q/a"] and len(whole) == 2 and whole.metadata == {"x": "1"}
    assert whole["q/a"] == TensorInfo((3,), torch.int8) and whole.tensor("p/a").tolist() == [1.0, 1.0]
    assert len(one) == 1 and one.tensor("a").tolist() == [1.0, 1.0]
    with pytest.raises(BadModelFile, match="second time"):
        Joined(Path("w"), (one, two))
