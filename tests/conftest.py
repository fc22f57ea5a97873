"""What every test gets: a namespace of its own on request, and proof that it gave everything back."""

from __future__ import annotations

import gc
import multiprocessing.forkserver
import multiprocessing.resource_tracker
import shutil
import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from memlane import HostVariable
from tests.leaks import Holdings

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

_PASSED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note for the fixtures whether the test itself passed."""
    report = yield
    if call.when == "call":
        item.stash[_PASSED] = report.passed
    return report


@pytest.fixture(scope="session")
def namespaces() -> Iterator[Path]:
    """Give the directory in shared memory that holds every namespace of this run."""
    with tempfile.TemporaryDirectory(prefix="memlane-tests-", dir="/dev/shm") as directory:
        yield Path(directory)


@pytest.fixture(scope="session", autouse=True)
def default_namespace(namespaces: Path) -> Iterator[Path]:
    """Point the default namespace of this run away from the user's own objects."""
    directory = namespaces / "default"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEMLANE_DIR", str(directory))
        yield directory


@pytest.fixture(scope="session", autouse=True)
def interrupts_interrupt() -> None:
    """Let SIGINT be KeyboardInterrupt, here and in all children: what a shell starts in its background ignores it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def helpers_of_multiprocessing() -> None:
    """Start the standard library's lasting helper processes before any test is measured."""
    multiprocessing.resource_tracker.ensure_running()
    multiprocessing.forkserver.ensure_running()


@pytest.fixture(scope="session")
def what_loops_keep() -> None:
    """Let each event loop open what it keeps, which is no leak, before a test is measured."""
    from tests.loops import open_what_loops_keep  # noqa: PLC0415 - imports three loops

    open_what_loops_keep()


@pytest.fixture(autouse=True)
def nothing_is_left(request: pytest.FixtureRequest, namespaces: Path, default_namespace: Path) -> Iterator[None]:
    """Fail a passing test that leaves a file, a descriptor, a process or a mapping behind."""
    before = Holdings.now(namespaces, default_namespace)

    yield

    if not request.node.stash.get(_PASSED, False):
        return  # the traceback keeps its frames alive, and they hold everything
    left = Holdings.now(namespaces, default_namespace).beyond(before)
    if left:
        gc.collect()  # costs more than most tests, so only now
        left = Holdings.now(namespaces, default_namespace).beyond(before)
    if left:
        pytest.fail("left behind:\n  " + "\n  ".join(left), pytrace=False)


@pytest.fixture
def namespace(namespaces: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give an empty namespace directory in shared memory, the default of this process and its peers meanwhile."""
    directory = Path(tempfile.mkdtemp(dir=namespaces))  # mkdtemp makes it 0700, as memlane asks
    monkeypatch.setenv("MEMLANE_DIR", str(directory))

    yield directory

    shutil.rmtree(directory)


@pytest.fixture
def variable(namespace: Path) -> Iterator[HostVariable]:
    """Give an endpoint on a new variable of the documented sizes, called ``pose``."""
    with HostVariable("pose") as opened:
        yield opened
