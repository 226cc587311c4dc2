"""The five stages from a recipe to a picture, as functions of values: encode, begin, sample, decode, finish.

Each takes what the one before gave. All pictures of one call share model, size and pass, and differ in prompt and
seed. Whoever calls sees to threads and precision (`Placement.pinned`). Nothing here keeps state between calls.

Shapes: N pictures, K conditionings of one picture (1, or 2 with guidance, or more), T tokens, D text width, C h w a
latent.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import torch
from PIL import Image
from torch import Tensor

from mezzotint.diffusion.brownian import BrownianNoise
from mezzotint.diffusion.denoise import (
    EMPTY,
    NEGATIVE,
    POSITIVE,
    Denoiser,
    Reply,
    Request,
    RequestCall,
    asker,
)
from mezzotint.diffusion.guidance.guide import guided, paired
from mezzotint.diffusion.noise import ImageNoise, Noise
from mezzotint.diffusion.noises import origin
from mezzotint.diffusion.path import Level, Path, Rectified
from mezzotint.diffusion.plan import Plan, make_plan, plan_of
from mezzotint.diffusion.samplers.registry import SAMPLERS
from mezzotint.diffusion.samplers.step import Step, Tuning
from mezzotint.diffusion.spacings import SPACINGS
from mezzotint.engine.guiding import Guiding
from mezzotint.engine.model import Opened
from mezzotint.families.conditions import Asked
from mezzotint.families.family import Model
from mezzotint.families.taught import NO_WORDS, TaughtWords
from mezzotint.nets.conditioning import Conditioning, Inject
from mezzotint.values.errors import BadValue
from mezzotint.values.recipe import Pass, Recipe


@dataclass(frozen=True)
class Begun:
    """Where sampling starts: the noisy latents `x` N C h w (float32), the levels to walk, the noise on the way."""

    x: Tensor
    plan: Plan
    noise: Noise


def encode(
    model: Model,
    recipes: Sequence[Recipe],
    texts: Sequence[str],
    device: torch.device,
    taught: TaughtWords = NO_WORDS,
) -> Mapping[str, Conditioning]:
    """Prompts -> for each name in `texts` (of the questions that are asked) the conditioning of N pictures.

    Equal texts are encoded once, one text a network call, so a prompt's states never depend on its neighbours.
    `taught` are the words of the recipes' inversions.
    Raises BadValue for a model that does not draw from text alone.
    """
    if model.family.needs:
        needs = " and ".join(model.family.needs)
        raise BadValue(
            "model",
            f"{model.family.title} draws from {needs} besides a text, and this recipe has none",
            "use a text-to-image model; mezzotint models lists the kinds",
        )
    wanted = {name: [(_asked(recipe, name), recipe.prompt.clip_skip) for recipe in recipes] for name in texts}
    keys = dict.fromkeys(key for of_name in wanted.values() for key in of_name)
    made = {key: model.conditioning(*key, device, taught) for key in keys}
    return {name: stacked([made[key] for key in of_name]) for name, of_name in wanted.items()}


def _asked(recipe: Recipe, name: str) -> Asked:
    texts = {POSITIVE.text: recipe.prompt.text, NEGATIVE.text: recipe.prompt.negative, EMPTY.text: ""}
    return Asked(texts[name], recipe.width, recipe.height, name != POSITIVE.text)


def stacked(parts: Sequence[Conditioning]) -> Conditioning:
    """Conditionings of one kind as one, along the batch."""

    def joined(values: Sequence[Tensor | None]) -> Tensor | None:
        present = [value for value in values if value is not None]
        return torch.cat(present) if present else None

    return Conditioning(
        tokens=torch.cat([part.tokens for part in parts]),
        pooled=joined([part.pooled for part in parts]),
        numbers=joined([part.numbers for part in parts]),
        planes=joined([part.planes for part in parts]),
    )


def begin(model: Model, recipes: Sequence[Recipe], device: torch.device) -> Begun:
    """The seeded start of every recipe on one plan. Raises BadValue for a size the latents cannot have."""
    first, family = recipes[0], model.family
    factor, multiple = family.latent.factor, family.multiple
    if first.width % multiple or first.height % multiple:
        raise BadValue(
            "size",
            f"{first.width}x{first.height} does not divide by {multiple}",
            f"use multiples of {multiple}",
        )
    largest = family.largest
    if largest is not None and max(first.width, first.height) > largest:
        raise BadValue(
            "size",
            f"{first.width}x{first.height} is more than this model has places for",
            f"use at most {largest}",
        )
    plan = planned(family.path, first.passes[0])
    shape = (family.latent.channels, first.height // factor, first.width // factor)
    noise = ImageNoise([origin(recipe.seed, recipe.noise, shape, factor) for recipe in recipes])
    x = plan.path.begin(noise.initial(), plan.levels[0]).to(device)

    brownian = SAMPLERS[first.passes[0].sampler].brownian
    way = BrownianNoise([recipe.seed for recipe in recipes], shape) if brownian else noise

    def placed(a: Level, b: Level, purpose: str) -> Tensor:
        return way(a, b, purpose).to(device)

    return Begun(x, plan, placed)


def planned(path: Path, use: Pass) -> Plan:
    """The levels of a pass on the path of its model. Raises BadValue for what path or spacing have no use for."""
    if use.shift is not None:
        if not isinstance(path, Rectified):
            raise BadValue("shift", "only models of flow matching have one", "leave it out")
        path = Rectified(use.shift, path.times)
    if use.rho is not None and (use.sigmas is not None or not SPACINGS[use.spacing].rho):
        able = ", ".join(name for name, entry in SPACINGS.items() if entry.rho)
        given = use.spacing if use.sigmas is None else "a list of sigmas"
        raise BadValue("rho", f"{given} has no use for it", f"leave it out or use {able}")
    if use.sigmas is not None:
        most = float(path.sigmas[-1])
        if isinstance(path, Rectified) and use.sigmas[0] > most:
            raise BadValue("sigmas", f"{use.sigmas[0]:g} is beyond {most:g}, all noise", f"begin at {most:g}")
        return plan_of(path, torch.tensor(use.sigmas, dtype=torch.float64))
    if use.steps > path.times:
        raise BadValue(
            "steps", f"this model has no more than {path.times} levels, not {use.steps}", "use fewer"
        )
    return make_plan(path, use.spacing, use.steps, use.rho)


def denoiser(
    opened: Opened, conditionings: Mapping[str, Conditioning], guiding: Guiding, count: int
) -> Denoiser:
    """The denoiser that the sampler wants for one run over `count` pictures whose conditionings `encode` gave."""
    call = _call(opened, conditionings, guiding.inject, count)
    made = paired if guiding.pair else guided
    return made(asker(call, opened.model.prediction), guiding.guides)


def _call(
    opened: Opened, conditionings: Mapping[str, Conditioning], inject: Mapping[str, Inject], count: int
) -> RequestCall:
    network, dtype = opened.model.denoiser, opened.dtype

    @cache
    def together(texts: tuple[str, ...]) -> Conditioning:
        cond = stacked([conditionings[text] for text in texts])
        return Conditioning(
            tokens=cond.tokens.to(dtype),
            pooled=None if cond.pooled is None else cond.pooled.to(dtype),
            numbers=cond.numbers,
            planes=None if cond.planes is None else cond.planes.to(dtype),
        )

    def call(x: Tensor, t: Tensor, request: Request) -> Reply:
        copies = len(request.texts)
        cond, touch = together(request.texts), inject[request.touch]
        output = network(x.to(dtype).repeat(copies, 1, 1, 1), t.repeat(copies), cond, touch)
        taps = {site: tap.unflatten(0, (copies, count)) for site, tap in output.taps.items()}
        return Reply(output.sample.unflatten(0, (copies, count)), taps)

    return call


def sample(denoise: Denoiser, begun: Begun, use: Pass) -> Iterator[Step]:
    """The steps of the pass's sampler; `x` of the last is the clean latent.

    Raises BadValue for an option that the sampler has no use for.
    """
    return SAMPLERS[use.sampler].sample(denoise, begun.x, begun.plan, begun.noise, tuning(use))


def tuning(use: Pass) -> Tuning:
    """What the options of a pass set on its sampler. Raises BadValue for one that the sampler does not read."""
    given = use.options.given() | ({} if use.eta is None else {"eta": use.eta})
    try:
        return SAMPLERS[use.sampler].tuned(given)
    except KeyError as error:
        name = str(error.args[0])
    able = ", ".join(other for other, entry in SAMPLERS.items() if name in entry.takes)
    raise BadValue(name, f"{use.sampler} has no use for it", f"leave it out or use {able}")


def decode(opened: Opened, latent: Tensor, together: bool) -> Tensor:
    """Clean latents N C h w -> pixels N 3 H W about -1..1 in float32, all in one call or one picture a call."""
    model = opened.model
    dtype = next(model.autoencoder.parameters()).dtype
    scaled = model.family.latent
    z = (latent / scaled.scale + scaled.shift).to(dtype)
    parts = z.unsqueeze(0) if together else z.unsqueeze(1)
    return torch.cat([model.autoencoder.decode(part).float() for part in parts])


def finish(pixels: Tensor) -> list[Image.Image]:
    """Pixels N 3 H W in -1..1 -> RGB images: clamped and rounded to the nearest of 256 levels."""
    levels = (pixels / 2 + 0.5).clamp(0, 1).mul(255).round().to(torch.uint8)
    arrays = levels.permute(0, 2, 3, 1).contiguous().cpu().numpy()
    return [Image.fromarray(array) for array in arrays]
