"""`mezzotint export FOLDER`: writes a model as a folder that diffusers opens."""

from collections.abc import Mapping
from typing import Any

from mezzotint.engine.export import export
from mezzotint.values.recipe import ModelUse


def run(given: Mapping[str, Any]) -> int:
    """Exports and says where to. Raises MezzotintError."""
    written = export(ModelUse(base=given["model"], prediction=given["prediction"]), given["folder"])
    print(f"{given['folder']}  {written} for diffusers.StableDiffusionPipeline.from_pretrained")
    return 0
