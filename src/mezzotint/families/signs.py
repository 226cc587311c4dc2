"""Which family a model belongs to, from the few things that its names and shapes say, and what says so.

Takes a `Sign` of a checkpoint and compares it with the signs of all families, which their own data gives. What differs
in nothing but defaults is told by the small files and the metadata. Knows no layout and no sizes.
"""

from dataclasses import dataclass

from mezzotint.families.checkpoint import FOLDER, Checkpoint
from mezzotint.families.configs import SCHEDULER
from mezzotint.families.family import Family
from mezzotint.families.sd1 import SD1, SD1_INPAINTING, SD1_PIX2PIX
from mezzotint.families.sd2 import SD2, SD2_DEPTH, SD2_INPAINTING, SD2_UNCLIP
from mezzotint.families.sdxl import SDXL, SDXL_INPAINTING, SDXL_REFINER, SDXL_TURBO
from mezzotint.families.upscaler import X4_UPSCALER
from mezzotint.values.errors import BadModelFile

FILED = (
    *(SD1, SD1_INPAINTING, SD1_PIX2PIX),
    *(SD2, SD2_INPAINTING, SD2_DEPTH, SD2_UNCLIP),
    *(SDXL, SDXL_INPAINTING, SDXL_REFINER, X4_UPSCALER),
)
"""The families of files that names and shapes tell apart."""


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
class Signed:
    """A family and, in words, what decided it."""

    family: Family
    by: str


def sign_of(family: Family) -> Sign:
    """The sign of the models of a family."""
    unet = family.unet
    return Sign(
        texts=frozenset(part.name for part in family.texts),
        later=unet.linear_projection,
        extra=unet.in_channels - unet.out_channels,
        added=unet.added is not None,
        classes=bool(unet.classes),
    )


def signed(sign: Sign, checkpoint: Checkpoint) -> Signed:
    """The family of this sign. Raises BadModelFile when there is none."""
    found = next((family for family in FILED if sign_of(family) == sign), None)
    if found is None:
        raise BadModelFile(
            checkpoint.path,
            f"is none of the families known here, going by {sign.says()}",
            hint="use a model as it was published; mezzotint models lists the families",
        )
    distilled = _distilled(checkpoint) if found is SDXL else None
    return Signed(SDXL_TURBO, distilled) if distilled else Signed(found, sign.says())


def _distilled(checkpoint: Checkpoint) -> str | None:
    """What says that this SDXL is turbo, if anything does."""
    for name in ("modelspec.architecture", "modelspec.title"):
        if "turbo" in checkpoint.source.metadata.get(name, "").lower():
            return f"the file's metadata ({name})"
    scheduler = checkpoint.config(SCHEDULER)
    stochastic = scheduler.get("_class_name") == "EulerAncestralDiscreteScheduler"
    if checkpoint.layout == FOLDER and stochastic and scheduler.get("timestep_spacing") == "trailing":
        return SCHEDULER
    return None
