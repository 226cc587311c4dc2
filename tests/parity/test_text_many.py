"""Ids of 10,000 hard prompts equal to those of transformers (CLIP, T5) and, by a golden file, of open_clip."""

from functools import cache
from pathlib import Path

import pytest
from safetensors import safe_open
from safetensors.torch import load_file

from hard_prompts import COUNT, digest, prompts
from mezzotint.families.sd1 import SD1
from mezzotint.families.sd2 import SD2
from mezzotint.families.sd3 import SD35_LARGE
from mezzotint.families.sdxl import SDXL
from mezzotint.text.clip import ClipTokenizer, as_clip
from mezzotint.text.grammar import DIALECTS
from mezzotint.text.open_clip import as_open_clip
from mezzotint.text.vocabulary import clip_vocabulary
from open_clip_words import GOLDEN, short
from parity.test_text_clip import reference
from parity.test_text_t5 import pair

GUESSED = 27
"""The prompts that ftfy takes for text in a wrong encoding and repairs, which we do not."""


@cache
def texts() -> list[str]:
    return prompts()


def ours() -> ClipTokenizer:
    return ClipTokenizer.from_files(*clip_vocabulary(), pad=49407, length=77)


def unlike(mine, theirs):
    return sum(a != b for a, b in zip(mine, theirs, strict=True))


def test_the_prompts_are_those_of_the_golden_file() -> None:
    with safe_open(GOLDEN, "pt") as file:
        assert file.metadata()["prompts"] == digest(texts())
    assert len(texts()) == COUNT


def test_clip_as_transformers(tmp_path: Path) -> None:
    clip = ours()
    theirs = reference(clip_vocabulary(), tmp_path)(texts(), add_special_tokens=False)["input_ids"]
    assert unlike([list(clip.ids(text)) for text in texts()], theirs) == 0
    assert unlike([list(as_open_clip(clip)(text)) for text in texts()[:500]], theirs[:500]) > 100


def test_t5_as_transformers() -> None:
    mine, theirs = pair()
    wanted = theirs(texts(), add_special_tokens=False).input_ids
    assert unlike([list(mine.ids(text)) for text in texts()], wanted) == 0
    assert unlike([list(mine.ids(text.lower())) for text in texts()[:500]], wanted[:500]) > 100


def test_open_clip() -> None:
    golden = load_file(GOLDEN)
    wanted = [bytes(row) for row in golden["ids"].tolist()]
    clip = ours()
    read = as_open_clip(clip)
    found = [short(read(text)) for text in texts()]
    wrong = [i for i in range(COUNT) if found[i] != wanted[i]]
    assert wrong == golden["guessed"].nonzero().flatten().tolist()
    assert len(wrong) == GUESSED
    assert unlike([short(clip.ids(text)) for text in texts()[:500]], wanted[:500]) > 100


@pytest.mark.parametrize("dialect", DIALECTS)
def test_who_reads_as_open_clip(dialect: str) -> None:
    """A1111's web UI does for the encoders of open_clip in SD 2 and SDXL; other programs, and SD 3, do not."""
    assert DIALECTS[dialect].cutting.trained == (dialect == "a1111")
    assert [part.trained for family in (SD2, SDXL) for part in family.clips] == [
        as_open_clip,
        as_clip,
        as_open_clip,
    ]
    assert {part.trained for family in (SD1, SD35_LARGE) for part in family.clips} == {as_clip}
