"""Which family a model belongs to, from the few things that its names and shapes say, and what says so.

Takes a `Sign` of a checkpoint and compares it with the signs of all families, which their own data gives. What differs
in nothing but defaults is told by the small files and the metadata. Knows no layout and no sizes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from mezzotint.families.checkpoint import FOLDER, Checkpoint
from mezzotint.families.configs import SCHEDULER
from mezzotint.families.family import Family
from mezzotint.families.sd1 import SD1, SD1_INPAINTING, SD1_PIX2PIX
from mezzotint.families.sd2 import SD2, SD2_DEPTH, SD2_INPAINTING, SD2_UNCLIP
from mezzotint.families.sd3 import SD3_MEDIUM, SD35_LARGE, SD35_LARGE_TURBO, SD35_MEDIUM
from mezzotint.families.sdxl import SDXL, SDXL_INPAINTING, SDXL_REFINER, SDXL_TURBO
from mezzotint.families.upscaler import X4_UPSCALER
from mezzotint.nets.mmdit import MMDiTGeometry
from mezzotint.values.errors import BadModelFile

FILED = (
    *(SD1, SD1_INPAINTING, SD1_PIX2PIX),
    *(SD2, SD2_INPAINTING, SD2_DEPTH, SD2_UNCLIP),
    *(SDXL, SDXL_INPAINTING, SDXL_REFINER, X4_UPSCALER),
    *(SD3_MEDIUM, SD35_MEDIUM, SD35_LARGE),
)
"""The families of files that names and shapes tell apart."""

DISTILLED: Mapping[str, Family] = MappingProxyType({SDXL.name: SDXL_TURBO, SD35_LARGE.name: SD35_LARGE_TURBO})
"""The turbo of a family, which its names and shapes do not tell."""


@dataclass(frozen=True)
class Sign:
    """What tells families apart: the text encoders; the projections and encoder of SD 2 and `later`; channels
    `extra` to the latent; an embedding `added` to the time; a table of `classes`."""

    texts: frozenset[str]
    later: bool
    extra: int
    added: bool
    classes: bool

    def says(self) -> str:
        """The same in words."""
        if len(self.texts) > 1:
            text = "the two text encoders"
        elif self.texts == frozenset({"text_g"}):
            text = "the one text encoder, with a pooled text added to the time"
        elif "text_l" in self.texts:
            text = "one of two text encoders"
        elif self.later:
            text = "the names of the text encoder (OpenCLIP) or the projections in the UNet (Linear)"
        else:
            text = "the projections in the UNet (convolutions)"
        added = self.added and self.texts == frozenset({"text"})
        more = (
            f"{self.extra} channel{'s' * (self.extra > 1)} beside the latent" if self.extra else "",
            "an embedding added to the time" if added else "",
            "a table of classes" if self.classes else "",
        )
        return ", ".join(part for part in (text, *more) if part)


@dataclass(frozen=True)
class Joint:
    """What tells the transformers of SD 3 apart: norms of queries and keys, and a second attention in some blocks."""

    normed: bool
    dual: bool

    def says(self) -> str:
        """The same in words."""
        if not self.normed:
            return "the transformer, without norms of its queries and keys"
        more = "with" if self.dual else "without"
        return f"the transformer with norms of its queries and keys, {more} a second attention in its blocks"


@dataclass(frozen=True)
class Signed:
    """A family and, in words, what decided it."""

    family: Family
    by: str


def sign_of(family: Family) -> Sign | Joint:
    """The sign of the models of a family."""
    if isinstance(family.denoiser, MMDiTGeometry):
        return Joint(family.denoiser.qk_norm, family.denoiser.dual > 0)
    unet = family.denoiser
    return Sign(
        texts=frozenset(part.name for part in family.texts),
        later=unet.linear_projection,
        extra=unet.in_channels - unet.out_channels,
        added=unet.added is not None,
        classes=bool(unet.classes),
    )


def signed(sign: Sign | Joint, checkpoint: Checkpoint) -> Signed:
    """The family of this sign. Raises BadModelFile when there is none."""
    found = next((family for family in FILED if sign_of(family) == sign), None)
    if found is None:
        raise BadModelFile(
            checkpoint.path,
            f"is none of the families known here, going by {sign.says()}",
            hint="use a model as it was published; mezzotint models lists the families",
        )
    faster = DISTILLED.get(found.name)
    by = _distilled(checkpoint) if faster else None
    return Signed(faster, by) if faster and by else Signed(found, sign.says())


def _distilled(checkpoint: Checkpoint) -> str | None:
    """What says that this model is turbo, if anything does."""
    for name in ("modelspec.architecture", "modelspec.title"):
        if "turbo" in checkpoint.source.metadata.get(name, "").lower():
            return f"the file's metadata ({name})"
    scheduler = checkpoint.config(SCHEDULER)
    stochastic = scheduler.get("_class_name") == "EulerAncestralDiscreteScheduler"
    if checkpoint.layout == FOLDER and stochastic and scheduler.get("timestep_spacing") == "trailing":
        return SCHEDULER
    return None
