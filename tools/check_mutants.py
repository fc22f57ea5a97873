"""Build the core with each of its deliberate mistakes and see that the tools named in docs/design/proof.md notice.

    python tools/check_mutants.py <folder for builds> [mutant...]

What the models alone can see, and what a Python test builds for itself, is not repeated here. Exits 1 when a mutant
survives a tool that should catch it.
"""

from __future__ import annotations

import concurrent.futures
import itertools
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
ROW = re.compile(r"^\| `(?P<mutant>[a-z-]+)` \| (?P<tools>[^|]+) \|", re.MULTILINE)
STRESS = REPOSITORY / "core" / "tests" / "stress" / "mutants.py"
SURVIVED, NOTICED, SKIPPED = 0, 1, 77
JOBS = 2  # mutants at a time: one that hangs what it breaks waits for the watchdog of its tool
PATIENCE_SECONDS = 900  # nothing that passes takes this long

# By what part of its tool a mutant is caught; the rest of the tool would only take time.
AIMED: dict[tuple[str, str], tuple[str, ...]] = {
    ("generation-last", "crash"): ("--operation", "attach", "--mode", "stopped"),
    ("lock-by-duplicate", "crash"): ("--operation", "fork, parent"),
    ("tail-first", "crash"): ("--operation", "channel write"),
    ("keep-end", "crash"): ("--operation", "channel write"),
    ("take-by-store", "crash"): ("--operation", "get"),
    ("take-backwards", "crash"): ("--operation", "get"),
    ("lock-by-duplicate", "test_fork"): ("a killed parent is dead",),
    ("read-without-look", "test_map"): ("a writer excludes all",),
    ("write-among-readers", "test_map"): ("a writer excludes all",),
    ("reader-forever", "test_map"): ("the death of one reader among a hundred",),
    ("always-armed", "test_channel"): ("the second run of a pair",),
}


@dataclass(frozen=True)
class Trial:
    """One tool that has to notice one mutant."""

    mutant: str
    tool: str

    def command(self, build: Path) -> list[str]:
        """Return how to run the tool of a build."""
        return [str(build / self.tool), *AIMED.get((self.mutant, self.tool), ())]


@dataclass(frozen=True)
class Verdict:
    """How a tool noticed a mutant; None when it did not."""

    trial: Trial
    noticed: str | None
    seconds: float


def trials() -> list[Trial]:
    """Read the page that says which tool catches which mutant."""
    text = (REPOSITORY / "docs" / "design" / "proof.md").read_text(encoding="utf-8")
    section = text.partition("## Mutants of the core")[2].partition("\n## ")[0]
    return [
        Trial(row["mutant"], tool)
        for row in ROW.finditer(section)
        for tool in re.findall(r"\bthread\b|\bcrash\b|\btest_[a-z]+\b(?!\.py)", row["tools"])
    ]


def built(trial: Trial, folder: Path) -> Path:
    """Build what a trial needs and return where it is."""
    build = folder / trial.mutant
    chosen = ["-DMEMLANE_BUILD_TESTS=ON", f"-DMEMLANE_MUTANT={trial.mutant}"]
    for command in (
        ["cmake", "-S", str(REPOSITORY / "core"), "-B", str(build), *chosen],
        ["cmake", "--build", str(build), "--target", trial.tool],
    ):
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return build


def notice(trial: Trial, folder: Path) -> str | None:
    """Run a trial and say how the tool noticed; None when it did not."""
    if trial.tool == "thread":
        judge = [sys.executable, str(STRESS), "--build", str(folder / "thread"), trial.mutant]
        judged = subprocess.run(judge, check=False, stdout=subprocess.DEVNULL)
        return "data race" if judged.returncode == 0 else None
    command = trial.command(built(trial, folder))
    try:
        ended = subprocess.run(
            command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=PATIENCE_SECONDS
        )
    except subprocess.TimeoutExpired:
        return f"no end within {PATIENCE_SECONDS} s"
    if ended.returncode == SKIPPED:
        raise SystemExit(f"{trial.tool} skipped: it proves nothing here")
    if ended.returncode not in (SURVIVED, NOTICED):
        raise SystemExit(f"{' '.join(command)} could not judge: exit status {ended.returncode}\n{ended.stdout}")
    return None if ended.returncode == SURVIVED else "failed, as it should"


def judge_mutant(tried: list[Trial], folder: Path) -> list[Verdict]:
    """Run the trials of one mutant, which share a build."""
    verdicts = []
    for trial in tried:
        begin = time.monotonic()
        noticed = notice(trial, folder)
        verdicts.append(Verdict(trial, noticed, time.monotonic() - begin))
    return verdicts


def main(folder: str, *chosen: str) -> int:
    """Try all mutants, or those that are named."""
    known = trials()
    if unknown := set(chosen) - {trial.mutant for trial in known}:
        raise SystemExit(f"docs/design/proof.md has no trial of {', '.join(sorted(unknown))} by a C tool")
    tried = [trial for trial in known if not chosen or trial.mutant in chosen]
    by_mutant = [list(group) for _mutant, group in itertools.groupby(tried, lambda trial: trial.mutant)]
    survivors = 0
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        for verdict in itertools.chain.from_iterable(
            pool.map(lambda group: judge_mutant(group, Path(folder)), by_mutant)
        ):
            survivors += verdict.noticed is None
            outcome = verdict.noticed or "SURVIVED"
            row = f"{verdict.trial.mutant:24} {verdict.trial.tool:12} {outcome:22} {verdict.seconds:6.1f} s"
            print(row, flush=True)
    print(f"mutants: {len(tried)} trials, {survivors} survived")
    return 1 if survivors or not tried else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
