"""Draws the grid of the README: every prompt of docs/pictures/prompts.txt once, with seeds 1, 2, 3 ... in that order.

The prompts were written before any of these pictures was seen and the seeds are counted, so nothing is chosen by its
looks. Run it after the embedded model has changed.
"""

from pathlib import Path

from mezzotint import Drawn, Engine, compose
from mezzotint.engine.telling.grid import grid

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "pictures"


def main() -> None:
    """Writes docs/pictures/grid.webp."""
    prompts = (FOLDER / "prompts.txt").read_text("utf-8").split("\n")
    prompts = [prompt for prompt in prompts if prompt]
    recipes = [compose(prompt, seed=seed) for seed, prompt in enumerate(prompts, 1)]
    events = [event for event in Engine().run_batch(recipes) if isinstance(event, Drawn)]
    images = {event.index: event.picture.image for event in events}
    page = grid([(images[index], prompt) for index, prompt in enumerate(prompts)], columns=8)
    page.save(FOLDER / "grid.webp", quality=85, method=6)


if __name__ == "__main__":
    main()
