"""Buffers: the state of a peripheral as a typed record, shared or of this process alone."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypeVar

from memlane import event_loop, namespace, settings, waiting
from memlane._native import buffer as native
from memlane._native.device import DeviceBuffer as NativeDeviceBuffer
from memlane._native.record import Layout
from memlane.buffer.catalog import Place, check_ctype, check_parameters, check_type_name
from memlane.buffer.identity import DeviceUID
from memlane.buffer.parameter import Parameter, describe_ctype
from memlane.endpoint import Closing
from memlane.errors import Closed, DeviceBufferError, Error, MessageError, ObjectNotFound
from memlane.messaging import ErrorCode, Message
from memlane.names import encoded_name

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping

    from typing_extensions import Self

    Result = TypeVar("Result")

_NO_LAYOUT = Layout("", (), [], [], [], False)  # noqa: FBT003  (compiled; the stub names it)


class BufferStatistics(NamedTuple):
    """What happened to a buffer, summed over all endpoints that ever were, and what is at this moment."""

    writes: int
    """Transactions that changed something."""
    reads: int
    """Looks from outside of transactions."""
    retries: int
    """Reads that began anew because a writer had taken the place."""
    recovered: int
    """Locks and places that were taken back from the dead."""
    version: int
    live_participants: int
    """Open endpoints of live processes."""
    is_current: bool
    """Whether the name still leads to this buffer."""


def class_name(name: str) -> str:
    """Return the CamelCase of a name in kebab case.

    Example:
        >>> class_name("limit-switch")
        'LimitSwitch'
    """
    return "".join(part[:1].upper() + part[1:] for part in re.split("[-_]", name))


class Buffer(Closing, native.Buffer):
    """The values of a peripheral: what it reported last, and what is requested to be written to it.

    Types of buffers are made by `make_type`, or by `BufferStore.make_catalog` from a catalog. `open` gives an endpoint
    of a shared buffer, `attach` a buffer of this process alone. Each operation is one atomic change or one consistent
    look; `transaction` groups them. A context manager, which closes.
    """

    __slots__ = ()

    params: ClassVar[Mapping[str, Parameter]] = MappingProxyType({})
    """The parameters by their names."""
    _layout: ClassVar[Layout] = _NO_LAYOUT
    _made_by: ClassVar[tuple[Any, ...]]
    """The arguments of `make_type`, for pickles."""

    @classmethod
    def make_type(
        cls, name: str, params: Iterable[Parameter], *extra_fields: tuple[str, Any], **attrs: Any
    ) -> type[Self]:
        """Make a type of buffers.

        Args:
            name: In kebab case, as in a catalog; the class is called by its CamelCase.
            params: The parameters.
            extra_fields: Names and C types of further fields, which become attributes of the buffers.
            attrs: Class attributes.

        Raises:
            ValueError: Two parameters share a name or an id, a Smart Device's id is not 0 to 15, or a type is not
                simple, such as a pointer.
        """
        params = tuple(params)
        is_device = issubclass(cls, DeviceBuffer)
        place = Place(check_type_name(name))
        check_parameters(params, is_device=is_device, place=place)
        for field, ctype in extra_fields:
            check_ctype(place._replace(key=field), ctype)
        widths = [param.platform_type if is_device else param.ctype for param in params]
        specifiers = [describe_ctype(width) for width in widths]
        body: dict[str, Any] = {field: _extra_field(field) for field, _ in extra_fields}
        body.update(
            attrs,
            __slots__=(),
            __doc__=_documentation(name, params, specifiers),
            __module__=__name__,
            params=MappingProxyType({param.name: param for param in params}),
            _layout=Layout(name, params, widths, specifiers, list(extra_fields), is_device),
            _made_by=(cls, name, params, extra_fields, attrs),
        )
        made: type[Self] = type(class_name(name), (cls,), body)
        return made

    @classmethod
    def attach(cls) -> Self:
        """Return a buffer of this process alone. It is not valid until ``valid`` is set."""
        buffer = cls.__new__(cls)
        buffer._attach(cls._made_layout())  # noqa: SLF001  (of the class itself)
        return buffer

    @classmethod
    def open(
        cls,
        name: str | bytes,
        /,
        *,
        create: bool = True,
        directory: str | os.PathLike[str] | None = None,
        mode: int = 0o600,
        peer_uid: int | None = None,
        max_participants: int | None = None,
        persistent: bool | None = None,
    ) -> Self:
        """Open a shared buffer, or create it; the name stays until `unlink`.

        Args:
            name: 1 to 200 bytes of UTF-8; one leading ``/`` is ignored.
            create: True: create it where it is missing, and make it valid where nobody did. False: only look for it.
            directory: The namespace directory. Default: ``$MEMLANE_DIR``, else the user's own.
            mode: File mode of a new buffer, and the most that an existing one may have.
            peer_uid: Another user whose buffer is accepted.
            max_participants: Endpoints that can be open at once, 1 to 1,024.
            persistent: False: the last endpoint to close removes the buffer.

        Raises:
            DeviceBufferError: There is no such buffer, and ``create=False``.
            SchemaMismatch: The buffer has another layout; the message names the parameter.
        """
        if max_participants is not None:
            settings.require_positive(f"the buffer {name!r}", max_participants=max_participants)
        buffer = cls.__new__(cls)
        path = settings.namespace_directory(directory)
        try:
            buffer._reopen(  # noqa: SLF001  (of the class itself)
                name, path, mode, peer_uid, create=create, participants=max_participants, persistent=persistent
            )
        except ObjectNotFound as error:
            raise DeviceBufferError(
                f"there is no buffer {name!r}: start the program that creates it, or open it with create=True",
                buffer=name,
            ) from error
        if create and not buffer.valid:
            buffer.valid = True
            buffer._note_seen()  # noqa: SLF001  (that is no news)
        return buffer

    def _reopen(
        self,
        name: str | bytes,
        directory: bytes,
        mode: int,
        peer_uid: int | None,
        *,
        create: bool,
        participants: int | None = None,
        persistent: bool | None = None,
        uuid: bytes | None = None,
    ) -> None:
        self._open(
            self._made_layout(),
            encoded_name(name),
            directory,
            participants=participants,
            persistent=persistent,
            mode=mode,
            peer_uid=-1 if peer_uid is None else peer_uid,
            create=create,
            uuid=uuid,
        )

    @classmethod
    def _made_layout(cls) -> Layout:
        if cls._layout is _NO_LAYOUT:
            raise TypeError(f"{cls.__name__} has no parameters yet: make a type by make_type, or from a catalog")
        return cls._layout

    @classmethod
    def unlink(cls, name: str | bytes, *, directory: str | os.PathLike[str] | None = None) -> None:
        """Remove a shared buffer's name. Open endpoints go on with it.

        Raises:
            ObjectNotFound: There is no such buffer.
        """
        namespace.unlink(name, directory=directory)

    def changes(self, params: Iterable[str] | None = None, timeout: float | None = None) -> Iterator[dict[str, Any]]:
        """Iterate over the changes to come: each time the new values by name, all of one state.

        A slow reader skips states, never the last change of a parameter.

        Args:
            params: Names of the parameters; None: all that are readable.
            timeout: Seconds to wait for each change.

        Raises:
            Timeout: Nothing changed in time.
            DeviceBufferError: The buffer is not valid any more.
        """
        names = None if params is None else tuple(params)
        while True:
            changed = self._changes(names, timeout)
            if changed:
                yield changed

    async def wait_async(
        self, params: Iterable[str] | None = None, timeout: float | None = None, *, requests: bool = False
    ) -> frozenset[str]:
        """Wait until parameters were set, or requested: `wait`, in asyncio or trio. Of shared buffers."""
        names = None if params is None else tuple(params)
        return await self._take(lambda: self._wait_in_task(names, requests), timeout)

    def changes_async(
        self, params: Iterable[str] | None = None, timeout: float | None = None
    ) -> AsyncIterator[dict[str, Any]]:
        """Iterate over the changes to come: `changes`, in asyncio or trio. Of shared buffers."""
        names = [param.name for param in self.params.values() if param.readable] if params is None else list(params)
        return waiting.Updates(lambda: self._take(lambda: self._changes(names, 0, in_task=True), timeout))

    async def _take(self, attempt: Callable[[], Result], timeout: float | None) -> Result:
        """Others who look at this endpoint meanwhile, for other parameters, take nothing from the task."""
        ticket = event_loop.Ticket()
        looked_at = 0

        def look() -> Result:
            nonlocal looked_at
            looked_at = self.version  # before the attempt, which may see a later one: then the task looks once more
            return attempt()

        return await waiting.take(
            self,
            look,
            timeout,
            expect=lambda: self._expect(ticket, looked_at),
            relax=lambda: self._expect(ticket, None),
        )

    def stats(self) -> BufferStatistics | None:
        """Return counters of a shared buffer and its state at this moment; None for a local one."""
        counters = self._statistics()
        return None if counters is None else BufferStatistics(**counters)

    def _check_open(self) -> None:
        if self.closed:
            raise Closed(f"the buffer {self.name!r} was closed; open it anew")

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by name: the receiver opens the same buffer; its type travels along as what it was made of."""
        properties = self._properties()
        if properties is None:
            raise TypeError("a local buffer does not pickle: open a shared one")
        cls, name, params, extra_fields, attrs = self._made_by
        described = [param._replace(ctype=describe_ctype(param.ctype)) for param in params]
        fields = [(field, describe_ctype(ctype)) for field, ctype in extra_fields]
        return _unpickled, (cls, name, described, fields, attrs, properties)

    def __repr__(self) -> str:
        if not self._is_open():
            return f"<{type(self).__name__}: {'of no type' if self._layout is _NO_LAYOUT else 'closed'}>"
        try:
            state = "valid" if self.valid else "not valid"
            values = [f"{name}={value!r}" for name, value in self._values("update").items()] if state == "valid" else []
        except Error as error:  # a forked child without a place, a truncated file: whoever logs it wants its name
            return f"<{type(self).__name__} {self.name!r}: unusable ({type(error).__name__})>"
        return f"<{type(self).__name__} {self.name!r}: {', '.join([state, *values])}>"

    def _is_open(self) -> bool:
        try:
            _ = self.valid
        except Closed:
            return False
        except Error:
            return True
        return True


def _extra_field(name: str) -> property:
    return property(
        lambda self: self._get_extra(name),
        lambda self, value: self._set_extra(name, value),
        doc=f"The field {name!r} of the buffer.",
    )


def _limits(param: Parameter) -> str:
    return "" if param.lower == -param.upper == float("-inf") else f", {param.lower:g} to {param.upper:g}"


def _documentation(name: str, params: tuple[Parameter, ...], specifiers: list[str]) -> str:
    lines = [f"A buffer of the type {name!r}. Its parameters:", ""]
    for param, specifier in zip(params, specifiers, strict=True):
        access = " and ".join(word for word, given in (("read", param.readable), ("write", param.writeable)) if given)
        lines.append(f"- {param.name} (id {param.id}): {specifier}, {access}{_limits(param)}")
    return "\n".join([*lines, ""])


def _unpickled(
    cls: type[Buffer],
    name: str,
    described: list[Parameter],
    fields: list[tuple[str, str]],
    attrs: dict[str, Any],
    properties: dict[str, Any],
) -> Buffer:
    params = [param._replace(ctype=Parameter.parse_ctype(param.ctype)) for param in described]
    made = cls.make_type(name, params, *((field, Parameter.parse_ctype(text)) for field, text in fields), **attrs)
    buffer = made.__new__(made)
    buffer._reopen(  # noqa: SLF001  (of the class itself)
        properties["name"], properties["directory"], 0o600, None, create=False, uuid=properties["uuid"]
    )
    return buffer


class DeviceBuffer(NativeDeviceBuffer, Buffer):
    """The buffer of a Smart Device: at most 16 parameters, and messages in and out.

    Bit *i* of a message's bitmap is the parameter with id *i*. Taking what is pending and building the messages is one
    atomic step: no request that comes meanwhile is lost, and none is sent twice.
    """

    __slots__ = ()

    sub_interval: ClassVar[float] = 0.04
    """Seconds between the reports that a device is asked for."""
    write_interval: ClassVar[float] = 0.04
    """Seconds between two bursts of writes to a device, at least."""
    heartbeat_interval: ClassVar[float] = 1
    """Seconds between two questions whether the other side is there."""

    @property
    def uid(self) -> DeviceUID:
        """Who the device is; all zeros where nobody knows yet."""
        return DeviceUID(*self._identity())

    def emit_dev_rw(self) -> Iterator[Message]:
        """Take the pending writes and reads, and make the messages that ask the device for them.

        A write is answered by the device with the values, so what is written is not read besides. Values that do not
        fit one message are split over several, in the order of ids.

        Raises:
            MessageError: After all messages: a value is too large for any; its name is in the context.
        """
        return self._emit(self._take_rw)

    def emit_dev_data(self) -> Iterator[Message]:
        """Take the updated values, and make the messages that report those that are not subscribed."""
        return self._emit(lambda: self._take_data(subscribed=False))

    def emit_subscription(self) -> Iterator[Message]:
        """Make the messages that report the subscribed values."""
        return self._emit(lambda: self._take_data(subscribed=True))

    def _emit(self, take: Callable[[], tuple[list[Message], list[str]]]) -> Iterator[Message]:
        messages, too_large = take()
        yield from messages
        if too_large:
            raise MessageError(
                f"buffer {self.name!r}: the values of {', '.join(map(repr, too_large))} fit no message: they have more"
                " than 253 bytes",
                code=ErrorCode.BUFFER_OVERFLOW,
                params=too_large,
            )

    def make_sub_req(self, params: Iterable[str] | None = None, interval: float | None = None) -> Message:
        """Make the message that subscribes to parameters.

        Args:
            params: Their names; None: those whose `Parameter.subscribed` is true. What is not readable is left out.
            interval: Seconds between two reports, 0 for none; None: ``sub_interval`` of the type.
        """
        if params is None:
            params = [param.name for param in self.params.values() if param.subscribed]
        seconds = self.sub_interval if interval is None else interval
        return Message.make_sub_req(self._subscription_of(params), round(seconds * 1000))


NullDevice = DeviceBuffer.make_type("null-device", [])
"""A Smart Device without parameters: a placeholder where a buffer is needed."""
