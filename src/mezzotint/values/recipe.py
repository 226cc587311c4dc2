"""The Recipe: the one complete description of one picture.

Takes plain values or JSON, gives frozen objects that are equal, hash equal and print equal JSON exactly when their
fields are equal. Every limit a user meets is written here once; options, metadata and servers are made from these
fields. Knows no model, no file and no tensor.
"""

import hashlib
import json
from itertools import pairwise
from typing import Annotated, Any, Literal, NoReturn, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    StringConstraints,
    model_validator,
)

from mezzotint.values.controls import Controls, ImagePrompts
from mezzotint.values.errors import BadValue, shorten
from mezzotint.values.guides import Guides
from mezzotint.values.names import (
    DIALECTS,
    EMPHASES,
    NUMERICS,
    PRECISIONS,
    PREDICTIONS,
    SAMPLERS,
    SPACINGS,
    YES_NO,
)
from mezzotint.values.noise import MAX_SEED, NoiseUse, Seed, kind_alone
from mezzotint.values.region import MAX_REGIONS, Region
from mezzotint.values.sampler_names import sampler_called, spacing_called
from mezzotint.values.sampling import SamplerOptions, falling
from mezzotint.values.source import Source
from mezzotint.values.span import Span
from mezzotint.values.tiling import Tiling
from mezzotint.values.value import LISTED, POSITIVE_ZERO, Value, apart, one_of, option, plain_text

VERSION = 1
"""The version of the recipe format that this program writes and reads."""
MAX_SIDE = 4096
"""The longest side of a drawing, in pixels."""
MAX_PROMPT = 32768
"""The longest prompt, in characters."""
MAX_ADAPTERS = 32
MAX_PARTS = 8
MAX_PASSES = 8
MAX_JSON = 2**20
"""The longest JSON text that is read, in characters: two full prompts with every character escaped fit."""

SamplerName = Annotated[str, one_of("sampler", SAMPLERS, sampler_called)]
SpacingName = Annotated[str, one_of("spacing", SPACINGS, spacing_called)]
PredictionName = Annotated[str, one_of("prediction", PREDICTIONS)]
YesNo = Annotated[str, one_of("zero_snr", YES_NO)]
NumericsName = Annotated[str, one_of("numerics", NUMERICS)]
PrecisionName = Annotated[str, one_of("precision", PRECISIONS)]
DialectName = Annotated[str, one_of("dialect", DIALECTS)]
EmphasisName = Annotated[str, one_of("emphasis", EMPHASES)]
PadName = Annotated[str, one_of("pad", YES_NO)]
PromptText = Annotated[str, StringConstraints(max_length=MAX_PROMPT)]


class Prompt(Value):
    """What to draw, what to avoid, and the layer of the text encoder that is read (None: the family's own).

    `dialect` is the language of both texts, in which `plain` gives no sign a meaning; `emphasis` is what its weights do
    (None: what they do in the program that the dialect comes from). `pad` is whether the shorter of both is filled up
    with empty chunks (None: as that program does by default). `source` is what was written, where chance or a style
    made `text` of it; it changes no picture. `regions` are parts of the picture with texts of their own.
    """

    text: Annotated[PromptText, plain_text("prompt"), option("prompt", "what to draw")]
    negative: Annotated[
        PromptText, plain_text("negative"), option("negative", "what to keep out of the picture")
    ] = ""
    clip_skip: Annotated[
        int | None,
        option(
            "clip_skip", "text encoder layer to read, counted from its end (1 is the last)", least=1, most=12
        ),
    ] = None
    dialect: Annotated[
        DialectName, option("dialect", "language of the prompts, what brackets mean", names=DIALECTS)
    ] = "plain"
    emphasis: Annotated[
        EmphasisName | None, option("emphasis", "what weights in a prompt do", names=EMPHASES)
    ] = None
    pad: Annotated[
        PadName | None,
        option("pad", "whether the shorter of prompt and negative is filled with empty chunks", names=YES_NO),
    ] = None
    source: Annotated[PromptText, plain_text("source")] | None = None
    regions: Annotated[tuple[Region, ...], LISTED, Field(max_length=MAX_REGIONS)] = ()


class PartUse(Value):
    """A file, or a folder of diffusers, that holds one part of a model: its autoencoder, or one of its text encoders.
    What is in it says which."""

    file: Annotated[str, StringConstraints(min_length=1, max_length=4096), plain_text("part")]


class ModelUse(Value):
    """Which model draws. `parts` are used instead of the model's own, or make it whole; `prediction` and `zero_snr`
    settle what a file cannot tell; `sha256`, that of all weights together, is verified when given."""

    base: Annotated[
        str,
        StringConstraints(min_length=1, max_length=4096),
        plain_text("model"),
        option("model", "model to draw with: a built-in name, a file or a folder"),
    ] = "mini"
    prediction: Annotated[
        PredictionName | None,
        option(
            "prediction", "what the model was taught to predict, if its file cannot tell", names=PREDICTIONS
        ),
    ] = None
    zero_snr: Annotated[
        YesNo | None,
        option(
            "zero_snr",
            "whether the model was trained up to pure noise, if its file cannot tell",
            names=YES_NO,
        ),
    ] = None
    sha256: Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")] | None = None
    parts: Annotated[tuple[PartUse, ...], LISTED, Field(max_length=MAX_PARTS)] = ()


Strength = Annotated[float, POSITIVE_ZERO, Field(ge=-100, le=100)]


class AdapterUse(Value):
    """A file that changes the model's weights (a LoRA or its kin) and how strongly; 1 is as it was trained.

    `text_weight` is for the text encoders, where it is not the same (None). `sha256` is that of the file, verified when
    given.
    """

    file: Annotated[str, StringConstraints(min_length=1, max_length=4096), plain_text("lora")]
    weight: Strength = 1.0
    text_weight: Strength | None = None
    sha256: Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")] | None = None


Adapters = Annotated[tuple[AdapterUse, ...], LISTED, Field(max_length=MAX_ADAPTERS)]


def _a_name(text: str) -> str:
    if text != text.strip() or not text.isprintable():
        hint = "give a name without spaces around it, as in NAME=FILE"
        raise BadValue("embedding", f"'{shorten(text)}' is no name to use in a prompt", hint)
    return text


class InversionUse(Value):
    """A file of a textual inversion, and the `name` that stands for its vectors in prompts.

    `sha256` is that of the file, verified when given.
    """

    file: Annotated[str, StringConstraints(min_length=1, max_length=4096), plain_text("embedding")]
    name: Annotated[
        str,
        StringConstraints(min_length=1, max_length=200),
        AfterValidator(_a_name),
    ]
    sha256: Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")] | None = None


def _told_apart(uses: tuple[InversionUse, ...]) -> tuple[InversionUse, ...]:
    names = [use.name.casefold() for use in uses]
    twin = next((use.name for use in uses if names.count(use.name.casefold()) > 1), None)
    if twin is not None:
        raise BadValue("embedding", f"two files answer to {shorten(twin)}", "give one of them another name")
    return uses


class Pass(Value):
    """One walk from noise to a clean latent. What is None is the sampler's, the spacing's or the model's own.

    `sigmas`, one for each step, take the place of the spacing. `source` is what it starts from (None: noise), `scale`
    how many times larger it draws than the pass before, `span` the part of the way that it walks. `prompt` None is the
    recipe's; `adapters` None are the recipe's where the model is that of the first pass, and none elsewhere.
    `controls` and `image_prompts` are what the model follows besides the prompt.
    """

    model: ModelUse = Field(default_factory=ModelUse)
    source: Source | None = None
    scale: Annotated[float, Field(ge=0.25, le=8)] = 1.0
    span: Span = Field(default_factory=Span)
    prompt: Prompt | None = apart()
    adapters: Adapters | None = None
    sampler: Annotated[SamplerName, option("sampler", "how the noise is removed", names=SAMPLERS)]
    eta: Annotated[
        float | None,
        option("eta", "fresh noise per step, for samplers that use it (0 is none)", least=0, most=1),
    ] = None
    options: SamplerOptions = Field(default_factory=SamplerOptions)
    spacing: Annotated[SpacingName, option("spacing", "how the noise levels are spread", names=SPACINGS)]
    rho: Annotated[
        float | None,
        option("rho", "how much denser at small levels, for karras and polyexponential", least=0.1, most=20),
    ] = None
    shift: Annotated[
        float | None,
        option("shift", "how far levels move to noise, for models of flow matching", least=0.01, most=100),
    ] = None
    sigmas: Annotated[
        tuple[float, ...] | None,
        LISTED,
        AfterValidator(falling),
        option("sigmas", "the noise levels themselves, falling, without the final 0"),
    ] = None
    steps: Annotated[int, option("steps", "number of denoising steps", least=1, most=1000)]
    guides: Guides = ()
    controls: Controls = ()
    image_prompts: ImagePrompts = ()
    tiling: Tiling = Field(default_factory=Tiling)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.sigmas is not None and self.steps != len(self.sigmas):
            told = f"is {self.steps}, but there are {len(self.sigmas)} sigmas"
            raise BadValue("steps", told, "leave it out or give as many")
        if self.span.start and (self.source is None or self.source.start != "kept"):
            told = "only a pass that goes on where another one stopped begins in the middle"
            raise BadValue("span", told, "use a strength below 1")
        if self.source is None and any(use.picture is None for use in self.controls):
            hint = "write image=FILE behind the control, or start from a picture with --image"
            raise BadValue("control", "there is no picture to follow", hint)
        return self

    @property
    def draws(self) -> bool:
        """Whether it draws; else it fits and enlarges its picture."""
        return self.source is None or self.source.redrawn


def _in_turn(passes: tuple[Pass, ...]) -> tuple[Pass, ...]:
    """`passes`, when each has what it starts from. Raises BadValue."""
    first = passes[0]
    if first.source is not None and first.source.picture is None:
        said = ", ".join(first.source.stated())
        told = "is missing, and something was said about it" + (f": {said}" if said else "")
        raise BadValue("image", told, "give a picture with --image")
    if first.scale != 1:
        raise BadValue("scale", "the first pass has no other to be larger than", "set width and height")
    for before, after in pairwise(passes):
        if after.source is None:
            raise BadValue("source", "is missing", "say what the pass does with what the one before drew")
        if before.span.stop < 1 and after.source.start != "kept":
            raise BadValue(
                "span", "a pass stops before the picture is clean", "let the next one go on: start=kept"
            )
    if passes[-1].span.stop < 1:
        raise BadValue("span", "the last pass stops before the picture is clean", "let it go on to 1")
    return passes


class Numerics(Value):
    """How exactly to compute. `exact` gives equal bits in any batch; `fast` may differ in the last bits."""

    mode: Annotated[
        NumericsName,
        option("numerics", "exact: same bits in every batch; fast: whole batches at once", names=NUMERICS),
    ] = "exact"
    precision: Annotated[
        PrecisionName, option("precision", "number format of the networks", names=PRECISIONS)
    ] = "float32"


def _known_version(given: Any) -> Any:
    if type(given) is int and given != VERSION:
        hint = "use a newer version of mezzotint" if given > VERSION else f"use {VERSION}"
        raise BadValue("version", f"recipe format {shorten(given)} is not known here", hint)
    if type(given) is not int:
        raise BadValue("version", f"must be the number {VERSION}, not {shorten(given)}", f"use {VERSION}")
    return given


class Recipe(Value):
    """One picture, completely: two equal recipes on one machine give one picture.

    `adapters` are merged into the model in their order; `inversions` are words that the prompts may hold. `width` and
    `height` are in pixels.
    `noise` says how the seed becomes noise.
    """

    version: Annotated[Literal[1], BeforeValidator(_known_version)] = VERSION
    prompt: Prompt
    passes: Annotated[
        tuple[Pass, ...], LISTED, Field(min_length=1, max_length=MAX_PASSES), AfterValidator(_in_turn)
    ]
    adapters: Adapters = ()
    inversions: Annotated[
        tuple[InversionUse, ...], LISTED, Field(max_length=MAX_ADAPTERS), AfterValidator(_told_apart)
    ] = ()
    seed: Annotated[Seed, option("seed", "number that decides the starting noise", least=0, most=MAX_SEED)]
    noise: Annotated[NoiseUse, BeforeValidator(kind_alone)] = Field(default_factory=NoiseUse)
    width: Annotated[int, option("width", "width in pixels", least=8, most=MAX_SIDE, multiple=8)]
    height: Annotated[int, option("height", "height in pixels", least=8, most=MAX_SIDE, multiple=8)]
    numerics: Numerics = Field(default_factory=Numerics)

    def following(self, count: int) -> Self:
        """The recipe `count` places further in a series: seeds count up, of variations those that are mixed in."""
        if self.noise.variation_strength:
            number = self.noise.variation_seed + count
            return self.model_copy(update={"noise": self.noise.model_copy(update={"variation_seed": number})})
        return self.model_copy(update={"seed": self.seed + count})

    def to_json(self) -> str:
        """Canonical JSON: sorted keys, no spaces, every field present; seeds above 2^53 - 1 as decimal text."""
        data = self.model_dump(mode="json")
        return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The recipe that `text` describes. Raises `BadValue` or `UnknownName`, both naming the field."""
        return cls.model_validate(parse_json(text))

    def digest(self) -> str:
        """The recipe's name for caches and tests: the sha256, in hexadecimal, of what it says.

        That is its canonical JSON without what is left at its default, so the name stays when recipes get new fields.
        """
        text = json.dumps(self.stated(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()


def parse_json(text: str) -> object:
    """The content of `text`. Raises `BadValue` if it is no JSON, too long or deep, or has NaN or a key twice."""
    if len(text) > MAX_JSON:
        raise BadValue(
            "recipe", f"has {len(text)} characters of JSON, at most {MAX_JSON} are read", "shorten it"
        )
    try:
        return json.loads(text, object_pairs_hook=_no_twins, parse_constant=_no_constant)
    except RecursionError:
        raise _no_json("too deeply nested") from None
    except ValueError as error:
        raise _no_json(str(error)) from None


def _no_json(reason: str) -> BadValue:
    return BadValue("recipe", f"is not valid JSON ({shorten(reason, 100)})", "check the text or the file")


def _no_twins(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twin = next(name for name in found if names.count(name) > 1)
        raise BadValue("recipe", f"has the key '{shorten(twin)}' twice", "keep one of them")
    return found


def _no_constant(name: str) -> NoReturn:
    raise BadValue("recipe", f"holds {name}, which is not a finite number", "use a finite number")
