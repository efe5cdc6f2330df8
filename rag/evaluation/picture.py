"""A picture of a report: risk over coverage, calibration, and F1 by question type."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.plots import COLOURS, FAINT, new_figure, save, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Sets = Mapping[str, Mapping[str, Any]]
PER_ROW = 3
TOP_IN, ROW_IN = 5.2, 3.4
MOST_TYPES = 9
FEWEST_OF_A_TYPE = 5
FEWEST_ROWS = 5
"""Room for so many bars, so that one alone is not a block."""


def draw(report: Mapping[str, Any], path: Path) -> None:
    """Draw what `evaluate_qa` reported and write it as PNG, SVG or PDF, by the path's ending."""
    sets: Sets = report["sets"]
    colours = {name: COLOURS[number % len(COLOURS)] for number, name in enumerate(sets)}
    typed = {name: types for name, figures in sets.items() if (types := _types(figures))}
    rows = math.ceil(len(typed) / PER_ROW)
    figure = new_figure(13, TOP_IN + ROW_IN * rows)
    grid = figure.add_gridspec(1 + rows, 2 * PER_ROW, height_ratios=[TOP_IN, *[ROW_IN] * rows])
    _draw_risk(figure.add_subplot(grid[0, :PER_ROW]), sets, colours, report.get("at_risk"))
    _draw_calibration(figure.add_subplot(grid[0, PER_ROW:]), sets, colours)
    for number, (name, types) in enumerate(typed.items()):
        row, column = divmod(number, PER_ROW)
        axes = figure.add_subplot(grid[1 + row, 2 * column : 2 * column + 2])
        _draw_types(axes, name, types, colours[name])
    save(figure, path)


def _draw_risk(
    axes: "Axes", sets: Sets, colours: Mapping[str, str], at_risk: Mapping[str, Any] | None
) -> None:
    for name, figures in sets.items():
        curve = figures["risk_coverage"]
        axes.plot(curve["coverage"], curve["risk"], color=colours[name], linewidth=2, label=name)
        if figures["risk"] is not None:
            shipped = 1 - figures["abstained_share"]
            axes.plot(shipped, figures["risk"], "o", color=colours[name], markersize=7, zorder=3)
    if at_risk:
        axes.axhline(at_risk["wanted"], color=FAINT, linestyle="--", linewidth=1)
    style(axes, "Risk over coverage")
    axes.set(xlim=(0, 1.01), xlabel="share of questions answered, the surest first")
    axes.set_ylim(bottom=0)
    axes.set_ylabel("share of wrong answers among them")
    axes.legend(frameon=False, fontsize=9, title="● the checkpoint's threshold", title_fontsize=9)


def _draw_calibration(axes: "Axes", sets: Sets, colours: Mapping[str, str]) -> None:
    axes.plot([0, 1], [0, 1], color=FAINT, linewidth=1, linestyle="--", label="as it should be")
    for name, figures in sets.items():
        if not 0 < figures["answerable"] < figures["n"]:
            continue  # with one kind of question there is no share to compare with
        bins = figures["calibration"]
        axes.plot(
            [b["probability"] for b in bins],
            [b["share"] for b in bins],
            "o-",
            color=colours[name],
            linewidth=1.5,
            markersize=5,
            label=f"{name}: error {figures['calibration_error']:.3f}",
        )
    style(axes, "Calibration")
    axes.set(xlim=(0, 1.01), ylim=(0, 1.03), xlabel="answerable probability")
    axes.set_ylabel("share of questions with an answer")
    axes.legend(frameon=False, fontsize=9, loc="best")


def _types(figures: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The question types with most questions, those that have too few left out."""
    enough = {
        name: of_type
        for name, of_type in figures["by_type"].items()
        if of_type["answerable"] >= FEWEST_OF_A_TYPE
    }
    return dict(list(enough.items())[:MOST_TYPES])


def _draw_types(axes: "Axes", name: str, types: Mapping[str, Mapping[str, Any]], colour: str) -> None:
    names = list(types)
    values = [types[t]["f1"] for t in names]
    bounds = [types[t]["intervals"]["f1"] or [v, v] for t, v in zip(names, values, strict=True)]
    below = [max(0.0, v - low) for v, (low, _) in zip(values, bounds, strict=True)]
    above = [max(0.0, high - v) for v, (_, high) in zip(values, bounds, strict=True)]
    labels = [f"{t} ({types[t]['n']})" for t in names]
    axes.barh(labels, values, xerr=[below, above], color=colour, alpha=0.75, ecolor="#333333", capsize=2)
    style(axes, f"{name}: F1 by type")
    axes.grid(visible=False, axis="y")
    axes.set_ylim(max(len(names), FEWEST_ROWS) - 0.5, -0.5)
    axes.set(xlim=(0, 100), xlabel="F1 with its 95 % interval (in brackets: questions)")
