"""The part of the way from noise to a picture that one pass walks.

Takes plain values, gives a frozen record. Knows no plan.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from mezzotint.values.errors import BadValue
from mezzotint.values.value import POSITIVE_ZERO, Value

Share = Annotated[float, POSITIVE_ZERO, Field(ge=0, le=1)]


class Span(Value):
    """From `start` to `stop`, as shares of the `steps`, or of the `time` of training, as SDXL's refiner takes over."""

    start: Share = 0.0
    stop: Share = 1.0
    unit: Literal["steps", "time"] = "steps"

    @model_validator(mode="after")
    def _forwards(self) -> Self:
        if self.start > self.stop:
            raise BadValue(
                "span", f"starts at {self.start} and stops at {self.stop}", "put the smaller one first"
            )
        return self
