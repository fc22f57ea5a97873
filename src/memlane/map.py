"""Shared maps: memory that every process of the host uses as a file or as bytes, with the lock that it needs."""

from __future__ import annotations

import contextlib
import io
import mmap
import os
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, final

from memlane import settings
from memlane._native.map import Endpoint, Lock
from memlane._native.mapping import Mapping
from memlane.access import Access, LockedAccess
from memlane.endpoint import NamedEndpoint
from memlane.errors import OOMError
from memlane.names import encoded_name
from memlane.sizes import size_in_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from typing_extensions import Buffer, Self


_LAST_STANDARD_STREAM = 2


class MapStatistics(NamedTuple):
    """What happened to a map, summed over all endpoints that ever were, and what is at this moment."""

    write_locks: int
    read_locks: int
    recovered: int
    """Locks whose taker was told that a writer had died inside."""
    live_participants: int
    """Open endpoints of live processes."""
    is_current: bool
    """Whether the name still leads to this object."""


class UnsafeSharedMMap(NamedEndpoint, Access, Mapping):
    """Shared memory as an `mmap.mmap`, without a lock: for data that other means protect.

    The first to open creates the object, filled with zeros. It stays until it is unlinked. Each endpoint has a file
    position of its own. The three map classes open the same objects: one may be used beside another.

    Args:
        name: 1 to 200 bytes of UTF-8; one leading ``/`` is ignored.
        size: Bytes, or a text such as ``"5K"``, ``"5M"`` or ``"1G"``. None, with ``create=False``: whatever is there.
        create: False: a missing object is `ObjectNotFound`.
        persistent: False: the last endpoint to close removes the object, also when the last ones died (by the next
            open, or ``memlane gc``). Default: True for a new object, else what it is.
        directory: The namespace directory. Default: ``$MEMLANE_DIR``, else the user's own.
        mode: File mode of a new object, and the most that an existing one may have.
        peer_uid: Another user whose object is accepted.
        max_participants: Endpoints that can be open at once, 1 to 1,024.

    Raises:
        ObjectNotFound: There is no such object, and ``create=False``.
        SizeMismatch: The object has another size than was given.
        NoSpace: The memory could not be reserved.
        Error: Any other reason; see `memlane.errors`.

    Concurrency: threads and processes see each other's bytes as they are written.
    """

    _NOUN = "map"

    _endpoint: Endpoint
    _permissions: int
    _peer_uid: int

    def __new__(
        cls,
        name: str | bytes,
        size: int | str | None,
        *,
        create: bool = True,
        persistent: bool | None = None,
        directory: str | os.PathLike[str] | None = None,
        mode: int = 0o600,
        peer_uid: int | None = None,
        max_participants: int = settings.MAP_PARTICIPANTS,
    ) -> Self:
        """Open or create."""
        settings.require_positive(f"map {name!r}", max_participants=max_participants)
        return cls._opened(
            Endpoint(
                encoded_name(name),
                settings.namespace_directory(directory),
                size=None if size is None else size_in_bytes(size, f"map {name!r}"),
                participants=settings.given(max_participants),
                persistent=persistent,
                mode=mode,
                peer_uid=-1 if peer_uid is None else peer_uid,
                create=create,
                uuid=None,
            ),
            mode,
            -1 if peer_uid is None else peer_uid,
        )

    @classmethod
    def _opened(cls, endpoint: Endpoint, mode: int, peer_uid: int) -> Self:
        """Map the bytes of an endpoint, over a description of the file that carries no lock (D13)."""
        size = endpoint.properties()["size"]
        descriptor, offset = endpoint.descriptor()
        try:
            with _standard_streams_left_alone():
                mapping = super().__new__(cls, descriptor, size, offset=offset)
        finally:
            os.close(descriptor)
        mapping._endpoint = endpoint
        mapping._permissions = mode
        mapping._peer_uid = peer_uid
        endpoint.guard(mapping._address(), size)
        return mapping

    # -- reading and writing ---------------------------------------------------------------------------------------

    def __getitem__(self, key: Any) -> Any:
        self._permit_reading("reading an index or a slice")
        try:
            return super().__getitem__(key)
        finally:
            self._endpoint.check()

    def __setitem__(self, key: Any, value: Any) -> None:
        self._permit_writing("writing an index or a slice")
        try:
            super().__setitem__(key, value)
        finally:
            self._endpoint.check()

    def __delitem__(self, key: Any) -> NoReturn:
        self._permit_writing("deleting an index or a slice")
        raise TypeError(f"map {self.name!r}: memory cannot be deleted: {key!r}")

    def write(self, data: Buffer, /) -> int:
        """Write at the file position, all or nothing, and move it.

        Raises:
            OOMError: The data reach beyond the end; nothing was written.
        """
        self._permit_writing("write()")
        try:
            count = super().write(data)
        except ValueError as error:
            size = memoryview(data).nbytes
            if size <= len(self) - self.tell():  # it does fit: its owner refuses to give it, as arrays with gaps do
                raise
            raise self._beyond_the_end(size) from error
        self._endpoint.check()
        return count

    def write_byte(self, byte: int, /) -> None:
        """Write one byte at the file position and move it. Raises `OOMError` at the end."""
        self._permit_writing("write_byte()")
        try:
            super().write_byte(byte)
        except ValueError as error:
            raise self._beyond_the_end(1) from error
        self._endpoint.check()

    def _beyond_the_end(self, count: int) -> OOMError:
        self._endpoint.check()
        return OOMError(
            f"map {self.name!r}: {count} bytes from position {self.tell()} reach beyond its {len(self)} bytes; nothing"
            " was written: seek() back, or memlane.unlink() it and create it with a larger size"
        )

    def resize(self, newsize: int, /) -> None:
        """Refuse: other processes have mapped the size that it has."""
        self._permit_writing("resize()")
        raise io.UnsupportedOperation(
            f"map {self.name!r} cannot be resized to {newsize} bytes: others have its {len(self)} bytes mapped;"
            " memlane.unlink() it and create it with another size"
        )

    def seek(self, *place: Any) -> Any:
        """Move the file position, as `mmap.mmap.seek`."""
        self._check_open()
        try:
            return super().seek(*place)
        except ValueError:
            self._check_open()
            raise

    def tell(self) -> int:
        """Return the file position of this endpoint."""
        self._check_open()
        try:
            return super().tell()
        except ValueError:
            self._check_open()
            raise

    def size(self) -> int:
        """Return the size of the map in bytes."""
        return len(self)

    def __len__(self) -> int:
        self._check_open()
        try:
            return super().__len__()
        except ValueError:
            self._check_open()
            raise

    # -- the endpoint ----------------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The name of the object."""
        return self._endpoint.properties()["name"]  # type: ignore[no-any-return]

    @property
    def closed(self) -> bool:  # type: ignore[override]
        """Whether this endpoint was closed."""
        return self._endpoint.closed()

    @property
    def is_current(self) -> bool:
        """Whether the name still leads to this object."""
        return self._endpoint.is_current()

    def _properties(self) -> dict[str, Any]:
        return self._endpoint.properties()

    def fileno(self) -> int:
        """Return a descriptor that becomes readable when the endpoint was closed, for `select` and event loops.

        A map has nothing to take. It belongs to the endpoint, and neither reads nor writes the map: who tries gets an
        `OSError`, as `numpy.ndarray.tofile`. A forked child gets another one.
        """
        return self._endpoint.fileno()

    def _pollables(self) -> tuple[Endpoint]:
        return (self._endpoint,)

    def close(self) -> None:
        """Close the endpoint. Exports of its memory stay valid; the last of them to go unmaps it."""
        self._endpoint.close()
        self._exported()

    def _exported(self) -> None:
        """Unmap a closed map whose last export has gone."""
        if self._endpoint.closed():
            self._endpoint.unmap(self, super().close)

    def _progress(self) -> str:
        return "open"

    def _described(self, condition: str, properties: dict[str, Any]) -> str:
        return f"{condition}, {properties['size']} bytes"

    def stats(self) -> MapStatistics:
        """Return counters of the object and its state at this moment."""
        return MapStatistics(**self._endpoint.statistics())

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by name: the receiver opens the same object, or gets `ObjectNotFound` when it was re-created."""
        self._check_open()
        properties = self._endpoint.properties()
        identity = (properties["name"], properties["directory"], properties["uuid"])
        return _reopened, (type(self), *identity, self._permissions, self._peer_uid)


@contextlib.contextmanager
def _standard_streams_left_alone() -> Iterator[None]:
    """Keep 0, 1 and 2, which a daemon has closed, from `mmap.mmap`'s own descriptor: what is printed would go there."""
    with contextlib.ExitStack() as taken:
        while (number := os.open("/", os.O_RDONLY)) <= _LAST_STANDARD_STREAM:
            taken.callback(os.close, number)
        os.close(number)
        yield


def _reopened(
    kind: type[UnsafeSharedMMap], name: str, directory: bytes, uuid: bytes, mode: int, peer_uid: int
) -> UnsafeSharedMMap:
    """Open the very object that a pickled endpoint had open."""
    endpoint = Endpoint(
        encoded_name(name),
        directory,
        size=None,
        participants=None,
        persistent=None,
        mode=mode,
        peer_uid=peer_uid,
        create=False,
        uuid=uuid,
    )
    return kind._opened(endpoint, mode, peer_uid)  # noqa: SLF001  (of this module)


def _guarded(name: str, *, writes: bool) -> Callable[..., Any]:
    """Return the method of `mmap.mmap`, behind the permission that it needs."""
    base = getattr(Mapping, name)

    def method(self: UnsafeSharedMMap, *arguments: Any, **named: Any) -> Any:
        permit = self._permit_writing if writes else self._permit_reading
        permit(f"{name}()")
        try:
            return base(self, *arguments, **named)
        finally:
            self._endpoint.check()

    method.__name__ = name
    method.__qualname__ = f"UnsafeSharedMMap.{name}"
    method.__doc__ = getattr(mmap.mmap, name).__doc__
    return method


_READERS = frozenset({"find", "flush", "read", "read_byte", "readline", "rfind", "seekable"})

# Whatever else this Python's mmap has, and a later one will have, counts as writing: madvise() can punch holes.
for _name in dir(mmap.mmap):
    if not _name.startswith("_") and callable(getattr(mmap.mmap, _name)) and _name not in vars(UnsafeSharedMMap):
        setattr(UnsafeSharedMMap, _name, _guarded(_name, writes=_name not in _READERS))
del _name


@final
class SharedMMap(LockedAccess, UnsafeSharedMMap):
    """Shared memory as an `mmap.mmap`, under one lock: all reads and writes of all processes exclude each other.

    Arguments and errors as of `UnsafeSharedMMap`.

    Concurrency: locks are per thread. The death of a holder, at any moment, gives its lock to the next.
    """

    _READ_LOCK = _WRITE_LOCK = "shm.lock()"

    def lock(self, timeout: float | None = None) -> Lock:
        """Lock the whole map: ``with shm.lock() as lock:``.

        Args:
            timeout: Seconds to wait; None: for ever, 0: not at all.

        Returns:
            A context manager, for one use at a time. Its ``recovered`` is True when the former holder died inside.

        Raises:
            Timeout: On entry: it did not become free in time; the message names the holder.
            AlreadyLocked: On entry: this thread has the lock.
            OwnershipLost: On exit: the lock was not this process's any more.
        """
        return Lock(self, self._endpoint, timeout, writes=True)


@final
class RWSharedMMap(LockedAccess, UnsafeSharedMMap):
    """Shared memory as an `mmap.mmap`, under a lock for many readers or one writer.

    Arguments and errors as of `UnsafeSharedMMap`, and:

    Args:
        max_readers: Accepted for programs that give it. As many can read at once as endpoints can be open.

    Concurrency: locks are per thread. Neither readers nor writers starve. The death of a holder, at any moment, gives
        its lock to the next.
    """

    _READ_LOCK, _WRITE_LOCK = "shm.lock_read()", "shm.lock_write()"

    def __new__(
        cls, name: str | bytes, size: int | str | None, max_readers: int | None = None, **options: Any
    ) -> RWSharedMMap:
        """Open or create."""
        if max_readers is not None:
            settings.require_positive(f"map {name!r}", max_readers=max_readers)
        return super().__new__(cls, name, size, **options)

    def lock_read(self, timeout: float | None = None) -> Lock:
        """Lock the whole map against writers: ``with shm.lock_read() as lock:``.

        Args:
            timeout: Seconds to wait; None: for ever, 0: not at all.

        Returns:
            A context manager, for one use at a time. Its ``recovered`` is True when a writer died inside and none has
            written since.

        Raises:
            Timeout: On entry: it did not become free in time; the message names who has it.
            AlreadyLocked: On entry: this thread has a lock of this endpoint.
            OwnershipLost: On exit: the lock was not this process's any more.
        """
        return Lock(self, self._endpoint, timeout, writes=False)

    def lock_write(self, timeout: float | None = None) -> Lock:
        """Lock the whole map against all others: ``with shm.lock_write() as lock:``; reading is allowed, too.

        Arguments, result and errors as of `lock_read`; ``recovered`` is True when the last writer died inside.
        """
        return Lock(self, self._endpoint, timeout, writes=True)
