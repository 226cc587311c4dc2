"""Our side of `first_picture.py`: draws one picture as the command does, then more, and tells the seconds as JSON."""

import json
import sys
from statistics import median
from time import perf_counter

from clock import processor, since_start

from mezzotint.engine.api import draw
from mezzotint.engine.composing.compose import compose
from mezzotint.engine.engine import Engine


def main() -> None:
    """Draws with the settings of the first argument (JSON)."""
    given = json.loads(sys.argv[1])
    engine = Engine("cpu")  # it may use as many threads as the other side, and chooses
    recipe = compose(
        given["prompt"],
        model=given["model"],
        sampler="euler",
        spacing="leading",
        steps=given["steps"],
        guidance=given["guidance"],
        seed=given["seed"],
        width=given["width"],
        height=given["height"],
    )
    draw(engine, recipe).save(given["out"])
    told = {"cold": since_start(), "cold_cpu": processor()}
    walls, used = [], []
    for i in range(given["repeats"]):
        start, before = perf_counter(), processor()
        draw(engine, recipe.model_copy(update={"seed": i + 1}))
        walls.append(perf_counter() - start)
        used.append(processor() - before)
    print(json.dumps({**told, "warm": median(walls), "warm_cpu": median(used)}))


main()
