"""Joins three finished runs into one model and writes it as the data files of the embedded family.

Takes the run folders of autoencoder, text encoder and denoiser; gives a `Model`, or files through
`families.mini.pack_mini`. Draws and trains nothing.
"""

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from mezzotint.diffusion.prediction import PREDICTIONS
from mezzotint.families.assemble import weights_of
from mezzotint.families.family import Defaults, Family, Latent, Model, TextEncoder, TextPart
from mezzotint.families.mini import pack_mini
from mezzotint.families.schedules import Betas
from mezzotint.text import vocabulary
from mezzotint.train.autoencoder import open_autoencoder
from mezzotint.train.denoiser import open_denoiser
from mezzotint.train.runs import settings_of
from mezzotint.train.text import open_text
from mezzotint.values.errors import BadValue
from mezzotint.weights.digest import digest


@dataclass(frozen=True)
class Runs:
    """The run folders that make a model."""

    autoencoder: Path
    text: Path
    denoiser: Path


DEFAULTS = Defaults(width=64, height=64, steps=10, guidance=4.0, sampler="dpmpp_2m", spacing="karras")
"""What the embedded model is drawn with where the user says nothing."""


def assemble(runs: Runs, title: str, defaults: Defaults = DEFAULTS) -> Model:
    """The model of three runs. Raises BadValue when they do not fit each other, or a run's own errors."""
    autoencoder, unet = open_autoencoder(runs.autoencoder), open_denoiser(runs.denoiser)
    text, tokenizer = open_text(runs.text)
    settings = settings_of(runs.denoiser, "denoiser")
    geometry = autoencoder.geometry
    if unet.geometry.in_channels != geometry.latent or unet.geometry.context != text.geometry.width:
        raise BadValue(
            "runs", "the parts have different latents or text widths", "name runs that were made together"
        )
    prediction = PREDICTIONS[settings["prediction"]]
    words = partial(vocabulary.load, runs.text / "vocab.json", runs.text / "merges.txt")
    part = TextPart(name="text", geometry=text.geometry, vocabulary=words, pad=tokenizer.pad)
    family = Family(
        name="mini",
        title=title,
        denoiser=unet.geometry,
        autoencoder=geometry,
        texts=(part,),
        schedule=Betas(),
        prediction=prediction,
        latent=Latent(geometry.latent, geometry.factor, settings["scale"]),
        defaults=defaults,
    )
    model = Model(family, unet, autoencoder, (TextEncoder(part, text),), prediction, str)
    return replace(model, hashed=lambda: digest(weights_of(model.networks)))


def release(
    runs: Runs, folder: Path, title: str, storage: str = "float16", defaults: Defaults = DEFAULTS
) -> Model:
    """Assemble the model of three runs and write its data files into `folder`.

    Raises what `assemble` does; OutputFailed when the folder cannot be written; UnknownName for the storage.
    """
    model = assemble(runs, title, defaults)
    pack_mini(model, folder, storage)
    return model
