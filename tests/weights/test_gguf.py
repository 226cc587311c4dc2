"""GGUF files against the package that defines them, against the formulas of its blocks, and damaged in every field."""

import random
import struct
import sys
from pathlib import Path

import gguf
import numpy as np
import pytest
import torch
from gguf import GGMLQuantizationType as Kind

from mezzotint.values.errors import BadModelFile, MissingExtra
from mezzotint.weights.files import open_tensors
from mezzotint.weights.gguf import GgufFile
from mezzotint.weights.gguf_header import BLOCKS

RANDOM = np.random.default_rng(5)
HALVES = {  # where the half-precision scales of a block begin
    "Q4_0": (0,),
    "Q4_1": (0, 2),
    "Q5_0": (0,),
    "Q5_1": (0, 2),
    "Q8_0": (0,),
    "Q2_K": (80, 82),
    "Q3_K": (108,),
    "Q4_K": (0, 2),
    "Q5_K": (0, 2),
    "Q6_K": (208,),
}


def blocks(kind: str, rows: int, count: int) -> np.ndarray:
    """Random blocks whose scales are finite."""
    width = next(width for name, _, width in BLOCKS.values() if name == kind)
    data = RANDOM.integers(0, 256, (rows * count, width), dtype=np.uint8)
    for place in HALVES[kind]:
        scales = RANDOM.normal(size=rows * count).astype(np.float16)
        data[:, place : place + 2] = scales[:, None].view(np.uint8)
    return data.reshape(rows, count * width)


def written(
    path: Path, tensors: dict[str, tuple[np.ndarray, Kind]], shape: dict[str, list[int]] | None = None
) -> Path:
    writer = gguf.GGUFWriter(path, "sd1")
    writer.add_quantization_version(2)
    writer.add_array("tokenizer.tokens", ["a", "b"])
    writer.add_array("long", list(range(100)))
    writer.add_string("general.name", "small")
    writer.add_string("template", "x" * 5000)
    for name, sides in (shape or {}).items():
        writer.add_array(f"comfy.gguf.orig_shape.{name}", sides)
    for name, (data, kind) in tensors.items():
        writer.add_tensor(name, data, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.mark.parametrize("kind", HALVES)
def test_random_blocks_are_decoded_as_the_package_does(kind: str, tmp_path: Path) -> None:
    data = blocks(kind, 6, 4)
    source = open_tensors(written(tmp_path / "a.gguf", {"a.weight": (data, Kind[kind])}))
    got = source.tensor("a.weight")
    reader = gguf.GGUFReader(tmp_path / "a.gguf")
    (theirs,) = reader.tensors
    wanted = gguf.dequantize(theirs.data, theirs.tensor_type)
    assert got.dtype == torch.float32 and source["a.weight"].shape == tuple(got.shape) == wanted.shape
    assert np.array_equal(got.numpy(), wanted) and source.metadata["quantisation"] == kind
    other = open_tensors(written(tmp_path / "b.gguf", {"a.weight": (blocks(kind, 6, 4), Kind[kind])}))
    assert not np.array_equal(other.tensor("a.weight").numpy(), wanted)


def test_q8_0_and_q4_0_by_their_formulas(tmp_path: Path) -> None:
    eight, four = blocks("Q8_0", 1, 1), blocks("Q4_0", 1, 1)
    source = open_tensors(written(tmp_path / "a.gguf", {"8": (eight, Kind.Q8_0), "4": (four, Kind.Q4_0)}))
    scale, numbers = struct.unpack("<e32b", eight.tobytes())[0], struct.unpack("<e32b", eight.tobytes())[1:]
    assert source.tensor("8")[0].tolist() == [np.float32(scale) * np.float32(n) for n in numbers]
    scale, packed = struct.unpack("<e", four.tobytes()[:2])[0], four.tobytes()[2:]
    wanted = [(b & 15) - 8 for b in packed] + [(b >> 4) - 8 for b in packed]
    assert source.tensor("4")[0].tolist() == [np.float32(scale) * np.float32(n) for n in wanted]


def test_a_file_is_known_by_its_stamp(tmp_path: Path) -> None:
    path = written(tmp_path / "a.gguf", {"half": (RANDOM.normal(size=(4, 2)).astype(np.float16), Kind.F16)})
    first, again = GgufFile(path).stamps(), GgufFile(path).stamps()
    assert len(first) == 1 and first == again


def test_plain_types_keep_their_bits_and_joined_rows_their_shape(tmp_path: Path) -> None:
    full, half = RANDOM.normal(size=(3, 5)).astype(np.float32), RANDOM.normal(size=(4, 2)).astype(np.float16)
    brain = torch.randn(2, 6).bfloat16()
    convolution = blocks("Q4_K", 1, 9)
    source = open_tensors(
        written(
            tmp_path / "a.gguf",
            {
                "full": (full, Kind.F32),
                "half": (half, Kind.F16),
                "brain": (brain.view(torch.uint8).numpy(), Kind.BF16),
                "conv": (convolution, Kind.Q4_K),
            },
            {"conv": [16, 16, 3, 3]},
        )
    )
    assert {name: info.dtype for name, info in source.items()} == {
        "full": torch.float32,
        "half": torch.float16,
        "brain": torch.bfloat16,
        "conv": torch.float32,
    }
    assert np.array_equal(source.tensor("full").numpy(), full) and np.array_equal(
        source.tensor("half").numpy(), half
    )
    assert torch.equal(source.tensor("brain"), brain) and len(source) == 4
    assert source.tensor("conv").shape == source["conv"].shape == (16, 16, 3, 3)
    assert np.array_equal(source.tensor("conv").flatten().numpy(), gguf.dequantize(convolution, Kind.Q4_K)[0])
    assert (
        source.metadata["general.name"] == "small" and source.metadata["quantisation"] == "BF16 F16 F32 Q4_K"
    )
    assert "template" not in source.metadata and "long" not in source.metadata


def text(value: bytes) -> bytes:
    return struct.pack("<Q", len(value)) + value


def made(
    entries: bytes = b"",
    tensors: bytes = b"",
    counts: tuple[int, int] = (0, 0),
    version: int = 3,
    data: int = 0,
) -> bytes:
    head = b"GGUF" + struct.pack("<IQQ", version, *counts) + entries + tensors
    return head + bytes(-len(head) % 32 + data)


def tensor(
    name: bytes = b"a",
    sides: tuple[int, ...] = (32,),
    kind: int = 8,
    offset: int = 0,
    rank: int | None = None,
) -> bytes:
    described = text(name) + struct.pack("<I", len(sides) if rank is None else rank)
    return described + struct.pack(f"<{len(sides)}QIQ", *sides, kind, offset)


def entry(key: bytes, kind: int, value: bytes) -> bytes:
    return text(key) + struct.pack("<I", kind) + value


BAD: dict[str, tuple[bytes, str]] = {
    "only the sign": (b"GGUF", "is truncated"),
    "another version": (made(version=9), "is GGUF version 9"),
    "big-endian": (made(version=3 << 24), "for big-endian computers"),
    "endless tensors": (made(counts=(2**63, 0)), "a number of tensors of"),
    "endless entries": (made(counts=(0, 2**63)), "a number of entries of"),
    "an endless key": (made(struct.pack("<Q", 2**62), counts=(0, 1)), "a key with a length of"),
    "a key that is no text": (made(text(b"\xff"), counts=(0, 1)), "a key that is not text"),
    "an unknown type of value": (made(entry(b"k", 13, b""), counts=(0, 1)), "a type of value of 13"),
    "an endless text": (
        made(entry(b"k", 8, struct.pack("<Q", 2**40)), counts=(0, 1)),
        "a value with a length",
    ),
    "an endless list": (
        made(entry(b"k", 9, struct.pack("<IQ", 0, 2**60)), counts=(0, 1)),
        "a list with a length",
    ),
    "a list of lists": (made(entry(b"k", 9, struct.pack("<IQ", 9, 1)), counts=(0, 1)), "a list of lists"),
    "an odd alignment": (
        made(entry(b"general.alignment", 4, b"\3\0\0\0"), counts=(0, 1)),
        "impossible alignment",
    ),
    "no alignment": (made(entry(b"general.alignment", 8, text(b"x")), counts=(0, 1)), "impossible alignment"),
    "an endless name": (
        made(tensors=struct.pack("<Q", 600), counts=(1, 0)),
        "a name of a tensor with a length",
    ),
    "an empty name": (made(tensors=tensor(b""), counts=(1, 0), data=34), "unusable name"),
    "a name with a NUL": (made(tensors=tensor(b"a\0"), counts=(1, 0), data=34), "unusable name"),
    "many axes": (made(tensors=tensor(rank=9), counts=(1, 0)), "a number of axes of 9"),
    "an endless side": (made(tensors=tensor(sides=(2**40,)), counts=(1, 0)), "a side of"),
    "an unknown quantisation": (made(tensors=tensor(kind=99), counts=(1, 0), data=34), "type 99 of ggml"),
    "half a block": (made(tensors=tensor(sides=(31,)), counts=(1, 0), data=34), "no whole blocks"),
    "a name twice": (made(tensors=tensor() + tensor(offset=64), counts=(2, 0), data=128), "occurs twice"),
    "an overlap": (made(tensors=tensor() + tensor(b"b", offset=32), counts=(2, 0), data=128), "overlaps"),
    "too little data": (made(tensors=tensor(), counts=(1, 0), data=33), "is truncated: "),
    "data far away": (made(tensors=tensor(offset=2**62), counts=(1, 0), data=34), "is truncated: "),
    "a wrong original shape": (
        made(
            entry(b"comfy.gguf.orig_shape.a", 9, struct.pack("<IQ2i", 5, 2, 3, 3)), tensor(), (1, 1), data=34
        ),
        "impossible shape",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_header_is_a_typed_error(case: str, tmp_path: Path) -> None:
    data, reason = BAD[case]
    (tmp_path / "a.gguf").write_bytes(data)
    with pytest.raises(BadModelFile, match=reason):
        open_tensors(tmp_path / "a.gguf")


def test_a_header_of_too_many_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "a.gguf", {"a": (blocks("Q8_0", 1, 1), Kind.Q8_0)})
    monkeypatch.setattr("mezzotint.weights.gguf_header.MAX_HEADER", 100)
    with pytest.raises(BadModelFile, match="header of more than the 100 bytes"):
        open_tensors(path)


def test_small_things_are_read(tmp_path: Path) -> None:
    data = made(entry(b"k", 7, b"\1"), tensor(sides=(0,)) + tensor(b"s", (), 0, 0), (2, 1), data=4)
    (tmp_path / "a.gguf").write_bytes(data)
    source = open_tensors(tmp_path / "a.gguf")
    assert (
        source.tensor("a").shape == (0,) and source.tensor("s").shape == () and source.metadata["k"] == "True"
    )


def test_random_damage_is_never_more_than_a_typed_error(tmp_path: Path) -> None:
    path = written(tmp_path / "a.gguf", {"a.weight": (blocks("Q4_0", 4, 2), Kind.Q4_0)})
    whole, chance, refused = path.read_bytes(), random.Random(3), 0
    for _ in range(600):
        damaged = bytearray(whole[: chance.choice([len(whole), chance.randrange(len(whole))])])
        for _ in range(chance.choice([1, 2, 8])):
            if damaged:
                damaged[chance.randrange(min(len(damaged), 300))] = chance.randrange(256)
        path.write_bytes(b"GGUF" + damaged[4:])
        try:
            source = open_tensors(path)
            assert all(source[name].shape == source.tensor(name).shape for name in source)
        except BadModelFile:
            refused += 1
    assert 200 < refused < 600


def test_a_file_that_is_something_else(tmp_path: Path) -> None:
    (tmp_path / "a.gguf").write_bytes(b"PNG?")
    with pytest.raises(BadModelFile, match="is no GGUF file"):
        GgufFile(tmp_path / "a.gguf")


def test_without_the_package_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "a.gguf", {"a": (blocks("Q8_0", 1, 1), Kind.Q8_0)})
    monkeypatch.setitem(sys.modules, "gguf", None)
    with pytest.raises(MissingExtra, match=r"pip install 'mezzotint\[gguf\]'"):
        open_tensors(path).tensor("a")
