"""A plot as one HTML file that needs nothing else: pictures, labels, recipes, and a chart if there is one.

Takes a drawn plot, gives the text of the page. The pictures are the saved files themselves, with their recipes inside,
so a picture saved from the page can be drawn again. The page loads nothing and sends nothing.
"""

import base64
import html
import io
import json
from collections.abc import Iterator
from string import Template

from PIL import Image

from mezzotint import __version__
from mezzotint.evaluate.plot import Plot, shared_settings
from mezzotint.values.axes import Axis

_PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="mezzotint $version">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>$title</title>
<style>
:root { --side: ${side}px; color-scheme: light dark; }
body { margin: 1rem; font: 15px/1.4 system-ui, sans-serif; }
h1 { font-size: 1.2rem; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1rem; margin: 1.2rem 0 .3rem; }
p { margin: .2rem 0 .8rem; opacity: .75; }
.wide { overflow: auto; max-height: 92vh; }
table { border-collapse: separate; border-spacing: 6px; }
th { font-weight: 500; max-width: max(var(--side), 8rem); overflow-wrap: anywhere; background: Canvas; }
thead th { position: sticky; top: 0; z-index: 1; padding: 2px 0; }
tbody th { position: sticky; left: 0; text-align: left; padding-right: 6px; min-width: 4rem; }
td { padding: 0; }
td button { all: unset; cursor: zoom-in; display: block; }
td button:focus-visible { outline: 3px solid Highlight; }
td img { width: var(--side); display: block; outline: 1px solid #8884; image-rendering: $rendering; }
dialog { max-width: 94vw; max-height: 94vh; }
dialog img { max-width: 88vw; max-height: 62vh; min-width: min(320px, 80vw); image-rendering: $rendering; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; max-height: 22vh; overflow: auto; font-size: 12px; }
.chart { max-width: 100%; }
</style>
</head>
<body>
<h1>$title</h1>
<p>$settings</p>
<label>size <input id="size" type="range" min="48" max="768" value="$side"></label>
$blocks
$chart
<dialog id="one"><h2 id="name"></h2><img id="large" alt=""><pre id="recipe"></pre>
<p>Save this picture, and <code>mezzotint replay</code> draws it again: its recipe is inside.</p>
<form method="dialog"><button>close</button></form></dialog>
<script id="recipes" type="application/json">$recipes</script>
<script>
const recipes = JSON.parse(document.getElementById("recipes").textContent);
const one = document.getElementById("one");
document.getElementById("size").addEventListener("input", event =>
  document.documentElement.style.setProperty("--side", event.target.value + "px"));
for (const button of document.querySelectorAll("td button"))
  button.addEventListener("click", () => {
    const image = button.firstElementChild;
    document.getElementById("large").src = image.src;
    document.getElementById("name").textContent = image.alt;
    document.getElementById("recipe").textContent = JSON.stringify(recipes[button.dataset.cell], null, 1);
    one.showModal();
  });
one.addEventListener("click", event => { if (event.target === one) one.close(); });
</script>
</body>
</html>
""")
_SHOWN_SIDE = (128, 256)
"""The least and the most pixels of a picture when the page opens; the reader may change it."""


def page(plot: Plot, title: str, chart: Image.Image | None) -> str:
    """The whole page of a plot whose pictures are all drawn."""
    width = next(iter(plot.recipes.values())).width
    return _PAGE.substitute(
        version=html.escape(__version__),
        title=html.escape(title),
        settings=html.escape(shared_settings(plot)),
        side=min(max(width, _SHOWN_SIDE[0]), _SHOWN_SIDE[1]),
        rendering="pixelated" if width < _SHOWN_SIDE[0] else "auto",
        blocks="\n".join(_blocks(plot)),
        chart="" if chart is None else f'<img class="chart" alt="convergence" src="{_data(_png(chart))}">',
        recipes=_recipes(plot),
    )


def _recipes(plot: Plot) -> str:
    """What the recipes of all cells say, in order, as JSON that no text inside can end before its time."""
    listed = [recipe.stated() for recipe in plot.recipes.values()]
    return json.dumps(listed, ensure_ascii=False).replace("<", "\\u003c")


def _blocks(plot: Plot) -> Iterator[str]:
    """One table for each value of the third axis."""
    numbers = {cell: number for number, cell in enumerate(plot.recipes)}
    x, y, z = (plot.axes[i] if len(plot.axes) > i else None for i in range(3))
    assert x is not None
    for third in range(_count(z)):
        if z is not None:
            yield f"<h2>{html.escape(z.label(third))}</h2>"
        corner = "<td></td>" if y is not None else ""
        heads = "".join(f'<th scope="col">{html.escape(x.label(i))}</th>' for i in range(_count(x)))
        yield f'<div class="wide"><table><thead><tr>{corner}{heads}</tr></thead><tbody>'
        for second in range(_count(y)):
            name = "" if y is None else f'<th scope="row">{html.escape(y.label(second))}</th>'
            row = [(first, second, third)[: len(plot.axes)] for first in range(_count(x))]
            yield f"<tr>{name}{''.join(_cell(plot, cell, numbers[cell]) for cell in row)}</tr>"
        yield "</tbody></table></div>"


def _count(axis: Axis | None) -> int:
    return 1 if axis is None else len(axis.values)


def _cell(plot: Plot, cell: tuple[int, ...], number: int) -> str:
    labels = ", ".join(axis.label(i) for axis, i in zip(plot.axes, cell, strict=True))
    file = plot.file(plot.recipes[cell]).read_bytes()
    name = html.escape(labels)
    return f'<td><button data-cell="{number}"><img alt="{name}" title="{name}" src="{_data(file)}"></button></td>'


def _data(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
