"""Writes what compel makes of prompts with a toy text encoder, which our reading of its language is compared with.

Takes the folder of an unpacked compel 2.5.1 (with pyparsing beside it, from `pip install --target FOLDER --no-deps`)
and gives tests/golden/compel.safetensors: the weights of the encoder under transformers' names, the states of every
prompt in chunks (`long`) with the pooled vector (`pooled`), and cut to one (`cut`). The module of wrappers, which
imports diffusers' pipelines, is left empty.
"""

import importlib
import sys
import tempfile
import types
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file  # pyright: ignore[reportUnknownVariableType]
from torch import Tensor

from mezzotint.text.vocabulary import SMALLEST, from_merges, save

GOLDEN = Path(__file__).resolve().parent.parent / "tests" / "golden" / "compel.safetensors"
LENGTH, WIDTH, LAYERS, HEADS, HIDDEN = 24, 16, 2, 2, 32
PROMPTS = (
    "",
    "a red cat",
    "a cat+ sat",
    "a cat++ sat-",
    "a cat--- sat",
    "a (red cat)1.5",
    "a (red)0.4 cat",
    "(red)0.2 (cat)0.7",
    "a (red)0.0 cat",
    "a (red)-0.5 cat",
    "(a (big)++ cat)0.5",
    '(a "big (red)-"1.2 cat)',
    r"a \(red\)+ cat",
    "cat+, dog- . x",
    "a cat + x (b",
    '("a cat", "a dog").and()',
    '("a cat+", "a (dog)0.5").and(1, 0.5)',
    '("a cat", "a dog").blend(1, 3)',
    '("a cat-", "dog").blend(1.5, -0.5)',
    '("a cat", "a dog").blend(1, 3, no_normalize)',
    '("a cat", "a dog, a boat, and a house, red").blend(1, 1)',
    '("a dog, a boat, and a house, red", "x").and(0.7, 1.2)',
    "a red cat. a big dog. a boat.",
    "a red cat, a big dog, a boat, a car",
    "a red cat and big dogs and boats",
    "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz",
    "a.bcdefghijklmnopqrstuvwxyzabc, defg",
    "a red (cat. a big)1.4 dog. boat.",
    "a red (cat. a big dog)0.5 x. boat.",
    "a red cat, (a big dog, a boat)0.3, (car)0.6",
    "abc(defghijklmnopqrstuvwxyz)0.5abcdefghijk",
    "(abcdefghijklmnopqrstuvwxyzabcdefgh)0.5",
)
"""In a vocabulary of letters, of which a chunk holds 22."""
CUT = (
    ("a red cat and big dogs and at", " boats"),
    ("a red cat (and big dogs)1.5 and at", " boats"),
    ("a (red)0.5 cat and big dogs and at", " boats. x"),
    ("a red cat and (big dogs and at", " boats)0.5"),
)
"""Prompts that are read with `truncate_long_prompts`, compel's default: what is read, and what is cut off."""


def vocabulary() -> Any:
    """Letters alone."""
    return from_merges(())


def _encoder() -> Any:
    transformers: Any = importlib.import_module("transformers")
    config = transformers.CLIPTextConfig(
        vocab_size=SMALLEST,
        hidden_size=WIDTH,
        intermediate_size=HIDDEN,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        max_position_embeddings=LENGTH,
        hidden_act="quick_gelu",
        bos_token_id=SMALLEST - 2,
        eos_token_id=SMALLEST - 1,
        pad_token_id=SMALLEST - 1,
    )
    made = transformers.CLIPTextModel(config).eval()
    chance = torch.Generator().manual_seed(5)
    for name, weight in made.named_parameters():
        noise = torch.randn(weight.shape, generator=chance)
        gain = 1.0 if "norm" in name and name.endswith("weight") else 0.0
        weight.data = gain + 0.1 * noise if weight.dim() == 1 else noise * weight[0].numel() ** -0.5
    return made


def _tokenizer() -> Any:
    transformers: Any = importlib.import_module("transformers")
    with tempfile.TemporaryDirectory() as folder:
        save(vocabulary(), Path(folder))
        vocab, merges = (str(Path(folder) / name) for name in ("vocab.json", "merges.txt"))
        return transformers.CLIPTokenizer(vocab=vocab, merges=merges, model_max_length=LENGTH)


@torch.no_grad()
def main(folder: Path) -> None:
    """Writes the file."""
    sys.path.insert(0, str(folder))
    sys.modules["compel.convenience_wrappers"] = types.ModuleType("compel.convenience_wrappers")
    theirs: Any = importlib.import_module("compel")
    encoder, tokenizer = _encoder(), _tokenizer()
    long = theirs.Compel(tokenizer, encoder, truncate_long_prompts=False)
    cut = theirs.Compel(tokenizer, encoder)
    weights = encoder.state_dict().items()
    found: dict[str, Tensor] = {f"weights.{name}": w for name, w in weights if "position_ids" not in name}
    found |= {f"long.{place}": long(text) for place, text in enumerate(PROMPTS)}
    found |= {
        f"pooled.{place}": long.conditioning_provider.get_pooled_embeddings([text])
        for place, text in enumerate(PROMPTS)
    }
    found |= {f"cut.{place}": cut(kept + lost) for place, (kept, lost) in enumerate(CUT)}
    origin = {"origin": "compel 2.5.1 with transformers 5.23.0, by tools/compel_states.py"}
    save_file({name: value.contiguous() for name, value in found.items()}, GOLDEN, origin)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
