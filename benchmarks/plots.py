"""Pictures of a run: latency and throughput side by side, and curves of growth.

``python -m benchmarks.plots RESULTS.json FOLDER`` writes them as PNG and as SVG.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from benchmarks.registry import MEMLANE
from benchmarks.results import load, number

if TYPE_CHECKING:
    from benchmarks.results import Line, Results

LATENCIES = (("S1", "64 B there and back"), ("S5", "f(a, b) -> a + b"))
RATES = (("S2", "64 B one way, one by one"), ("S2b", "1 KiB one way, one by one"))
CURVES = {
    "readers of a variable": ("get",),
    "callers of a function": ("call",),
    "bytes of a value": ("set", "get"),
    "objects in a namespace": ("open and close",),
}
OURS, OTHERS = "#c2410c", "#64748b"


def pyplot() -> Any:
    """Return matplotlib's drawing part, for files that are the same each time."""
    import matplotlib as mpl  # noqa: PLC0415  (of the bench group)

    mpl.use("Agg")
    mpl.rcParams.update({"svg.hashsalt": "memlane", "svg.fonttype": "none"})
    from matplotlib import pyplot as plt  # noqa: PLC0415

    return plt


def save(figure: Any, path: str) -> None:
    """Write a picture, without the time of its making."""
    figure.savefig(path, metadata={"Date": None} if path.endswith(".svg") else None)
    pyplot().close(figure)


def bars(axes: Any, line: Line) -> None:
    """Draw what each peer took, the best on top."""
    order = sorted(line.peers, key=lambda peer: line.peers[peer].median, reverse=not line.more_is_better)
    figures = [line.peers[peer].median for peer in order]
    drawn = axes.barh(order, figures, color=[OURS if peer.startswith(MEMLANE) else OTHERS for peer in order])
    axes.bar_label(drawn, [number(figure) for figure in figures], padding=3)
    axes.set_xscale("log")
    axes.tick_params(axis="x", which="both", labelbottom=False)
    axes.margins(x=0.2)
    axes.set_title(f"{line.scenario}: {line.name}, {line.unit}", fontsize=10)


def peers(results: Results, path: str) -> None:
    """Draw latencies in the left column, rates in the right one."""
    pairs = [tuple(results.find(*key) for key in keys) for keys in zip(LATENCIES, RATES, strict=True)]
    figure, grid = pyplot().subplots(len(pairs), 2, figsize=(13, 9), layout="constrained")
    for axes, line in zip(grid.flat, (line for pair in pairs for line in pair), strict=True):
        if line is None:
            axes.set_visible(False)
        else:
            bars(axes, line)
    save(figure, path)


def curves(axes: Any, lines: list[Line], names: tuple[str, ...]) -> None:
    """Draw curves of the same unit; what spans decades on axes that do."""
    highest = 0.0
    for name in names:
        chosen = [line for line in lines if line.name.startswith(f"{name}, ")]
        figures = [line.peers[MEMLANE].median for line in chosen]
        axes.plot([line.at for line in chosen], figures, "o-", label=name)
        axes.set_ylabel(chosen[0].unit)
        highest = max(highest, *figures)
    axes.set(**({"yscale": "log"} if len(names) > 1 else {"ylim": (0, 1.5 * highest)}))
    axes.grid(visible=True, alpha=0.3)
    axes.legend()


def growth(results: Results, path: str) -> None:
    """Draw each curve of growth on axes of its own; of sizes, set and get together."""
    lines = [line for line in results.lines if line.scenario == "S9"]
    figure, grid = pyplot().subplots(2, 2, figsize=(13, 8), layout="constrained")
    for axes, (across, names) in zip(grid.flat, CURVES.items(), strict=True):
        axes.set(xscale="log", xlabel=across)
        curves(axes, [line for line in lines if line.name.endswith("B") == ("bytes" in across)], names)
    save(figure, path)


def main(arguments: list[str]) -> None:
    """Draw both, in both formats."""
    source, folder = arguments
    results = load(source)
    for form in ("png", "svg"):
        peers(results, f"{folder}/peers.{form}")
        growth(results, f"{folder}/growth.{form}")


if __name__ == "__main__":
    main(sys.argv[1:])
