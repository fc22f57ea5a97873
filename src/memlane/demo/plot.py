"""A run as a picture: rates and latencies over time. The only module that knows matplotlib."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from typing_extensions import Self

    from memlane.demo.display import Display
    from memlane.demo.figures import Figures, Row

INCHES = (10.0, 7.5)


@final
class Recorder:
    """A display that keeps what it is given, for a picture, and lets another one show it."""

    def __init__(self, display: Display) -> None:
        self.period = display.period
        self.figures: list[Figures] = []
        self._display = display

    def __enter__(self) -> Self:
        self._display.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._display.__exit__(kind, error, traceback)

    def show(self, figures: Figures) -> None:
        """Show the figures of this moment."""
        self.figures.append(figures)
        self._display.show(figures)

    def finish(self, figures: Figures) -> None:
        """Show the figures of the end."""
        self.figures.append(figures)
        self._display.finish(figures)


def draw(figures: list[Figures], path: str) -> None:
    """Write the picture of a run; the end of the path says its format."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - takes half a second, and most runs draw nothing

    picture = Figure(figsize=INCHES, layout="constrained")
    rates, latencies = picture.subplots(2, 1, sharex=True)
    draw_lines(rates, figures, {row.variable: row.variable for row in figures[-1].rows}, lambda row: row.write_rate)
    rates.set_ylabel("writes a second")
    names = {f"{row.variable} / {row.reader}": f"{row.variable}, read by {row.reader}" for row in figures[-1].rows}
    draw_calls(latencies, figures)
    draw_lines(latencies, figures, names, in_milliseconds)
    latencies.set_ylabel("99th percentile of the latency, ms")
    latencies.set_yscale("log")
    latencies.set_xlabel("seconds")
    rates.set_ylim(bottom=0)
    end = figures[-1]
    picture.suptitle(f"memlane demo: {end.frames_verified:,} frames verified, {end.torn:,} torn, {end.kills:,} kills")
    picture.savefig(path)


def in_milliseconds(row: Row) -> float | None:
    """Return the 99th percentile of a row's latency."""
    return None if row.percentile_99 is None else row.percentile_99 * 1e3


def draw_calls(axes: Any, figures: list[Figures]) -> None:
    """Draw how long calls take."""
    times = [moment.seconds for moment in figures]
    values = [moment.calls.percentile_99 for moment in figures]
    label = "segment(), called by controller"
    axes.plot(
        times,
        [float("nan") if value is None else value * 1e3 for value in values],
        label=label,
        color="black",
        linestyle="--",
    )


def draw_lines(
    axes: Any, figures: list[Figures], names: dict[str, str], value_of: Callable[[Row], float | None]
) -> None:
    """Draw a line for each name: of a variable, or of a variable and its reader."""
    times = [moment.seconds for moment in figures]
    for key, label in names.items():
        values = [next((value_of(row) for row in moment.rows if is_of(row, key)), None) for moment in figures]
        axes.plot(times, [float("nan") if value is None else value for value in values], label=label)
    axes.legend(loc="upper right", fontsize="small")
    axes.grid(visible=True, alpha=0.3)


def is_of(row: Row, key: str) -> bool:
    """Tell whether a row is meant by the name of its variable, alone or with its reader."""
    return key in {row.variable, f"{row.variable} / {row.reader}"}
