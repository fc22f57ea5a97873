"""Let ThreadSanitizer judge the orders: silent on the product, loud on each order that was weakened.

``python3 core/tests/stress/mutants.py [--build FOLDER] [MUTANT ...]`` builds both with clang and runs ``stress``.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

CORE = Path(__file__).resolve().parents[2]
COMPILER = "clang-14"
PRODUCT = "product"

# Which part of the stress each mutant is caught by; the rest of it would only take time.
VISIBLE = {
    "publish-relaxed": "viewers",
    "observe-relaxed": "viewers",
    "unpin-relaxed": "viewers",
    "pin-scan-relaxed": "viewers",
    "unlock-relaxed": "lock",
    "lock-relaxed": "lock",
    "leave-relaxed": "map",
    "tail-relaxed": "channel",
    "bytes-relaxed": "channel",
    "head-relaxed": "channel",
    "room-relaxed": "channel",
    "post-relaxed": "callers",
    "answer-relaxed": "callers",
}

# What ThreadSanitizer cannot see, and where it is proven instead.
INVISIBLE = {
    "the fences of CLAIM (C1, C2)": "it ignores standalone fences; core/models/register.pml weakens them",
    "the seq_cst of PIN (N1 to N4) against acquire and release": "it executes stores at once; core/models/register.pml "
    "holds them back in a store buffer",
    "the swap of POST (Q2)": "the load of the state before it is an acquire, and orders the same",
    "the order of COLLECT (J1, J2)": "the next owner of a lane would have to be met in another thread",
    "the order of TAKE (T1, T2)": "it protects no plain memory; core/models/share.pml weakens both ends",
    "the seq_cst of WAKE (W1 to W3)": "the same; core/models/wait.pml",
    "the fences of RAISE (E1 to E4)": "it ignores standalone fences; core/models/rwlock.pml",
}

REPORT = "WARNING: ThreadSanitizer: data race"
WATCHDOG_SECONDS = 300
# A mutant has to be met in a window of few instructions, and on a busy machine the threads seldom run side by side. The
# product has to pass the first time.
ATTEMPTS = 50


def build(folder: Path, mutant: str) -> Path:
    """Build the stress program of the product or of a mutant and return it."""
    options = ["-DMEMLANE_SANITIZE=thread", "-DMEMLANE_BUILD_TESTS=ON", "-DMEMLANE_TEST_BUILD=ON"]
    options += [f"-DCMAKE_C_COMPILER={COMPILER}", "-DCMAKE_BUILD_TYPE=RelWithDebInfo"]
    options += [f"-DMEMLANE_MUTANT={mutant if mutant != PRODUCT else 'OFF'}"]
    run(["cmake", "-S", str(CORE), "-B", str(folder), "--log-level=WARNING", *options])
    run(["cmake", "--build", str(folder), "--target", "stress"])
    return folder / "stress"


def run(command: list[str]) -> None:
    """Run a step of the build; what it printed appears when it fails."""
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout}")


class Outcome(NamedTuple):
    """How one run of the program ended."""

    found: str
    output: str

    @property
    def reported(self) -> bool:
        """Whether a race was reported, whatever else happened."""
        return REPORT in self.output

    @property
    def verdict(self) -> str:
        """What is said of the run."""
        return "a race was reported" if self.reported else self.found


SILENT = "silent"
FAILED = "failed without a report"


def stress(program: Path, *arguments: str, watchdog_seconds: float = WATCHDOG_SECONDS) -> Outcome:
    """Run the program, until its end or until the watchdog ends it."""
    try:
        done = subprocess.run(
            [str(program), *arguments],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "TSAN_OPTIONS": "halt_on_error=1"},
            timeout=watchdog_seconds,
        )
    except subprocess.TimeoutExpired as hung:
        return Outcome(f"no end within {watchdog_seconds:g} s", (hung.stdout or b"").decode(errors="replace"))
    return Outcome(SILENT if done.returncode == 0 else FAILED, done.stdout.decode(errors="replace"))


def run_until_reported(program: Path, part: str, watchdog_seconds: float = WATCHDOG_SECONDS) -> Outcome:
    """Run a part until a race is reported. A run that hangs is the last: it has had the time of many."""
    for _attempt in range(ATTEMPTS):
        outcome = stress(program, part, watchdog_seconds=watchdog_seconds)
        if outcome.verdict not in (SILENT, FAILED):
            break
    return outcome


def judge(folder: Path, mutant: str) -> bool:
    """Build and run one; print the verdict and return whether it is the one demanded."""
    program = build(folder / mutant, mutant)
    is_product = mutant == PRODUCT
    outcome = stress(program) if is_product else run_until_reported(program, VISIBLE[mutant])
    well = outcome.verdict == SILENT if is_product else outcome.reported
    print(f"{mutant:18} {outcome.verdict}{'' if well else '  WRONG'}", flush=True)
    if not well:
        print(outcome.output)
    return well


def main() -> int:
    """Judge the product and the mutants that were asked for, or all."""
    parser = argparse.ArgumentParser(description="ThreadSanitizer against the product and its order mutants")
    parser.add_argument("--build", type=Path, help="folder to build in and keep (default: a temporary one)")
    parser.add_argument("mutants", nargs="*", metavar="MUTANT", help=f"of {', '.join([PRODUCT, *VISIBLE])}")
    arguments = parser.parse_args()
    wanted = arguments.mutants or [PRODUCT, *VISIBLE]
    unknown = sorted(set(wanted) - {PRODUCT, *VISIBLE})
    if unknown:
        parser.error(f"no such mutant: {', '.join(unknown)}")
    with tempfile.TemporaryDirectory() as temporary:
        verdicts = [judge(arguments.build or Path(temporary), mutant) for mutant in wanted]
    for order, reason in INVISIBLE.items():
        print(f"not visible here: {order}: {reason}")
    return 0 if all(verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
