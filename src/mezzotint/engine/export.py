"""Writes a model in the layout of other programs.

Takes a `ModelUse` and a new folder. Gives what was written. Knows no tensor names.
"""

from pathlib import Path

from mezzotint.families.export import export_diffusers
from mezzotint.families.registry import open_model
from mezzotint.values.recipe import ModelUse


def export(use: ModelUse, folder: Path) -> str:
    """Writes the model of `use` as a diffusers folder and gives its family's title.

    Raises OutputFailed, also for a folder that exists already, and what opening the model raises.
    """
    model = open_model(use)
    export_diffusers(model, folder)
    return model.family.title
