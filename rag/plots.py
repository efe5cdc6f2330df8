"""How our pictures look; matplotlib without its global state, so that any thread may draw."""

from pathlib import Path
from typing import TYPE_CHECKING

from rag.errors import DataError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#666666")
"""Told apart by people who do not see all colours (Okabe and Ito)."""
FAINT = "#999999"
ENDINGS = (".png", ".svg", ".pdf")
DOTS_PER_INCH = 150


def new_figure(width_in: float, height_in: float) -> "Figure":
    """A figure that lays out its parts by itself."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width_in, height_in), dpi=DOTS_PER_INCH, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def style(axes: "Axes", title: str) -> None:
    """Title at the left, no frame but the two axes, a faint grid behind the data."""
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#e5e5e5", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=9)


def check_ending(path: Path) -> None:
    """See that a picture's file can be written.

    Raises:
        DataError: its name has another ending than .png, .svg or .pdf.
    """
    if path.suffix.lower() not in ENDINGS:
        raise DataError(f"{path.name}: a picture's name ends with {', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}")


def save(figure: "Figure", path: Path) -> None:
    """Write a figure; the file appears whole or not at all."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        figure.savefig(partial, format=path.suffix[1:].lower())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
