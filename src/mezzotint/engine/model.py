"""Opened models, kept between pictures: opening costs more than drawing.

Takes a `ModelUse` and a precision, gives the networks on their device. A model is opened again when its file has
changed, and one that cannot be opened leaves the one in use as it was. Knows no prompt and no sampler.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch

from mezzotint.adapters.merged import Use
from mezzotint.adapters.model import ModelAdapters, original_of
from mezzotint.adapters.words import ModelWords
from mezzotint.engine.control_nets import ControlNets
from mezzotint.engine.identity import Identity, identity, sha256_of
from mezzotint.engine.placement import DTYPES, Placement
from mezzotint.families.family import Model
from mezzotint.families.registry import Located, files_of, find, open_model
from mezzotint.families.taught import TaughtWords
from mezzotint.values.errors import BadModelFile, ModelNotFound
from mezzotint.values.recipe import AdapterUse, InversionUse, ModelUse


@dataclass(frozen=True)
class Opened:
    """A model on its device. `dtype` is that of the denoiser's arithmetic."""

    model: Model
    dtype: torch.dtype
    located: Located

    @cached_property
    def adapters(self) -> ModelAdapters:
        """What is merged into the weights of this model."""
        return ModelAdapters(self.model, original_of(self.located))

    def adapted(self, uses: Sequence[AdapterUse]) -> tuple[Use, ...]:
        """The adapters of a recipe, opened for this model; `adapters.merge` makes them its own.

        Raises what opening a file raises, and BadModelFile when the hash of one is not the one asked for.
        """
        _verify(uses)
        if not uses and "adapters" not in self.__dict__:
            return ()
        return self.adapters.opened([(path_of(use), use.weight, use.text_weight) for use in uses])

    @cached_property
    def controls(self) -> ControlNets:
        """The networks that are open to steer this model."""
        return ControlNets(self.model.denoiser, self.dtype)

    @cached_property
    def words(self) -> ModelWords:
        """The textual inversions that are open for this model."""
        return ModelWords(self.model.family)

    def taught(self, uses: Sequence[InversionUse]) -> TaughtWords:
        """What a recipe's inversions teach the text encoders of this model. Raises as `adapted` does."""
        _verify(uses)
        return self.words.taught([(use.name, path_of(use)) for use in uses])

    def merge(self, uses: Sequence[Use]) -> None:
        """Make these the adapters of the model; one that never had any stays untouched."""
        if uses or "adapters" in self.__dict__:
            self.adapters.merge(uses)

    def work(self, width: int, height: int, count: int) -> float:
        """About how many multiply-adds one call of the denoiser makes for `count` latents of `width` x `height`
        pixels, at most: as if all its weights worked at full resolution."""
        factor = self.model.family.latent.factor
        weights = sum(weight.numel() for weight in self.model.denoiser.parameters())
        return float(weights) * (width // factor) * (height // factor) * count


class Models:
    """The models that are open on one placement, at most `keep` of them, which may be changed at any time; the least
    lately used one is closed."""

    def __init__(self, placement: Placement, keep: int = 1) -> None:
        self._placement = placement
        self.keep = keep
        self._open: OrderedDict[tuple[ModelUse, str, Identity], Opened] = OrderedDict()

    def get(self, use: ModelUse, precision: str) -> Opened:
        """The model of `use`, opened if need be.

        Raises what finding and opening raise (ModelNotFound, BadModelFile, PickleRefused, WeightsMismatch,
        Ambiguous), and BadModelFile when `use.sha256` is not the digest of what was opened.
        """
        # Whether a file is still the same its entry in the folder tells; what is in it is read only where it is not.
        key = (use, precision, tuple(stamp for path in files_of(use) for stamp in identity(path)))
        opened = self._open.get(key)
        if opened is None:
            opened = self._opened(find(use), use, precision)
        self._open[key] = opened
        self._open.move_to_end(key)
        while len(self._open) > self.keep:
            self._open.popitem(last=False)
        return opened

    def _opened(self, located: Located, use: ModelUse, precision: str) -> Opened:
        device, dtype = self._placement.device, DTYPES[precision]
        # float16 is too narrow for the sums inside the decoder: black pictures.
        decoded = torch.float32 if dtype is torch.float16 else dtype
        model = open_model(located, {located.family.part: dtype, "autoencoder": decoded})
        if use.sha256 is not None and model.digest != use.sha256:
            raise BadModelFile(
                located.path or use.base,
                f"its digest is {model.digest} and not the one asked for",
                "use the file that the recipe names, or leave sha256 out",
            )
        for encoder in model.texts:
            encoder.network.to(device)
        for looking in model.pictures.values():
            looking.to(device)
        model.denoiser.to(device, dtype)
        model.autoencoder.to(device, decoded)
        return Opened(model, dtype, located)


def _verify(uses: Sequence[AdapterUse | InversionUse]) -> None:
    for use in uses:
        if use.sha256 is not None and use.sha256 != sha256_of(path_of(use)):
            hint = "use the file that the recipe names, or leave sha256 out"
            raise BadModelFile(use.file, "its hash is not the one asked for", hint)


def path_of(use: AdapterUse | InversionUse) -> Path:
    """Where the file of an adapter lies. Raises ModelNotFound for the home folder of nobody."""
    try:
        return Path(use.file).expanduser()
    except RuntimeError:
        raise ModelNotFound(use.file, "check the path of the adapter: there is no such folder") from None
