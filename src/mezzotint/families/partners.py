"""The partners of the embedded model: what follows edges and depth, inpaints, tells depth and enlarges.

Takes the data files beside this package, or folders that `mezzotint train partner` wrote; gives opened networks in
float32 and evaluation mode. Each folder holds a `geometry.json`, which says everything that tensors do not, and compact
weights. Knows no preprocessor and no recipe.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError
from torch import Tensor, nn

from mezzotint.diffusion.prediction import Prediction
from mezzotint.families import mini
from mezzotint.families.assemble import assemble, filled
from mezzotint.families.family import Family, Model
from mezzotint.families.look import MASK, PICTURE, inpainting
from mezzotint.nets.controlnet import ControlNet, ControlNetGeometry
from mezzotint.nets.enlarger import Enlarger, EnlargerGeometry
from mezzotint.nets.small_depth import SmallDepth, SmallDepthGeometry
from mezzotint.nets.t2i_adapter import AdapterGeometry, T2IAdapter
from mezzotint.nets.unet import UNetGeometry
from mezzotint.values.errors import BadModelFile, MezzotintError, ModelNotFound, OutputFailed, shorten
from mezzotint.values.files import write_atomically
from mezzotint.weights.digest import digest
from mezzotint.weights.files import open_tensors, save_tensors
from mezzotint.weights.storage import compact, restored

EDGES, DEPTH, SIGHT, INPAINTING, UPSCALER = "edges", "depth", "depth-network", "inpainting", "upscaler"
"""The folders of the shipped partners; `DEPTH` follows depth, `SIGHT` tells it."""
VARIANT = "mini-inpainting"
"""The name of the inpainting variant among models."""
UP, DOWN = ".up", ".down"

Kind = TypeVar("Kind")
Network = TypeVar("Network", bound=nn.Module)


@dataclass(frozen=True)
class Control:
    """A ControlNet for hints of the kind `hint`, by the name of the preprocessor that makes them, trained beside the
    model whose weights have the digest `base`."""

    title: str
    base: str
    hint: str
    control: ControlNetGeometry


@dataclass(frozen=True)
class Adapter:
    """A T2I-Adapter for hints, likewise."""

    title: str
    base: str
    hint: str
    adapter: AdapterGeometry


@dataclass(frozen=True)
class Depth:
    """A network that tells depth from pictures."""

    title: str
    depth: SmallDepthGeometry


@dataclass(frozen=True)
class Upscaler:
    """An upscaler of pixels."""

    title: str
    upscaler: EnlargerGeometry


@dataclass(frozen=True)
class Variant:
    """A model that is the embedded one (its weights have the digest `base`) but for a change of its UNet."""

    title: str
    base: str
    unet: UNetGeometry


def shipped(name: str) -> Path:
    """Where the shipped partner `name` lies."""
    return Path(str(resources.files("mezzotint.families").joinpath("data", name)))


def described(kind: type[Kind], folder: Path) -> Kind:
    """What the `geometry.json` in `folder` says. Raises ModelNotFound where there is none, BadModelFile."""
    return _described(TypeAdapter(kind), folder)


def _described(reader: TypeAdapter[Kind], folder: Path) -> Kind:
    path = folder / mini.GEOMETRY
    if not path.is_file():
        raise ModelNotFound(folder.name, "this copy of the program holds no weights of it")
    try:
        return reader.validate_json(path.read_bytes())
    except ValidationError as error:
        raise BadModelFile(path, f"does not describe what is asked for ({shorten(str(error), 80)})") from None
    except MezzotintError as error:
        raise BadModelFile(path, error.message, error.hint) from None


def weights(folder: Path) -> Path:
    """Where the weights of the partner in `folder` lie."""
    return folder / "weights.safetensors"


def _filled(make: Callable[[], Network], where: Path) -> Network:
    return filled(make, restored(open_tensors(weights(where))), weights(where))


def open_edges(folder: Path | None = None) -> ControlNet:
    """The ControlNet for edges (None: the shipped one). Its hint is white lines on black, as Canny's detector with
    thresholds 100 and 200 finds them. Raises ModelNotFound, BadModelFile, WeightsMismatch."""
    where = folder or shipped(EDGES)
    geometry = described(Control, where).control
    return _filled(lambda: ControlNet(geometry), where)


def open_adapter(folder: Path | None = None) -> T2IAdapter:
    """The T2I-Adapter for depth (None: the shipped one). Its hint is one plane, the farthest black and the nearest
    white. Raises as `open_edges` does."""
    where = folder or shipped(DEPTH)
    geometry = described(Adapter, where).adapter
    return _filled(lambda: T2IAdapter(geometry), where)


def open_control(folder: Path) -> ControlNet | T2IAdapter:
    """The network in `folder` that follows a hint, of either kind. Raises as `open_edges` does."""
    either = TypeAdapter[Control | Adapter](Control | Adapter)
    return open_edges(folder) if isinstance(_described(either, folder), Control) else open_adapter(folder)


def open_depth(folder: Path | None = None) -> SmallDepth:
    """The network that tells depth (None: the shipped one). Raises as `open_edges` does."""
    where = folder or shipped(SIGHT)
    geometry = described(Depth, where).depth
    return _filled(lambda: SmallDepth(geometry), where)


def open_upscaler(folder: Path | None = None) -> Enlarger:
    """The upscaler (None: the shipped one). Raises as `open_edges` does."""
    where = folder or shipped(UPSCALER)
    geometry = described(Upscaler, where).upscaler
    return _filled(lambda: Enlarger(geometry), where)


def inpainting_family(folder: Path | None = None) -> Family:
    """The family of the inpainting variant (None: the shipped one). Raises ModelNotFound, BadModelFile."""
    found = described(Variant, folder or shipped(INPAINTING))
    base = mini.family()
    return replace(
        base,
        name=VARIANT,
        title=found.title,
        denoiser=found.unet,
        look=inpainting,
        needs=(PICTURE, MASK),
    )


def is_variant(folder: Path) -> bool:
    """Whether `folder` holds a variant that `mezzotint train partner` wrote."""
    return (folder / mini.GEOMETRY).is_file() and weights(folder).is_file()


def open_inpainting(family: Family, prediction: Prediction | None, folder: Path | None = None) -> Model:
    """The inpainting variant (None: the shipped one): the embedded model with its change.

    Raises ModelNotFound, BadModelFile, WeightsMismatch.
    """
    path = weights(folder or shipped(INPAINTING))
    base, change = open_tensors(mini.data_folder() / mini.WEIGHTS), open_tensors(path)

    def tensors() -> Mapping[str, Tensor]:
        return changed(restored(base), restored(change), path)

    return assemble(
        family,
        tensors(),
        prediction or family.prediction,
        path,
        hashed=lambda: digest(tensors()),
    )


def changed(base: Mapping[str, Tensor], change: Mapping[str, Tensor], path: Path) -> dict[str, Tensor]:
    """`base` with a `change`: `<name>.up` O R times `<name>.down` R N is added to the weight `<name>` O ...; any other
    tensor takes the place of that of its name. `path` serves errors. Raises BadModelFile for what does not fit."""
    made = {**base, **{name: tensor for name, tensor in change.items() if not name.endswith((UP, DOWN))}}
    for name in (name.removesuffix(UP) for name in change if name.endswith(UP)):
        up, down, weight = change[name + UP], change.get(name + DOWN), base.get(name)
        if down is None or weight is None or (len(up), up.shape[1]) != (len(weight), len(down)):
            raise BadModelFile(path, f"its change of {name} fits no weight of the embedded model")
        if down[0].numel() != weight[0].numel():
            raise BadModelFile(path, f"its change of {name} has another size than that weight")
        made[name] = weight + (up @ down.flatten(1)).view_as(weight)
    return made


def pack(
    what: Control | Adapter | Depth | Upscaler | Variant,
    tensors: Mapping[str, Tensor],
    folder: Path,
    storage: str,
) -> None:
    """Write a partner's files into `folder`; `storage` is a name in STORAGES. The card for people, CARD.md, is written
    by whoever trained it. Raises OutputFailed and UnknownName."""
    stored = compact(tensors, storage)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputFailed(folder, str(error)) from error
    save_tensors(stored, weights(folder), {"storage": storage})
    text = TypeAdapter(type(what)).dump_json(what, indent=1)
    write_atomically(folder / mini.GEOMETRY, lambda file: file.write(text + b"\n"))
