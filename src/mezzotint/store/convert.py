"""`convert`: one call that writes a model in another layout or another number format, for library users.

Takes a built-in name or the path of a file or folder, and a new path. Gives what was written. Knows no tensor.
"""

from pathlib import Path

from mezzotint.store.named import KEPT, Named, named, write


def convert(
    model: str | Path,
    target: str | Path,
    *,
    storage: str = KEPT,
    averaged: bool = False,
    prediction: str | None = None,
) -> Named:
    """Write `model` to `target`: one file in the original layout when its name ends in .safetensors, else a folder
    that diffusers opens.

    `storage` is "kept" or a number format (float16, float8_e4m3 ...); `averaged` takes the average over training where
    the file has both; `prediction` says what the file cannot tell. Raises MezzotintError subclasses; nothing is
    replaced, and nothing half-written is left.
    """
    found = named(model, prediction, averaged=averaged)
    write(found, Path(target), storage)
    return found
