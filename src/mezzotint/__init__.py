"""Mezzotint: latent diffusion from a prompt to a picture, offline.

The public face: what `__all__` names is kept stable. Each name is looked up at its first use, so that importing the
package is quick and the command line shows its help without loading torch.
"""

from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mezzotint.engine.api import generate
    from mezzotint.engine.composing.compose import compose
    from mezzotint.engine.engine import Engine
    from mezzotint.store.convert import convert
    from mezzotint.values.errors import (
        BadPicture,
        BadValue,
        MezzotintError,
        ModelNotFound,
        OutputFailed,
        Stopped,
        UnknownName,
    )
    from mezzotint.values.events import Drawn, Event, Prepared, Stepped
    from mezzotint.values.guides import Cfg
    from mezzotint.values.metadata import read as read_picture
    from mezzotint.values.picture import Picture
    from mezzotint.values.recipe import ModelUse, Numerics, Pass, Prompt, Recipe

__version__ = "0.1.0.dev0"

__all__ = [
    "BadPicture",
    "BadValue",
    "Cfg",
    "Drawn",
    "Engine",
    "Event",
    "MezzotintError",
    "ModelNotFound",
    "ModelUse",
    "Numerics",
    "OutputFailed",
    "Pass",
    "Picture",
    "Prepared",
    "Prompt",
    "Recipe",
    "Stepped",
    "Stopped",
    "UnknownName",
    "compose",
    "convert",
    "generate",
    "read_picture",
]

_PLACES = MappingProxyType(
    {
        "BadPicture": "values.errors:BadPicture",
        "BadValue": "values.errors:BadValue",
        "Cfg": "values.guides:Cfg",
        "Drawn": "values.events:Drawn",
        "Engine": "engine.engine:Engine",
        "Event": "values.events:Event",
        "MezzotintError": "values.errors:MezzotintError",
        "ModelNotFound": "values.errors:ModelNotFound",
        "ModelUse": "values.recipe:ModelUse",
        "Numerics": "values.recipe:Numerics",
        "OutputFailed": "values.errors:OutputFailed",
        "Pass": "values.recipe:Pass",
        "Picture": "values.picture:Picture",
        "Prepared": "values.events:Prepared",
        "Prompt": "values.recipe:Prompt",
        "Recipe": "values.recipe:Recipe",
        "Stepped": "values.events:Stepped",
        "Stopped": "values.errors:Stopped",
        "UnknownName": "values.errors:UnknownName",
        "compose": "engine.composing.compose:compose",
        "convert": "store.convert:convert",
        "generate": "engine.api:generate",
        "read_picture": "values.metadata:read",
    }
)


def __getattr__(name: str) -> object:
    """The public name `name`, from the module that defines it."""
    if name not in _PLACES:
        raise AttributeError(f"module 'mezzotint' has no attribute {name!r}")
    module, attribute = _PLACES[name].split(":")
    return getattr(import_module(f"mezzotint.{module}"), attribute)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
