"""Texts for parts of a picture: each answers where it counts, and guides work on the outcome."""

import torch

from mezzotint.diffusion.denoise import NEGATIVE, POSITIVE, Answers
from mezzotint.diffusion.guidance.cfg import cfg
from mezzotint.diffusion.guidance.guide import constant, guided
from mezzotint.diffusion.guidance.regional import region, regional
from mezzotint.diffusion.path import Diffused, scaled_linear

LEVEL = Diffused(scaled_linear(0.00085, 0.012, 1000)).level(torch.tensor(2.0))
SAYS = {POSITIVE: 1.0, NEGATIVE: -1.0, region(0): 3.0, region(1): 5.0}


def ask(x, level, questions):
    return Answers(x, level, ask, {question: torch.full_like(x, SAYS[question]) for question in questions})


X = torch.zeros(2, 4, 2, 4)
SHARES = torch.zeros(2, 2, 1, 2, 4)
SHARES[0, :, :, :, :2] = 1
SHARES[1, 1, :, :, 3] = 0.5


def test_each_region_answers_where_it_counts_and_the_prompt_elsewhere():
    clean = regional(ask, SHARES, (0, 1))(X, LEVEL, (POSITIVE,)).clean[POSITIVE]
    assert clean[0, 0, 0].tolist() == [3, 3, 1, 1]
    assert clean[1, 3, 1].tolist() == [3, 3, 1, 3]


def test_guidance_leads_away_from_the_negative_prompt_everywhere():
    clean = guided(regional(ask, SHARES, (0, 1)), [cfg(constant(2.0))])(X, LEVEL)
    assert clean[1, 0, 0].tolist() == [7, 7, 3, 7]


def test_other_answers_stay_what_they_are():
    answers = regional(ask, SHARES, (0, 1))(X, LEVEL, (POSITIVE, NEGATIVE))
    assert bool((answers.clean[NEGATIVE] == -1).all())
    assert bool((answers.clean[region(0)] == 3).all())


def test_regions_keep_their_places_where_some_are_drawn_otherwise():
    clean = regional(ask, SHARES[1:], (1,))(X, LEVEL, (POSITIVE,)).clean[POSITIVE]
    assert clean[1, 3, 1].tolist() == [1, 1, 1, 3]
