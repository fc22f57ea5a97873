"""Build the core with each of its deliberate mistakes and see that the tools named in docs/design/proof.md notice.

    python tools/check_mutants.py <folder for builds> [mutant...]

What the models alone can see, and what a Python test builds for itself, is not repeated here. Exits 1 when a mutant
survives a tool that should catch it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
ROW = re.compile(r"^\| `(?P<mutant>[a-z-]+)` \| (?P<tools>[^|]+) \|", re.MULTILINE)
STRESS = REPOSITORY / "core" / "tests" / "stress" / "mutants.py"
SURVIVED, SKIPPED = 0, 77
# A mutant may well hang what it breaks; nothing that passes takes this long.
PATIENCE_SECONDS = 900


@dataclass(frozen=True)
class Trial:
    """One tool that has to notice one mutant."""

    mutant: str
    tool: str

    def command(self, build: Path) -> list[str]:
        """Return how to run the tool of a build."""
        jobs = ["--jobs", str(os.cpu_count() or 1)] if self.tool == "crash" else []
        return [str(build / self.tool), *jobs]


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


def verdict(trial: Trial, folder: Path) -> str | None:
    """Run a trial and say how the tool noticed; None when it did not."""
    if trial.tool == "thread":
        judge = [sys.executable, str(STRESS), "--build", str(folder / "thread"), trial.mutant]
        judged = subprocess.run(judge, check=False, stdout=subprocess.DEVNULL)
        return "data race" if judged.returncode == 0 else None
    command = trial.command(built(trial, folder))
    try:
        status = subprocess.run(command, check=False, capture_output=True, timeout=PATIENCE_SECONDS).returncode
    except subprocess.TimeoutExpired:
        return f"no end within {PATIENCE_SECONDS} s"
    if status == SKIPPED:
        raise SystemExit(f"{trial.tool} skipped: it proves nothing here")
    return None if status == SURVIVED else f"exit status {status}"


def main(folder: str, *chosen: str) -> int:
    """Try all mutants, or those that are named."""
    known = trials()
    if unknown := set(chosen) - {trial.mutant for trial in known}:
        raise SystemExit(f"docs/design/proof.md has no trial of {', '.join(sorted(unknown))} by a C tool")
    tried = [trial for trial in known if not chosen or trial.mutant in chosen]
    survivors = 0
    for trial in tried:
        begin = time.monotonic()
        noticed = verdict(trial, Path(folder))
        survivors += noticed is None
        seconds = time.monotonic() - begin
        print(f"{trial.mutant:24} {trial.tool:12} {noticed or 'SURVIVED':20} {seconds:6.1f} s", flush=True)
    print(f"mutants: {len(tried)} trials, {survivors} survived")
    return 1 if survivors or not tried else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
