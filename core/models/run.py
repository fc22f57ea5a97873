#!/usr/bin/env python3
"""Search the Spin models of this folder and their mutants, and compare each outcome with what is expected.

A model without a mutant must be searched to its end without an error; a mutant must fail. Exit status: 0 all as
expected, 1 not, 77 a tool is missing.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import dataclasses
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
SKIPPED = 77
JOBS = 2
PACKAGE_OF = {"spin": "spin", "gcc": "gcc"}  # tool: Debian package
SEARCH_DEPTH = 100_000  # steps; the deepest search needs fewer than 500
CUT_SHORT = re.compile(r"max search depth too small|reached -DMEMLIM bound|out of memory|aborting")
NOT_COMPLETED = "Search not completed"  # at the first error too, which is what a mutant is for
ERRORS = re.compile(r"errors:\s+(\d+)")
STATES = re.compile(r"^\s*([0-9.e+]+) states, stored", re.MULTILINE)
VIOLATION = re.compile(r"^pan:1: (assertion violated .*|invalid end state) \(at depth", re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class Search:
    """A model in one scenario, expected to hold."""

    model: str
    scenario: str  # flags
    shows: str
    compress: bool = False  # the states: half of the memory, a third more of the time


@dataclasses.dataclass(frozen=True)
class Mutant:
    """A model with one order or protocol step taken away, expected to fail in the scenario."""

    model: str
    name: str
    scenario: str
    weakens: str


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a search came to."""

    run: Search | Mutant
    states: str
    errors: str
    seconds: float
    remark: str
    as_expected: bool


SEARCHES = (
    Search("register", "COPY", "2 writers, one mortal, and a copying reader"),
    Search("register", "COPY JANITOR", "with clean-up behind the dead"),
    Search("register", "COPY MORTAL_LOAN SLOTS=4", "writes inside open loans, whose holder may die"),
    Search("register", "COPY HEIR SLOTS=2 READS=0", "the index of the dead is attached again"),
    Search("register", "PIN", "2 writers, one mortal, and a pinning reader, mortal"),
    Search("register", "COPY OLD READS=0", "a slot and a loan that nobody touched for any number of versions"),
    Search("register", "VIEW NEVER_FULL SLOTS=4", "an old view; with the slots of D47 no claim fails"),
    Search("register", "COPY VACATE", "the latest value is given up while it is copied"),
    Search("register", "PIN VACATE", "the latest value is given up while it is pinned"),
    Search("lock", "NOBODY_DIES ROUNDS=2", "3 owners: no chunk is ever needed"),
    Search("lock", "ROUNDS=2", "an owner dies at any step"),
    Search("lock", "HEIR ROUNDS=2", "its index is attached again, by one who may die too"),
    Search("lock", "HEIR GENERATIONS=1", "the same, when the generation has wrapped"),
    Search("lock", "JANITOR", "clean-up behind the dead"),
    Search("lock", "FALSE_VERDICT", "a living owner is declared dead"),
    Search("lock", "FALSE_VERDICT HEIR GENERATIONS=1", "a zombie beside an heir with its tag"),
    Search("wait", "", "2 publishers, 2 waiters: no wake-up is lost"),
    Search("wait", "DEATH OTHER_PUBLICATIONS=1", "a publisher dies: one chunk heals"),
    Search("share", "", "2 puts, 2 getters, one mortal: each value is taken at most once"),
    Search("share", "PUTS=3 GETS=1", "3 puts: what was taken last is moved along"),
    Search("buffer", "", "2 writers and one who emits; one of them dies at any step"),
    Search("buffer", "FALSE_VERDICT", "one is taken for dead, and goes on"),
    Search("buffer", "READER WRITES=1 EMITS=1", "a reader sees no half, and waits for nobody"),
    Search("attach", "", "die or stop at any step of attach, clean-up, detach"),
    Search("attach", "LOST", "a participant whose descriptor was closed lives on, and detaches"),
    Search("attach", "SECOND", "two newcomers"),
    Search("fork", "", "views across fork, parent and child mortal"),
    Search("rwlock", "", "2 readers, 2 writers: exclusion, and nobody is passed by more than two"),
    Search("rwlock", "ONE_READER ROUNDS=2", "a reader among writers that come back"),
    Search("rwlock", "MORTAL=2 ONE_READER", "a writer dies at any step"),
    Search("rwlock", "MORTAL=0 ONE_WRITER", "a reader dies at any step"),
    Search("channel", "ONE_WRITER NB=2", "two readers, one after the other, all mortal", compress=True),
    Search("channel", "ONE_READER NB=2", "two writers, one after the other, all mortal", compress=True),
    Search("calls", "NC=1 NO_JAN NO_KA NO_KS", "2 callers, 2 servers: each call once, each response its own"),
    Search("calls", "NC=1 NO_JAN NO_KA NO_KS TO", "callers give up at any time"),
    Search("calls", "NC=1 NO_JAN NOS2 TO", "caller and server die, calls are withdrawn and given up"),
    Search("calls", "NC=1 NO_JAN NO_KS NOS2", "a caller dies: its lane comes back"),
    Search("calls", "NC=2 NO_JAN NO_KA NOS2", "a server dies: no slot is lost"),
    Search("calls", "NC=1 NO_JAN NOS2 REUSE_B=2", "a caller attaches the index of a dead server"),
)

LONGER_SEARCHES = (
    Search("register", "COPY WRITES=2", "three writes"),
    Search("register", "COPY LOAN SLOTS=4 READS=2", "two reads: versions never fall"),
    Search("register", "COPY HEIR SLOTS=2", "an heir and a reader"),
    Search("register", "PIN WRITES=2", "three writes"),
    Search("register", "PIN LOAN SLOTS=4", "a loan and a pinning reader"),
    Search("register", "VIEW WRITES=2", "an old view during three writes"),
    Search("register", "VIEW JANITOR", "clean-up of writer and reader"),
    Search("register", "VIEW LOAN NEVER_FULL SLOTS=5", "with the slots of D47 no claim fails, loan included"),
    Search("lock", "JANITOR ROUNDS=2", "more acquisitions"),
    Search("lock", "FALSE_VERDICT HEIR ROUNDS=2", "more acquisitions"),
    Search("share", "PUTS=3", "3 puts, 2 gets of each getter"),
    Search("wait", "DEATH", "more publications"),
    Search("wait", "DEATH PUBLICATIONS=2", "still more publications"),
    Search("attach", "LOST SECOND", "two newcomers"),
    Search("fork", "CLAIMS=6", "more claims"),
    Search("rwlock", "MORTAL=0", "a reader dies among two writers"),
    Search("rwlock", "MORTAL=2", "a writer dies among two readers"),
    Search("buffer", "READER", "a reader during two requests of each writer"),
    Search("channel", "NB=1", "two of each"),
    Search("channel", "ONE_WRITER NB=3 CAP=2", "a larger ring"),
    Search("calls", "NC=1 NO_KA NOS2", "a janitor that may die or stop"),
)

MUTANTS = (
    # Orders of the register.
    Mutant("register", "CLAIM_NOT_SEQ_CST", "PIN", "order: claim (CAS ctrl) before the loads of the pins"),
    Mutant("register", "PIN_NOT_SEQ_CST", "PIN", "order: store of the pin before the load of ctrl"),
    Mutant("register", "PINS_USED_LOADED_FIRST", "PIN", "order: claim before the load of pins_used"),
    Mutant("register", "PINS_USED_RAISED_LAST", "PIN", "order: pins_used before the pin"),
    Mutant("register", "NO_RELEASE_FENCE", "COPY", "order: claim before the payload"),
    Mutant("register", "NO_ACQUIRE_FENCE", "COPY", "order: loads of the payload before the second load of ctrl"),
    Mutant("register", "PUBLISH_RELAXED", "COPY", "order: payload before CAS latest"),
    Mutant("register", "LATEST_LOAD_RELAXED", "COPY", "order: load of latest before the loads of the payload"),
    Mutant("register", "LATEST_BEFORE_CTRL", "COPY", "order: a claim's load of ctrl before its load of latest"),
    Mutant("register", "LATEST_BEFORE_VERDICT", "COPY", "order: verdict before the load of latest"),
    Mutant("register", "MARK_BEFORE_PUBLISH", "COPY", "order: CAS latest before the mark PUBLISHED"),
    Mutant("register", "UNPIN_RELAXED", "PIN", "order: last load through a view before the pin is cleared"),
    # Protocol of the register.
    Mutant("register", "PIN_BY_VERSION", "VIEW", "D1: any pin protects its slot, whatever its version"),
    Mutant("register", "OWN_SLOT", "COPY LOAN SLOTS=4", "D2: own open writes are not claimed"),
    Mutant("register", "CLEAR_VERSION", "COPY JANITOR", "D1, D46: clean-up keeps the version"),
    Mutant("register", "CLAIM_LATEST_PLUS_ONE", "COPY HEIR SLOTS=2 READS=0", "D46: a claim raises the slot's version"),
    Mutant("register", "NO_RECHECK", "PIN", "P3: a pin counts only after the slot was looked at again"),
    Mutant("register", "NO_VERDICT", "COPY", "C1: a slot in WRITING is claimed only from the dead"),
    Mutant("register", "NEVER_FULL", "VIEW SLOTS=3", "D47: one slot fewer, then a claim can fail"),
    # Versions that go round.
    Mutant("register", "COMPARE_PLAINLY", "COPY LOAN SLOTS=4", "a version that went round is newer"),
    Mutant("register", "COMPARE_PLAINLY", "COPY OLD READS=0", "the same, of what is old"),
    Mutant("register", "SHORT_LEAD", "COPY HEIR SLOTS=2 READS=0", "limit: as many claims dropped in a row as may lead"),
    Mutant("register", "STOPPED_FOR_A_ROUND", "COPY", "limit: a copy takes exactly as long as a round"),
    # The lock.
    Mutant("lock", "RELAXED_UNLOCK", "", "order: data before the CAS of unlock"),
    Mutant("lock", "RELAXED_ACQUIRE", "", "order: CAS of lock before the loads of the data"),
    Mutant("lock", "BLIND_UNLOCK", "FALSE_VERDICT", "U1, U2: unlock stores without looking"),
    Mutant("lock", "UNLOCK_WITHOUT_COUNT", "FALSE_VERDICT HEIR GENERATIONS=1", "U1: unlock compares the tag alone"),
    Mutant("lock", "STEAL_WITHOUT_COUNT", "HEIR GENERATIONS=1", "L4: the CAS of a steal compares no count"),
    Mutant("lock", "STEAL_UNREPORTED", "", "L4: who steals is told that the owner died"),
    Mutant("lock", "NO_VERDICT", "", "L3: only the dead are stolen from"),
    Mutant("lock", "NO_ABANDONED", "JANITOR", "A4: clean-up leaves the mark ABANDONED"),
    Mutant("lock", "ACQUIRE_WITHOUT_W", "NOBODY_DIES", "L2: who has slept acquires with W"),
    Mutant("lock", "NO_CHUNK", "", "L7: sleep is chunked"),
    # Waiting.
    Mutant("wait", "RELAXED_PUBLISHER", "", "order: CAS word before the load of the bell"),
    Mutant("wait", "RELAXED_WAITER", "", "order: arming before the load of the word"),
    Mutant("wait", "SLEEP_ON_WORD", "", "core.md 2.3 as written: a plain flag, and the futex is the word"),
    Mutant("wait", "NO_SEQUENCE", "", "N3: disarming changes the bell for good"),
    Mutant("wait", "NO_COMPARE", "", "W3: the kernel compares before it sleeps"),
    Mutant("wait", "DISARM_AFTER_WAKE", "", "N3 before N4"),
    Mutant("wait", "NO_CHUNK", "DEATH", "W4: sleep is chunked"),
    # Participants.
    Mutant("attach", "GENERATION_LAST", "", "D9: generation before clean-up"),
    Mutant("attach", "GENERATION_RELAXED", "", "order: store of the generation before the first use of the tag"),
    Mutant("attach", "CLEANUP_WITHOUT_LOCK", "", "A1: clean-up runs under the byte lock"),
    Mutant("attach", "NO_CLEANUP", "", "A4: an index is cleaned before it is used again"),
    Mutant("attach", "NO_LIVE_CHECK", "LOST", "D12: the index of a live process is not given away"),
    Mutant("attach", "PID_NOT_CLEARED", "", "D9: detach clears the pid"),
    Mutant("attach", "PID_FIRST", "LOST", "D12: who lost the byte cleans before the index may be had"),
    Mutant("attach", "STOP_IN_WINDOW", "", "limit: stopped between byte lock and generation, tag looks alive (D51)"),
    # Views across fork.
    Mutant("fork", "SCAN_ONCE", "", "D11 as written: one look at the pins, which a fork may move"),
    Mutant("fork", "COUNT_BEFORE_COPY", "", "F3 before F4"),
    Mutant("fork", "COPY_IN_CHILD", "", "D11: the pins are copied before fork"),
    Mutant("fork", "KEEP_DESCRIPTION", "", "D11, D13: the child closes the inherited description"),
    Mutant("fork", "FRESH_WITHOUT_LOCK", "", "D11: the fresh index is locked first"),
    # The lock for readers and writers.
    Mutant("rwlock", "READER_FENCE_ACQ_REL", "", "order: flag before the look at the word"),
    Mutant("rwlock", "WRITER_FENCE_ACQ_REL", "", "order: CAS of the word before the look at the flags"),
    Mutant("rwlock", "LEAVE_WORD_RELAXED", "", "order: data before the word is given back"),
    Mutant("rwlock", "GRANT_RELAXED", "", "order: data before a waiting reader is let in"),
    Mutant("rwlock", "UNREAD_RELAXED", "", "order: a reader's loads before its flag is put down"),
    Mutant("rwlock", "READ_WITHOUT_LOOK", "", "E2: a reader looks at the word"),
    Mutant("rwlock", "WRITE_AMONG_READERS", "", "E4: a writer looks at the flags"),
    Mutant("rwlock", "READER_FOREVER", "MORTAL=0 ONE_WRITER", "E4: the flag of a dead reader is put down"),
    Mutant("rwlock", "DEATH_FORGOTTEN", "MORTAL=2 ONE_READER", "T: a reader passes the death of a writer on"),
    Mutant("rwlock", "NO_GRANT", "ONE_READER ROUNDS=2", "G1: who waits is let in by the writer that leaves"),
    Mutant("rwlock", "TRY_WITHOUT_WAITING", "ONE_READER ROUNDS=2", "E1: who looks again counts as waiting meanwhile"),
    Mutant("rwlock", "RAISE_UNSEEN", "ONE_READER", "E1: no flag goes up while the word has an owner"),
    # The channel.
    Mutant("channel", "TAIL_RELAXED", "ONE_WRITER", "order: bytes before the store of tail"),
    Mutant("channel", "HEAD_RELAXED", "ONE_READER", "order: loads of the bytes before the store of head"),
    Mutant("channel", "TAIL_FIRST", "ONE_WRITER", "B1: bytes are copied in before they are published"),
    Mutant("channel", "HEAD_FIRST", "ONE_READER", "V1: bytes are copied out before they are consumed"),
    Mutant("channel", "CURSOR_BEFORE_CLAIM", "ONE_WRITER", "D54: cursors are loaded after the claim"),
    Mutant("channel", "CLAIM_BY_STORE", "ONE_WRITER", "D54: a claim is a CAS of the word that was judged"),
    Mutant("channel", "ALWAYS_ARMED", "", "D55: who came too late to miss an opposite waits for one"),
    Mutant("channel", "NO_EPOCH", "", "D55: another epoch arms"),
    Mutant("channel", "NO_SECOND_LOOK", "ONE_WRITER", "D55: the cursor again after the verdict"),
    Mutant("channel", "NO_VERDICT", "ONE_WRITER", "D56: a writer that waits asks whether the reader lives"),
    # What waits to be taken.
    Mutant("share", "TAKE_BY_STORE", "", "a value is taken without looking who was first"),
    Mutant("share", "TAKE_BACKWARDS", "", "a value is taken although a newer one was"),
    Mutant("share", "LATEST_LOADED_FIRST", "", "order: load of taken before the load of latest"),
    Mutant("share", "TAKE_RELAXED", "", "order: load of latest before the swap of taken"),
    Mutant("share", "LOOK_RELAXED", "", "order: load of taken before the load of latest, by acquire"),
    Mutant("share", "VACATE_UNTAKEN", "", "only what was taken is given up"),
    Mutant("share", "VACATE_RELAXED", "", "order: load of taken before the value is given up"),
    Mutant("share", "TAKEN_LOADED_ONCE", "", "who finds the value given up looks again what was taken"),
    Mutant("share", "COMPARE_PLAINLY", "", "a version that went round is newer"),
    Mutant("share", "STAY_BEHIND", "PUTS=3 GETS=1", "what was taken is moved along before versions come round to it"),
    # Transactions of device buffers.
    Mutant("buffer", "BUILD_BEFORE_TAKE", "", "messages are made from the record whose marks are cleared"),
    Mutant("buffer", "COPY_BEFORE_LOCK", "", "B3: the record is copied within the lock"),
    Mutant("buffer", "IN_PLACE", "READER WRITES=1", "C1: changes are made in a copy"),
    Mutant("buffer", "COMMIT_BLINDLY", "FALSE_VERDICT", "E2: a record replaces the one that it was made from"),
    Mutant("buffer", "UNLOCK_BEFORE_COMMIT", "", "E2 before E3"),
    Mutant("buffer", "NO_VERDICT", "", "B1: the lock is taken from the dead"),
    # Calls.
    Mutant("calls", "TAKE_NO_CAS", "NC=1 NO_JAN NO_KA NO_KS", "one server wins a call"),
    Mutant("calls", "DONE_NO_CHECK", "NC=1 NO_JAN NO_KA NO_KS TO", "a server looks whether somebody waits"),
    Mutant("calls", "TIMEOUT_FREES_TAKEN", "NC=1 NO_JAN NO_KA NO_KS TO", "a slot stays with the server that executes"),
    Mutant("calls", "DEAD_MEANS_NOT_EXECUTED", "NC=1 NO_JAN NO_KA NOS2", "a call of a dead server may be executed"),
    Mutant("calls", "SCRUB_FREES_TAKEN", "NC=1 NO_JAN NO_KA NO_KS", "D50: TAKEN of a live server becomes ABANDONED"),
    Mutant("calls", "CLAIM_NO_SCRUB", "NC=1 NO_JAN NO_KS NOS2", "D50: who takes a lane scrubs it"),
    Mutant("calls", "PUNCH_EARLY", "NC=1 NO_JAN NO_KA NO_KS", "D50: memory goes when all slots are free"),
    Mutant("calls", "REAP_DONE_ONLY", "NC=2 NO_JAN NO_KA NOS2", "D52: what a dead server holds is reaped"),
    Mutant("calls", "INDEX_LOCK_ONLY", "NC=1 NO_JAN NO_KS NOS2", "D50: a lane is taken from the dead at once"),
    Mutant("calls", "JANITOR_NO_GEN", "NC=1 NO_KA NOS2", "D51: the janitor raises the generation first"),
    Mutant("calls", "NO_GEN", "NC=1 NO_JAN NOS2 REUSE_B=2", "a verdict asks for the generation"),
    Mutant("calls", "CLEAN_NO_CLAIM", "NC=1 NO_KS NOS2", "D50: who cleans a lane takes it first"),
)


class CannotRun(Exception):
    """A model could not be translated or compiled."""


def flags_of(run: Search | Mutant) -> list[str]:
    """Give the flags of a run, the mutant's own one last."""
    names = run.scenario.split() + ([run.name] if isinstance(run, Mutant) else [])
    return [f"-D{name}" for name in names]


def call(command: list[str], folder: Path) -> str:
    """Run a command to its end and return what it printed, errors included."""
    finished = subprocess.run(
        command, cwd=folder, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    return finished.stdout


def build(run: Search | Mutant, folder: Path, memory: int) -> None:
    """Make the verifier ``pan`` in the folder."""
    # A mutant's search is so short that compiling it is the greater part; beyond -O1 no search gets faster.
    options = ["-O0" if isinstance(run, Mutant) else "-O1", "-w", "-DSAFETY", f"-DMEMLIM={memory}"]
    if run in LONGER_SEARCHES or (isinstance(run, Search) and run.compress):
        options.append("-DCOLLAPSE")
    shutil.copy(HERE / f"{run.model}.pml", folder)
    said = call(["spin", *flags_of(run), "-a", f"{run.model}.pml"], folder)
    if (folder / "pan.c").exists():
        said += call(["gcc", *options, "-o", "pan", "pan.c"], folder)
    if not (folder / "pan").exists():
        raise CannotRun(f"{run.model} {' '.join(flags_of(run))}: cannot be built\n{said}")


def judge(run: Search | Mutant, printed: str, seconds: float) -> Outcome:
    """Compare what a verifier printed with what the run is expected to show."""
    errors = ERRORS.search(printed)
    states = STATES.search(printed)
    violation = VIOLATION.search(printed)
    remark = violation.group(1) if violation else ""
    whole = not CUT_SHORT.search(printed) and (violation is not None or NOT_COMPLETED not in printed)
    if errors is None or states is None or not whole:
        return Outcome(run, "?", "?", seconds, f"CUT SHORT: {printed[-300:]}", as_expected=False)
    found = errors.group(1)
    as_expected = violation is not None if isinstance(run, Mutant) else found == "0"
    return Outcome(run, f"{int(float(states.group(1))):,}", found, seconds, remark, as_expected)


def verify(folder: Path) -> tuple[str, float]:
    """Run the verifier and return what it printed and its processor seconds, which other load does not change."""
    printed = folder / "printed"
    with printed.open("w") as output:
        process = subprocess.Popen(["./pan", f"-m{SEARCH_DEPTH}"], cwd=folder, stdout=output, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return printed.read_text(), usage.ru_utime + usage.ru_stime


def search(run: Search | Mutant, memory: int) -> Outcome:
    """Build and run one verifier in a folder of its own; it stops at the first error."""
    with tempfile.TemporaryDirectory(prefix="memlane-model-") as name:
        folder = Path(name)
        build(run, folder, memory)
        return judge(run, *verify(folder))


def describe(outcome: Outcome) -> str:
    """Format the row of the table."""
    run = outcome.run
    is_mutant = isinstance(run, Mutant)
    flags = " ".join(flag.removeprefix("-D") for flag in flags_of(run)) or "-"
    verdict = "ok  " if outcome.as_expected else "BAD "
    figures = f"{outcome.states:>12} {outcome.errors:>6} {outcome.seconds:8.1f}"
    text = run.weakens if isinstance(run, Mutant) else run.shows
    row = f"{verdict}{run.model:9} {flags:53} {'fail' if is_mutant else 'pass':8} {figures}  {text}"
    return row if outcome.as_expected and not is_mutant else f"{row}\n{'':13} found: {outcome.remark or 'nothing'}"


def selected(options: argparse.Namespace) -> list[Search | Mutant]:
    """List the runs that were asked for, the long searches first."""
    runs: list[Search | Mutant] = [*(LONGER_SEARCHES if options.long else ()), *SEARCHES, *MUTANTS]
    if options.only:
        runs = [run for run in runs if options.only in (run.model, getattr(run, "name", ""))]
    return runs


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--long", action="store_true", help="also search with larger bounds")
    parser.add_argument("--only", metavar="NAME", help="a model (register, lock, ..., calls) or a mutant")
    parser.add_argument("--memory", type=int, metavar="MB", help="limit of each search (default 3000, long 8000)")
    return parser.parse_args(arguments)


def missing_tool() -> str | None:
    """Name the first tool that is not there."""
    return next((tool for tool in PACKAGE_OF if shutil.which(tool) is None), None)


def run_all(runs: list[Search | Mutant], memory: int) -> int:
    """Run everything, print a row as each ends, and count what was not as expected."""
    bad = 0
    print(f"    {'model':9} {'flags':53} {'expected':8} {'states':>12} {'errors':>6} {'seconds':>8}")
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        for outcome in pool.map(lambda run: search(run, memory), runs):
            print(describe(outcome), flush=True)
            bad += not outcome.as_expected
    return bad


def main(arguments: list[str]) -> int:
    """Run what was asked for."""
    options = parse(arguments)
    tool = missing_tool()
    if tool:
        print(f"the models need `{tool}`, which is not in PATH: install the Debian package `{PACKAGE_OF[tool]}`")
        return SKIPPED
    runs = selected(options)
    if not runs:
        print(f"--only {options.only!r} names no model and no mutant: see the lists in {os.path.relpath(__file__)}")
        return 1
    begin = time.monotonic()
    try:
        bad = run_all(runs, options.memory or (8000 if options.long else 3000))
    except CannotRun as error:
        print(error)
        return 1
    mutants = sum(isinstance(run, Mutant) for run in runs)
    elapsed = time.monotonic() - begin
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(
        f"{len(runs) - mutants} searches and {mutants} mutants, {bad} not as expected; "
        f"{elapsed:.0f} s, of which {used.ru_utime + used.ru_stime:.0f} s of processor, compiling included"
    )
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
