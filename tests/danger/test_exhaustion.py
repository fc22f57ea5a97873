"""Resources that run out: memory, descriptors, places."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import itertools
import os
import resource
import select
import signal
from typing import TYPE_CHECKING, Any

import pytest

import memlane
from memlane import HostFunctionDispatcher, HostVariable
from tests.children import Child, answer_of_child
from tests.namespaces import answer_in_memory_of, fill_memory
from tests.peer import PATIENCE_SECONDS, Link, Peer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MEBIBYTE = 1 << 20
NOBODY = 65534


def error_of(function: Callable[[], object]) -> str:
    """Run a function and return the error that memlane raises, with its class."""
    try:
        function()
    except memlane.Error as error:
        return f"{type(error).__name__}: {error}"
    return "no error"


def in_small_memory(directory: Path, function: Callable[[], object]) -> Any:
    """Run a function in a child whose namespace directory has 1 MiB; skip where it cannot be mounted."""
    return answer_in_memory_of("1m", directory, function)


def test_full_memory_is_an_error_that_says_how_much_and_what_to_do(namespace: Path) -> None:
    """Rule 5: an OSError at creation, never a SIGBUS later; docker gives 64 MB."""

    def create_too_much() -> tuple[int | None, str, list[str]]:
        try:
            HostVariable("image", MEBIBYTE)
        except memlane.NoSpace as error:
            return error.errno, str(error), os.listdir(namespace)
        return None, "no error", []

    number, text, files = in_small_memory(namespace, create_too_much)

    assert (number, files) == (errno.ENOSPC, [])
    needed = int(text.split("no space for variable 'image': ")[1].split()[0])
    free = int(text.split("bytes are needed, ")[1].split()[0])
    assert needed > 14 * MEBIBYTE
    assert 0 < free <= MEBIBYTE
    assert f"are free in '{namespace}'" in text
    assert "ask for less (slots= and max_size= multiply), remove what nobody needs (memlane gc, memlane.unlink)" in text
    assert "or enlarge the file system (mount -o remount,size=..., docker run --shm-size=...)" in text


def test_file_that_is_one_too_many_is_an_error_that_says_what_to_do(namespace: Path) -> None:
    """A tmpfs has so many inodes; there is room for bytes, and none for a name."""

    def fill_with_names() -> tuple[str, str, str]:
        for number in itertools.count():
            try:
                (namespace / f"empty-{number}").touch()
            except OSError:
                break
        first = error_of(lambda: HostVariable("pose"))
        (namespace / "empty-0").unlink()
        variable = HostVariable("pose")  # the file system is known from here on
        return first, error_of(lambda: HostVariable("other")), repr(variable)

    first, later, opened = answer_in_memory_of("1m,nr_inodes=8", namespace, fill_with_names)

    expected = (
        f"NoSpace: [Errno {errno.ENOSPC}] no file can be added to the namespace directory '{namespace}', its file "
        "system is full: remove what nobody needs (memlane gc, memlane.unlink), or allow more files "
        "(mount -o remount,nr_inodes=...)"
    )
    assert (first, later) == (expected, expected)
    assert "'pose'" in opened


def test_limit_of_file_sizes_is_named(namespace: Path) -> None:
    """``ulimit -f``: Python ignores SIGXFSZ, so that the system call fails instead."""

    def create_too_much() -> str:
        resource.setrlimit(resource.RLIMIT_FSIZE, (MEBIBYTE, MEBIBYTE))
        return error_of(lambda: HostVariable("image", MEBIBYTE))

    text = answer_of_child(create_too_much)

    assert text.startswith(f"SystemFailure: [Errno {errno.EFBIG}] 'image' takes a file of ")
    assert " bytes: ask for less, or raise the limit of file sizes (ulimit -f)" in text
    assert list(namespace.iterdir()) == []


def test_limit_of_addresses_is_named(namespace: Path) -> None:
    """``ulimit -v``: the memory is there, and no place to map it."""

    def create_too_much() -> str:
        resource.setrlimit(resource.RLIMIT_AS, (MEBIBYTE, MEBIBYTE))  # less than is mapped already
        return error_of(lambda: HostVariable("image", MEBIBYTE))

    text = answer_of_child(create_too_much)

    assert text.startswith(f"SystemFailure: [Errno {errno.ENOMEM}] cannot map the ")
    assert " bytes of 'image': close endpoints, or raise the limit of addresses (ulimit -v)" in text
    assert list(namespace.iterdir()) == []


@pytest.mark.skipif(
    os.geteuid() != 0, reason="the limit of threads counts for users without rights: only root becomes one"
)
def test_limit_of_threads_is_named(namespace: Path) -> None:
    """``ulimit -u``: what waits for this process' endpoints is one thread, which cannot start."""

    def ask_for_a_descriptor() -> str:
        variable = HostVariable("pose")
        os.setresuid(NOBODY, NOBODY, NOBODY)
        resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
        return error_of(variable.fileno)

    text = answer_of_child(ask_for_a_descriptor)

    assert text.startswith(
        f"SystemFailure: [Errno {errno.EAGAIN}] cannot start the thread that waits for shared memory"
    )
    assert ": end threads, or raise the limit (ulimit -u)" in text


def test_objects_that_exist_go_on_when_the_memory_is_full(namespace: Path) -> None:
    """What was reserved is there: the oldest value and the newest can be written to the last byte."""

    def fill_and_write() -> tuple[int, bytes]:
        with HostVariable("image", 100_000, slots=4, max_participants=4) as variable:
            fill_memory(namespace)
            free = os.statvfs(namespace).f_bavail
            for number in range(20):
                variable.data = bytes([number]) * 99_000
            return free, variable.data[-1:]

    assert in_small_memory(namespace, fill_and_write) == (0, b"\x13")


def test_full_memory_leaves_room_again_after_a_refusal(namespace: Path) -> None:
    """A refused object takes nothing with it."""

    def refuse_and_retry() -> int:
        for _ in range(50):
            with contextlib.suppress(memlane.NoSpace):
                HostVariable("image", MEBIBYTE)
        with HostVariable("image", 10_000, slots=4, max_participants=4) as variable:
            variable.data = 1
            return int(variable.data)

    assert in_small_memory(namespace, refuse_and_retry) == 1


def test_sparse_object_on_a_full_memory_is_refused_at_opening(namespace: Path) -> None:
    """Hazard 16: it would be a SIGBUS at the first write to a page that has no storage."""

    def make_sparse_and_open() -> str:
        with HostVariable("image", 100_000, slots=4, max_participants=4):
            content = (namespace / "image").read_bytes()
        memlane.unlink("image")
        with open(namespace / "image", "wb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.truncate(len(content))
            file.write(content[:8192])
        fill_memory(namespace)
        try:
            HostVariable("image")
        except memlane.NoSpace as error:
            return str(error)
        return "no error"

    assert "no space for variable 'image'" in in_small_memory(namespace, make_sparse_and_open)


def test_missing_descriptor_is_an_error_that_names_the_limit(namespace: Path) -> None:
    """D17: one descriptor for an endpoint; where the limit is 1,024, that is where it ends."""

    def open_until_refused() -> tuple[int, int | None, str, list[int]]:
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
        endpoints = []
        try:
            while True:
                endpoints.append(HostVariable("pose"))
                endpoints[-1].data = len(endpoints)
        except memlane.SystemFailure as error:
            return len(endpoints), error.errno, str(error), [endpoint.data for endpoint in endpoints[:1]]

    count, number, text, values = answer_of_child(open_until_refused)

    assert count > 20
    assert number == errno.EMFILE
    assert "descriptor" in text
    assert "raise the limit (ulimit -n)" in text
    assert values == [count]


def use_up_descriptors(left: int = 0) -> None:
    """Leave so many to this process."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    opened = []
    with contextlib.suppress(OSError):
        while True:
            opened.append(os.open("/dev/null", os.O_RDONLY))
    for descriptor in opened[:left]:
        os.close(descriptor)


def failure_of(use: Callable[[], object]) -> tuple[int | None, str]:
    """Return the number and the text of the failure in which this ends."""
    try:
        use()
    except memlane.SystemFailure as error:
        return error.errno, str(error)
    return None, "no error"


@pytest.mark.parametrize("left", [0, 1, 2])
def test_first_descriptor_that_is_missing_names_the_limit_too(namespace: Path, left: int) -> None:
    """The directory is opened before the object, and two files of a file system that is not known yet."""

    def open_without_descriptors() -> tuple[int | None, str]:
        use_up_descriptors(left)
        return failure_of(lambda: HostVariable("pose"))

    number, text = in_small_memory(namespace, open_without_descriptors)

    assert number == errno.EMFILE
    assert f"no descriptor is left for the namespace directory '{namespace}'" in text
    assert "raise the limit (ulimit -n)" in text


def test_endpoint_works_when_no_descriptor_is_left(namespace: Path) -> None:
    """Reading and writing need none; what needs one says so, and nothing is lost."""

    def use_without_descriptors() -> tuple[object, object]:
        variable = HostVariable("pose")
        assert variable.stats().writes == 0  # imports what it is made of, which takes a descriptor
        use_up_descriptors()
        variable.data = "written"
        return variable.data, variable.stats().writes

    assert answer_of_child(use_without_descriptors) == ("written", 1)


def poll_dispatcher(dispatcher: HostFunctionDispatcher, left: int) -> None:
    """Ask for its descriptor."""
    use_up_descriptors(left)
    dispatcher.fileno()


def serve_in_task(dispatcher: HostFunctionDispatcher, left: int) -> None:
    """Serve, in a loop that was made while there were descriptors."""
    loop = asyncio.new_event_loop()
    use_up_descriptors(left)
    loop.run_until_complete(dispatcher.serve_async())


@pytest.mark.parametrize(
    ("use", "left", "purpose"),
    [
        (poll_dispatcher, 0, "the fileno() of a dispatcher"),
        (poll_dispatcher, 1, "the fileno() of a dispatcher"),
        (poll_dispatcher, 2, "fileno()"),
        (serve_in_task, 0, "serve_async()"),
        (serve_in_task, 1, "serve_async()"),
        (serve_in_task, 2, "serve_async()"),
        (serve_in_task, 3, "fileno()"),
    ],
)
def test_descriptor_that_a_dispatcher_lacks_is_an_error_that_names_the_limit(
    namespace: Path, use: Callable[[HostFunctionDispatcher, int], None], left: int, purpose: str
) -> None:
    """Whichever of those that it needs besides its endpoints' own."""

    def use_without_descriptors() -> tuple[int | None, str]:
        dispatcher = HostFunctionDispatcher()
        dispatcher.add("function", abs)
        return failure_of(lambda: use(dispatcher, left))

    number, text = answer_of_child(use_without_descriptors)

    assert number == errno.EMFILE
    assert f"no descriptor is left for {purpose} (" in text
    assert "close endpoints or raise the limit (ulimit -n)" in text


def test_place_for_an_endpoint_that_is_missing_is_an_error_that_names_the_live_ones(namespace: Path) -> None:
    """D10: the limit, and who is there."""
    with (
        HostVariable("pose", max_participants=2),
        HostVariable("pose"),
        pytest.raises(memlane.TooManyParticipants) as caught,
    ):
        HostVariable("pose")

    text = str(caught.value)
    assert "variable 'pose' has places for 2 open endpoints and 2 are taken" in text
    assert text.count(f"pid {os.getpid()} (") == 2
    assert "close some, or remove it and create it with more (max_participants=, at most 1024)" in text


def test_list_of_live_endpoints_in_the_error_is_cut_short(namespace: Path) -> None:
    """A thousand pids are no help."""
    with contextlib.ExitStack() as stack:
        for _ in range(30):
            stack.enter_context(HostVariable("pose", max_participants=30))

        with pytest.raises(memlane.TooManyParticipants, match=r"30 are taken \(pid .* and 22 more\)"):
            HostVariable("pose")


def hold_endpoint(link: Link) -> None:
    """Be a participant."""
    with HostVariable("pose"):
        link.send("open")
        link.receive()


@pytest.mark.slow
def test_place_of_a_killed_endpoint_is_free_at_once(namespace: Path) -> None:
    """Rule 7: the very call that needs it takes it."""
    with HostVariable("pose", max_participants=2) as variable, Peer(hold_endpoint) as holder:
        assert holder.receive() == "open"
        with pytest.raises(memlane.TooManyParticipants, match=rf"pid {holder.pid} \(python"):
            HostVariable("pose")

        holder.kill_unreaped()

        with HostVariable("pose"):
            assert variable.stats().live_participants == 2


def test_a_thousand_endpoints_can_be_open_at_once(namespace: Path) -> None:
    """D9: 1,024 is the limit that was announced."""

    def open_all() -> tuple[int, int]:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft < 1_200 and hard != resource.RLIM_INFINITY and hard < 1_200:
            return -1, hard
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 1_200), hard))
        endpoints = [HostVariable("pose", 64, slots=2, max_participants=1024) for _ in range(1024)]
        endpoints[-1].data = 1
        return endpoints[0].stats().live_participants, endpoints[0].data

    answer = answer_of_child(open_all)
    if answer[0] == -1:
        pytest.skip(f"the limit of descriptors here is {answer[1]}, 1,200 are needed")

    assert answer == (1024, 1)


def test_closed_descriptors_do_not_close_those_of_others(namespace: Path) -> None:
    """D12: after ``os.closerange`` the number is somebody's file; the endpoint must not touch it."""

    def close_everything_and_go_on() -> tuple[bytes, list[bytes]]:
        variable = HostVariable("pose")
        variable.data = b"before"
        close_all_descriptors()
        others = [os.open("/dev/zero", os.O_RDONLY) for _ in range(64)]
        value = variable.data
        variable.data = b"after"
        variable.close()
        del variable
        return value, [os.read(number, 1) for number in others]

    value, read = answer_of_child(close_everything_and_go_on)

    assert (value, read) == (b"before", [b"\0"] * 64)
    with HostVariable("pose", create=False) as reader:
        assert reader.data == b"after"


def test_number_of_a_closed_event_is_not_written_to(namespace: Path, tmp_path: Path) -> None:
    """D12: nor read from, nor closed; and who asks again gets a descriptor that works."""
    with HostVariable("pose") as variable, HostVariable("pose") as writer:
        number = variable.fileno()
        os.close(number)
        with open(tmp_path / "log", "wb+", buffering=0) as log:
            assert log.fileno() == number
            writer.data = 1
            assert memlane.wait([variable], PATIENCE_SECONDS) == [variable]
            assert variable.data == 1

            another = variable.fileno()

            assert another != number
            writer.data = 2
            assert select.select([another], [], [], PATIENCE_SECONDS)[0]
            variable.close()
            log.seek(0)
            assert log.read() == b""


def names_a_pipe(number: int) -> bool:
    """Say whether a descriptor is a pipe, such as the one that carries a child's answer."""
    try:
        return "pipe:" in os.readlink(f"/proc/self/fd/{number}")
    except FileNotFoundError:
        return False


def close_all_descriptors() -> None:
    """Do what daemons do, but keep the pipe of the answer."""
    for name in os.listdir("/proc/self/fd"):
        number = int(name)
        if number > 2 and not names_a_pipe(number):
            with contextlib.suppress(OSError):
                os.close(number)


def test_endpoint_without_its_descriptor_counts_as_alive(namespace: Path) -> None:
    """Hazard 11: the lock is gone, the process is not: its loan must not be given to others."""
    with HostVariable("pose", slots=2) as variable:
        variable.data = b"old"
        ready, go = os.pipe()
        told, tell = os.pipe()

        def loan_without_descriptor() -> bool:
            with HostVariable("pose") as mine, mine.loan(size=4) as place:
                close_all_descriptors()
                os.write(tell, b"!")
                os.read(ready, 1)
                place[:] = b"mine"
            return True

        with Child(loan_without_descriptor) as child:
            os.read(told, 1)
            with pytest.raises(memlane.NoFreeSlot, match=rf"pid {child.pid} \("):
                variable.loan(size=1, timeout=0)
            os.write(go, b"!")
            assert child.answer()
        for descriptor in (ready, go, told, tell):
            os.close(descriptor)

        assert variable.data == b"mine"


def test_endpoint_without_its_descriptor_says_so_where_it_needs_it(namespace: Path) -> None:
    """D12: what cannot work any more is an error that names the reason."""

    def view_without_descriptor() -> str:
        variable = HostVariable("pose")
        variable.data = b"value"
        close_all_descriptors()
        try:
            variable.view()
        except memlane.OwnershipLost as error:
            return str(error)
        return "no error"

    text = answer_of_child(view_without_descriptor)

    assert "'pose': another part of this program closed its descriptor" in text
    assert "(os.closerange, daemonisation): open it anew" in text


def test_killed_process_without_its_descriptor_is_dead(namespace: Path) -> None:
    """The second evidence ends with the process."""
    with HostVariable("pose", slots=2) as variable:
        variable.data = b"old"

        def loan_and_die() -> None:
            mine = HostVariable("pose")
            _loan = mine.loan(size=1)
            close_all_descriptors()
            os.kill(os.getpid(), signal.SIGKILL)

        with Child(loan_and_die) as child:
            assert child.join() == -signal.SIGKILL

        variable.data = b"new"
        assert variable.data == b"new"
