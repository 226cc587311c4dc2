"""Textual inversions against diffusers' `load_textual_inversion`, of one text encoder and of SDXL's pair.

Tokens are equal, ids of the taught words and all, and states differ by at most 1e-5 of the largest.
"""

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline
from torch import Tensor

from adapters.loras import rand
from families.reduced import SMALL_XL
from mezzotint.adapters.words import ModelWords
from mezzotint.families import toy
from mezzotint.families.conditions import Asked
from mezzotint.families.export import export_diffusers
from mezzotint.families.family import Model
from mezzotint.families.taught import TaughtWords
from mezzotint.weights.files import save_tensors
from parity.test_pipeline_xl import lettered

BOUND = 1e-5
TEXT = "a red <cat-toy>, on a <new> table <cat-toy>"
NEGATIVE = "blue <new>"
CPU = torch.device("cpu")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


def read_by_us(model: Model, text: str, taught: TaughtWords) -> list[tuple[int, ...]]:
    return [row for e in model.texts for row in e.read(text, taught.get(e.part.name))[0]]


def read_by_them(pipe: object, text: str) -> list[tuple[int, ...]]:
    rows: list[tuple[int, ...]] = []
    for name in ("tokenizer", "tokenizer_2"):
        tokenizer = getattr(pipe, name, None)
        if tokenizer is not None:
            whole = pipe.maybe_convert_prompt(text, tokenizer)
            rows.append(tuple(tokenizer(whole, padding="max_length", truncation=True).input_ids))
    return rows


def error(a: Tensor, b: Tensor) -> float:
    return float((a - b).abs().max() / b.abs().max())


def files(folder: Path, tensors: Mapping[str, Mapping[str, Tensor]]) -> list[tuple[str, Path]]:
    made: list[tuple[str, Path]] = []
    for word, held in tensors.items():
        path = folder / f"{word.strip('<>')}.safetensors"
        save_tensors(held, path)
        made.append((word, path))
    return made


def test_one_encoder(tmp_path: Path) -> None:
    model = toy.make()
    wanted = files(tmp_path, {"<cat-toy>": {"emb_params": rand(3, 32)}, "<new>": {"<new>": rand(1, 32)}})
    taught = ModelWords(model.family).taught(wanted)
    export_diffusers(model, tmp_path / "model")
    pipe = StableDiffusionPipeline.from_pretrained(
        tmp_path / "model", safety_checker=None, local_files_only=True
    )
    for word, path in wanted:
        pipe.load_textual_inversion(str(path), token=word)
    assert read_by_us(model, TEXT, taught) == read_by_them(pipe, TEXT)
    assert read_by_us(model, TEXT, {}) != read_by_them(pipe, TEXT)
    with torch.inference_mode():
        theirs = pipe.encode_prompt(TEXT, CPU, 1, True, NEGATIVE)
        for text, states in zip((TEXT, NEGATIVE), theirs, strict=True):
            asked = Asked(text, 64, 64)
            assert error(model.conditioning(asked, None, CPU, taught).tokens, states) <= BOUND
            assert error(model.conditioning(asked, None, CPU).tokens, states) > 1e-3
            moved = ModelWords(model.family).taught([(word, wanted[1][1]) for word, _ in wanted])
            assert (
                text == NEGATIVE or error(model.conditioning(asked, None, CPU, moved).tokens, states) > 1e-3
            )


def test_both_encoders_of_sdxl(tmp_path: Path) -> None:
    model = toy.make(lettered(SMALL_XL))
    pairs = {
        "<cat-toy>": {"clip_l": rand(2, 32), "clip_g": rand(2, 64)},
        "<new>": {"clip_l": rand(1, 32) * 2, "clip_g": rand(1, 64) * 2},
    }
    wanted = files(tmp_path, pairs)
    taught = ModelWords(model.family).taught(wanted)
    export_diffusers(model, tmp_path / "model")
    pipe = StableDiffusionXLPipeline.from_pretrained(
        tmp_path / "model", local_files_only=True, add_watermarker=False
    )
    for word, held in pairs.items():
        pipe.load_textual_inversion(held["clip_l"], word, pipe.tokenizer, pipe.text_encoder)
        pipe.load_textual_inversion(held["clip_g"], word, pipe.tokenizer_2, pipe.text_encoder_2)
    assert read_by_us(model, TEXT, taught) == read_by_them(pipe, TEXT)
    with torch.inference_mode():
        tokens, _, pooled, _ = pipe.encode_prompt(TEXT, do_classifier_free_guidance=False)
        asked = Asked(TEXT, 64, 64)
        ours, plain = (model.conditioning(asked, None, CPU, words) for words in (taught, {}))
        half = model.conditioning(asked, None, CPU, {"text_l": taught["text_l"]})
    assert ours.pooled is not None and plain.pooled is not None and half.pooled is not None
    assert error(ours.tokens, tokens) <= BOUND and error(ours.pooled, pooled) <= BOUND
    assert error(plain.tokens, tokens) > 1e-3 and error(plain.pooled, pooled) > 1e-3
    assert error(half.tokens, tokens) > 1e-3 and error(half.pooled, pooled) > 1e-3
