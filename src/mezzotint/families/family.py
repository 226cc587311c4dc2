"""What a family is: the geometry of its networks, its path, its text encoder's layer, and its defaults.

Takes nothing; gives frozen data (`Family`) and the opened parts (`Model`). The only nouns that join networks, text,
diffusion and weights. Knows no file and no device.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from mezzotint.diffusion.path import Diffused, scaled_linear
from mezzotint.diffusion.prediction import Prediction
from mezzotint.nets.autoencoder import Autoencoder, AutoencoderGeometry
from mezzotint.nets.clip import ClipGeometry, ClipText
from mezzotint.nets.unet import UNet, UNetGeometry
from mezzotint.text.clip import ClipTokenizer
from mezzotint.text.vocabulary import Vocabulary
from mezzotint.values.errors import BadValue


@dataclass(frozen=True)
class Betas:
    """The noise schedule of training: square roots evenly spaced from `first` to `last` over `count` times."""

    first: float = 0.00085
    last: float = 0.012
    count: int = 1000


@dataclass(frozen=True)
class Defaults:
    """What a recipe takes where the user says nothing; sizes in pixels, `clip_skip` None is the family's layer."""

    width: int
    height: int
    steps: int
    guidance: float
    sampler: str
    spacing: str
    clip_skip: int | None = None


@dataclass(frozen=True)
class Latent:
    """`channels` of a latent, pixels per latent pixel (`factor`), and the `scale` that gives it unit variance."""

    channels: int
    factor: int
    scale: float


@dataclass(frozen=True)
class Family:
    """One family, or one model's variant of it: a file with other widths is `dataclasses.replace` of its family.

    `vocabulary` reads the tokens of the text encoder, `pad` is the id that fills a text up to its length.
    `skip` text layers are left out at the end where the recipe does not say; the last `absent` layers that the family
    was trained with are not in the weights (diffusers folders of SD 2 leave out the one that is never read).
    `head_width` channels make a head of the UNet where shapes alone do not tell; None: every level has the same count.
    `prediction` None: files of this family come in both kinds and one has to be decided for each; `sides` are the
    default width and height by the name of the prediction, where they differ.
    """

    name: str
    title: str
    unet: UNetGeometry
    autoencoder: AutoencoderGeometry
    text: ClipGeometry
    vocabulary: Callable[[], Vocabulary]
    pad: int
    skip: int
    betas: Betas
    prediction: Prediction | None
    latent: Latent
    defaults: Defaults
    head_width: int | None = None
    absent: int = 0
    sides: Mapping[str, int] = field(default_factory=dict[str, int])

    @cached_property
    def path(self) -> Diffused:
        """The path from a picture to noise that the family was trained on."""
        return Diffused(scaled_linear(self.betas.first, self.betas.last, self.betas.count))

    def tokenizer(self) -> ClipTokenizer:
        """The tokenizer of the text encoder; reads the vocabulary."""
        vocab, merges = self.vocabulary()
        return ClipTokenizer.from_files(vocab, merges, self.pad, self.text.length)

    def skipped(self, clip_skip: int | None) -> int:
        """How many text layers to leave out for a recipe's `clip_skip`. Raises BadValue: no such layer here."""
        if clip_skip is None:
            return self.skip
        first, last = 1 + self.absent, self.text.layers + self.absent
        if not first <= clip_skip <= last:
            raise BadValue(
                "clip_skip",
                f"the text encoder of this model has no layer {clip_skip}",
                f"use {first} to {last}",
            )
        return clip_skip - 1 - self.absent


@dataclass
class Model:
    """An opened model: plain modules in evaluation mode, float32, on the CPU when fresh.

    `prediction` is what was decided for this one; `digest` is the sha256 of its weights under our names, in the types
    they were stored in: the same in every layout.
    """

    family: Family
    unet: UNet
    autoencoder: Autoencoder
    text: ClipText
    tokenizer: ClipTokenizer
    prediction: Prediction
    digest: str
