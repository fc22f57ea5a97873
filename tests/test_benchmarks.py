"""The benchmarks run: every scenario, with memlane and with what the standard library has; no time is asserted."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import observing, page
from benchmarks.command import parse
from benchmarks.goals import BEST, Goal
from benchmarks.results import Found, Line, Results, load
from benchmarks.scenarios.every import ROWS
from benchmarks.scenarios.programs import read_figures

REPOSITORY = Path(__file__).parents[1]
BUILT_IN_C = {"S10", "limits"}
STANDARD = "mp.Pipe,mp.shared_memory,mp.Array,mp.Lock,mp.Value,os.pipe,flock,pickle"


def measure(path: Path, *arguments: str) -> None:
    """Run the shortest rounds."""
    short = ("--seconds", "0.001", "--rounds", "1", "--repetitions", "0", "--points", "1", "--output", str(path))
    subprocess.run([sys.executable, "-m", "benchmarks", *short, *arguments], check=True, cwd=REPOSITORY)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Measure all that needs no compiler, once."""
    path = tmp_path_factory.mktemp("benchmarks") / "results.json"
    scenarios = dict.fromkeys(row.scenario for row in ROWS if row.scenario not in BUILT_IN_C)
    measure(path, "--peers", f"memlane,{STANDARD}", "--scenario", ",".join(scenarios))
    return load(str(path))


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_every_scenario_has_a_figure_of_memlane(results: Results) -> None:
    """Benchmarks that nobody runs rot."""
    expected = {row.scenario for row in ROWS} - BUILT_IN_C
    measured = {line.scenario for line in results.lines if line.peers["memlane"].median > 0}

    assert expected == measured


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_no_peer_of_the_standard_library_fails(results: Results) -> None:
    """An adapter that fails is left out of the tables, where nobody misses it."""
    peers = {peer for line in results.lines for peer in line.peers}

    assert {peer: error for line in results.lines for peer, error in line.failed.items()} == {}
    assert set(STANDARD.split(",")) <= peers


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_page_names_every_row_of_every_run(results: Results) -> None:
    """Two runs stand side by side."""
    text = page.page([results, results])

    assert [line.name for line in results.lines if f"| {line.name}, {line.unit} | " not in text] == []


def test_the_page_is_what_the_results_say() -> None:
    """Who adds a result makes the page anew: python -m benchmarks.page."""
    runs = [load(str(path)) for path in sorted(page.RESULTS.glob("*.json"))]

    assert page.page(runs) == page.PAGE.read_text()


LATENCY = Line(
    "S1", "trip", "us", more_is_better=False, peers={"memlane": Found([2.0, 1.0, 3.0]), "slow": Found([30.0])}
)
RATE = Line("S2", "rate", "million/s", more_is_better=True, peers={"memlane": Found([8.0]), "slow": Found([2.0])})


@pytest.mark.parametrize(("line", "expected"), [(LATENCY, 15.0), (RATE, 4.0)])
def test_a_ratio_above_one_says_that_memlane_is_ahead(line: Line, expected: float) -> None:
    """Of times as of rates."""
    assert line.ratio("slow") == expected


def test_a_peer_that_does_another_job_is_never_the_best_one() -> None:
    """A single number is no struct."""
    line = Line("S4", "set", "ns", more_is_better=False, peers={"mp.Value": Found([1.0]), "mp.Array": Found([9.0])})

    assert line.best() == "mp.Array"


@pytest.mark.parametrize(("times", "verdict"), [(15, "reached"), (16, "[missed](design/performance.md#limits)")])
def test_a_goal_is_reached_or_links_to_its_explanation(times: float, verdict: str) -> None:
    """In every run that is shown."""
    runs = [Results(lines=[LATENCY]), Results(lines=[LATENCY])]

    assert page.verdict(Goal("S1", "trip", times, BEST), runs) == verdict


def test_a_second_run_takes_the_place_of_rows_that_it_measured(tmp_path: Path) -> None:
    """A run in portions is one result."""
    newer = Line("S1", "trip", "us", more_is_better=False, peers={"memlane": Found([1.0])})
    merged = Results(lines=[LATENCY, RATE]).merged_with(Results(lines=[newer]), [("S2", "rate"), ("S1", "trip")])

    merged.save(str(tmp_path / "merged.json"))

    assert merged.lines == [RATE, newer]
    assert load(str(tmp_path / "merged.json")) == merged


@pytest.mark.parametrize("count", [6, 7, 60, 61, 100, 2000])
def test_interval_of_a_median_is_the_narrowest_of_95_percent(count: int) -> None:
    """A loss of at most 1 % is only as good as the interval that says so."""
    middle, low, high = observing.median([float(number) for number in range(count)])

    def confidence(first: int) -> float:
        inside = range(first + 1, count - first)  # how many values lie below the median when it lies in the interval
        return sum(math.comb(count, below) for below in inside) / (1 << count)

    assert low + high == 2 * middle == count - 1
    assert confidence(int(low) + 1) < 0.95 <= confidence(int(low))


def test_interval_of_few_values_is_all_of_them() -> None:
    """No other one comes nearer to 95 %."""
    assert observing.median([3.0, 1.0, 2.0]) == (2.0, 1.0, 3.0)


def test_a_scenario_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """Beside those that are."""
    with pytest.raises(SystemExit):
        parse(["--scenario", "S1,S99"])

    assert "nothing is called S99: there are S1, S1b" in capsys.readouterr().err


def test_what_a_program_in_c_prints_is_read() -> None:
    """Their output is their only interface."""
    text = "    1024 bytes  arrival p50 155 ns, p99 225 ns  execution p50 301 ns, p99 420 ns  stream 249.5 ns\n"
    (call,) = [row for row in ROWS if row.name == "one-way call with 1 KiB"]

    assert read_figures(call.roles[0].args[1], text) == {"value": 155.0, "p99": 225.0}
