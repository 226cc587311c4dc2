"""The guides of a recipe: what may steer a pass, with its settings, and which of them fit together.

Takes plain values or JSON, gives frozen objects. Guides work in their order; some only change how `cfg` works. Knows
no model and no tensor.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal, cast

from pydantic import AfterValidator, Discriminator, Field, StringConstraints, Tag

from mezzotint.values.errors import BadValue, UnknownName, shorten
from mezzotint.values.value import LISTED, POSITIVE_ZERO, Value, option

MAX_GUIDES = 32
Share = Annotated[float, POSITIVE_ZERO, Field(ge=0, le=1)]
"""A share of a whole: of the steps of a pass, or of an effect."""
Strength = Annotated[float, POSITIVE_ZERO, Field(ge=0, le=100)]


class Cfg(Value):
    """Classifier-free guidance (Ho and Salimans 2022): clean = negative + scale * (positive - negative)."""

    kind: Literal["cfg"] = "cfg"
    scale: Annotated[
        float,
        POSITIVE_ZERO,
        option("guidance", "how strongly to follow the prompt (1 switches guidance off)", least=0, most=100),
    ]


class Ramp(Value):
    """Changes the scale of cfg on the way: from its own in the first step to `end` in the last."""

    kind: Literal["ramp"] = "ramp"
    end: Strength
    form: Literal["linear", "cosine"] = "linear"


class Scales(Value):
    """The scale of cfg step by step, instead of one for all; fewer than there are steps hold for equal parts."""

    kind: Literal["scales"] = "scales"
    scales: Annotated[tuple[Strength, ...], LISTED, Field(min_length=1, max_length=1000)]


class Interval(Value):
    """Uses cfg only from `start` to `stop` (Kynkaanniemi et al. 2024): shares of the steps, or values of sigma.

    Elsewhere the negative prompt is not computed at all.
    """

    kind: Literal["interval"] = "interval"
    start: Annotated[float, POSITIVE_ZERO, Field(ge=0, le=1000)]
    stop: Annotated[float, POSITIVE_ZERO, Field(ge=0, le=1000)]
    unit: Literal["steps", "sigma"] = "steps"


class Apg(Value):
    """Makes cfg adaptive projected guidance (Sadat et al. 2024): high scales without glaring colours.

    `eta` is how much of the part stays that lies along the positive answer, `norm` the most that a difference may
    measure (0: any), `momentum` the share of the differences of earlier steps.
    """

    kind: Literal["apg"] = "apg"
    eta: Share = 0.0
    norm: Annotated[float, POSITIVE_ZERO, Field(ge=0, le=10000)] = 15.0
    momentum: Annotated[float, POSITIVE_ZERO, Field(ge=-1, le=1)] = -0.5


class CfgZero(Value):
    """Makes cfg CFG-Zero* (Fan et al. 2025): a fitted negative answer, and `still` first steps that stay where
    they are."""

    kind: Literal["cfg-zero"] = "cfg-zero"
    still: Annotated[int, Field(ge=0, le=1000)] = 1


class PerpNeg(Value):
    """Makes cfg Perp-Neg (Armandpour et al. 2023): the negative prompt takes nothing from the prompt."""

    kind: Literal["perp-neg"] = "perp-neg"
    weight: Strength = 1.0


LayerName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(\.[a-z0-9]+)*$", max_length=100)]
Layers = Annotated[tuple[LayerName, ...], LISTED, Field(max_length=1000)]
"""Parts of a network by the beginning of their names ("mid", "up.1", "blocks.12"); none: its middle."""


class Pag(Value):
    """Perturbed-attention guidance (Ahn et al. 2024): away from a picture whose pixels look at themselves alone.

    Needs no cfg; costs one more call of the network in the steps from `start` to `stop`, as `seg` and `skip-layers` do.
    """

    kind: Literal["pag"] = "pag"
    scale: Strength = 3.0
    layers: Layers = ()
    start: Share = 0.0
    stop: Share = 1.0


class Seg(Value):
    """Smoothed energy guidance (Hong 2024): away from a picture made with blurred queries; `blur` in pixels of the
    layer, None without end."""

    kind: Literal["seg"] = "seg"
    scale: Strength = 3.0
    blur: Annotated[float | None, Field(ge=0.01, le=1000)] = None
    layers: Layers = ()
    start: Share = 0.0
    stop: Share = 1.0


class SkipLayers(Value):
    """Skip-layer guidance (SD 3.5 medium's reference, whose settings are the defaults): away from the picture that
    comes of leaving blocks out."""

    kind: Literal["skip-layers"] = "skip-layers"
    scale: Strength = 2.5
    layers: Annotated[
        tuple[Annotated[int, Field(ge=0, le=1000)], ...], LISTED, Field(min_length=1, max_length=1000)
    ] = (7, 8, 9)
    start: Share = 0.01
    stop: Share = 0.2


class Sag(Value):
    """Self-attention guidance (Hong et al. 2023): away from the answer to a picture blurred where the network looks."""

    kind: Literal["sag"] = "sag"
    scale: Strength = 0.75
    blur: Annotated[float, Field(ge=0.01, le=100)] = 1.0


class ImageCfg(Value):
    """Guidance by the picture that a model is shown, beside that by the text (Brooks et al. 2023, instruct-pix2pix)."""

    kind: Literal["image-cfg"] = "image-cfg"
    scale: Strength = 1.5


class Rescale(Value):
    """Gives the guided answer the contrast of the unguided one (Lin et al. 2023), as far as `amount`."""

    kind: Literal["rescale"] = "rescale"
    amount: Share = 0.7


class Threshold(Value):
    """Dynamic thresholding (Saharia et al. 2022, Imagen): clips at a percentile, and scales back to `limit`."""

    kind: Literal["threshold"] = "threshold"
    percentile: Share = 0.995
    limit: Annotated[float, Field(ge=0.01, le=1000)] = 1.0


class Mimic(Value):
    """Gives the guided answer the amplitudes of another scale (sd-dynamic-thresholding, "CFG scale fix")."""

    kind: Literal["mimic"] = "mimic"
    scale: Strength = 7.0
    percentile: Share = 1.0


KINDS: Mapping[str, type[Value]] = MappingProxyType(
    {
        kind.model_fields["kind"].default: kind
        for kind in (
            Cfg,
            Ramp,
            Scales,
            Interval,
            Apg,
            CfgZero,
            PerpNeg,
            Pag,
            Seg,
            SkipLayers,
            Sag,
            ImageCfg,
            Rescale,
            Threshold,
            Mimic,
        )
    }
)
"""The guides by the name of their kind."""


def _kind_of(given: Any) -> str:
    # What says nothing is a cfg: there was no other when version 1 of the recipe was written.
    if isinstance(given, Value):
        return str(dict(given)["kind"])
    kind = cast(dict[str, object], given).get("kind", "cfg") if isinstance(given, dict) else "cfg"
    if not isinstance(kind, str) or kind not in KINDS:
        raise UnknownName("guide", kind if isinstance(kind, str) else shorten(kind), KINDS)
    return kind


Guide = Annotated[
    Annotated[Cfg, Tag("cfg")]
    | Annotated[Ramp, Tag("ramp")]
    | Annotated[Scales, Tag("scales")]
    | Annotated[Interval, Tag("interval")]
    | Annotated[Apg, Tag("apg")]
    | Annotated[CfgZero, Tag("cfg-zero")]
    | Annotated[PerpNeg, Tag("perp-neg")]
    | Annotated[Pag, Tag("pag")]
    | Annotated[Seg, Tag("seg")]
    | Annotated[SkipLayers, Tag("skip-layers")]
    | Annotated[Sag, Tag("sag")]
    | Annotated[ImageCfg, Tag("image-cfg")]
    | Annotated[Rescale, Tag("rescale")]
    | Annotated[Threshold, Tag("threshold")]
    | Annotated[Mimic, Tag("mimic")],
    Discriminator(_kind_of),
]
"""What steers a pass."""

FORMS = ("apg", "cfg-zero", "perp-neg")
"""Other forms of cfg: at most one of them."""
COURSES = ("ramp", "scales")
"""Other courses of its scale: at most one of them."""
SHAPES = ("rescale", "threshold", "mimic")
"""What works on the outcome of the guides before it."""
_OF_CFG = (*FORMS, *COURSES, "interval", "mimic")


def _together(guides: tuple[Guide, ...]) -> tuple[Guide, ...]:
    """`guides`, when they fit together. Raises BadValue."""
    kinds = [guide.kind for guide in guides]
    for kind in kinds:
        if kinds.count(kind) > 1:
            raise BadValue("guides", f"there are two of the kind {kind}", "keep one of them")
    for group, what in ((FORMS, "forms of cfg"), (COURSES, "courses of its scale")):
        found = [kind for kind in kinds if kind in group]
        if len(found) > 1:
            raise BadValue("guides", f"{' and '.join(found)} are two {what}", "keep one of them")
    for kind in kinds:
        if kind in _OF_CFG and "cfg" not in kinds:
            raise BadValue("guides", f"{kind} changes cfg, and there is none", "give a guidance scale, too")
    for at, kind in enumerate(kinds):
        if kind in SHAPES and not set(kinds[:at]) - set(SHAPES) - set(_OF_CFG):
            raise BadValue(
                "guides", f"{kind} works on the guides before it, and there is none", "put it last"
            )
    for guide in guides:
        if isinstance(guide, Pag | Seg | SkipLayers):
            _ordered(guide.kind, guide.start, guide.stop, 1.0)
        if isinstance(guide, Interval):
            _ordered(guide.kind, guide.start, guide.stop, 1.0 if guide.unit == "steps" else 1000.0)
    return guides


def _ordered(kind: str, start: float, stop: float, most: float) -> None:
    if start > stop:
        raise BadValue("guides", f"{kind} starts at {start} and stops at {stop}", "put the smaller one first")
    if stop > most:
        raise BadValue("guides", f"{kind} stops at {stop} of all steps", "use shares of the steps, 0 to 1")


Guides = Annotated[tuple[Guide, ...], LISTED, Field(max_length=MAX_GUIDES), AfterValidator(_together)]
"""The guides of a pass, in the order in which they work."""
