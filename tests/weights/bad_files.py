"""Files that are no models: everything that the house's list of bad inputs names, each made by a small function.

Used by tests and by `bench/bad_files.py`. `framed` and its like make safetensors files by hand, so that they can be
wrong in one place.
"""

import json
import pickle
import struct
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor

from families.reduced import single
from mezzotint.weights.files import save_tensors


def framed(header: bytes, data: bytes = b"") -> bytes:
    return struct.pack("<Q", len(header)) + header + data


def listed(entries: object, data: bytes = b"") -> bytes:
    return framed(json.dumps(entries).encode(), data)


def f32(shape: object, start: object, end: object) -> dict[str, object]:
    return {"dtype": "F32", "shape": shape, "data_offsets": [start, end]}


def entry(n: int) -> bytes:
    return b'"%d":{"dtype":"F32","shape":[1],"data_offsets":[%d,%d]}' % (n, 4 * n, 4 * n + 4)


ONE = f32([1], 0, 4)
FOUR = b"\0" * 4
DOUBLE = b'{"a":' + json.dumps(ONE).encode() + b',"a":' + json.dumps(ONE).encode() + b"}"

BYTES: Mapping[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "is empty"),
    "7 bytes": (lambda: b"\x01" * 7, "truncated or no safetensors"),
    "header length 0": (lambda: framed(b""), "truncated or no safetensors"),
    "header length 99 MB": (lambda: struct.pack("<Q", 99_000_000) + b"{}", "does not fit"),
    "header length 1e12": (lambda: struct.pack("<Q", 10**12) + b"{}", "truncated or no safetensors"),
    "header length 2^64-1": (lambda: b"\xff" * 8 + b"{}", "truncated or no safetensors"),
    "header beyond the limit": (lambda: framed(b"{" + b" " * (33 * 2**20) + b"}"), "more than the"),
    "header not JSON": (lambda: framed(b"{nonsense}"), "unreadable header"),
    "header not UTF-8": (lambda: framed(b'{"\xff\xfe": 1}'), "unreadable header"),
    "header a list": (lambda: framed(b"[1, 2]"), "no safetensors"),
    "header nested 50,000 deep": (
        lambda: framed(b'{"a":' * 50_000 + b"1" + b"}" * 50_000),
        "unreadable header",
    ),
    "header with too many commas": (
        lambda: framed(b'{"a":[' + b"1," * 2_100_000 + b"1]}"),
        "more entries than the limits allow",
    ),
    "a 4 MB integer": (lambda: framed(b'{"a":' + b"9" * 4_000_000 + b"}"), "unreadable header"),
    "duplicate key": (lambda: framed(DOUBLE, FOUR), "a name occurs twice"),
    "overlap": (lambda: listed({"a": f32([2], 0, 8), "b": f32([2], 4, 12)}, b"\0" * 12), "overlaps"),
    "same range twice": (lambda: listed({"a": ONE, "b": ONE}, FOUR), "overlaps"),
    "hole": (lambda: listed({"a": ONE, "b": f32([1], 8, 12)}, b"\0" * 12), "leaves a hole"),
    "reversed offsets": (lambda: listed({"a": f32([1], 4, 0)}, FOUR), "does not agree with its shape"),
    "truncated data": (lambda: listed({"a": f32([4], 0, 16)}, FOUR), "is truncated"),
    "trailing data": (lambda: listed({"a": ONE}, b"\0" * 8), "data that no tensor owns"),
    "shape and bytes disagree": (lambda: listed({"a": f32([3], 0, 4)}, FOUR), "agree with its shape"),
    "negative side": (lambda: listed({"a": f32([-1], 0, 4)}, FOUR), "impossible shape"),
    "negative offset": (lambda: listed({"a": f32([1], -4, 0)}, FOUR), "does not agree with its shape"),
    "overflowing shape": (lambda: listed({"a": f32([2**62, 8], 0, 4)}, FOUR), "impossible shape"),
    "shape [2^40, 0]": (lambda: listed({"a": f32([2**40, 0], 0, 0)}), "impossible shape"),
    "fractional shape": (lambda: listed({"a": f32([1.0], 0, 4)}, FOUR), "impossible shape"),
    "truth value as side": (lambda: listed({"a": f32([True], 0, 4)}, FOUR), "impossible shape"),
    "shape no list": (lambda: listed({"a": f32("1", 0, 4)}, FOUR), "impossible shape"),
    "one offset": (
        lambda: listed({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0]}}, FOUR),
        "does not agree",
    ),
    "rank 10,000": (lambda: listed({"a": f32([1] * 10_000, 0, 4)}, FOUR), "impossible shape"),
    "unknown dtype": (
        lambda: listed({"a": {"dtype": "F3", "shape": [1], "data_offsets": [0, 4]}}, FOUR),
        "unknown type F3",
    ),
    "description no object": (lambda: listed({"a": 7}), "no description"),
    "metadata no object": (lambda: listed({"__metadata__": 7}), "metadata that is no JSON object"),
    "non-string metadata": (lambda: listed({"__metadata__": {"a": 7}}), "metadata that is not text"),
    "100,000 metadata keys": (
        lambda: listed({"__metadata__": {str(n): "" for n in range(100_000)}}),
        "100000 metadata entries",
    ),
    "200,000 tensors of 1 element": (
        lambda: framed(b"{" + b",".join(map(entry, range(200_000))) + b"}", FOUR * 200_000),
        "more entries than the limits allow",
    ),
    "100,001 tensors": (lambda: listed({str(n): {} for n in range(100_001)}), "more than the 100000"),
    "1 MB key": (lambda: listed({"k" * 2**20: ONE}, FOUR), "unusable name"),
    "empty key": (lambda: listed({"": ONE}, FOUR), "unusable name"),
    "key with NUL": (lambda: listed({"a\0b": ONE}, FOUR), "unusable name"),
    "key with a lone surrogate": (lambda: framed(b'{"\\ud800": {}}'), "unusable name"),
    "PNG": (lambda: b"\x89PNG\r\n\x1a\n" + b"\0" * 64, "is a PNG picture"),
    "web page": (lambda: b"<!DOCTYPE html><html>not found</html>", "is a web page"),
    "LFS pointer": (
        lambda: b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 4\n",
        "Git LFS pointer",
    ),
    "plain zip": (lambda: b"PK\x03\x04" + b"\0" * 64, "is a zip archive"),
    "gzip": (lambda: b"\x1f\x8b\x08" + b"\0" * 64, "is a gzip archive"),
    "JSON file": (lambda: b'{"weight_map": {}}', "is a JSON file"),
    "pickle": (lambda: pickle.dumps({"a": 1}, 2), "holds no tensors"),
}
"""Files that are refused by their first bytes or their header: what is in them, and what the error says."""

UNET, VAE = "model.diffusion_model.", "first_stage_model."
NOT_NUMBERS = torch.full((32,), float("nan"))


def without(*beginnings: str) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in single("sd1").items() if not name.startswith(beginnings)}


def cast(tensors: Mapping[str, Tensor], dtype: torch.dtype) -> dict[str, Tensor]:
    return {n: t.to(dtype) if t.is_floating_point() else t for n, t in tensors.items()}


def lora() -> dict[str, Tensor]:
    return {f"lora_unet_x.lora_{way}.weight": torch.zeros(2, 2) for way in ("up", "down")}


WEIGHTS: Mapping[str, tuple[Callable[[], Mapping[str, Tensor]], str]] = {
    "key ../../etc/passwd": (
        lambda: single("sd1") | {"../../etc/passwd": torch.zeros(1)},
        r"1 unexpected \(\.\./\.\./etc/passwd\)",
    ),
    "unknown keys alone": (lambda: {"some.weight": torch.zeros(1)}, "is something unknown"),
    "a missing weight": (lambda: without(f"{UNET}out.0.bias"), r"1 missing \(model\.diffusion_model\.out"),
    "a wrong shape": (
        lambda: single("sd1") | {f"{UNET}out.0.bias": torch.zeros(31)},
        r"of wrong shape \(.*out\.0\.bias \[31\], not \[32\]",
    ),
    "NaN weights": (
        lambda: single("sd1") | {f"{UNET}out.0.bias": NOT_NUMBERS},
        r"1 tensors hold values that are no numbers \(model\.diffusion_model\.out\.0\.bias\)",
    ),
    "infinite weights in half precision": (
        lambda: cast(single("sd1"), torch.float16) | {f"{UNET}out.0.bias": torch.full((32,), -torch.inf)},
        "1 tensors hold values that are no numbers",
    ),
    "whole numbers for weights": (
        lambda: single("sd1") | {f"{UNET}out.0.bias": torch.zeros(32, dtype=torch.int64)},
        "stored as torch.int64",
    ),
    "LoRA as checkpoint": (lora, "is a LoRA, not a model"),
    "VAE-only file": (
        lambda: {n: t for n, t in single("sd1").items() if n.startswith(VAE)},
        "is an autoencoder alone, not a model",
    ),
    "UNet-only file": (
        lambda: {n: t for n, t in single("sd1").items() if n.startswith(UNET)},
        "is a UNet alone, not a model",
    ),
    "no autoencoder": (lambda: without(VAE), "is a UNet and a text encoder alone"),
    "textual inversion": (lambda: {"emb_params": torch.zeros(2, 8)}, "is a textual inversion"),
    "ControlNet": (lambda: {"control_model.zero_convs.0.0.weight": torch.zeros(1)}, "is a ControlNet"),
    "a scale of nothing": (lambda: single("sd1") | {"a.scale_weight": torch.ones(())}, "does not belong"),
}
"""Files that are safetensors and no models to draw with: their tensors, and what the error says."""


def put(name: str, folder: Path) -> Path:
    """Writes one of `BYTES` or `WEIGHTS` into `folder`."""
    path = folder / "model.safetensors"
    if name in BYTES:
        path.write_bytes(BYTES[name][0]())
    else:
        save_tensors(WEIGHTS[name][0](), path)
    return path


def says(name: str) -> str:
    """What the error about one of them must match."""
    return (BYTES.get(name) or WEIGHTS[name])[1]


def shards(folder: Path, weight_map: object, empty: str = "") -> None:
    """Puts an index and two shards into a folder of weights in the place of its only file; `empty` has no bytes."""
    for file in folder.glob("*.safetensors"):
        file.unlink()
    for number in (1, 2):
        save_tensors({f"{number}": torch.ones(1)}, folder / f"{number}.safetensors")
    if empty:
        (folder / empty).write_bytes(b"")
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))


SHARDS: Mapping[str, tuple[Callable[[Path], None], str]] = {
    "0-byte shard": (
        lambda p: shards(p, {"1": "1.safetensors", "2": "2.safetensors"}, "2.safetensors"),
        "2.safetensors: is empty",
    ),
    "index naming ../x": (lambda p: shards(p, {"1": "../x.safetensors"}), "outside its folder"),
    "index naming a file that is not there": (lambda p: shards(p, {"1": "3.safetensors"}), "no model"),
    "index of nothing": (lambda p: shards(p, {}), "no weight_map"),
    "index with tensors its shards lack": (
        lambda p: shards(p, {"1": "1.safetensors", "3": "2.safetensors"}),
        "lists 1 tensors its shards do not hold",
    ),
}
"""Model folders whose UNet is in such shards."""
