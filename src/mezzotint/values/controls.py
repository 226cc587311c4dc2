"""What else steers a pass besides texts: pictures that a network follows, and pictures as prompts.

Takes plain values, gives frozen records. Networks and pictures are named by file and are not opened here. Knows no
model and no tensor.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Self, TypeVar

from pydantic import Field, StringConstraints, model_validator

from mezzotint.values.errors import BadValue
from mezzotint.values.source import PictureUse, Sha256
from mezzotint.values.value import LISTED, POSITIVE_ZERO, Value, one_of, plain_text

MAX_CONTROLS = 8
REFERENCE = "reference"
"""The name of the control that has no network: the model itself looks at the picture."""
MAX_PICTURES = 16
"""The most pictures of one image prompt."""
FIDELITY = 0.5
"""That of a reference that says none (Mikubill/sd-webui-controlnet)."""
MODES = ("balanced", "prompt", "control")
"""Which of both counts for more where prompt and hint disagree."""
FORMS = ("attention", "statistics", "both")
"""What a reference is taken for: what attentions look at, means and deviations of features, or both."""

KINDS: Mapping[str, int] = MappingProxyType(
    {
        "openpose": 0,
        "depth": 1,
        "scribble": 2,
        "scribble-xdog": 2,
        "soft-edge": 2,
        "canny": 3,
        "lineart": 3,
        "lines": 3,
        "normal": 4,
        "segment": 5,
        "tile": 6,
        "blur": 6,
        "repaint": 7,
    }
)
"""What a hint may show, and the number of that in a network for several (xinsir6/ControlNetPlus; tile and repaint are
in its second edition alone)."""

FileText = Annotated[str, StringConstraints(min_length=1, max_length=4096), plain_text("control")]
HintText = Annotated[str, StringConstraints(min_length=1, max_length=1000), plain_text("hint")]
Weight = Annotated[float, POSITIVE_ZERO, Field(ge=-10, le=10)]
Share = Annotated[float, POSITIVE_ZERO, Field(ge=0, le=1)]
ModeName = Annotated[str, one_of("control mode", MODES)]
FormName = Annotated[str, one_of("reference form", FORMS)]
KindName = Annotated[str, one_of("kind of hint", tuple(KINDS))]
Blocks = Annotated[tuple[Weight, ...], LISTED, Field(min_length=1, max_length=64)]
Either = TypeVar("Either", bound=Value)


def _in_order(use: Either, start: float, stop: float) -> Either:
    if start > stop:
        raise BadValue("start", f"{start:g} is after stop, {stop:g}", "put the smaller one first")
    return use


class ControlUse(Value):
    """A ControlNet or T2I-Adapter, by its `file` or the name of a built-in one, and the `picture` that it follows
    (None: what the pass starts from).

    `hint` makes of the picture what the network wants to see, as "canny" or "canny:low=50" (None: it is that already).
    `weight` 1 is as it was trained. It works from the share `start` of the steps that are walked to the share `stop`.
    With the `mode` "prompt" what it adds is the weaker the nearer to the picture, so that the text counts for more;
    with "control" it does not work on the negative prompt besides, so that the hint counts for more. `blocks` are
    weights for everything that it adds, in that order and the middle last. `shows` is the kind of the hint (None: what
    `hint` makes), for networks that have to be told. `sha256`, that of the network's file, is verified when given.

    The `file` "reference" is no network: the model looks at the picture besides at its own. Its `fidelity` (None: 0.5)
    is how much less the negative prompt sees of it; the modes "prompt" and "control" are 0 and 1 of that. Its `form` is
    what it is taken for (None: "attention").
    """

    file: FileText
    picture: PictureUse | None = None
    hint: HintText | None = None
    weight: Weight = 1.0
    start: Share = 0.0
    stop: Share = 1.0
    mode: ModeName = MODES[0]
    blocks: Blocks | None = None
    shows: KindName | None = None
    fidelity: Share | None = None
    form: FormName | None = None
    sha256: Sha256 | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        return _in_order(self, self.start, self.stop)

    @model_validator(mode="after")
    def _of_use(self) -> Self:
        if self.file != REFERENCE:
            if self.fidelity is not None:
                raise BadValue("control fidelity", "only a reference has one", "leave it out")
            if self.form is not None:
                raise BadValue("control form", "only a reference has one", "leave it out")
            return self
        if self.weight < 0:
            raise BadValue("control weight", "a reference counts or does not", "use 0 to 10")
        if self.takes_statistics and self.weight > 1:
            told = "statistics are those of the reference at 1, and nothing lies beyond"
            raise BadValue("control weight", told, "use 0 to 1, or form=attention")
        given = {"blocks": self.blocks, "shows": self.shows, "sha256": self.sha256}
        for name, value in given.items():
            if value is not None:
                raise BadValue(f"control {name}", "a reference has no network that it is for", "leave it out")
        return self

    @property
    def kept_from_negative(self) -> float:
        """Of a reference, how much less the negative prompt sees of it, 0..1."""
        own = FIDELITY if self.fidelity is None else self.fidelity
        return {"prompt": 0.0, "control": 1.0}.get(self.mode, own)

    @property
    def takes_attention(self) -> bool:
        """Whether attentions look at this reference."""
        return self.form != "statistics"

    @property
    def takes_statistics(self) -> bool:
        """Whether means and deviations of features are drawn towards those of this reference."""
        return self.form in ("statistics", "both")

    @property
    def shown(self) -> str | None:
        """The kind of its hint, as far as it is said."""
        made = None if self.hint is None else self.hint.partition(":")[0]
        return self.shows or (made if made in KINDS else None)


class ImagePromptUse(Value):
    """An IP-Adapter by its `file`, and the `pictures` that it takes for a prompt, all of them together.

    `encoder` is the vision tower that it was trained with (None: the `image_encoder` folder near the file).
    `weight`, `start` and `stop` are those of a ControlUse; a white `mask` says where in the picture it counts.
    `sha256`, that of the adapter's file, is verified when given.
    """

    file: Annotated[str, StringConstraints(min_length=1, max_length=4096), plain_text("image_prompt")]
    pictures: Annotated[tuple[PictureUse, ...], LISTED, Field(min_length=1, max_length=MAX_PICTURES)]
    encoder: Annotated[FileText, plain_text("encoder")] | None = None
    weight: Weight = 1.0
    start: Share = 0.0
    stop: Share = 1.0
    mask: PictureUse | None = None
    sha256: Sha256 | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        return _in_order(self, self.start, self.stop)


Controls = Annotated[tuple[ControlUse, ...], LISTED, Field(max_length=MAX_CONTROLS)]
ImagePrompts = Annotated[tuple[ImagePromptUse, ...], LISTED, Field(max_length=MAX_CONTROLS)]
