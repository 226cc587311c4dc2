"""Prompts in compel's language give compel's states; those come from a golden file (tools/compel_states.py)."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from compel_states import CUT, GOLDEN, HEADS, HIDDEN, LAYERS, LENGTH, PROMPTS, WIDTH
from mezzotint.families.family import TextEncoder, TextPart
from mezzotint.families.toy import letters
from mezzotint.families.wording import Reading, Wording
from mezzotint.nets.clip import ClipGeometry, TextStates
from mezzotint.text.grammar import read
from mezzotint.text.vocabulary import SMALLEST
from parity.nets_reference import BOUND, clip_name, error

THEIRS = load_file(Path(GOLDEN))


@pytest.fixture(scope="module")
def encoder() -> TextEncoder:
    sizes = ClipGeometry(SMALLEST, LENGTH, WIDTH, LAYERS, HEADS, HIDDEN, "quick_gelu")
    made = TextPart("text", sizes, letters, pad=SMALLEST - 1).encoder()
    weights = {
        key.removeprefix("weights.").removeprefix("text_model."): value
        for key, value in THEIRS.items()
        if key.startswith("weights.")
    }
    mine = made.network.eval().state_dict()
    made.network.load_state_dict({key: weights[clip_name(key)].reshape(v.shape) for key, v in mine.items()})
    return made


@torch.no_grad()
def states(encoder: TextEncoder, text: str, dialect: str = "compel") -> TextStates:
    content = read(dialect, text, 1).still
    assert content is not None
    return Reading(encoder, None, torch.device("cpu"), None).states(Wording(content, dialect, dialect))


@pytest.mark.parametrize("place", range(len(PROMPTS)), ids=PROMPTS)
def test_states_and_pooled_vectors(encoder: TextEncoder, place: int) -> None:
    ours = states(encoder, PROMPTS[place])
    assert error(ours.tokens, THEIRS[f"long.{place}"]) <= BOUND
    assert error(ours.pooled, THEIRS[f"pooled.{place}"]) <= BOUND


def test_another_language_does_not_pass(encoder: TextEncoder) -> None:
    """Every prompt with a sign, and every long one that has a comma or a full stop, is another one in ComfyUI's."""
    unlike = 0
    for place, text in enumerate(PROMPTS):
        ours, theirs = states(encoder, text, "comfy").tokens, THEIRS[f"long.{place}"]
        unlike += ours.shape != theirs.shape or error(ours, theirs) > 1e-3
    assert unlike >= 24


@pytest.mark.parametrize("place", range(3))
def test_what_compel_cuts_off_is_cut_off_by_hand(encoder: TextEncoder, place: int) -> None:
    """`truncate_long_prompts` has no counterpart: nothing is lost here. What is read is the same."""
    kept, lost = CUT[place]
    theirs = THEIRS[f"cut.{place}"]
    assert error(states(encoder, kept).tokens, theirs) <= BOUND
    assert error(states(encoder, kept[: -len(" at")]).tokens, theirs) > 1e-3
    assert states(encoder, kept + lost).tokens.shape[1] == 2 * LENGTH


def test_a_lowered_phrase_that_compel_cuts_hides_the_end_too(encoder: TextEncoder) -> None:
    """The one difference: compel then hides the end token as well, from itself alone, since it is the last."""
    theirs = THEIRS["cut.3"]
    ours = states(encoder, f"{CUT[3][0]})0.5").tokens
    assert error(ours[:, :-1], theirs[:, :-1]) <= BOUND
    assert error(ours[:, -1:], theirs[:, -1:]) > 1e-3
