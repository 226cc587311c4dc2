"""Writes the ids of open_clip's tokenizer for the 10,000 prompts that ours is compared on.

Takes the folder of an unpacked open_clip_torch 3.3.0 (with ftfy 6.3.1, regex and wcwidth beside it, from
`pip install --target FOLDER --no-deps`) and gives tests/golden/open_clip.safetensors: of every prompt the first eight
bytes of the sha256 of its ids as text, and whether ftfy took it for text in a wrong encoding. Only the tokenizer's
module is loaded, because the package draws in torchvision.
"""

import importlib
import importlib.util
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file  # pyright: ignore[reportUnknownVariableType]

from hard_prompts import digest, prompts

GOLDEN = Path(__file__).resolve().parent.parent / "tests" / "golden" / "open_clip.safetensors"


def short(ids: tuple[int, ...]) -> bytes:
    """Eight bytes that stand for ids."""
    return sha256(" ".join(map(str, ids)).encode()).digest()[:8]


def tokenizer(folder: Path) -> Any:
    """open_clip's tokenizer, alone."""
    sys.path.insert(0, str(folder))
    spec = importlib.util.spec_from_file_location("theirs", folder / "open_clip" / "tokenizer.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.SimpleTokenizer()


def main(folder: Path) -> None:
    """Writes the file."""
    theirs = tokenizer(folder)
    fix: Any = importlib.import_module("ftfy").fix_text
    texts = prompts()
    ids = [list(short(tuple(theirs.encode(text)))) for text in texts]
    guessed = [fix(text) != fix(text, fix_encoding=False) for text in texts]
    found = {"ids": torch.tensor(ids, dtype=torch.uint8), "guessed": torch.tensor(guessed)}
    origin = "open_clip_torch 3.3.0, tokenizer.py, with ftfy 6.3.1, by tools/open_clip_words.py"
    save_file(found, GOLDEN, {"origin": origin, "prompts": digest(texts)})


if __name__ == "__main__":
    main(Path(sys.argv[1]))
