"""What a family is: the geometry of its networks, its path, how texts steer it, and its defaults.

Takes nothing; gives frozen data (`Family`) and the opened parts (`Model`). The only nouns that join networks, text,
diffusion and weights. Knows no file and no device.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType

import torch
from torch import Tensor, nn

from mezzotint.diffusion.path import Path
from mezzotint.diffusion.prediction import Prediction
from mezzotint.families.conditions import Asked, Condition, plain
from mezzotint.families.look import Levels, Look, nothing
from mezzotint.families.schedules import Betas, Shift
from mezzotint.families.t5_part import T5Encoder, T5Part
from mezzotint.families.taught import NO_WORDS, TaughtWords, Words
from mezzotint.families.wording import Reading, Wording, lengthened
from mezzotint.nets.augmentor import AugmentorGeometry
from mezzotint.nets.autoencoder import Autoencoder, AutoencoderGeometry
from mezzotint.nets.clip import ClipGeometry, ClipText, TextStates
from mezzotint.nets.conditioning import Conditioning
from mezzotint.nets.depth import DepthGeometry
from mezzotint.nets.mmdit import MMDiT, MMDiTGeometry
from mezzotint.nets.unet import UNet, UNetGeometry
from mezzotint.nets.vision import VisionGeometry
from mezzotint.text.chunks import Chunk, Cutting
from mezzotint.text.chunks import chunks as cut_into
from mezzotint.text.clip import ClipTokenizer, as_clip
from mezzotint.text.prompt import Passage
from mezzotint.text.taught import NOTHING, Ids
from mezzotint.text.vocabulary import Vocabulary
from mezzotint.values.errors import BadValue


@dataclass(frozen=True)
class Defaults:
    """What a recipe takes where the user says nothing; sizes in pixels, `clip_skip` None is the family's layer,
    `picture` the scale of guidance by the picture that is shown (None: there is no such guidance)."""

    width: int
    height: int
    steps: int
    guidance: float
    sampler: str
    spacing: str
    clip_skip: int | None = None
    picture: float | None = None


@dataclass(frozen=True)
class Latent:
    """`channels` of a latent, pixels per latent pixel (`factor`), and the `shift` that gives it a mean of zero and
    then the `scale` that gives it unit variance."""

    channels: int
    factor: int
    scale: float
    shift: float = 0.0


@dataclass(frozen=True)
class TextPart:
    """One text encoder of a family; `name` stands before the names of its weights.

    `vocabulary` reads its tokens, `pad` is the id that fills a text up to its length. `skip` layers are left out at
    the end where the recipe does not say, and what is read goes through the final norm if `normed`; the last `absent`
    layers that the family was trained with are not in the weights (diffusers folders of SD 2 leave out the one that
    is never read). `projected` is whether a projection in its weights is used for the pooled vector. `trained` gives
    the way from a text to ids that it was trained with; most programs read all texts as CLIP's tokenizer does.
    """

    name: str
    geometry: ClipGeometry
    vocabulary: Callable[[], Vocabulary]
    pad: int
    skip: int = 0
    absent: int = 0
    normed: bool = True
    projected: bool = True
    trained: Callable[[ClipTokenizer], Callable[[str], Ids]] = as_clip

    def tokenizer(self) -> ClipTokenizer:
        """The tokenizer of this encoder; reads the vocabulary."""
        vocab, merges = self.vocabulary()
        return ClipTokenizer.from_files(vocab, merges, self.pad, self.geometry.length)

    def encoder(self) -> "TextEncoder":
        """This part with a new network."""
        return TextEncoder(self, ClipText(self.geometry))

    def nothing(self, device: torch.device) -> TextStates:
        """What a model without this encoder is steered with: zeros, as many as the states would be."""
        tokens = torch.zeros(1, self.geometry.length, self.geometry.width, device=device)
        return TextStates(tokens, tokens.new_zeros(1, self.pooled))

    @property
    def projects(self) -> bool:
        """Whether the pooled vector goes through a projection."""
        return self.projected and self.geometry.projection is not None

    @property
    def pooled(self) -> int:
        """The width of the pooled vector."""
        return self.geometry.projection or self.geometry.width if self.projects else self.geometry.width

    def skipped(self, clip_skip: int | None) -> int:
        """How many layers to leave out for a recipe's `clip_skip`. Raises BadValue: no such layer here."""
        if clip_skip is None:
            return self.skip
        first, last = 1 + self.absent, self.geometry.layers + self.absent
        if not first <= clip_skip <= last:
            raise BadValue(
                "clip_skip",
                f"the text encoder of this model has no layer {clip_skip}",
                f"use {first} to {last}",
            )
        return clip_skip - 1 - self.absent


PROMPTED: Mapping[str, object] = MappingProxyType(
    {"feature_extractor": (None, None), "image_encoder": (None, None)}
)
"""What most pipelines take for an IP-Adapter, and may go without."""
SAFETY: Mapping[str, object] = MappingProxyType(
    {**PROMPTED, "requires_safety_checker": False, "safety_checker": (None, None)}
)
"""What the pipelines of SD 1 and 2 ask for and may go without."""


DIFFUSERS_VERSION = "0.35.0"
"""The version whose reading of these files is meant; readers apply old defaults to files without one."""


@dataclass(frozen=True)
class Diffusers:
    """What diffusers calls things of this family: its `pipeline` with its `settings`, and the `added` embedding of the
    UNet; `projects` is whether it pools every text through a projection, the identity where we have none; `noises` are
    the schedules of the noise that is added to what the network draws from, by the folder of each."""

    pipeline: str = "StableDiffusionPipeline"
    added: str = "add_embedding."
    settings: Mapping[str, object] = field(default_factory=lambda: SAFETY)
    projects: bool = False
    noises: Mapping[str, Mapping[str, object]] = field(default_factory=dict[str, Mapping[str, object]])


Denoising = UNetGeometry | MMDiTGeometry
"""The networks that remove noise."""

AnyText = TextPart | T5Part
"""The kinds of text encoders."""

Looks = DepthGeometry | VisionGeometry | AugmentorGeometry
"""What looks at a picture for a denoiser: its depth (SD 2 depth), its embedding and the noise on that (unCLIP)."""


@dataclass(frozen=True)
class Family:
    """One family, or one model's variant of it: a file with other widths is `dataclasses.replace` of its family.

    `texts` are its text encoders in the order in which `condition` joins them, of which a model may come without those
    in `missing`: their states are zeros; `pictures` are its networks that look at a picture, by name, which a model may
    come without. `needs` says what it draws from besides a text (PICTURE, MASK) and `takes` what it may be given beside
    that (MIX, NEAR); of these it makes what `look` gives (nothing for text-to-image), and draws `enlarges` times as
    large as what it is shown. `strength` is how much of such a picture changes where nobody says, `levels` the noise
    that is put on what is seen of it (None: none is). `upscaler` enlarges pictures of its kind better than a filter
    does (None: nothing does).
    `head_width` channels make a head of the UNet where shapes alone do not tell; None: every level has the same count.
    `prediction` None: files of this family come in both kinds and one has to be decided for each; `sides` are the
    default width and height by the name of the prediction, where they differ.
    """

    name: str
    title: str
    denoiser: Denoising
    autoencoder: AutoencoderGeometry
    texts: tuple[AnyText, ...]
    schedule: Betas | Shift
    prediction: Prediction | None
    latent: Latent
    defaults: Defaults
    condition: Condition = plain
    look: Look = nothing
    pictures: Mapping[str, Looks] = field(default_factory=dict[str, Looks])
    needs: tuple[str, ...] = ()
    takes: frozenset[str] = frozenset()
    enlarges: int = 1
    strength: float = 1.0
    levels: Levels | None = None
    upscaler: str | None = None
    head_width: int | None = None
    sides: Mapping[str, int] = field(default_factory=dict[str, int])
    diffusers: Diffusers = Diffusers()
    missing: frozenset[str] = frozenset()

    @cached_property
    def path(self) -> Path:
        """The path from a picture to noise that the family was trained on."""
        return self.schedule.path()

    @property
    def part(self) -> str:
        """What stands before the names of the denoiser's weights."""
        return "unet" if isinstance(self.denoiser, UNetGeometry) else "mmdit"

    @property
    def multiple(self) -> int:
        """What the sides of a picture are multiples of, in pixels."""
        patch = 1 if isinstance(self.denoiser, UNetGeometry) else self.denoiser.patch
        return self.latent.factor * patch

    @property
    def pure_noise(self) -> bool:
        """Whether its noise was rescaled to end as nothing but noise, from where noise tells nothing of the picture."""
        return isinstance(self.schedule, Betas) and self.schedule.floor is not None

    @property
    def largest(self) -> int | None:
        """The longest side of a picture in pixels, of a network that has a place for each part of it."""
        return None if isinstance(self.denoiser, UNetGeometry) else self.denoiser.positions * self.multiple

    @property
    def unet(self) -> UNetGeometry:
        """The denoiser, of a family that has a UNet. TypeError for others."""
        if not isinstance(self.denoiser, UNetGeometry):
            raise TypeError(f"{self.name} has no UNet")
        return self.denoiser

    def level(self, asked: int | None) -> int:
        """How much noise is put on what is seen of a picture. Raises BadValue for what this family has no use for."""
        if self.levels is None:
            if asked is None:
                return 0
            raise BadValue("noise_level", f"{self.title} puts no noise on what it sees", "leave it out")
        rows = self.denoiser.classes if isinstance(self.denoiser, UNetGeometry) else 0
        most = min(self.levels.most, rows - 1) if rows else self.levels.most
        found = min(self.levels.usual, most) if asked is None else asked
        if found > most:
            raise BadValue("noise_level", f"{self.title} does not know {found}", f"use 0 to {most}")
        return found

    @property
    def clips(self) -> tuple[TextPart, ...]:
        """The text encoders that are CLIP's; the first of every family is."""
        return tuple(part for part in self.texts if isinstance(part, TextPart))

    def present(self, part: AnyText) -> bool:
        """Whether a model of this family comes with this text encoder."""
        return part.name not in self.missing

    @property
    def text(self) -> TextPart:
        """The first text encoder: of SD 1 and 2 the only one."""
        return self.clips[0]


@dataclass(frozen=True)
class TextEncoder:
    """One opened text encoder. The vocabulary is read when the first text comes."""

    part: TextPart
    network: ClipText

    @cached_property
    def tokenizer(self) -> ClipTokenizer:
        """The tokenizer of this encoder."""
        return self.part.tokenizer()

    def read(self, text: str, words: Words | None = None) -> tuple[tuple[Ids, ...], int]:
        """`text` as chunks of ids, each as long as the encoder reads, and how many ids at its end did not fit.

        `words` are taught ones; ids from the size of the table on are theirs.
        """
        row, unread = self.tokenizer.padded(text, words.ids if words else NOTHING)
        return (row,), unread

    def chunks(self, passage: Passage, how: Cutting, words: Words | None = None) -> tuple[Chunk, ...]:
        """What a prompt says as chunks of ids with their weights, cut as its dialect does."""
        ids = self.part.trained(self.tokenizer) if how.trained else self.tokenizer.ids
        return cut_into(passage, self.tokenizer.frame, words.ids if words else NOTHING, ids, how)

    def states(
        self,
        chunks: Sequence[Ids],
        clip_skip: int | None,
        device: torch.device,
        words: Words | None = None,
        hidden: Tensor | None = None,
    ) -> TextStates:
        """The states of one text in C chunks of T ids: `tokens` 1 (C T) D, one chunk after the other, and `pooled`
        1 P, that of the first; on `device`, where the network must be. `words` are those that it was read with;
        `hidden` bool C T are tokens that no other looks at."""
        taught = None if words is None else words.vectors.to(device)
        states = self.network(
            torch.tensor(chunks, device=device),
            eos=self.tokenizer.eos,
            skip=self.part.skipped(clip_skip),
            normed=self.part.normed,
            taught=taught,
            projected=self.part.projected,
            hidden=hidden,
        )
        return TextStates(states.tokens.flatten(0, 1).unsqueeze(0), states.pooled[:1])


AnyEncoder = TextEncoder | T5Encoder


@dataclass
class Model:
    """An opened model: plain modules in evaluation mode, float32, on the CPU when fresh. `texts` are the encoders that
    are there.

    `prediction` is what was decided for this one; `hashed` computes its digest.
    """

    family: Family
    denoiser: UNet | MMDiT
    autoencoder: Autoencoder
    texts: tuple[AnyEncoder, ...]
    prediction: Prediction
    hashed: Callable[[], str | None]
    pictures: Mapping[str, nn.Module] = field(default_factory=dict[str, nn.Module])

    @property
    def unet(self) -> UNet:
        """The denoiser, where it is a UNet. TypeError for others."""
        if not isinstance(self.denoiser, UNet):
            raise TypeError(f"{self.family.name} has no UNet")
        return self.denoiser

    @property
    def text(self) -> TextEncoder:
        """The first text encoder that is CLIP's: of SD 1 and 2 the only one."""
        return next(encoder for encoder in self.texts if isinstance(encoder, TextEncoder))

    @cached_property
    def digest(self) -> str | None:
        """The sha256 of its weights under our names, in the types they were stored in: the same in every layout.

        Computed when it is first asked for, because it takes as long as opening; None when the file was written to
        in between, so that nobody knows it any more.
        """
        return self.hashed()

    @property
    def networks(self) -> Mapping[str, nn.Module]:
        """Every network by the name that stands before the names of its weights."""
        texts = {encoder.part.name: encoder.network for encoder in self.texts}
        return {self.family.part: self.denoiser, "autoencoder": self.autoencoder, **texts, **self.pictures}

    def conditioning(
        self, asked: Asked, clip_skip: int | None, device: torch.device, taught: TaughtWords = NO_WORDS
    ) -> Conditioning:
        """What one text steers this model with, B = 1, on `device`, where the text encoders must be.

        `taught` are words that the text may hold beside those of the vocabularies.
        """
        states = {part.name: part.nothing(device) for part in self.family.texts}
        if asked.wording is not None:
            states = self._said(asked.wording, asked.more, clip_skip, device, taught, states)
            return self.family.condition(states, asked)
        for encoder in self.texts:
            words = taught.get(encoder.part.name)
            chunks, _ = encoder.read(asked.text, words)
            states[encoder.part.name] = encoder.states(chunks, clip_skip, device, words)
        return self.family.condition(states, asked)

    def _said(
        self,
        wording: Wording,
        more: int,
        clip_skip: int | None,
        device: torch.device,
        taught: TaughtWords,
        states: dict[str, TextStates],
    ) -> dict[str, TextStates]:
        """The `states` with those of every encoder that is there, CLIP's all of one length and `more` behind it."""
        made, readings = dict(states), dict[str, Reading]()
        for encoder in self.texts:
            name = encoder.part.name
            readings[name] = Reading(encoder, clip_skip, device, taught.get(name))
            made[name] = readings[name].states(wording)
        clips = [part.name for part in self.family.clips]
        longest = max(made[name].tokens.shape[1] for name in clips) + more
        for name in clips:
            if made[name].tokens.shape[1] < longest:
                empty = readings[name].empty(wording) if name in readings else states[name].tokens
                made[name] = TextStates(lengthened(made[name].tokens, empty, longest), made[name].pooled)
        return made
