"""Figures of an evaluation as tables."""

from collections.abc import Mapping
from typing import Any

SHOWN_BY_TYPE = ("n", "em", "f1", "answerable_auc", "citation_recall", "abstained_share", "risk")
SHOWN_INTERVALS = frozenset({"em", "f1", "answerable_auc", "best_f1"})


def print_sets(sets: Mapping[str, Any]) -> None:
    """Print a column per set, or per set and mode, with 95 % intervals of the main figures."""
    from rich.console import Console
    from rich.table import Column, Table

    rows = _rows(sets)
    table = Table(Column(no_wrap=True), *(name for name, _ in rows))
    for figure, first in rows[0][1].items():
        if not isinstance(first, dict | list):
            table.add_row(figure, *(_with_interval(figures, figure) for _, figures in rows))
    Console().print(table)


def print_by_type(sets: Mapping[str, Any]) -> None:
    """Print a row per set and question type, where figures are by type."""
    from rich.console import Console
    from rich.table import Column, Table

    table = Table(Column(no_wrap=True), Column("type", no_wrap=True), *SHOWN_BY_TYPE)
    for name, figures in sets.items():
        for question_type, of_type in figures.get("by_type", {}).items():
            table.add_row(name, question_type, *(_shown(of_type[figure]) for figure in SHOWN_BY_TYPE))
    if table.row_count:
        Console().print(table)


def _with_interval(figures: Mapping[str, Any], name: str) -> str:
    interval = figures.get("intervals", {}).get(name) if name in SHOWN_INTERVALS else None
    between = f" [{_shown(interval[0])}–{_shown(interval[1])}]" if interval else ""
    return _shown(figures[name]) + between


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}".rstrip("0").rstrip(".")


def _rows(sets: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """A row per set, or per set and mode."""
    rows = []
    for name, figures in sets.items():
        if all(isinstance(v, dict) for v in figures.values()):
            rows += [(f"{name} {mode}", inner) for mode, inner in figures.items()]
        else:
            rows.append((name, figures))
    return rows
