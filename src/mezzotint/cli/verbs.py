"""The verbs of the command line: their help, their flags, and where the code of each lives.

A verb's module, and torch with it, is imported when the verb runs and not before, so that help and errors about
flags come at once. Does not know what a verb does.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any

from mezzotint.cli import drawing, picturing, plotting
from mezzotint.cli.flags import Flag, word
from mezzotint.values.errors import MissingExtra
from mezzotint.values.names import DIALECTS

Run = Callable[[Mapping[str, Any]], int]
"""The work of a verb: takes its flags by name, gives the exit code."""


@dataclass(frozen=True)
class Verb:
    """`module` has the function `run`, or one of the name `work`; `flags` None means that its function `flags` tells
    them, because they are made from settings of the code behind it. `check` reads the flags before the module is
    loaded. `extra` names the optional packages that the verb needs."""

    module: str
    help: str
    flags: tuple[Flag, ...] | None
    check: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None = None
    extra: str | None = None
    work: str = "run"

    def load(self, name: str) -> Callable[..., Any]:
        """The function `name` of the verb's module, which is imported here. Raises MissingExtra."""
        try:
            return vars(import_module(f"mezzotint.cli.{self.module}"))[name]
        except ModuleNotFoundError as error:
            absent = (error.name or "").split(".")[0]
            if self.extra is None or absent == "mezzotint":
                raise
            raise MissingExtra(self.extra, absent) from error


_QUIET = Flag("quiet", bool, "print nothing but errors", short="-q")
_DEVICE = Flag("device", str, "cpu or cuda (the fastest there is)", shown="NAME")
_THREADS = Flag("threads", int, "processor threads (as many as there are cores)")

_PREDICTION = Flag("prediction", str, "what it was taught to predict, if its file cannot tell", shown="NAME")


def _from_pictures(way: picturing.Way, help: str) -> Verb:
    return Verb("pictures", help, way.flags, way.checked, work=way.name)


_STORAGES = ("kept", "float32", "float16", "bfloat16", "float8_e4m3", "float8_e5m2")

VERBS: Mapping[str, Verb] = MappingProxyType(
    {
        "generate": Verb(
            "generate", "draw a picture; the verb when none is given", drawing.FLAGS, drawing.checked
        ),
        "edit": _from_pictures(picturing.EDIT, "draw pictures over as the prompt says"),
        "inpaint": _from_pictures(
            picturing.INPAINT, "draw a part of pictures anew: under a mask, or where they are transparent"
        ),
        "outpaint": _from_pictures(picturing.OUTPAINT, "give pictures new space and fill it"),
        "control": _from_pictures(picturing.CONTROL, "draw new pictures along the shapes in these"),
        "vary": _from_pictures(picturing.VARY, "draw other pictures like these"),
        "upscale": _from_pictures(picturing.UPSCALE, "enlarge pictures and draw their detail"),
        "plot": Verb(
            "plot", "draw a grid over any options, as a picture and a page", plotting.FLAGS, plotting.checked
        ),
        "replay": Verb(
            "replay",
            "draw a saved picture again and say whether it came out equal, or what was not understood",
            (
                word("file", Path, "picture that Mezzotint or a web UI saved"),
                Flag("output", Path, "where to save the new picture (nowhere; FILE-replay.png)", short="-o"),
                Flag("model", str, "what draws a picture of a web UI (the one it names, or mini)"),
                Flag(
                    "image",
                    Path,
                    "a picture that it starts from, when that has moved; may be repeated",
                    shown="FILE",
                    repeated=True,
                ),
                _DEVICE,
                _THREADS,
                _QUIET,
            ),
        ),
        "hint": Verb(
            "hint",
            "make what a ControlNet follows from a picture: edges, lines, colours",
            (
                word("name", str, "which, and its settings: canny, or canny:low=50,high=120", required=False),
                word("file", Path, "any picture", required=False),
                Flag("output", Path, "where to save it, as PNG (FILE-NAME.png)", short="-o"),
                Flag("overwrite", bool, "replace that file instead of adding a number"),
                Flag("side", int, "pixels of its longer side: the picture is made so large first"),
                Flag("list", bool, "show the hints and their settings"),
                _QUIET,
            ),
        ),
        "inspect": Verb(
            "inspect",
            "show what a picture or a model holds",
            (
                word("file", Path, "picture, model file or model folder"),
                Flag("json", bool, "print it as JSON, for programs"),
            ),
        ),
        "explain": Verb(
            "explain",
            "show how a prompt is read: weights, steps, tokens; or write it in another dialect",
            (
                word("prompt", str, "prompt, in quotes"),
                Flag("model", str, "whose tokens are shown", default="mini", shown="NAME"),
                Flag("steps", int, "number of steps (the model's own)"),
                Flag("dialect", str, "its language:", default="a1111", choices=DIALECTS),
                Flag("to", str, "language to write it in:", choices=DIALECTS),
            ),
        ),
        "models": Verb(
            "models",
            "list the kinds of models, and the models in your folders",
            (word("folder", Path, "folder to list instead of the usual ones", required=False),),
        ),
        "download": Verb(
            "download",
            "fetch a model from the Hugging Face hub",
            (
                word("name", str, "OWNER/NAME on the hub"),
                Flag("file", str, "one file of it (the whole diffusers folder)"),
                Flag("variant", str, "stored form of a folder's weights, as fp16 (the plain ones)"),
                Flag("revision", str, "branch, tag or commit (main)"),
                Flag("into", Path, "folder to put OWNER/NAME into (the first model folder)"),
            ),
        ),
        "doctor": Verb("doctor", "show versions, devices and what would be used", ()),
        "convert": Verb(
            "convert",
            "write a model in another layout (as a diffusers folder) or number format",
            (
                word("model", str, "built-in name, model file or folder"),
                word("target", Path, "new .safetensors file, or new folder in the layout of diffusers"),
                Flag("storage", str, "number format of the weights:", default="kept", choices=_STORAGES),
                Flag("averaged", bool, "take the average over training, where the file has both"),
                _PREDICTION,
            ),
        ),
        "merge": Verb(
            "merge",
            "mix two models, or add to one what two others differ in",
            (
                word("first", str, "built-in name, model file or folder"),
                word("second", str, "model of the same family"),
                Flag("output", Path, "new .safetensors file, or new folder", short="-o", required=True),
                Flag("share", float, "of the second model, or of the difference", required=True),
                Flag("minus", str, "third model: second - third is added to the first"),
                Flag("block", tuple[str, ...], "NAME=SHARE of blocks: IN04=0.2 M00=1 BASE=0 unet.down.1=0.3"),
                Flag("storage", str, "number format of the weights:", default="kept", choices=_STORAGES),
            ),
        ),
        "data build": Verb(
            "data_build", "build the training pictures of the embedded model", None, extra="train"
        ),
        "train autoencoder": Verb("train_autoencoder", "train the image autoencoder", None, extra="train"),
        "train text": Verb("train_text", "train the text encoder", None, extra="train"),
        "train denoiser": Verb("train_denoiser", "train the denoising network", None, extra="train"),
        "train control": Verb("train_control", "train a ControlNet beside a model", None, extra="train"),
        "train inpainting": Verb(
            "train_inpainting", "train an inpainting variant of a model", None, extra="train"
        ),
        "train upscaler": Verb(
            "train_upscaler", "train a network that doubles pictures", None, extra="train"
        ),
        "train depth": Verb(
            "train_depth", "train a network that tells depth from pictures", None, extra="train"
        ),
        "train partner": Verb(
            "train_partner", "write a trained partner of a model as its files", None, extra="train"
        ),
        "train release": Verb(
            "train_release", "join three trained parts into one model", None, extra="train"
        ),
        "evaluate": Verb("evaluate", "measure a model on held-out material", None, extra="train"),
    }
)
"""Every verb; "data build" is the verb `build` of the group `data`."""

GROUPS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        group: tuple(name.split()[1] for name in VERBS if name.startswith(group + " "))
        for group in dict.fromkeys(name.split()[0] for name in VERBS if " " in name)
    }
)
"""The first words of two-word verbs, each with its second words."""
