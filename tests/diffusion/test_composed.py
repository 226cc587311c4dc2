"""Several texts at once: closed forms."""

import torch

from mezzotint.diffusion.denoise import EMPTY, NEGATIVE, POSITIVE, Answers
from mezzotint.diffusion.guidance.cfg import cfg
from mezzotint.diffusion.guidance.composed import composed, part
from mezzotint.diffusion.guidance.guide import constant, guided
from mezzotint.diffusion.path import Level

LEVEL = Level(torch.tensor(1.0), torch.tensor(1.0), torch.tensor(1.0))
X = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
SAID = {POSITIVE: 5 * X, part(0): X + 1, part(1): 2 * X, NEGATIVE: X - 3, EMPTY: 0 * X}


def ask(x, level, questions):
    return Answers(x, level, ask, {question: SAID[question] for question in questions})


def test_every_text_pulls_by_its_weight():
    weights = torch.tensor([[1.0, 0.5], [-0.25, 2.0]], dtype=torch.float64)
    wanted = [
        n + 7 * (w1 * (a - n) + w2 * (b - n))
        for a, b, n, w1, w2 in zip(
            SAID[part(0)], SAID[part(1)], SAID[NEGATIVE], *weights.tolist(), strict=True
        )
    ]
    ours = guided(composed(ask, weights), (cfg(constant(7)),))(X, LEVEL)
    assert torch.allclose(ours, torch.stack(wanted), atol=1e-4)


def test_one_text_of_weight_one_is_the_prompt():
    answers = composed(ask, torch.ones(1, 2))(X, LEVEL, (POSITIVE, EMPTY))
    assert torch.allclose(answers.clean[POSITIVE], SAID[part(0)], atol=1e-5)
    assert torch.equal(answers.clean[EMPTY], SAID[EMPTY])
    half = composed(ask, torch.full((1, 2), 0.5))(X, LEVEL, (POSITIVE,))
    assert not torch.allclose(half.clean[POSITIVE], SAID[part(0)], atol=1e-2)
