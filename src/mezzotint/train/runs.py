"""What training left in a run folder: the settings in its run.json, and the averaged weights of a network.

Takes run folders. Gives settings and networks for use; what is not there, or does not fit, is one typed error. Trains
nothing.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter, ValidationError
from torch import Tensor, nn

from mezzotint.train.checkpoint import latest, read
from mezzotint.train.loop import RUN
from mezzotint.values.errors import BadModelFile, BadValue, ModelNotFound, shorten

Kind = TypeVar("Kind")
Network = TypeVar("Network", bound=nn.Module)


def settings(run: Path) -> Mapping[str, Any]:
    """The run.json of the run folder `run`, by the part that was trained. Raises ModelNotFound."""
    try:
        found: object = json.loads((run / RUN).read_text("utf-8"))
    except (OSError, ValueError):
        found = None
    if not isinstance(found, Mapping):
        raise ModelNotFound(str(run), "give the folder that a training verb wrote")
    return cast(Mapping[str, Any], found)


def settings_of(run: Path, part: str) -> Mapping[str, Any]:
    """Those of one trained `part`. Raises ModelNotFound, and BadModelFile for a run of another one."""
    every = settings(run)
    if not isinstance(every.get(part), Mapping):
        raise BadModelFile(run, f"is no run that trained the {part}", "give the folder of such a run")
    return every[part]


def geometry(run: Path, part: str, kind: type[Kind]) -> Kind:
    """The sizes of the network that is the trained `part`. Raises as `settings_of` does."""
    return made(run, TypeAdapter(kind).validate_python, settings_of(run, part).get("geometry"))


def made(run: Path, make: Callable[[Any], Kind], said: object) -> Kind:
    """What `make` makes of something `said` in the run.json of `run`. Raises BadModelFile where it cannot."""
    try:
        return make(said)
    except (ValidationError, BadValue) as error:
        told = f"its {RUN} describes no network ({shorten(str(error), 80)})"
        raise BadModelFile(run, told, "give a run folder as training wrote it") from None


def average(run: Path, prefix: str) -> dict[str, Tensor]:
    """The averaged weights of `run` whose names begin with `prefix`, without it, on the CPU. Raises ModelNotFound
    without a checkpoint."""
    flat = read(latest(run)).tensors["average"]
    return {name.removeprefix(prefix): one for name, one in flat.items() if name.startswith(prefix)}


def averaged(run: Path, network: Network, prefix: str) -> Network:
    """`network` with the averaged weights of `run`, for use. Raises as `average` does, and BadModelFile for weights of
    another geometry."""
    try:
        network.load_state_dict(average(run, prefix))
    except RuntimeError as error:
        told = f"holds no weights of the network that its {RUN} describes"
        raise BadModelFile(run, told, "give a run folder as training wrote it") from error
    return network.eval().requires_grad_(False)
