"""The five stages from a recipe to a picture, as functions of values: encode, begin, sample, decode, finish.

Each takes what the one before gave. All pictures of one call share model, size and pass, and differ in prompt and
seed. Whoever calls sees to threads and precision (`Placement.pinned`). Nothing here keeps state between calls.

Shapes: N pictures, K conditionings of one picture (1, or 2 with guidance, or more), T tokens, D text width, C h w a
latent.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import torch
from PIL import Image
from torch import Tensor

from mezzotint.diffusion.brownian import BrownianNoise
from mezzotint.diffusion.denoise import (
    Denoiser,
    Reply,
    Request,
    RequestCall,
    asker,
)
from mezzotint.diffusion.guidance.composed import composed
from mezzotint.diffusion.guidance.guide import guided, paired
from mezzotint.diffusion.guidance.regional import regional
from mezzotint.diffusion.kept import hard, kept, soft
from mezzotint.diffusion.noise import ImageNoise, Noise
from mezzotint.diffusion.noises import origin
from mezzotint.diffusion.path import Level, Path, Rectified, noised
from mezzotint.diffusion.plan import Plan, make_plan, plan_of
from mezzotint.diffusion.samplers.registry import SAMPLERS
from mezzotint.diffusion.samplers.step import Step, Tuning
from mezzotint.diffusion.spacings import SPACINGS
from mezzotint.diffusion.tiles import Tile
from mezzotint.engine.attended import Inside, attended, nothing_inside
from mezzotint.engine.following import Adds, Follower, cut, following, rows_of
from mezzotint.engine.ground import Ground
from mezzotint.engine.guiding import Guiding
from mezzotint.engine.model import Opened
from mezzotint.engine.steering import Steering, steering
from mezzotint.engine.tiling import decoded, over_tiles, seen_at_once
from mezzotint.engine.walk import Walk, first_step, last_step
from mezzotint.families.conditions import Asked
from mezzotint.families.family import Family, Model
from mezzotint.families.look import MASK, Seen
from mezzotint.families.taught import NO_WORDS, TaughtWords
from mezzotint.nets.conditioning import Conditioning, Inject, Output
from mezzotint.values.errors import BadValue
from mezzotint.values.recipe import Pass
from mezzotint.values.region import INSIDE
from mezzotint.values.tiling import Tiling


@dataclass(frozen=True)
class Begun:
    """Where sampling starts: the noisy latents `x` N C h w (float32), the levels to walk, the noise on the way, and
    `held`, which keeps what lies outside a mask."""

    x: Tensor
    plan: Plan
    noise: Noise
    held: Callable[[Denoiser], Denoiser]


def encode(
    model: Model,
    walked: Sequence[Walk],
    texts: Sequence[str],
    device: torch.device,
    taught: TaughtWords = NO_WORDS,
    seen: Sequence[Seen] = (),
) -> Steering:
    """Prompts -> what steers the pictures at every step, for each name in `texts` (of the questions that are asked).

    `taught` are the words of the recipes' inversions, `seen` what the model makes of each picture that it is shown.
    Raises BadValue for prompts that cannot be read.
    """

    def encoded(asked: Asked, clip_skip: int | None) -> Conditioning:
        return model.conditioning(asked, clip_skip, device, taught)

    return steering(walked, texts, encoded, seen)


def begin(
    model: Model,
    walked: Sequence[Walk],
    device: torch.device,
    ground: Ground | None = None,
    left: Tensor | None = None,
) -> Begun:
    """The seeded start of every walk on one plan, from its `ground` or from the latents N C h w that were `left` in the
    middle of the way. Raises BadValue for a size the latents cannot have."""
    first, family = walked[0], model.family
    check_size(family, first)
    whole = planned(family.path, first.use)
    start = first_step(first.use, whole)
    plan = whole.cut(start, max(start, last_step(first.use, whole)))
    factor = family.latent.factor
    shape = (family.latent.channels, first.height // factor, first.width // factor)
    origins = [origin(walk.seed, walk.recipe.noise, shape, factor) for walk in walked]
    drawn = ImageNoise(origins)
    initial = drawn.initial().to(device)

    brownian = SAMPLERS[first.use.sampler].brownian
    way = BrownianNoise([walk.seed for walk in walked], shape) if brownian else drawn

    def placed(a: Level, b: Level, purpose: str) -> Tensor:
        return way(a, b, purpose).to(device)

    if left is not None:
        return Begun(left, plan, placed, _as_it_is)
    if ground is None:
        return Begun(plan.path.begin(initial, plan.levels[0]), plan, placed, _as_it_is)
    held = _held(ground, initial, start, len(plan)) if MASK not in family.needs else _as_it_is
    return Begun(_started(first, ground, initial, plan), plan, placed, held)


def check_size(family: Family, walk: Walk) -> None:
    """Raises BadValue for a size that pictures of this family cannot have."""
    multiple, largest, size = family.multiple, family.largest, f"{walk.width}x{walk.height}"
    if walk.width % multiple or walk.height % multiple:
        raise BadValue("size", f"{size} does not divide by {multiple}", f"use multiples of {multiple}")
    if largest is not None and max(seen_at_once(walk)) > largest:
        hint = f"use at most {largest}, or a tile of that"
        raise BadValue("size", f"{size} is more than this model has places for", hint)


def _as_it_is(denoise: Denoiser) -> Denoiser:
    return denoise


def _started(walk: Walk, ground: Ground, initial: Tensor, plan: Plan) -> Tensor:
    """The latents to start from: pure noise where nothing of the picture shall be left, else the noised picture."""
    source = walk.source
    if source is not None and source.strength == 1 and source.start == "noise":
        return plan.path.begin(initial, plan.levels[0])
    return noised(ground.start(initial), initial, plan.levels[0])


def _held(ground: Ground, initial: Tensor, start: int, count: int) -> Callable[[Denoiser], Denoiser]:
    mask = ground.change
    if mask is None:
        return _as_it_is
    change = soft(mask, start, count) if ground.soft else hard(mask)
    return lambda denoise: kept(denoise, ground.clean, initial, change)


def planned(path: Path, use: Pass) -> Plan:
    """The levels of a pass on the path of its model. Raises BadValue for what path or spacing have no use for."""
    if use.shift is not None:
        if not isinstance(path, Rectified):
            raise BadValue("shift", "only models of flow matching have one", "leave it out")
        if use.sigmas is not None:
            raise BadValue("shift", "a list of sigmas has no use for it", "leave one of them out")
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
    opened: Opened,
    walk: Walk,
    steered: Steering,
    guiding: Guiding,
    count: int,
    shares: Tensor | None = None,
    followers: Sequence[Follower] = (),
) -> Denoiser:
    """The denoiser that the sampler wants for one run over `count` pictures, drawn as `walk`, with what `encode`
    gave; `shares` R N 1 h w are how much the texts of regions count, and `followers` add what they see in pictures."""

    forms = [one.form for one in walk.prompt.regions]
    apart, within = (
        [i for i, form in enumerate(forms) if (form == INSIDE) == inside] for inside in (False, True)
    )

    def call_of(steered: Steering, count: int, tiles: Sequence[Tile] | None) -> RequestCall:
        inside = nothing_inside
        if shares is not None and within:
            seen = cut(shares[within, :, 0].transpose(0, 1), tiles, 1)
            inside = attended(opened.model.denoiser, steered, seen, within, opened.dtype)
        return _call(opened, steered, guiding.inject, count, following(followers, tiles), inside)

    ask = asker(over_tiles(walk, opened.model.family, steered, count, call_of), opened.model.prediction)
    ask = ask if steered.plain else composed(ask, steered.weights)
    made = paired if guiding.pair else guided
    return made(ask if shares is None or not apart else regional(ask, shares[apart], apart), guiding.guides)


def settled(latent: Tensor, family: Family, ground: Ground | None) -> Tensor:
    """The clean latents of a pass: what its mask keeps is what it was, to the last bit. A model that is shown the mask
    draws what lies around it, too, so that no edge shows (latent-diffusion, scripts/inpaint_st.py)."""
    if ground is None or ground.change is None or MASK in family.needs:
        return latent
    share = (ground.change > 0).to(latent)
    return share * latent + (1 - share) * ground.clean


def _call(
    opened: Opened,
    steered: Steering,
    inject: Mapping[str, Inject],
    count: int,
    add: Adds,
    inside: Inside,
) -> RequestCall:
    """One call of the network for every length of text, which is one call for most prompts."""
    network, dtype = opened.model.denoiser, opened.dtype

    @cache
    def together(stretch: int, texts: tuple[str, ...]) -> tuple[tuple[Tensor, Conditioning], ...]:
        batches = steered.batches(stretch, texts)
        return tuple((batch.places, _cast(batch.conditioning, dtype)) for batch in batches)

    def call(x: Tensor, t: Tensor, request: Request) -> Reply:
        copies = len(request.texts)
        inputs, times = x.to(dtype).repeat(copies, 1, 1, 1), t.repeat(copies)
        stretch = steered.at(request.level.step)
        placed = together(stretch, request.texts)
        touch = inject[request.touch]
        parts: list[tuple[Tensor, Output]] = []
        for places, cond in placed:
            rows = slice(None) if len(placed) == 1 else places
            x, at = inputs[rows], times[rows]
            added = add(rows_of(x, at, cond, places, request, count))
            regions = inside(stretch, request.texts, places)
            # What a guide computes instead of an attention is not to be what a reference makes of it.
            parts.append((places, network(x, at, cond, added.beside(regions).beside(touch))))
        output = parts[0][1] if len(parts) == 1 else _whole(parts, copies * count)
        taps = {site: tap.reshape(copies, count, *tap.shape[1:]) for site, tap in output.taps.items()}
        return Reply(output.sample.reshape(copies, count, *output.sample.shape[1:]), taps)

    return call


def _whole(parts: Sequence[tuple[Tensor, Output]], count: int) -> Output:
    """The outputs of several calls, each with its places among `count`, as those of one."""

    def joined(values: Sequence[tuple[Tensor, Tensor]]) -> Tensor:
        whole = values[0][1].new_empty(count, *values[0][1].shape[1:])
        for places, value in values:
            whole[places] = value
        return whole

    sites = parts[0][1].taps
    taps = {site: joined([(places, output.taps[site]) for places, output in parts]) for site in sites}
    return Output(joined([(places, output.sample) for places, output in parts]), taps)


def _cast(conditioning: Conditioning, dtype: torch.dtype) -> Conditioning:
    pooled, planes = conditioning.pooled, conditioning.planes
    return Conditioning(
        tokens=conditioning.tokens.to(dtype),
        pooled=None if pooled is None else pooled.to(dtype),
        numbers=conditioning.numbers,
        planes=None if planes is None else planes.to(dtype),
    )


def sample(denoise: Denoiser, begun: Begun, use: Pass) -> Iterator[Step]:
    """The steps of the pass's sampler; `x` of the last is the clean latent.

    Raises BadValue for an option that the sampler has no use for.
    """
    tuned = tuning(use)
    if not len(begun.plan):
        return iter(())
    return SAMPLERS[use.sampler].sample(begun.held(denoise), begun.x, begun.plan, begun.noise, tuned)


def tuning(use: Pass) -> Tuning:
    """What the options of a pass set on its sampler. Raises BadValue for one that the sampler does not read."""
    given = use.options.given() | ({} if use.eta is None else {"eta": use.eta})
    try:
        return SAMPLERS[use.sampler].tuned(given)
    except KeyError as error:
        name = str(error.args[0])
    able = ", ".join(other for other, entry in SAMPLERS.items() if name in entry.takes)
    raise BadValue(name, f"{use.sampler} has no use for it", f"leave it out or use {able}")


def decode(opened: Opened, latent: Tensor, together: bool, tiling: Tiling) -> Tensor:
    """Clean latents N C h w -> pixels N 3 H W about -1..1 in float32, all in one call or one picture a call."""
    model = opened.model
    dtype = next(model.autoencoder.parameters()).dtype
    scaled = model.family.latent
    z = (latent / scaled.scale + scaled.shift).to(dtype)
    parts = z.unsqueeze(0) if together else z.unsqueeze(1)
    return torch.cat([decoded(model.autoencoder, part, tiling).float() for part in parts])


def finish(pixels: Tensor) -> list[Image.Image]:
    """Pixels N 3 H W in -1..1 -> RGB images: clamped and rounded to the nearest of 256 levels."""
    levels = (pixels / 2 + 0.5).clamp(0, 1).mul(255).round().to(torch.uint8)
    arrays = levels.permute(0, 2, 3, 1).contiguous().cpu().numpy()
    return [Image.fromarray(array) for array in arrays]
