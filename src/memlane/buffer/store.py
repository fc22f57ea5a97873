"""Stores: all the buffers of a robot, by type and identity."""

from __future__ import annotations

import errno
import re
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from threading import RLock
from typing import TYPE_CHECKING, Any, SupportsIndex, Union, final, overload

from memlane import settings
from memlane._native.fork import PerProcess
from memlane._native.inspect import names_in
from memlane.buffer.buffer import Buffer, DeviceBuffer
from memlane.buffer.catalog import parse_catalog, read_catalog
from memlane.buffer.identity import DeviceUID
from memlane.errors import DeviceBufferError, ObjectNotFound, Timeout

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator
    from types import TracebackType
    from typing import TypeAlias

    from typing_extensions import Self

Key: TypeAlias = "Union[int, DeviceUID, tuple[str, int]]"  # noqa: UP007  (a name at run time, also on 3.10)

_PREFIX = "rt-"
# How often watch() looks: a directory announces nothing to a process without a descriptor on it.
_LOOK_SECONDS = 0.05
_KEY_LENGTH = 2
_NAME = re.compile(r"rt-(?P<type>.+)-(?P<uid>\d+)")


@final
class BufferStore(Mapping[Any, Buffer]):
    """The buffers that are open, by type name and identity; a Smart Device's also by its identity alone.

    Buffers that a store opens are closed when its context ends; their names in shared memory stay, and the store can be
    used again. Threads may share one: they get the same buffers.

    Args:
        catalog: Types of buffers by name, from `make_catalog`.
        buffers: Where the open ones are kept, by type name and identity.
        stack: What closes them.
        shared: False: buffers of this process alone, which are valid at once.
        directory: The namespace directory. Default: ``$MEMLANE_DIR``, else the user's own.

    Raises:
        DeviceBufferError: Two types have one device id.
    """

    def __init__(
        self,
        catalog: Mapping[str, type[Buffer]],
        buffers: dict[tuple[str, int], Buffer] | None = None,
        stack: ExitStack | None = None,
        shared: bool = True,  # noqa: FBT001, FBT002  (the document's signature)
        *,
        directory: str | os.PathLike[str] | None = None,
    ) -> None:
        self.catalog = catalog
        self.buffers: dict[tuple[str, int], Buffer] = {} if buffers is None else buffers
        self.stack = ExitStack() if stack is None else stack
        self.shared = shared
        self._directory = directory
        self._lock = PerProcess(RLock)
        self._type_names: dict[int, str] = {}
        for name, kind in catalog.items():
            self._learn(name, kind)

    def _learn(self, name: str, kind: type[Buffer]) -> None:
        device_id = getattr(kind, "device_id", None)
        if not issubclass(kind, DeviceBuffer) or device_id is None:
            return
        if device_id in self._type_names:
            other = self._type_names[device_id]
            raise DeviceBufferError(
                f"the types {other!r} and {name!r} have one device id, {device_id}: give each its own",
                device_id=device_id,
            )
        self._type_names[device_id] = name

    @classmethod
    def make_catalog(cls, catalog: Mapping[str, Any] | str | bytes | os.PathLike[str]) -> dict[str, type[Buffer]]:
        """Make types of buffers from a catalog: a mapping, a JSON or YAML text, or a path.

        Raises:
            CatalogError: The catalog does not say what it has to; the message names device, parameter and key.
        """
        reserved = frozenset(dir(DeviceBuffer)) - {"sub_interval", "write_interval", "heartbeat_interval"}
        return {device.name: _make_type(*device) for device in parse_catalog(read_catalog(catalog), reserved)}

    # -- keys ------------------------------------------------------------------------------------------------

    def _resolve(self, key: Any) -> tuple[str, int]:
        if isinstance(key, DeviceUID):
            key = int(key)
        if isinstance(key, int):
            identity = _identity(key)
            if identity is None or identity.device_id not in self._type_names:
                raise KeyError(key)
            return self._type_names[identity.device_id], int(key)
        name, number = key if isinstance(key, tuple) and len(key) == _KEY_LENGTH else (None, None)
        uid = int(number) if isinstance(number, (SupportsIndex, DeviceUID)) else -1
        if name not in self.catalog or uid < 0:
            raise KeyError(key)
        return name, uid

    def __getitem__(self, key: Key) -> Any:
        return self.get_or_open(key, create=False)

    def __contains__(self, key: object) -> bool:
        try:
            return self._resolve(key) in self.buffers
        except (KeyError, TypeError):
            return False

    def __iter__(self) -> Iterator[tuple[str, int]]:
        return iter(self.buffers)

    def __len__(self) -> int:
        return len(self.buffers)

    # -- opening ---------------------------------------------------------------------------------------------

    @overload
    def get_or_open(self, key: int | DeviceUID, /, *, create: bool = True) -> DeviceBuffer: ...
    @overload
    def get_or_open(self, key: tuple[str, int], /, *, create: bool = True) -> Buffer: ...
    def get_or_open(self, key: Key, /, *, create: bool = True) -> Buffer:
        """Return a buffer, opened now where it was not.

        Args:
            key: Type name and identity; of a Smart Device also its identity alone.
            create: Whether a missing one is created.

        Raises:
            KeyError: The catalog has no such type or device id, or this is no key.
            DeviceBufferError: There is no such buffer, and ``create=False``.
        """
        name, uid = self._resolve(key)
        found = self.buffers.get((name, uid))
        if found is not None and not found.closed:
            return found
        return self._keep(name, uid, self._open(name, uid, create=create))

    def _open(self, name: str, uid: int, *, create: bool) -> Buffer:
        kind = self.catalog[name]
        if self.shared:
            buffer = kind.open(self.name_of(name, uid), create=create, directory=self._directory)
        elif create:
            buffer = kind.attach()
            buffer.valid = True
        else:
            raise DeviceBufferError(f"there is no local buffer {name!r} {uid}: open it with create=True", buffer=name)
        identity = _identity(uid)
        if create and isinstance(buffer, DeviceBuffer) and identity is not None:
            buffer._identify(*identity)  # noqa: SLF001  (a method of the class beside this one)
        return buffer

    def _keep(self, name: str, uid: int, buffer: Buffer) -> Buffer:
        """Return a buffer that was just opened; where another thread was faster, its buffer instead."""
        with self._lock.here():
            found = self.buffers.get((name, uid))
            if found is None or found.closed:
                self.buffers[name, uid] = buffer
                self.stack.callback(self._close, name, uid, buffer)
                return buffer
        buffer.close()
        return found

    def _close(self, name: str, uid: int, buffer: Buffer) -> None:
        with self._lock.here():
            if self.buffers.get((name, uid)) is buffer:
                del self.buffers[name, uid]
        buffer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all buffers that are open. The store can be used again."""
        self.stack.close()

    # -- what is there ---------------------------------------------------------------------------------------

    @staticmethod
    def name_of(type_name: str, uid: int) -> str:
        """Return the name in shared memory of a buffer."""
        return f"{_PREFIX}{type_name}-{uid}"

    def present(self) -> list[tuple[str, int]]:
        """Return type name and identity of each buffer in shared memory that the catalog knows, open here or not."""
        found = filter(None, map(_NAME.fullmatch, self._names()))
        return sorted((match["type"], int(match["uid"])) for match in found if match["type"] in self.catalog)

    def _names(self) -> list[str]:
        try:
            found = names_in(settings.namespace_directory(self._directory))
        except ObjectNotFound:
            return []
        return [name for name in found if name.startswith(_PREFIX)]

    def watch(self, timeout: float | None = None) -> Iterator[list[tuple[str, int]]]:
        """Iterate over what is present: now, and each time that a buffer appeared or its name went.

        Args:
            timeout: Seconds to wait for each change.

        Raises:
            Timeout: Nothing appeared or went in time.
        """
        before = None
        while True:
            deadline = None if timeout is None else time.monotonic() + timeout
            while (now := self.present()) == before:
                if deadline is not None and time.monotonic() >= deadline:
                    raise Timeout(errno.ETIMEDOUT, "no buffer appeared or went in time")
                time.sleep(_LOOK_SECONDS)
            before = now
            yield now

    def unlink_all(self) -> None:
        """Remove this namespace's names that begin with ``rt-``, and no others. Open endpoints go on.

        That is how stores call their buffers; what `Buffer.open` gave another name stays.
        """
        for name in self._names():
            with suppress(ObjectNotFound):  # somebody else was faster
                Buffer.unlink(name, directory=self._directory)

    def __reduce__(self) -> str:
        """Refuse: types that a catalog made are known by no name."""
        raise TypeError(
            "a store does not pickle: make one of the same catalog in the other process, or give it buffers"
        )

    def __repr__(self) -> str:
        kind = "shared" if self.shared else "local"
        return f"<BufferStore of {len(self.catalog)} types: {len(self.buffers)} {kind} buffers are open>"


def _identity(number: int) -> DeviceUID | None:
    """Return the identity that an integer is, None where it is too large or negative for one."""
    try:
        return DeviceUID.from_int(number)
    except ValueError:
        return None


def _make_type(name: str, params: Any, device_id: int | None, attributes: dict[str, Any]) -> type[Buffer]:
    if device_id is None:
        return Buffer.make_type(name, params, **attributes)
    return DeviceBuffer.make_type(name, params, device_id=device_id, **attributes)
