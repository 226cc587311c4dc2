"""`mezzotint convert MODEL TARGET`: writes a model in another layout or another number format."""

from collections.abc import Mapping
from typing import Any

from mezzotint.store.named import named, write


def run(given: Mapping[str, Any]) -> int:
    """Converts, and says what it was and is. Raises MezzotintError."""
    model = named(given["model"], given["prediction"], averaged=given["averaged"])
    write(model, given["target"], given["storage"])
    title, count = model.resolved.family.title, sum(t.numel() for t in model.tensors.values())
    print(f"{given['target']}  {title}, {count:,} parameters, stored as {given['storage']}")
    return 0
