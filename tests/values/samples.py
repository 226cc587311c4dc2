"""Recipes and facts that the tests of values share."""

from typing import Any

from hypothesis import strategies as st

from mezzotint.values.facts import RunFacts
from mezzotint.values.guides import (
    Apg,
    Cfg,
    CfgZero,
    Guide,
    ImageCfg,
    Interval,
    Mimic,
    Pag,
    PerpNeg,
    Ramp,
    Rescale,
    Sag,
    Scales,
    Seg,
    SkipLayers,
    Threshold,
)
from mezzotint.values.names import (
    AREAS,
    DIALECTS,
    EMPHASES,
    FILLS,
    FITS,
    LATENT_UPSCALERS,
    NOISES,
    NUMERICS,
    PRECISIONS,
    PREDICTIONS,
    SAMPLERS,
    SEAMLESS,
    SPACINGS,
    STARTS,
    UPSCALERS,
    WINDOWS,
    YES_NO,
)
from mezzotint.values.noise import GPUS, MAX_SEED, NoiseUse
from mezzotint.values.recipe import MAX_PASSES, AdapterUse, ModelUse, Numerics, Pass, Prompt, Recipe
from mezzotint.values.sampling import SamplerOptions
from mezzotint.values.source import MAX_EXTENSION, InitPicture, Mask, MaskPicture, Source
from mezzotint.values.span import Span
from mezzotint.values.tiling import Tiling

FACTS = RunFacts("0.1.0", "2.13.0", "cpu", 2, "native", "ab" * 32, 1.5)
PLAIN = Recipe(
    prompt=Prompt(text="a cat, sitting", negative="dog"),
    passes=(Pass(sampler="euler_a", spacing="karras", steps=20, guides=(Cfg(scale=7.5),)),),
    seed=42,
    width=64,
    height=96,
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60)


def guides() -> st.SearchStrategy[tuple[Guide, ...]]:
    """Guides that may stand together: none, or cfg with any others in any order."""
    share = st.floats(0, 1)
    forms = (
        st.builds(Apg, eta=share)
        | st.builds(CfgZero, still=st.integers(0, 9))
        | st.builds(PerpNeg, weight=share)
    )
    courses = st.builds(Ramp, end=st.floats(0, 100)) | st.builds(
        Scales, scales=st.tuples(st.floats(0, 100), share)
    )
    spans = st.tuples(share, share).map(sorted).map(lambda pair: Interval(start=pair[0], stop=pair[1]))
    shapes = [
        st.builds(Rescale, amount=share),
        st.builds(Threshold, percentile=share),
        st.builds(Mimic, percentile=share),
    ]
    inside = [
        st.builds(Pag, scale=share, layers=st.just(("mid", "up.1"))),
        st.builds(Seg, scale=share, blur=st.none() | st.floats(0.01, 9)),
        st.builds(SkipLayers, scale=share, layers=st.just((0, 12)), start=st.just(0.0)),
        st.builds(Sag, scale=share),
        st.builds(ImageCfg, scale=st.floats(0, 100)),
    ]
    others = [forms, courses, spans, *shapes, *inside]
    chosen = st.lists(st.sampled_from(range(len(others))), unique=True)
    behind = chosen.flatmap(lambda places: st.tuples(*[others[i] for i in places]))
    guided = st.builds(lambda first, rest: (first, *rest), st.builds(Cfg, scale=st.floats(0, 100)), behind)
    return st.just(()) | guided


def hashes() -> st.SearchStrategy[str | None]:
    """A sha256, or none."""
    return st.none() | st.text("0123456789abcdef", min_size=64, max_size=64)


def masks() -> st.SearchStrategy[Mask]:
    """Any mask, with a picture of its own or without."""
    picture = st.none() | st.builds(MaskPicture, file=TEXTS.filter(len), sha256=hashes())
    return st.builds(
        Mask,
        picture=picture,
        invert=st.sampled_from(YES_NO),
        grow=st.integers(-256, 256),
        blur=st.floats(0, 256),
        soft=st.sampled_from(YES_NO),
        fill=st.sampled_from(FILLS),
        area=st.sampled_from(AREAS),
        padding=st.integers(0, 1024),
        paste=st.sampled_from(YES_NO),
    )


def sources() -> st.SearchStrategy[Source]:
    """Anything that a first pass may start from: a picture, with or without a mask or new space."""
    common = {
        "picture": st.builds(InitPicture, file=TEXTS.filter(len), sha256=hashes()),
        "strength": st.floats(0, 1),
        "start": st.sampled_from([start for start in STARTS if start != "kept"]),
        "mask": st.none() | masks(),
        "upscaler": st.sampled_from([name for name in UPSCALERS if name not in LATENT_UPSCALERS]),
    }
    side = st.integers(0, MAX_EXTENSION)
    plain = {name: common[name] for name in ("picture", "upscaler")}
    return (
        st.builds(Source, **common, fit=st.sampled_from(FITS))
        | st.builds(Source, **common, extend=st.tuples(side, side, side, side))
        | st.builds(Source, **plain, strength=st.just(0.0), redraw=st.just("no"))
    )


def walks() -> st.SearchStrategy[tuple[Pass, ...]]:
    """One pass or several, each of which has what it starts from and goes on where the one before stopped."""
    plain = st.none() | sources()
    after = st.builds(
        Source,
        strength=st.floats(0, 1),
        start=st.sampled_from(STARTS),
        fit=st.sampled_from(FITS),
        mask=st.none() | masks(),
        upscaler=st.sampled_from(UPSCALERS),
    )
    own = st.none() | st.lists(st.builds(AdapterUse, file=TEXTS.filter(len)), max_size=2).map(tuple)
    further = st.tuples(
        passes(),
        after,
        st.floats(0.25, 8),
        st.none() | st.builds(Prompt, text=TEXTS),
        own,
        st.floats(0, 1),
        st.sampled_from(["steps", "time"]),
    )
    return st.builds(_in_turn, passes(), plain, st.lists(further, max_size=min(2, MAX_PASSES - 1)))


def _in_turn(first: Pass, source: Source | None, further: list[Any]) -> tuple[Pass, ...]:
    made = [first.model_copy(update={"source": source})]
    for use, start, scale, prompt, own, share, unit in further:
        update: dict[str, object] = {"source": start, "scale": scale, "prompt": prompt, "adapters": own}
        if start.start == "kept":
            before = Span(start=made[-1].span.start, stop=max(share, made[-1].span.start), unit=unit)
            made[-1] = made[-1].model_copy(update={"span": before})
            update["span"] = Span(start=before.stop, unit=unit)
        made.append(use.model_copy(update=update))
    return tuple(made)


def passes() -> st.SearchStrategy[Pass]:
    """Any pass that starts from noise."""
    models = st.builds(
        ModelUse,
        base=TEXTS.filter(len),
        zero_snr=st.none() | st.sampled_from(YES_NO),
        prediction=st.none() | st.sampled_from(PREDICTIONS),
        sha256=hashes(),
    )
    return st.builds(
        Pass,
        model=models,
        sampler=st.sampled_from(SAMPLERS),
        eta=st.none() | st.floats(0, 1),
        options=st.builds(
            SamplerOptions, s_noise=st.none() | st.floats(0, 2), order=st.none() | st.integers(1, 4)
        ),
        spacing=st.sampled_from(SPACINGS),
        rho=st.none() | st.floats(0.1, 20),
        shift=st.none() | st.floats(0.01, 100),
        steps=st.integers(1, 1000),
        guides=guides(),
        tiling=tilings(),
    )


def recipes(
    texts: st.SearchStrategy[str] = TEXTS, walked: st.SearchStrategy[tuple[Pass, ...]] | None = None
) -> st.SearchStrategy[Recipe]:
    """Any recipe, with prompts from `texts` and passes from `walked` (None: any)."""
    return st.builds(
        Recipe,
        noise=noises(),
        prompt=st.builds(
            Prompt,
            text=texts,
            negative=texts,
            clip_skip=st.none() | st.integers(1, 12),
            dialect=st.sampled_from(DIALECTS),
            emphasis=st.none() | st.sampled_from(EMPHASES),
            pad=st.sampled_from([None, *YES_NO]),
        ),
        passes=walks() if walked is None else walked,
        seed=st.integers(0, MAX_SEED),
        width=st.integers(1, 512).map(lambda n: 8 * n),
        height=st.integers(1, 512).map(lambda n: 8 * n),
        numerics=st.builds(Numerics, mode=st.sampled_from(NUMERICS), precision=st.sampled_from(PRECISIONS)),
    )


def tilings() -> st.SearchStrategy[Tiling]:
    """Any way to compute a picture in parts."""
    tiles = st.none() | st.integers(2, 512).map(lambda n: 8 * n)
    shares, windows = st.none() | st.floats(0, 1), st.none() | st.sampled_from(WINDOWS)
    overlaps = st.tuples(tiles, shares, windows).map(
        lambda one: Tiling(
            tile=one[0],
            overlap=None if None in one[:2] else int((one[0] / 8 - 1) * one[1]) * 8,
            window=one[2] if one[0] else None,
        )
    )
    return st.builds(
        lambda tiling, seamless, decode: tiling.model_copy(
            update={"seamless": seamless, "decode_tile": decode}
        ),
        overlaps,
        st.none() | st.sampled_from(SEAMLESS),
        st.none() | st.integers(8, 512).map(lambda n: 8 * n),
    )


def noises() -> st.SearchStrategy[NoiseUse]:
    """Any way from a seed to noise."""
    sizes = st.integers(1, 512).map(lambda n: 8 * n)
    ways = st.builds(
        NoiseUse,
        kind=st.sampled_from(NOISES),
        index=st.integers(0, 3),
        batch=st.sampled_from([1, 4, 1024]),
        ensd=st.integers(-(2**31), 2**31),
        variation_seed=st.integers(0, MAX_SEED),
        variation_strength=st.floats(0, 1),
        resize_from=st.none() | st.builds("{}x{}".format, sizes, sizes),
    )
    gpus = st.none() | st.sampled_from([*GPUS, "46x1536", "1x256"])
    return st.builds(
        lambda way, gpu: way.model_copy(update={"gpu": gpu if way.kind != "cpu" else None}), ways, gpus
    )
