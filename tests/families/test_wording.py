"""What weights do to the states of a text encoder: closed forms at toy size, for every way of weighing."""

import math
from dataclasses import replace

import pytest
import torch

from mezzotint.families.conditions import Asked
from mezzotint.families.emphasis import EMPHASES
from mezzotint.families.registry import find, open_model
from mezzotint.families.wording import Reading, Wording
from mezzotint.text.grammar import DIALECTS, read
from mezzotint.values import names
from mezzotint.values.recipe import ModelUse

CPU = torch.device("cpu")
BOUND = 1e-5


@pytest.fixture(scope="module")
def model():
    with torch.no_grad():
        yield open_model(find(ModelUse(base="toy")))


def said(text, dialect="a1111", emphasis=None):
    return Wording(read(dialect, text, 1).still, dialect, emphasis or DIALECTS[dialect].emphasis)


def tokens(model, wording):
    return Reading(model.text, None, CPU, None).states(wording).tokens


def encoded(model, text, hidden=None):
    """The states of one plain text that fits into a chunk."""
    row, _ = model.text.tokenizer.padded(text)
    return model.text.states([row], None, CPU, None, hidden).tokens


def error(a, b):
    return float((a - b).abs().max() / b.abs().max())


def places(model, before, words):
    """A mask of the tokens of `words` that stand behind the text `before`."""
    count = [len(model.text.tokenizer.ids(text)) for text in (before, words)]
    mask = torch.zeros(model.text.tokenizer.length, dtype=torch.bool)
    mask[1 + count[0] : 1 + sum(count)] = True
    return mask


def test_the_names_are_the_registry():
    assert set(names.EMPHASES) == set(EMPHASES)
    assert set(names.DIALECTS) == set(DIALECTS)
    assert {dialect.emphasis for dialect in DIALECTS.values()} <= set(EMPHASES)


@pytest.mark.parametrize("dialect", ["a1111", "comfy", "compel"])
def test_text_without_weights_is_plain_text_to_the_bit(model, dialect):
    plain = model.conditioning(Asked("a red cat", 32, 32), None, CPU)
    asked = Asked("a red cat", 32, 32, wording=said("a red cat", dialect))
    assert torch.equal(model.conditioning(asked, None, CPU).tokens, plain.tokens)


@pytest.fixture(scope="module")
def parts(model):
    """The states of a text and of the empty text, and a weight for each token: 1.5 for `red`."""
    weights = torch.ones(model.text.tokenizer.length, 1)
    weights[places(model, "a", "red")] = 1.5
    return encoded(model, "a red cat"), encoded(model, ""), weights


def test_no_norm_multiplies(model, parts):
    z, _, weights = parts
    ours = tokens(model, said("a (red:1.5) cat", emphasis="no_norm"))
    assert error(ours, z * weights) <= BOUND
    assert error(ours, z) > 1e-3


def test_original_restores_the_mean(model, parts):
    z, _, weights = parts
    wanted = z * weights * (z.mean() / (z * weights).mean())
    ours = tokens(model, said("a (red:1.5) cat"))
    assert error(ours, wanted) <= BOUND
    assert error(ours, z * weights) > 1e-4


def test_comfy_moves_away_from_the_empty_text(model, parts):
    z, empty, weights = parts
    ours = tokens(model, said("a (red:1.5) cat", "comfy"))
    assert error(ours, empty + (z - empty) * weights) <= BOUND
    assert error(ours, z * weights) > 1e-3


def test_ignore_reads_and_does_nothing(model, parts):
    assert torch.equal(tokens(model, said("a (red:1.5) cat", emphasis="ignore")), parts[0])


def test_compel_mixes_with_the_text_that_does_not_look_at_the_run(model):
    z, empty = encoded(model, "a red cat"), encoded(model, "")
    mask = places(model, "a", "red")
    weights = torch.where(mask, 0.4, 1.0)[:, None]
    without = encoded(model, "a red cat", mask[None])
    first, second = (empty + (states - empty) * weights for states in (z, without))
    share = math.tan(0.6 * math.pi / 2)
    ours = tokens(model, said("a (red)0.4 cat", "compel"))
    assert error(ours, (first + share * second) / (1 + share)) <= BOUND
    assert error(ours, first) > 1e-3
    up = tokens(model, said("a (red)1.5 cat", "compel"))
    assert error(up, empty + (z - empty) * torch.where(mask, 1.5, 1.0)[:, None]) <= BOUND


def test_every_chunk_is_read_alone_and_weighed_alone(model):
    z = [encoded(model, text) for text in ("a cat", "a dog")]
    ours = tokens(model, said("a cat BREAK (a dog:1.4)"))
    length = model.text.tokenizer.length
    assert ours.shape[1] == 2 * length
    assert error(ours[:, :length], z[0]) <= BOUND
    mask = places(model, "", "a dog")
    weighed = z[1] * torch.where(mask, 1.4, 1.0)[:, None]
    assert error(ours[:, length:], weighed * (z[1].mean() / weighed.mean())) <= BOUND


def test_joined_and_blended_texts(model):
    a, b, empty = (encoded(model, text) for text in ("a cat", "a dog", ""))
    row = tokens(model, said('("a cat", "a dog").and(1, 0.5)', "compel"))
    assert error(row, torch.cat([a, empty + (b - empty) * 0.5], dim=1)) <= BOUND
    blend = tokens(model, said('("a cat", "a dog").blend(1, 3)', "compel"))
    assert error(blend, 0.25 * a + 0.75 * b) <= BOUND
    long = '("a cat", "' + "dog " * 80 + '").blend(1, 0, no_normalize)'
    assert error(tokens(model, said(long, "compel"))[:, : a.shape[1]], a) <= BOUND


def test_pooled_comes_from_the_first_chunk(model):
    reading = Reading(model.text, None, CPU, None)
    one, two = (reading.states(said(text)).pooled for text in ("a cat", "a cat BREAK a dog"))
    assert error(two, one) <= BOUND
    assert error(reading.states(said("a dog BREAK a cat")).pooled, one) > 1e-3


def test_a_part_that_is_not_there_is_as_long_as_the_others(model):
    family = replace(model.family, texts=(*model.family.texts, replace(model.family.text, name="absent")))
    lacking = replace(model, family=family)
    lacking.family = replace(family, condition=lambda states, asked: states)
    states = lacking.conditioning(Asked("", 32, 32, wording=said("a BREAK b")), None, CPU)
    assert states["absent"].tokens.shape[1] == states[model.text.part.name].tokens.shape[1]
    assert not states["absent"].tokens.any()
