"""From tensors to networks: every weight at its place, of the right shape, finite, in the type computed with.

Takes a family whose geometries fit the weights, and the weights under our names. Gives an opened `Model`, or one
error that lists everything that does not fit; never a part of a model. Knows no file formats.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from mezzotint.diffusion.prediction import NOISE, Prediction
from mezzotint.families.conditions import Asked
from mezzotint.families.decide import PROBE_SIDE, probe
from mezzotint.families.family import Denoising, Family, Looks, Model
from mezzotint.nets.augmentor import AugmentorGeometry, NoiseAugmentor
from mezzotint.nets.autoencoder import Autoencoder
from mezzotint.nets.depth import DepthGeometry, DepthNet
from mezzotint.nets.mmdit import MMDiT
from mezzotint.nets.unet import UNet, UNetGeometry
from mezzotint.nets.vision import ClipVision
from mezzotint.values.errors import Ambiguous, BadModelFile, WeightsMismatch
from mezzotint.weights.copies import copied
from mezzotint.weights.digest import digest

FLOAT32: Mapping[str, torch.dtype] = MappingProxyType({})
"""Every network in float32."""
PROBE_SIZE = 8 * PROBE_SIDE
"""The side in pixels of the picture that a network is asked about."""

_INITIALISERS = frozenset({nn.init.kaiming_uniform_, nn.init.uniform_, nn.init.normal_, nn.init.constant_})


class _Uninitialised(TorchFunctionMode):
    """Leaves out `torch.nn.init`: the weights come later, and on the meta device it would import the compiler."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: tuple[type, ...],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        given = kwargs or {}
        if func in _INITIALISERS:
            return args[0] if args else given["tensor"]
        return func(*args, **given)


def empty_model(family: Family) -> Model:
    """The networks of `family` without memory for their weights, which are to be assigned; digest of nothing."""
    with torch.device("meta"), _Uninitialised():
        texts = tuple(part.encoder() for part in family.texts if family.present(part))
        denoiser, autoencoder = denoiser_of(family.denoiser), Autoencoder(family.autoencoder)
        pictures = {name: _looking(geometry) for name, geometry in family.pictures.items()}
    return Model(family, denoiser, autoencoder, texts, family.prediction or NOISE, str, pictures)


def denoiser_of(geometry: Denoising) -> UNet | MMDiT:
    """A new network that removes noise."""
    return UNet(geometry) if isinstance(geometry, UNetGeometry) else MMDiT(geometry)


def _looking(geometry: Looks) -> nn.Module:
    if isinstance(geometry, AugmentorGeometry):
        return NoiseAugmentor(geometry.width)
    return DepthNet(geometry) if isinstance(geometry, DepthGeometry) else ClipVision(geometry)


Network = TypeVar("Network", bound=nn.Module)


def filled(
    make: Callable[[], Network],
    tensors: Mapping[str, Tensor],
    path: Path,
    theirs: Callable[[str], str] = str,
) -> Network:
    """The network that `make` builds with the weights `tensors` under our names, in float32 and evaluation mode.

    For networks that stand alone. Raises WeightsMismatch and BadModelFile as `assemble` does.
    """
    with torch.device("meta"), _Uninitialised():
        network = make()
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    check_fit(network.state_dict(), shapes, path, theirs)
    network.load_state_dict(_plain(tensors, path, theirs), assign=True)
    return network.eval()


def weights_of(networks: Mapping[str, nn.Module]) -> dict[str, Tensor]:
    """All weights of networks by name (`Model.networks`) under their full names."""
    return {
        f"{part}.{name}": tensor
        for part, module in networks.items()
        for name, tensor in module.state_dict().items()
    }


def assemble(
    family: Family,
    tensors: Mapping[str, Tensor],
    prediction: Prediction | None,
    path: Path,
    theirs: Callable[[str], str] = str,
    types: Mapping[str, torch.dtype] = FLOAT32,
    hashed: Callable[[], str | None] | None = None,
) -> Model:
    """The model that `tensors` (names begin with `unet.`, `autoencoder.`, `text.` ...; any float type) make.

    `prediction` None asks the network itself. `path` and `theirs`, their name of one of ours, serve errors; `types` are
    those of networks that are not in float32, by their name. `hashed` gives the digest of the stored weights; None
    keeps `tensors` for it. Raises WeightsMismatch, BadModelFile (a value that is no number, a type that is no float)
    and Ambiguous.
    """
    model = empty_model(family)
    check_fit(
        weights_of(model.networks),
        {name: tuple(tensor.shape) for name, tensor in tensors.items()},
        path,
        theirs,
    )
    plain = _plain(tensors, path, theirs, FLOAT32 if prediction is None else types)
    for name, module in model.networks.items():
        own = {n.removeprefix(f"{name}."): t for n, t in plain.items() if n.startswith(f"{name}.")}
        module.load_state_dict(own, assign=True)
        module.eval()
    for encoder in model.texts:
        words, vocab = encoder.tokenizer.vocab_size, encoder.part.geometry.vocab
        if words > vocab:
            raise BadModelFile(path, f"its vocabulary has {words} tokens, its text encoder {vocab}")
    prediction = prediction or _shown(model)
    if prediction is None:
        raise Ambiguous(
            path,
            "it does not say whether it predicts noise or velocity, and one call of its network did not show it",
            hint="choose with --prediction noise or --prediction velocity",
        )
    return replace(model, prediction=prediction, hashed=hashed or (lambda: digest(tensors)))


def _shown(model: Model) -> Prediction | None:
    """What one call of the network shows that it predicts."""
    cond = model.conditioning(Asked("", PROBE_SIZE, PROBE_SIZE), None, torch.device("cpu"))
    channels = model.unet.geometry.in_channels
    if channels != model.unet.geometry.out_channels:
        return None
    return probe(lambda x, t: model.unet(x, t, cond).sample, channels)


def check_fit(
    weights: Mapping[str, Tensor],
    shapes: Mapping[str, tuple[int, ...]],
    path: Path,
    theirs: Callable[[str], str] = str,
) -> None:
    """Raises one WeightsMismatch with all names that are missing, too many or of another shape than `weights`."""
    wanted = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    missing = [theirs(name) for name in wanted if name not in shapes]
    unexpected = [theirs(name) for name in shapes if name not in wanted]
    wrong = [
        f"{theirs(name)} {list(shapes[name])}, not {list(shape)}"
        for name, shape in wanted.items()
        if name in shapes and shapes[name] != shape
    ]
    if missing or unexpected or wrong:
        raise WeightsMismatch(path, missing, unexpected, wrong)


def _plain(
    tensors: Mapping[str, Tensor],
    path: Path,
    theirs: Callable[[str], str],
    types: Mapping[str, torch.dtype] = FLOAT32,
) -> dict[str, Tensor]:
    """Copies in memory of their own, in float32 or the type that `types` has for their network: kernels may compute
    differently on memory that is aligned otherwise, and a picture must not depend on where in a file its weights lay.
    """
    plain: dict[str, Tensor] = {}
    broken: list[str] = []
    for name, tensor in tensors.items():
        if not tensor.dtype.is_floating_point:
            raise BadModelFile(path, f"{theirs(name)} is stored as {tensor.dtype}, not as floating point")
        plain[name], finite = copied(tensor, types.get(name.partition(".")[0], torch.float32))
        if not finite:
            broken.append(theirs(name))
    if broken:
        names = ", ".join(broken[:5])
        raise BadModelFile(path, f"{len(broken)} tensors hold values that are no numbers ({names})")
    return plain
