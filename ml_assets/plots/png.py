"""One palette and one writer for all pictures.

What is drawn belongs to the files beside. Figures are made without pyplot, whose global state would leak between
threads and open a display.
"""

import io

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

# Okabe and Ito's colours, which people with any colour vision can tell apart; black is kept for text.
BLUE, ORANGE, GREEN, PURPLE, RED = "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00"
GREY = "#555555"
"""Of lines and small print."""
PALE = "#9a9a9a"
"""Of what is drawn for comparison only."""
PALETTE = 64
"""Different colours of a file."""


def png_of(figure: Figure) -> bytes:
    """The picture at 100 dots per inch, as the bytes of a PNG."""
    canvas = FigureCanvasAgg(figure)
    figure.set_dpi(100)
    canvas.draw()  # type: ignore[no-untyped-call]
    full = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")  # type: ignore[no-untyped-call]
    # A palette makes the file a third: metadata travels with every event of an asset. An octree keeps the few colours
    # of a plot as they are, and takes less time than cutting by the median.
    small = io.BytesIO()
    full.quantize(PALETTE, method=Image.Quantize.FASTOCTREE).save(small, format="PNG")
    return small.getvalue()


def without_frame(axis: Axes, *sides: str) -> None:
    """Take away the lines on top, on the right and on the given sides."""
    axis.spines[["top", "right", *sides]].set_visible(False)
