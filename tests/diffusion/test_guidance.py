"""Guides in closed form: what each does to known answers, where it is active, and what it asks for."""

import math
from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor

from diffusion.toys import PATH, SHAPE, normal
from mezzotint.diffusion.denoise import BLANK, EMPTY, NEGATIVE, POSITIVE, Answers, Ask, Question
from mezzotint.diffusion.guidance import schedule
from mezzotint.diffusion.guidance.apg import along, apg
from mezzotint.diffusion.guidance.cfg import cfg
from mezzotint.diffusion.guidance.cfg_zero import cfg_zero, optimal_scale
from mezzotint.diffusion.guidance.disturbed import disturbed
from mezzotint.diffusion.guidance.guide import Guide, constant, guided, steered, within
from mezzotint.diffusion.guidance.image_cfg import image_cfg
from mezzotint.diffusion.guidance.perp_neg import perp_neg
from mezzotint.diffusion.guidance.rescale import rescale
from mezzotint.diffusion.guidance.sag import looked_at, sag
from mezzotint.diffusion.guidance.threshold import mimic, threshold
from mezzotint.diffusion.path import Level, Rectified
from mezzotint.diffusion.prediction import FLOW, NOISE, VELOCITY

LEVEL = PATH.level(torch.tensor(2.0))
X = 2 * normal(seed=9)
KNOWN = {POSITIVE: normal(seed=1), NEGATIVE: normal(seed=2), EMPTY: normal(seed=3)}


def known(answers: dict[Question, Tensor] | None = None) -> tuple[Ask, list[tuple[Question, ...]]]:
    """An Ask with fixed answers, and what it was asked."""
    asked: list[tuple[Question, ...]] = []
    given = KNOWN if answers is None else answers

    def ask(x: Tensor, level: Level, questions: Sequence[Question]) -> Answers:
        asked.append(tuple(questions))
        return Answers(x, level, ask, {question: given[question] for question in questions})

    return ask, asked


def outcome(
    guides: Sequence[Guide], answers: dict[Question, Tensor] | None = None, level: Level = LEVEL
) -> Tensor:
    return guided(known(answers)[0], guides)(X, level)


def near(a: Tensor, b: Tensor, tolerance: float = 1e-5) -> bool:
    return float((a - b).abs().max() / b.abs().max()) <= tolerance


def lengths(x: Tensor) -> Tensor:
    return x.flatten(1).norm(dim=1)


CFG = outcome([cfg(constant(5.0))])


def test_no_guide_asks_for_the_prompt_alone() -> None:
    ask, asked = known()
    assert torch.equal(guided(ask, [])(X, LEVEL), KNOWN[POSITIVE])
    assert asked == [(POSITIVE,)]


def test_questions_are_asked_once_and_the_prompt_first() -> None:
    ask, asked = known()
    denoised = steered(ask, [perp_neg(constant(5.0), 1.0), mimic(3.0, 1.0)], also=(EMPTY,))(X, LEVEL)
    assert asked == [(POSITIVE, EMPTY, NEGATIVE)]
    assert torch.equal(denoised.answers.clean[EMPTY], KNOWN[EMPTY])
    assert not torch.equal(denoised.clean, KNOWN[POSITIVE])


def test_cfg_of_scale_1_does_not_ask_for_the_negative() -> None:
    ask, asked = known()
    assert torch.equal(guided(ask, [cfg(constant(1.0))])(X, LEVEL), KNOWN[POSITIVE])
    assert asked == [(POSITIVE,)]


@pytest.mark.parametrize("prediction", [NOISE, VELOCITY, FLOW], ids=lambda p: p.name)
def test_outputs_imply_the_clean_latent_that_implies_them(prediction) -> None:
    level = LEVEL if prediction is not FLOW else Rectified(3.0).level(torch.tensor(0.6))
    output = normal(seed=4)
    clean = prediction.clean(output, X, level)
    assert near(prediction.output(clean, X, level), output)


@pytest.mark.parametrize("prediction", [NOISE, VELOCITY], ids=lambda p: p.name)
def test_rescale_gives_the_deviation_of_the_positive_output(prediction) -> None:
    whole = outcome([cfg(constant(5.0)), rescale(1.0, prediction)])
    output = prediction.output(whole, X, LEVEL)
    wanted = prediction.output(KNOWN[POSITIVE], X, LEVEL)
    assert near(output.std(dim=(1, 2, 3)), wanted.std(dim=(1, 2, 3)))
    assert not near(whole, CFG, 1e-2)
    half = outcome([cfg(constant(5.0)), rescale(0.5, prediction)])
    assert near(half, (whole + CFG) / 2)
    assert torch.equal(outcome([cfg(constant(5.0)), rescale(0.0, prediction)]), CFG)


def test_rescale_of_nothing_at_all_is_no_nan() -> None:
    nothing = {POSITIVE: X, NEGATIVE: X}
    assert torch.equal(outcome([cfg(constant(5.0)), rescale(1.0, NOISE)], nothing), X)


def test_threshold_holds_the_limit_and_leaves_what_is_within() -> None:
    limited = outcome([cfg(constant(5.0)), threshold(0.95, 1.5)])
    assert float(limited.abs().max()) <= 1.5 + 1e-6
    assert not near(limited, CFG, 1e-2)
    bound = torch.quantile(CFG.abs().flatten(1), 0.95, dim=1).reshape(-1, 1, 1, 1)
    assert bool((bound > 1.5).all())
    assert near(limited, CFG.clamp(-bound, bound) * 1.5 / bound)
    wide = float(CFG.abs().max()) + 1
    assert near(outcome([cfg(constant(5.0)), threshold(0.95, wide)]), CFG)


def test_mimic_of_its_own_scale_changes_nothing_and_of_a_lower_one_has_its_amplitudes() -> None:
    def amplitude(x: Tensor) -> Tensor:
        return (x - x.mean(dim=(2, 3), keepdim=True)).abs().amax(dim=(2, 3))

    assert near(outcome([cfg(constant(5.0)), mimic(5.0, 1.0)]), CFG)
    lower = outcome([cfg(constant(2.0))])
    mimicked = outcome([cfg(constant(5.0)), mimic(2.0, 1.0)])
    assert near(amplitude(mimicked), amplitude(lower))
    assert near(mimicked.mean(dim=(2, 3)), CFG.mean(dim=(2, 3)), 1e-4)
    assert not near(mimicked, lower, 1e-2)
    flat = {POSITIVE: torch.ones(SHAPE), NEGATIVE: torch.zeros(SHAPE)}
    assert torch.equal(outcome([cfg(constant(5.0)), mimic(2.0, 1.0)], flat), torch.full(SHAPE, 5.0))


def test_apg_without_its_means_is_cfg() -> None:
    assert torch.equal(outcome([apg(constant(5.0), 1.0, 0.0, 0.0)]), CFG)
    assert near(outcome([apg(constant(5.0), 1.0, 1e6, 0.0)]), CFG)
    ask, asked = known()
    assert torch.equal(guided(ask, [apg(constant(1.0), 0.0, 1.0, 0.5)])(X, LEVEL), KNOWN[POSITIVE])
    assert asked == [(POSITIVE,)]


def test_apg_weakens_what_lies_along_the_positive_answer() -> None:
    moved = outcome([apg(constant(5.0), 0.0, 0.0, 0.0)]) - KNOWN[POSITIVE]
    assert float((moved * KNOWN[POSITIVE]).sum(dim=(1, 2, 3)).abs().max()) < 1e-3
    difference = KNOWN[POSITIVE] - KNOWN[NEGATIVE]
    assert near(moved + 4 * along(difference, KNOWN[POSITIVE]), 4 * difference)


def test_apg_holds_the_norm_of_every_image() -> None:
    moved = outcome([apg(constant(5.0), 1.0, 2.0, 0.0)]) - KNOWN[POSITIVE]
    assert near(lengths(moved), torch.full((SHAPE[0],), 4 * 2.0))
    same = {POSITIVE: KNOWN[POSITIVE], NEGATIVE: KNOWN[POSITIVE]}
    assert torch.equal(outcome([apg(constant(5.0), 0.0, 2.0, 0.0)], same), KNOWN[POSITIVE])


def test_apg_sums_the_differences_of_a_run_and_each_run_begins_anew() -> None:
    def run() -> list[Tensor]:
        denoise = guided(known()[0], [apg(constant(2.0), 1.0, 0.0, 0.5)])
        levels = [PATH.level(torch.tensor(2.0), step) for step in (0, 1)]
        return [denoise(X, levels[0]), denoise(X, PATH.level(torch.tensor(2.0), 0, 1)), denoise(X, levels[1])]

    difference = KNOWN[POSITIVE] - KNOWN[NEGATIVE]
    first, again, second = run()
    assert near(first - KNOWN[POSITIVE], difference)
    assert near(again - KNOWN[POSITIVE], 1.5 * difference)
    assert near(second - KNOWN[POSITIVE], 1.5 * difference), "the second call of a step is not remembered"
    assert torch.equal(run()[0], first)


@pytest.mark.parametrize("prediction", [NOISE, VELOCITY, FLOW], ids=lambda p: p.name)
def test_cfg_zero_is_cfg_where_the_outputs_fit_already(prediction) -> None:
    level = LEVEL if prediction is not FLOW else Rectified(3.0).level(torch.tensor(0.6))
    negative = normal(seed=5)
    across = normal(seed=6)
    across = across - along(across, negative)
    outputs = {POSITIVE: negative + across, NEGATIVE: negative}
    answers = {question: prediction.clean(output, X, level) for question, output in outputs.items()}
    assert near(optimal_scale(outputs[POSITIVE], negative), torch.ones(SHAPE[0], 1, 1, 1))
    starred = outcome([cfg_zero(constant(5.0), prediction, 0)], answers, level)
    assert near(starred, outcome([cfg(constant(5.0))], answers, level), 1e-4)


def test_the_scale_of_cfg_zero_is_the_best_one() -> None:
    positive, negative = KNOWN[POSITIVE], KNOWN[NEGATIVE]
    best = optimal_scale(positive, negative)
    least = lengths(positive - best * negative)
    for other in (best * 0.9, best + 0.01, best - 0.01):
        assert bool((lengths(positive - other * negative) > least).all())


def test_cfg_zero_stands_still_at_first() -> None:
    guide = cfg_zero(constant(5.0), FLOW, 2)
    path = Rectified(3.0)
    for step, still in enumerate([True, True, False]):
        level = path.level(torch.tensor(0.9), step)
        assert torch.equal(outcome([guide], level=level), X) == still


def test_image_cfg_behind_cfg_is_the_formula_of_its_paper() -> None:
    answers = {**KNOWN, BLANK: normal(seed=4)}
    positive, negative, blank = (answers[question] for question in (POSITIVE, NEGATIVE, BLANK))
    expected = blank + 5 * (positive - negative) + 1.5 * (negative - blank)
    assert near(outcome([cfg(constant(5.0)), image_cfg(1.5)], answers), expected)
    ask, asked = known(answers)
    assert near(guided(ask, [cfg(constant(5.0)), image_cfg(1.0)])(X, LEVEL), CFG)
    assert asked == [(POSITIVE, NEGATIVE)]


def test_perp_neg_subtracts_only_what_is_perpendicular() -> None:
    empty, positive = KNOWN[EMPTY], KNOWN[POSITIVE]
    wanted = positive - empty
    same_way = {POSITIVE: positive, EMPTY: empty, NEGATIVE: empty + 0.7 * wanted}
    assert near(outcome([perp_neg(constant(5.0), 1.0)], same_way), empty + 5 * wanted)
    across = KNOWN[NEGATIVE] - along(KNOWN[NEGATIVE], wanted)
    crossing = {POSITIVE: positive, EMPTY: empty, NEGATIVE: empty + across}
    found = outcome([perp_neg(constant(5.0), 0.5)], crossing)
    assert near(found, empty + 5 * (wanted - 0.5 * across))
    assert near(outcome([perp_neg(constant(5.0), 0.0)]), empty + 5 * wanted)


def test_a_guide_works_only_within_its_span() -> None:
    guide = within(cfg(constant(5.0)), schedule.of_steps(0.25, 0.75, 4))
    ask, asked = known()
    denoise = guided(ask, [guide])
    found = [denoise(X, PATH.level(torch.tensor(2.0), step)) for step in range(4)]
    assert [questions == (POSITIVE, NEGATIVE) for questions in asked] == [False, True, True, False]
    assert torch.equal(found[0], KNOWN[POSITIVE])
    assert torch.equal(found[1], CFG)
    whole = within(cfg(constant(5.0)), schedule.of_steps(0.0, 1.0, 4))
    assert torch.equal(outcome([whole]), CFG)


def test_a_span_of_noise_has_its_upper_end_and_not_its_lower_one() -> None:
    span = schedule.of_noise(1.0, 2.0)
    sigmas = torch.tensor([0.5, 1.0, 1.5, 2.0, 2.5])
    assert [span(PATH.level(sigma)) for sigma in sigmas] == [False, False, True, True, False]
    assert span(PATH.level(torch.tensor([0.5, 1.5]).reshape(-1, 1, 1, 1)))


@pytest.mark.parametrize("steps", [1, 2, 5])
@pytest.mark.parametrize("form", [schedule.linear, schedule.cosine])
def test_a_ramp_goes_from_its_start_to_its_end(steps: int, form: Callable[[float], float]) -> None:
    scale = schedule.ramp(7.0, 2.0, form, steps)
    found = [scale(PATH.level(torch.tensor(2.0), step)) for step in range(steps)]
    assert found[0] == 7.0
    assert found == sorted(found, reverse=True)
    assert steps == 1 or math.isclose(found[-1], 2.0)
    assert scale(PATH.level(torch.tensor(2.0), steps)) == found[-1]


def test_listed_scales_hold_for_their_steps_or_for_equal_parts() -> None:
    def scales(given: Sequence[float], steps: int) -> list[float]:
        scale = schedule.listed(given, steps)
        return [scale(PATH.level(torch.tensor(2.0), step)) for step in range(steps + 1)]

    assert scales([3.0, 2.0, 1.0], 3) == [3.0, 2.0, 1.0, 1.0]
    assert scales([3.0, 1.0], 4) == [3.0, 3.0, 1.0, 1.0, 1.0]


def test_guides_work_in_their_order() -> None:
    one = outcome([cfg(constant(5.0)), rescale(0.7, NOISE), threshold(0.9, 1.0)])
    other = outcome([cfg(constant(5.0)), threshold(0.9, 1.0), rescale(0.7, NOISE)])
    assert not near(one, other, 1e-2)


def test_a_disturbed_answer_is_led_away_from() -> None:
    worse = Question("positive", "pag")
    answers = {**KNOWN, worse: normal(seed=7)}
    guide = disturbed(3.0, "pag", schedule.of_steps(0.0, 0.5, 2))
    found = outcome([cfg(constant(5.0)), guide], answers)
    assert near(found, CFG + 3 * (KNOWN[POSITIVE] - answers[worse]))
    late = PATH.level(torch.tensor(2.0), 1)
    assert torch.equal(outcome([cfg(constant(5.0)), guide], KNOWN, late), CFG)
    assert torch.equal(outcome([cfg(constant(5.0)), disturbed(0.0, "pag", lambda level: True)], KNOWN), CFG)


def test_steps_between_shares_leave_both_ends_out() -> None:
    span = schedule.between_steps(0.01, 0.2, 28)
    assert [step for step in range(28) if span(PATH.level(torch.tensor(2.0), step))] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("prediction", [NOISE, VELOCITY, FLOW], ids=lambda p: p.name)
def test_sag_blurs_where_pixels_are_looked_at_and_asks_again(prediction) -> None:
    level = LEVEL if prediction is not FLOW else Rectified(3.0).level(torch.tensor(0.6))
    tap = torch.full((SHAPE[0], 2, 4, 2, 2), 0.1)
    tap[..., 0, 1] = 0.7
    asked: list[Tensor] = []

    def ask(x: Tensor, at: Level, questions: Sequence[Question]) -> Answers:
        asked.append(x)
        clean = {q: (KNOWN[q] if len(asked) == 1 else KNOWN[EMPTY]) for q in questions}
        return Answers(x, at, ask, clean, {q: {"mid": tap} for q in questions})

    found = guided(ask, [cfg(constant(5.0)), sag(0.75, NEGATIVE, "mid", torch.zeros_like, prediction)])(
        X, level
    )
    mask = looked_at(tap, (SHAPE[2], SHAPE[3]))
    assert 0 < float(mask.mean()) < 1
    assert bool((mask[..., :2, 3:] == 1).all())
    negative = KNOWN[NEGATIVE]
    degraded = X - level.alpha.to(X) * mask * negative
    assert near(asked[1], degraded)
    noise = (X - level.alpha.to(X) * negative) / level.sigma.to(X)
    assert near(degraded, level.alpha.to(X) * negative * (1 - mask) + level.sigma.to(X) * noise)
    plain = guided(known()[0], [cfg(constant(5.0))])(X, level)
    output = prediction.output(plain, X, level) + 0.75 * (
        prediction.output(negative, X, level) - prediction.output(KNOWN[EMPTY], degraded, level)
    )
    assert near(found, prediction.clean(output, X, level))
