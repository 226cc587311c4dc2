"""Opens the weights that lie in a folder: one file, a half-precision variant of it, or shards with an index.

Takes a folder. Gives the one `TensorSource` in it. The usual file names of the Hugging Face libraries are known
here, what is inside them is not. Names inside an index are never followed out of the folder.
"""

import json
from pathlib import Path
from typing import cast

from mezzotint.values.errors import Ambiguous, BadModelFile, ModelNotFound, shorten
from mezzotint.weights.files import Joined, TensorSource, open_tensors
from mezzotint.weights.sniff import PICKLE, sniffed

STEMS = ("diffusion_pytorch_model", "model")
VARIANTS = ("", ".fp32", ".fp16", ".bf16")
"""In order of preference: the full precision first."""
BIN_INDEXES = (
    "diffusion_pytorch_model.bin.index.json",
    "pytorch_model.bin.index.json",
    "model.bin.index.json",
)
"""Shards that are pickles, each of which is read as one is."""
PICKLES = (".bin", ".ckpt", ".pt", ".pth")
MAX_JSON = 32 * 2**20
MAX_SHARDS = 1000


def open_folder(folder: Path) -> TensorSource:
    """The weights in `folder`. Raises ModelNotFound, PickleRefused, Ambiguous, BadModelFile."""
    for variant in VARIANTS:
        for stem in STEMS:
            whole = folder / f"{stem}{variant}.safetensors"
            if whole.exists():
                return open_tensors(whole)
            for index in (
                f"{stem}.safetensors{variant}.index.json",
                f"{stem}{variant}.safetensors.index.json",
                f"{stem}.safetensors.index{variant}.json",
            ):
                if (folder / index).exists():
                    return _open_shards(folder / index)
    for index in BIN_INDEXES:
        if (folder / index).exists():
            return _open_shards(folder / index)
    return _open_only(folder)


def _open_only(folder: Path) -> TensorSource:
    files = sorted(p for p in folder.iterdir() if p.is_file()) if folder.is_dir() else []
    tensors = [p for p in files if p.suffix == ".safetensors"]
    if len(tensors) == 1:
        return open_tensors(tensors[0])
    if tensors:
        names = ", ".join(p.name for p in tensors[:5])
        raise Ambiguous(
            folder, f"holds {len(tensors)} files of weights ({names})", hint="give one of the files"
        )
    pickled = [p for p in files if p.suffix in PICKLES and sniffed(p) == PICKLE]
    if len(pickled) == 1:
        return open_tensors(pickled[0])
    raise ModelNotFound(str(folder), "there is no single file of weights in this folder")


def _open_shards(index: Path) -> TensorSource:
    names = read_json(index).get("weight_map")
    if not isinstance(names, dict) or not names:
        raise BadModelFile(index, "is no index: it has no weight_map")
    where = cast("dict[str, object]", names)
    files = sorted({str(file) for file in where.values()})
    if len(files) > MAX_SHARDS:
        raise BadModelFile(index, f"names {len(files)} shards, more than the {MAX_SHARDS} allowed")
    ending = ".bin" if index.name in BIN_INDEXES else ".safetensors"
    for file in files:
        if Path(file).name != file or "\\" in file or not file.isprintable() or not file.endswith(ending):
            raise BadModelFile(index, f"names a shard outside its folder or no shard ({shorten(file)})")
    joined = Joined(index.parent, tuple(open_tensors(index.parent / file) for file in files))
    absent = [name for name in where if name not in joined]
    if absent:
        raise BadModelFile(
            index, f"lists {len(absent)} tensors its shards do not hold ({shorten(absent[0], 100)})"
        )
    return joined


def read_json(path: Path) -> dict[str, object]:
    """The JSON object in the small file `path`. Raises BadModelFile: missing, too large, not JSON, not an object."""
    try:
        if path.stat().st_size > MAX_JSON:
            raise BadModelFile(path, f"is larger than the {MAX_JSON} bytes a configuration may have")
        parsed: object = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise BadModelFile(path, f"cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError):
        raise BadModelFile(path, "is not readable as JSON") from None
    if not isinstance(parsed, dict):
        raise BadModelFile(path, "is no JSON object")
    return cast("dict[str, object]", parsed)
