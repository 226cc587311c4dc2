"""The embedded model: small enough to be shipped with the program, drawn with by default.

Takes the data files beside this package (weights, geometry, vocabulary); gives the family and the opened model. All
numbers come from `geometry.json`, so another model is only other files.
"""

from dataclasses import dataclass
from functools import partial
from importlib import resources
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from mezzotint.diffusion.prediction import PREDICTIONS, Prediction
from mezzotint.families.assemble import assemble, weights_of
from mezzotint.families.family import Defaults, Family, Latent, Model, TextPart
from mezzotint.families.schedules import Betas
from mezzotint.nets.autoencoder import AutoencoderGeometry
from mezzotint.nets.clip import ClipGeometry
from mezzotint.nets.unet import UNetGeometry
from mezzotint.text.vocabulary import load, save
from mezzotint.values.errors import (
    BadModelFile,
    BadValue,
    MezzotintError,
    ModelNotFound,
    OutputFailed,
    shorten,
)
from mezzotint.values.files import write_atomically
from mezzotint.weights.digest import digest_of
from mezzotint.weights.files import open_tensors, save_tensors
from mezzotint.weights.storage import compact, restored

MOST_TIMES = 100_000
"""More noise levels than any model was trained on."""
SCHEDULE = "give the schedule of training"
UPSCALER = "mini_2x"
"""The upscaler that was trained on pictures of the embedded model."""
WEIGHTS, GEOMETRY, VOCAB, MERGES = "mini.safetensors", "geometry.json", "vocab.json", "merges.txt"


@dataclass(frozen=True)
class Described:
    """What `geometry.json` holds: everything about the model that its tensors do not say."""

    title: str
    unet: UNetGeometry
    autoencoder: AutoencoderGeometry
    text: ClipGeometry
    pad: int
    skip: int
    betas: Betas
    prediction: str
    latent: Latent
    defaults: Defaults


def data_folder() -> Path:
    """Where the shipped model lies."""
    return Path(str(resources.files("mezzotint.families").joinpath("data", "mini")))


def family(folder: Path | None = None) -> Family:
    """The family described in `folder` (None: the shipped one). Raises ModelNotFound without data, BadModelFile."""
    where = folder or data_folder()
    path = where / GEOMETRY
    if not path.is_file():
        raise ModelNotFound(
            "mini",
            "this copy of the program holds no weights of it; use another model, or `toy` to try things out",
        )
    try:
        described = TypeAdapter(Described).validate_json(path.read_bytes())
        prediction = PREDICTIONS[described.prediction]
        _check_betas(described.betas)
    except (ValidationError, KeyError) as error:
        raise BadModelFile(path, f"does not describe a model ({shorten(str(error), 80)})") from None
    except MezzotintError as error:
        raise BadModelFile(path, error.message, error.hint) from None
    return Family(
        name="mini",
        title=described.title,
        denoiser=described.unet,
        autoencoder=described.autoencoder,
        texts=(
            TextPart(
                name="text",
                geometry=described.text,
                vocabulary=partial(load, where / VOCAB, where / MERGES),
                pad=described.pad,
                skip=described.skip,
            ),
        ),
        schedule=described.betas,
        prediction=prediction,
        latent=described.latent,
        defaults=described.defaults,
        upscaler=UPSCALER if folder is None else None,
    )


def _check_betas(betas: Betas) -> None:
    """Raises BadValue unless they are a path from a picture to noise. The number of times is looked at first, because
    all of them are made for the rest."""
    if not 2 <= betas.count <= MOST_TIMES:
        raise BadValue("betas", f"{betas.count} times are not 2 to {MOST_TIMES}", SCHEDULE)
    if not (0 < betas.first < 1 and 0 < betas.last < 1):
        raise BadValue("betas", f"{betas.first} to {betas.last} are not between 0 and 1", SCHEDULE)
    try:
        betas.path()
    except ValueError as error:
        raise BadValue("betas", str(error), SCHEDULE) from None


def open_mini(family: Family, prediction: Prediction | None, folder: Path | None = None) -> Model:
    """The model in `folder` (None: the shipped one), its compact weights opened to float32."""
    path = (folder or data_folder()) / WEIGHTS
    source = open_tensors(path)
    return assemble(
        family,
        restored(source),
        prediction or family.prediction,
        path,
        hashed=lambda: digest_of(source, ["restored", *source], lambda: restored(source)),
    )


def pack_mini(model: Model, folder: Path, storage: str) -> None:
    """Write the data files of `model` into `folder`, ready to be shipped; `storage` is a name in STORAGES.

    Raises OutputFailed, UnknownName, and BadValue for a model of another kind. The card for people,
    CARD.md, is written by whoever trained the model.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputFailed(folder, str(error)) from error
    tensors, schedule = weights_of(model.networks), model.family.schedule
    if not isinstance(schedule, Betas):
        raise BadValue("model", "has no noise schedule of betas", "pack a model that has")
    described = Described(
        title=model.family.title,
        unet=model.family.unet,
        autoencoder=model.family.autoencoder,
        text=model.text.part.geometry,
        pad=model.text.part.pad,
        skip=model.text.part.skip,
        betas=schedule,
        prediction=model.prediction.name,
        latent=model.family.latent,
        defaults=model.family.defaults,
    )
    save_tensors(compact(tensors, storage), folder / WEIGHTS, {"storage": storage})
    save(model.text.part.vocabulary(), folder)
    text = TypeAdapter(Described).dump_json(described, indent=1)
    write_atomically(folder / GEOMETRY, lambda file: file.write(text + b"\n"))
