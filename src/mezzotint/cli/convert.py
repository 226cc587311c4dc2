"""`mezzotint convert MODEL TARGET`: writes a model in another layout or another number format."""

from collections.abc import Mapping
from typing import Any

from mezzotint.store.convert import convert


def run(given: Mapping[str, Any]) -> int:
    """Converts, and says what it was and is. Raises MezzotintError."""
    model = convert(
        given["model"],
        given["target"],
        storage=given["storage"],
        averaged=given["averaged"],
        prediction=given["prediction"],
    )
    count = sum(tensor.numel() for tensor in model.tensors.values())
    print(f"{given['target']}  {model.family.title}, {count:,} parameters, stored as {given['storage']}")
    return 0
