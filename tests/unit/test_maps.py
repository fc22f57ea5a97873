"""Maps as files and as bytes: what each class lets through, and when."""

from __future__ import annotations

import copy
import ctypes
import faulthandler
import io
import itertools
import mmap
import pickle
import sys
import tempfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import memlane
from memlane import (
    Closed,
    KindMismatch,
    ObjectNotFound,
    OOMError,
    ReadAccessError,
    RWSharedMMap,
    SharedMMap,
    SizeMismatch,
    UnsafeSharedMMap,
    WriteAccessError,
)
from tests.children import Child
from tests.peer import PeerFailed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CLASSES = (UnsafeSharedMMap, SharedMMap, RWSharedMMap)
LOCKED = (SharedMMap, RWSharedMMap)
FREE = {"close", "closed", "seek", "size", "tell"}  # D19


def to_read(shm: Any) -> Any:
    """Return the weakest lock under which reading is allowed."""
    return shm.lock_read() if isinstance(shm, RWSharedMMap) else shm.lock()


def to_write(shm: Any) -> Any:
    """Return the lock under which writing is allowed."""
    return shm.lock_write() if isinstance(shm, RWSharedMMap) else shm.lock()


def test_basic_example_of_the_document_runs(namespace: Path) -> None:
    """Programs written for io_shared go on with another import line."""
    io_shared = memlane
    data = b"Hello, World!!!"
    shm: Any = io_shared.UnsafeSharedMMap("/my_share", 15)
    shm.write(data)
    shm.seek(0)
    assert shm.readline() == data
    shm.close()

    shm = io_shared.SharedMMap("/my_share", 15)
    with pytest.raises(io_shared.WriteAccessError):
        shm.write(data)
    with shm.lock():
        shm.write(data)
    shm.seek(0)
    with pytest.raises(io_shared.ReadAccessError):
        shm.readline()
    with shm.lock():
        assert shm.readline() == data

    shm = io_shared.RWSharedMMap("/my_share", 15)
    with shm.lock_write():
        shm.write(data)
    shm.seek(0)
    with shm.lock_read():
        assert shm.readline() == data


ATTEMPTS: dict[str, tuple[Any, ...]] = {
    "find": (b"x",),
    "flush": (),
    "madvise": (mmap.MADV_NORMAL,),
    "move": (0, 1, 2),
    "read": (1,),
    "read_byte": (),
    "readline": (),
    "resize": (10,),
    "rfind": (b"x",),
    "write": (b"x",),
    "write_byte": (1,),
}


@pytest.mark.parametrize("kind", LOCKED)
def test_every_public_name_of_mmap_raises_outside_the_lock(namespace: Path, kind: type[UnsafeSharedMMap]) -> None:
    """D19: no way around the lock, also not by what a newer Python brings."""
    uncovered = []
    with kind("map", 100) as shm:
        for name in sorted(name for name in dir(mmap.mmap) if not name.startswith("_") and name not in FREE):
            try:
                getattr(shm, name)(*ATTEMPTS.get(name, ()))
            except (ReadAccessError, WriteAccessError):
                continue
            uncovered.append(name)

    assert uncovered == []


UNNAMED: tuple[Callable[[Any], object], ...] = (
    lambda shm: shm[0],
    lambda shm: shm[1:5],
    lambda shm: shm[1:9:2],
    lambda shm: 5 in shm,
    list,
    lambda shm: iter(shm).__next__(),
    lambda shm: list(reversed(shm)),
    bytes,
    bytearray,
    memoryview,
    lambda shm: io.BytesIO().write(shm),
    lambda shm: shm.__setitem__(0, 1),
    lambda shm: shm.__setitem__(slice(0, 2), b"ab"),
    lambda shm: shm.__delitem__(0),
)


@pytest.mark.parametrize("kind", LOCKED)
@pytest.mark.parametrize("attempt", range(len(UNNAMED)))
def test_indices_slices_and_exports_raise_outside_the_lock(
    namespace: Path, kind: type[UnsafeSharedMMap], attempt: int
) -> None:
    """What has no name in dir() reads and writes as well."""
    with kind("map", 100) as shm, pytest.raises((ReadAccessError, WriteAccessError), match=r"needs its lock"):
        UNNAMED[attempt](shm)


@pytest.mark.parametrize("kind", LOCKED)
def test_refused_export_that_python_words_itself_is_refused_too(namespace: Path, kind: type[UnsafeSharedMMap]) -> None:
    """Some functions written in C put an error of their own in place of ours."""
    with kind("map", 100) as shm:
        with pytest.raises(TypeError, match=r"expected a bytes-like object"):
            b"".join([shm])
        with pytest.raises(TypeError, match=r"must be read-write bytes-like object"):
            io.BytesIO(b"new").readinto(shm)
        with to_read(shm):
            assert shm[:3] == b"\0\0\0"


@pytest.mark.parametrize("kind", LOCKED)
def test_what_needs_no_lock_works_without(namespace: Path, kind: type[UnsafeSharedMMap]) -> None:
    """The position is the endpoint's own, and the size never changes."""
    with kind("map", "1K") as shm:
        shm.seek(7)

        assert (shm.tell(), shm.size(), len(shm), shm.closed) == (7, 1024, 1024, False)


@pytest.mark.parametrize("kind", CLASSES)
def test_everything_works_as_in_a_file_where_it_is_allowed(namespace: Path, kind: type[UnsafeSharedMMap]) -> None:
    """It is an mmap.mmap to all that takes one."""
    with kind("map", 12) as shm, to_write(shm) if kind in LOCKED else memoryview(b""):
        assert isinstance(shm, mmap.mmap)
        assert shm.write(b"one\ntwo\n") == 8
        shm.write_byte(33)
        shm[10] = 65
        shm[11:12] = b"Z"
        shm.seek(0)
        assert [shm.readline(), shm.read(2), shm.read_byte()] == [b"one\n", b"tw", ord("o")]
        shm.seek(0)
        assert (shm.find(b"two"), shm.rfind(b"o"), shm[-2:], shm[0]) == (4, 6, b"AZ", ord("o"))
        shm.move(0, 4, 3)
        shm.flush()
        assert shm[:4] == b"two\n"
        with pytest.raises(TypeError, match=r"memory cannot be deleted"):
            del shm[0]


def test_reading_is_all_that_a_read_lock_allows(namespace: Path) -> None:
    """Readers share: one that wrote would tear what the others read."""
    with RWSharedMMap("map", 10) as shm, shm.lock_read():
        assert shm.read(2) == b"\0\0"
        with pytest.raises(
            WriteAccessError, match=r"this thread has its read lock: use it inside `with shm.lock_write"
        ):
            shm.write(b"x")
        with pytest.raises(WriteAccessError):
            shm[0] = 1
        with pytest.raises(TypeError):
            io.BytesIO(b"new").readinto(shm)
        with memoryview(shm) as view:
            assert view.readonly
            with pytest.raises(TypeError, match=r"read-only"):
                view[0] = 1


# -- the end of the memory --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", CLASSES)
def test_write_beyond_the_end_writes_nothing(namespace: Path, kind: type[UnsafeSharedMMap]) -> None:
    """D22: each single write is all or nothing, and what was written before stays."""
    beyond = r"map 'map': 4 bytes from position 2 reach beyond its 5 bytes; nothing was written: seek\(\) back, or"
    with kind("map", 5) as shm:
        with pytest.raises(OOMError, match=beyond), to_write(shm) if kind in LOCKED else memoryview(b""):
            shm.write(b"ab")
            shm.write(b"long")
        assert issubclass(OOMError, MemoryError)

        with to_write(shm) if kind in LOCKED else memoryview(b""):  # the lock is free again
            assert (shm.tell(), shm[:]) == (2, b"ab\0\0\0")
            shm.seek(5)
            with pytest.raises(OOMError, match=r"1 bytes from position 5"):
                shm.write_byte(1)


def test_array_with_gaps_is_refused_for_its_gaps(namespace: Path) -> None:
    """It would fit, and the error that says it does not would send people after a larger map."""
    gaps: Any = np.arange(16, dtype="u1").reshape(4, 4)[:, ::2]
    with UnsafeSharedMMap("map", 16) as shm:
        with pytest.raises(ValueError, match=r"not C-contiguous"):
            shm.write(gaps)
        shm.seek(10)
        with pytest.raises(OOMError, match=r"8 bytes from position 10 reach beyond its 16 bytes"):
            shm.write(gaps)


def test_object_array_is_refused_and_the_lock_is_free_afterwards(namespace: Path) -> None:
    """The document's np.save with what cannot be saved."""
    with RWSharedMMap("map", "1M") as shm:
        with pytest.raises(ValueError, match=r"Object arrays"), shm.lock_write():
            np.save(shm, np.array([object()]), allow_pickle=False)
        with shm.lock_write(timeout=0):
            shm.seek(0)


def test_arrays_are_saved_and_loaded_inside_the_locks(namespace: Path) -> None:
    """The document's second example."""
    points = np.arange(6, dtype=np.float32).reshape(2, 3)
    with RWSharedMMap("/my_share", "1M") as shm:
        with shm.lock_write():
            np.save(shm, points)
        shm.seek(0)
        with shm.lock_read():
            found = np.load(shm)

    np.testing.assert_array_equal(found, points)
    assert found.dtype == points.dtype


# -- opening and closing ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", CLASSES)
def test_classes_open_one_anothers_objects(namespace: Path, kind: type[UnsafeSharedMMap]) -> None:
    """D20: they are one kind, and differ in what they check."""
    with UnsafeSharedMMap("map", 3) as unsafe, kind("/map", "3") as shm:
        unsafe.write(b"abc")
        with to_read(shm) if kind in LOCKED else memoryview(b""):
            assert shm.read() == b"abc"


def test_other_size_is_an_error_and_never_a_truncation(namespace: Path) -> None:
    """The second opener learns both sizes, and the first one's data stay."""
    with UnsafeSharedMMap("map", "1K") as shm:
        shm.write(b"kept")
        for size in (1023, "2K"):
            with pytest.raises(SizeMismatch, match=r"size=\d+ was asked for, the object has size=1024"):
                UnsafeSharedMMap("map", size)
        assert shm[:4] == b"kept"
        with RWSharedMMap("map", None, create=False) as adopted:
            assert len(adopted) == 1024


def test_size_is_needed_to_create(namespace: Path) -> None:
    """There is no sensible default."""
    with pytest.raises(ValueError, match=r"a new map needs a size"):
        UnsafeSharedMMap("map", None)
    with pytest.raises(ObjectNotFound):
        UnsafeSharedMMap("map", 5, create=False)
    with pytest.raises(ValueError, match=r"size='abc' is no size"):
        SharedMMap("map", "abc")


def test_kinds_do_not_share_names(namespace: Path) -> None:
    """A map is not a variable with another face."""
    with (
        memlane.HostVariable("thing"),
        pytest.raises(KindMismatch, match=r"'thing' is a variable, and was opened as a map"),
    ):
        UnsafeSharedMMap("thing", 5)


@pytest.mark.parametrize("readers", [None, 1, 5000])
def test_number_of_readers_is_accepted(namespace: Path, readers: int | None) -> None:
    """Old programs give it; as many as can open it can read."""
    with (
        RWSharedMMap("map", 5, readers) as one,
        RWSharedMMap("map", 5, max_readers=readers) as other,
        one.lock_read(),
        other.lock_read(timeout=0) as lock,
    ):
        assert not lock.recovered


def test_impossible_arguments_are_refused(namespace: Path) -> None:
    """Before anything is created."""
    with pytest.raises(ValueError, match=r"max_readers=0 is not positive"):
        RWSharedMMap("map", 5, 0)
    with pytest.raises(ValueError, match=r"max_participants=0 is not positive"):
        UnsafeSharedMMap("map", 5, max_participants=0)
    with pytest.raises(memlane.InvalidArgument, match=r"max_participants=1025 is not between 1 and 1024"):
        UnsafeSharedMMap("map", 5, max_participants=1025)
    with (
        UnsafeSharedMMap("map", 5) as shm,
        pytest.raises(io.UnsupportedOperation, match=r"others have its 5 bytes mapped"),
    ):
        shm.resize(10)


@pytest.mark.parametrize("kind", CLASSES)
def test_closed_map_refuses_everything(namespace: Path, kind: type[UnsafeSharedMMap]) -> None:
    """Rule 9 of the surfaces."""
    shm: Any = kind("map", 5)
    shm.close()
    shm.close()

    assert shm.closed
    for use in (lambda: shm.read(1), lambda: shm[0], lambda: memoryview(shm), shm.tell, lambda: shm.seek(0), shm.size,
                lambda: len(shm), shm.__enter__, shm.stats, lambda: pickle.dumps(shm)):  # fmt: skip
        with pytest.raises(Closed, match=r"map 'map': this endpoint was closed"):
            use()
    assert repr(shm) == f"<memlane.{kind.__name__} 'map': closed, 5 bytes in '{namespace}'>"
    memlane.unlink("map")


def test_map_goes_with_its_last_endpoint_when_it_is_not_persistent(namespace: Path) -> None:
    """For what only lives while somebody uses it."""
    with UnsafeSharedMMap("map", 5, persistent=False), SharedMMap("map", 5):
        assert [path.name for path in namespace.iterdir()] == ["map"]

    assert list(namespace.iterdir()) == []


def test_forgotten_map_gives_everything_back(namespace: Path) -> None:
    """The fixture looks for the mapping and the descriptors."""
    UnsafeSharedMMap("map", 5)


def test_removed_map_goes_on_and_says_so(namespace: Path) -> None:
    """D15: nothing re-binds silently."""
    with SharedMMap("map", 5) as shm:
        shm.unlink()

        assert not shm.is_current
        assert "no longer under its name" in repr(shm)
        with shm.lock():
            shm.write(b"still")
        with pytest.raises(ObjectNotFound, match=r"its name was removed already"):
            shm.unlink()


@pytest.mark.parametrize("kind", CLASSES)
def test_map_pickles_by_name(namespace: Path, kind: type[UnsafeSharedMMap]) -> None:
    """D14: an argument of a worker process; the position starts anew."""
    with kind("map", 5) as shm:
        shm.seek(3)

        with pickle.loads(pickle.dumps(shm)) as received, copy.copy(shm) as copied:
            assert type(received) is type(copied) is kind
            assert (received.name, received.tell(), received.size()) == ("map", 0, 5)


def test_pickle_of_a_map_that_was_created_anew_finds_no_object(namespace: Path) -> None:
    """Another object under the same name is not the one that was meant."""
    with UnsafeSharedMMap("map", 5) as shm:
        pickled = pickle.dumps(shm)
        shm.unlink()
    with UnsafeSharedMMap("map", 5), pytest.raises(ObjectNotFound, match=r"re-created"):
        pickle.loads(pickled)


def test_truncated_map_is_an_error_and_no_crash(namespace: Path) -> None:
    """Hazard 18, for the mapping that Python's mmap makes too."""
    with SharedMMap("map", 10000) as shm:
        with pytest.raises(memlane.Corrupted, match=r"its file was truncated by another program"), shm.lock():
            (namespace / "map").write_bytes(b"")
            shm[5000]
        with pytest.raises(memlane.Corrupted), shm.lock():
            pass
        memlane.unlink("map")


# -- exports ----------------------------------------------------------------------------------------------------------


def test_export_stays_valid_after_the_lock(namespace: Path) -> None:
    """D19: it is not guarded any more, and the class says so."""
    with RWSharedMMap("map", 4) as shm:
        with shm.lock_write():
            view = memoryview(shm)
        view[:] = b"late"
        with shm.lock_read():
            assert shm.read() == b"late"
        view.release()


def test_last_export_of_a_closed_map_unmaps_it(namespace: Path) -> None:
    """Rule 9: a view that was handed out stays valid as long as it lives."""
    with UnsafeSharedMMap("map", 4) as shm:
        one, other = memoryview(shm), memoryview(shm)
    one.release()
    other[:] = b"live"
    with UnsafeSharedMMap("map", 4) as again:
        assert again.read() == b"live"

    assert mappings_of(namespace) == 1
    other.release()
    assert mappings_of(namespace) == 0


def mappings_of(directory: Path) -> int:
    """Return how many mappings of files in a directory this process has."""
    with open("/proc/self/maps") as maps:
        return sum(str(directory) in line for line in maps)


def test_exports_that_end_in_the_midst_of_each_other_leave_no_protection(namespace: Path) -> None:
    """Left behind, it would hide the faults of whatever is mapped there next."""
    stops = 0
    while end_two_exports(stops):
        stops += 1
        assert mappings_of(namespace) == 0

    assert stops > 1


def end_two_exports(stop: int) -> bool:
    """End the last exports of a closed map, one at a stop of the other's end. False: there are fewer stops."""
    with UnsafeSharedMMap(f"map{stop}", mmap.PAGESIZE) as shm:
        one, other = memoryview(shm), memoryview(shm)
    address = np.frombuffer(one, np.uint8).ctypes.data
    events = itertools.count()

    def interrupt(*_event: object) -> None:
        if next(events) == stop:
            other.release()

    sys.setprofile(interrupt)
    one.release()
    sys.setprofile(None)
    other.release()

    with (
        Child(lambda: read_behind_the_end_of_a_file(address)) as child,
        pytest.raises(PeerFailed, match="without an answer"),  # killed by SIGBUS, or by a sanitizer that caught it
    ):
        child.answer()
    memlane.unlink(f"map{stop}")
    return next(events) > stop


def read_behind_the_end_of_a_file(address: int) -> None:
    """Map an empty file where the map was, and touch it: where nothing protects it that is the end of the process."""
    library, fixed = ctypes.CDLL(None), 0x10
    with tempfile.TemporaryFile() as file:
        faulthandler.enable(file)  # what comes is no surprise; disabled, it would take our handler away with it
        arguments = (mmap.PROT_READ, mmap.MAP_SHARED | fixed, file.fileno(), ctypes.c_long(0))
        library.mmap(ctypes.c_void_p(address), ctypes.c_size_t(mmap.PAGESIZE), *arguments)
        ctypes.string_at(address, 1)


def test_array_over_a_forgotten_map_stays_readable(namespace: Path) -> None:
    """The array keeps the map, not the other way round."""
    shm = UnsafeSharedMMap("map", 8)
    shm.write(b"\1" * 8)
    array = np.frombuffer(shm, np.uint8)
    del shm

    assert array.sum() == 8


def test_failing_export_while_an_error_is_raised_keeps_the_error(namespace: Path) -> None:
    """The end of an export runs while exceptions are on their way."""
    with UnsafeSharedMMap("map", 8) as shm, pytest.raises(KeyError, match="original"), memoryview(shm):
        shm.close()
        raise KeyError("original")
