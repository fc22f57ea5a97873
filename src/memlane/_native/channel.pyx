# cython: freethreading_compatible=True
"""One end of a channel: bytes in or out."""

import errno

cimport cython
from cpython.buffer cimport (
    PyBUF_FULL_RO,
    PyBUF_SIMPLE,
    PyBUF_WRITABLE,
    PyBuffer_IsContiguous,
    PyBuffer_Release,
    PyObject_GetBuffer,
)
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.exc cimport PyErr_CheckSignals
from cpython.long cimport PyLong_CheckExact
from cpython.object cimport PyObject
from cpython.pyport cimport PY_SSIZE_T_MAX
from libc.string cimport memcpy

from _pickle import PickleBuffer
from _weakref import ref

from memlane import errors
from memlane._native.deadline cimport deadline_of, monotonic_ns
from memlane._native.error cimport check
from memlane._native.fork cimport generation
from memlane._native.library cimport *
from memlane._native.options cimport fill_object_options, or_any
from memlane._native.span cimport Span, make_kept_span, make_span

cdef extern from "Python.h":
    # Without a kind of error: clips.
    Py_ssize_t PyNumber_AsSsize_t(object, PyObject*) except? -1

cdef enum:
    # Copies up to here are made with the GIL held: giving it up costs more.
    GIL_LIMIT = 65536

# Each chunk ends with a look at pending signals: the kernel may deliver one to another thread than the waiting one.
cdef uint64_t CHUNK_NS = 48_000_000


cdef int get_buffer(object data, Py_buffer* buffer, int flags, str what) except -1:
    try:
        return PyObject_GetBuffer(data, buffer, flags)
    except (TypeError, BufferError, ValueError) as error:
        if lies_in_pieces(data):
            raise errors.ParameterTypeError(
                f"{what}, and the bytes of this {type(data).__name__} do not lie in one piece, in their order: use"
                " one whose bytes do, such as a copy"
            ) from error
        if isinstance(error, ValueError):  # released, or closed
            raise
        raise errors.ParameterTypeError(f"{what}, not {type(data).__name__}") from error


def bytes_of(data):
    """Return the bytes of a bytes-like object, in their order, as a memoryview of bytes."""
    cdef Py_buffer buffer
    get_buffer(data, &buffer, PyBUF_SIMPLE, "a channel takes bytes-like objects")
    PyBuffer_Release(&buffer)
    return PickleBuffer(data).raw()


cdef bint lies_in_pieces(object data) except? True:
    """Whether it has bytes, and they cannot be taken as they lie."""
    cdef Py_buffer buffer
    try:
        PyObject_GetBuffer(data, &buffer, PyBUF_FULL_RO)
    except (TypeError, BufferError, ValueError):
        return False
    cdef bint in_one_piece = PyBuffer_IsContiguous(&buffer, b"C")
    PyBuffer_Release(&buffer)
    return not in_one_piece


cdef Py_ssize_t size_of(object n) except? -1:
    """A number of bytes; what no memory could hold becomes the largest number."""
    if PyLong_CheckExact(n):
        return PyNumber_AsSsize_t(n, NULL)
    return size_of_other(n)


cdef Py_ssize_t size_of_other(object n) except? -1:
    try:
        return PyNumber_AsSsize_t(n, NULL)
    except TypeError as error:
        raise errors.ParameterTypeError(f"n={n!r} is {type(n).__name__}: give a whole number of bytes") from error


cdef uint64_t chunk_until(uint64_t deadline) noexcept nogil:
    return min(monotonic_ns() + CHUNK_NS, deadline)


cdef class ChannelEnd(Endpoint):
    """The part of `memlane.Channel` that works on shared memory."""

    def __cinit__(self):
        self.handle = NULL

    def __dealloc__(self):
        memlane_channel_free(self.handle)

    def _open(
        self, bytes name, bytes directory, *, int mode, capacity, participants, persistent, file_mode,
        peer_uid, bint create, bytes uuid
    ):
        """Open or create. None stands for what was not given; an empty directory for the default one."""
        cdef memlane_channel_options options
        cdef memlane_channel_properties properties
        cdef memlane_error error
        cdef memlane_status status
        cdef const char* text = name
        cdef size_t length = len(name)
        if self.handle != NULL:
            raise RuntimeError("an endpoint is opened once")
        memlane_channel_options_initialise(&options)
        fill_object_options(&options.object, directory, participants, persistent, file_mode, peer_uid, create, uuid)
        options.capacity = or_any(capacity)
        with nogil:
            status = memlane_channel_open(
                &self.handle, text, length, <memlane_channel_mode>mode, &options, &error
            )
        check(status, &error)
        memlane_channel_describe(self.handle, &properties)
        self.capacity = properties.capacity

    cdef memlane_endpoint* pollable(self) except NULL:
        self.check_handle()
        return memlane_channel_endpoint(self.handle)

    cdef int check_handle(self) except -1:
        if self.handle == NULL:
            raise errors.Closed("this endpoint was never opened: its constructor failed or did not run")
        return 0

    cdef int check_reader(self) except -1:
        self.check_handle()
        if self.was_closed:
            raise errors.Closed(f"channel {self.name!r}: this endpoint was closed; open it anew")
        if self.is_listening and self.reader == generation:
            raise errors.EndpointBusy(
                f"channel {self.name!r}: a callback gets its bytes (read_async): stop() that first"
            )
        return 0

    cdef int fail(self, memlane_status status, const memlane_error* error) except -1:
        """Raise for a status that is not good. Here the opposite end is the only peer that can die."""
        if status == MEMLANE_PEER_DIED:
            raise errors.OppositeEndDiedError(errno.EPIPE, error.message.decode("utf-8", "replace"))
        return check(status, error)

    cdef int take_turn(self, uint64_t deadline) except -1:
        """Keep other threads off until memlane_channel_unlock()."""
        cdef memlane_error error
        # It is free nearly always: then the GIL stays.
        cdef memlane_status status = memlane_channel_lock(self.handle, 0, &error)
        while True:
            if status != MEMLANE_TIMEOUT and status != MEMLANE_INTERRUPTED:
                return check(status, &error)
            PyErr_CheckSignals()
            if status == MEMLANE_TIMEOUT and monotonic_ns() >= deadline:
                return check(status, &error)
            with nogil:
                status = memlane_channel_lock(self.handle, chunk_until(deadline), &error)

    # -- writing ---------------------------------------------------------------------------------------------

    def write(self, data, timeout=None):
        """Write all bytes, waiting while the channel is full.

        Args:
            data: Any bytes-like object.
            timeout: Seconds; None waits for ever, 0 writes what fits at once.

        Returns:
            How many bytes were written: all.

        Raises:
            Timeout: The time was over first; ``written`` says how many bytes went in.
            OppositeEndClosedError: The channel is full, and the reader closed or died. What was written stays for the
                next reader; ``written`` says how much that is.
        """
        cdef Py_buffer buffer
        if self.handle == NULL:
            self.check_handle()
        if PyBytes_CheckExact(data):
            return self.write_bytes(PyBytes_AS_STRING(data), <uint64_t>PyBytes_GET_SIZE(data), timeout)
        get_buffer(data, &buffer, PyBUF_SIMPLE, "a channel takes bytes-like objects")
        try:
            return self.write_bytes(<const char*>buffer.buf, <uint64_t>buffer.len, timeout)
        finally:
            PyBuffer_Release(&buffer)

    cdef uint64_t write_bytes(self, const char* bytes, uint64_t size, object timeout) except? 0:
        cdef uint64_t written = 0
        cdef uint64_t deadline = MEMLANE_NO_DEADLINE
        if timeout is not None:
            deadline = deadline_of(timeout)
        if size <= GIL_LIMIT and memlane_channel_write_whole(
            self.handle, bytes, size, deadline, &written, NULL
        ) == MEMLANE_OK:
            return size
        return self.write_patiently(bytes, size, deadline)

    cdef uint64_t write_patiently(self, const char* bytes, uint64_t size, uint64_t deadline) except? 0:
        """Write without the GIL, in chunks, between which signals are looked at."""
        cdef uint64_t done = 0
        cdef uint64_t written = 0
        cdef memlane_error error
        cdef memlane_status status
        try:
            self.take_turn(deadline)
        except errors.Timeout as failure:
            failure.written = 0
            raise
        try:
            while True:
                with nogil:
                    status = memlane_channel_write(
                        self.handle, bytes + done, size - done, chunk_until(deadline), &written, &error
                    )
                done += written
                if status != MEMLANE_TIMEOUT and status != MEMLANE_INTERRUPTED:
                    break
                PyErr_CheckSignals()
                if status == MEMLANE_TIMEOUT and monotonic_ns() >= deadline:
                    break
            self.fail(status, &error)
        except (errors.Timeout, errors.OppositeEndClosedError) as failure:
            failure.written = done
            raise
        finally:
            memlane_channel_unlock(self.handle)
        return done

    def write_some(self, data):
        """Write what fits at once, and return how many bytes that were.

        Raises:
            OppositeEndClosedError: Nothing fits, and the reader closed or died.
        """
        cdef Py_buffer buffer
        cdef uint64_t written = 0
        cdef memlane_error error
        cdef memlane_status status
        self.check_handle()
        get_buffer(data, &buffer, PyBUF_SIMPLE, "a channel takes bytes-like objects")
        try:
            if buffer.len <= GIL_LIMIT:
                status = memlane_channel_write_some(
                    self.handle, buffer.buf, <uint64_t>buffer.len, &written, &error
                )
            else:
                with nogil:
                    status = memlane_channel_write_some(
                        self.handle, buffer.buf, <uint64_t>buffer.len, &written, &error
                    )
            self.fail(status, &error)
        finally:
            PyBuffer_Release(&buffer)
        return written

    # -- reading ---------------------------------------------------------------------------------------------

    cdef bytes own_unread(self):
        """In the critical section: what an earlier reading had to leave. What the parent of a fork left, it returns."""
        if self.unread is not None and self.reader != generation:
            self.unread = None
        return self.unread

    cdef bytes left_unread(self):
        with cython.critical_section(self):
            return self.own_unread()

    cdef int check_unread(self) except -1:
        """In the critical section: raise where what an earlier reading had to leave is in use in place."""
        cdef Span span = None if self.shown is None else self.shown()
        if span is not None and span.is_open():
            raise errors.EndpointBusy(
                f"channel {self.name!r}: bytes of this end are in use in place: end that block first"
            )
        return 0

    cdef uint64_t take_unread(self, char* buffer, uint64_t size) except? 0:
        """What an earlier reading had to leave."""
        cdef uint64_t count = 0
        with cython.critical_section(self):
            if self.own_unread() is not None:
                self.check_unread()
                count = min(size, <uint64_t>PyBytes_GET_SIZE(self.unread))
                memcpy(buffer, PyBytes_AS_STRING(self.unread), count)
                self.leave_unread(self.unread[count:])
        return count

    cdef int put_back(self, bytes unread) except -1:
        """Leave bytes that were taken for the next reading."""
        with cython.critical_section(self):
            self.leave_unread(unread + (self.unread or b""))
        return 0

    cdef void leave_unread(self, bytes unread) noexcept:
        """In the critical section: keep what is left for the next reading. While it is, the endpoint is ready."""
        self.unread = unread or None
        if self.unread is not None:
            self.reader = generation
        memlane_channel_expect(self.handle, 1 if self.unread is None else 0)

    def read(self, buf, n, blocking=False, *, timeout=None):
        """Read up to ``n`` bytes into a writable buffer.

        Args:
            buf: Any writable bytes-like object, such as one of ``ctypes.create_string_buffer``.
            n: Bytes, at most the buffer's size.
            blocking: False takes what is there; True waits until ``n`` bytes came, or the stream ended.
            timeout: Seconds that a blocking read waits; None waits for ever. What was read until then stays for the
                next reading.

        Returns:
            How many bytes were read: 0 when there is nothing.

        Raises:
            OppositeEndClosedError: Nothing is left, and the writer closed or died.
            Timeout: The time was over first.
        """
        cdef Py_buffer buffer
        cdef Py_ssize_t size = size_of(n)
        if self.handle == NULL or self.is_listening or self.was_closed:
            self.check_reader()
        get_buffer(buf, &buffer, PyBUF_WRITABLE, "a channel reads into writable bytes-like objects")
        try:
            if not 0 <= size <= buffer.len:
                raise ValueError(f"channel {self.name!r}: n={n} bytes into a buffer of {buffer.len}")
            if blocking:
                return self.read_bytes_into(<char*>buffer.buf, <uint64_t>size, <uint64_t>size, timeout)
            if timeout is not None:
                raise ValueError("a timeout is for a blocking read: say blocking=True too")
            return self.read_some(<char*>buffer.buf, <uint64_t>size)
        finally:
            PyBuffer_Release(&buffer)

    cdef uint64_t read_some(self, char* buffer, uint64_t size) except? 0:
        """Read what is there."""
        cdef uint64_t got = 0
        cdef uint64_t count = 0
        cdef memlane_error error
        cdef memlane_status status
        if size == 0:
            return 0
        if self.unread is not None:
            got = self.take_unread(buffer, size)
            if got == size:
                return got
        if size <= GIL_LIMIT:
            status = memlane_channel_read(self.handle, buffer + got, size - got, 1, 0, &count, NULL)
        else:
            with nogil:
                status = memlane_channel_read(self.handle, buffer + got, size - got, 1, 0, &count, NULL)
        if status == MEMLANE_OK or status == MEMLANE_TIMEOUT or got > 0:
            return got + count
        # Again, for the text.
        status = memlane_channel_read(self.handle, buffer, size, 1, 0, &count, &error)
        if status != MEMLANE_TIMEOUT:
            self.fail(status, &error)
        return count

    cdef uint64_t read_bytes_into(self, char* buffer, uint64_t size, uint64_t least, object timeout) except? 0:
        """Wait for `least` bytes and read up to `size`; fewer than `least` at the end of the stream."""
        cdef uint64_t count = 0
        cdef uint64_t deadline = MEMLANE_NO_DEADLINE
        if timeout is not None:
            deadline = deadline_of(timeout)
        if size == 0:
            return 0
        cdef bint is_brief = min(size, self.capacity) <= GIL_LIMIT and least <= self.capacity
        if is_brief and self.unread is None and memlane_channel_read(
            self.handle, buffer, size, least, min(deadline, MEMLANE_SOON), &count, NULL
        ) == MEMLANE_OK:
            return count
        return self.read_patiently(buffer, size, least, deadline)

    cdef uint64_t read_patiently(self, char* buffer, uint64_t size, uint64_t least, uint64_t deadline) except? 0:
        """Read in this thread's turn. What was consumed when it fails stays for the next reading."""
        cdef uint64_t done = 0
        self.take_turn(deadline)
        try:
            return self.read_pieces(buffer, size, least, deadline, &done)
        except BaseException:
            if done > 0:
                self.put_back(PyBytes_FromStringAndSize(buffer, <Py_ssize_t>done))
            raise
        finally:
            memlane_channel_unlock(self.handle)

    cdef uint64_t read_pieces(self, char* buffer, uint64_t size, uint64_t least, uint64_t deadline, uint64_t* done)\
            except? 0:
        """Read without the GIL, in chunks of time, between which signals are looked at."""
        cdef uint64_t count = 0
        cdef uint64_t wanted
        cdef memlane_error error
        cdef memlane_status status = MEMLANE_OK
        done[0] = self.take_unread(buffer, size)
        while done[0] < least:
            # All at once where the channel can hold it; a part of it at a time lets the writer go on meanwhile.
            wanted = least - done[0] if least <= self.capacity else min(least - done[0], (self.capacity + 3) // 4)
            with nogil:
                status = memlane_channel_read(
                    self.handle, buffer + done[0], size - done[0], wanted, chunk_until(deadline), &count, &error
                )
            done[0] += count
            if status == MEMLANE_OK and count < wanted:
                break
            if (status == MEMLANE_END_CLOSED or status == MEMLANE_PEER_DIED) and done[0] > 0:
                break
            if status == MEMLANE_TIMEOUT or status == MEMLANE_INTERRUPTED:
                PyErr_CheckSignals()
                if status == MEMLANE_INTERRUPTED or monotonic_ns() < deadline:
                    continue
            self.fail(status, &error)
        return done[0]

    cdef object fresh_bytes(self, uint64_t size, uint64_t least, object timeout):
        cdef bytes fresh = PyBytes_FromStringAndSize(NULL, <Py_ssize_t>size)
        cdef uint64_t count = self.read_bytes_into(PyBytes_AS_STRING(fresh), size, least, timeout)
        return fresh if count == size else fresh[:count]

    def read_bytes(self, n, timeout=None):
        """Wait for ``n`` bytes and return them; fewer at the end of the stream.

        Args:
            n: Bytes.
            timeout: Seconds; None waits for ever. What was read until then stays for the next reading.

        Raises:
            OppositeEndClosedError: Nothing is left, and the writer closed or died.
            Timeout: The time was over first.
        """
        cdef Py_ssize_t size = size_of(n)
        if self.handle == NULL or self.is_listening or self.was_closed:
            self.check_reader()
        if not 0 <= size < PY_SSIZE_T_MAX:
            raise ValueError(f"channel {self.name!r}: n={n} bytes cannot be read")
        return self.fresh_bytes(<uint64_t>size, <uint64_t>size, timeout)

    def readinto(self, buffer):
        """Wait for a byte at least, and read what is there into a writable buffer, as raw files do.

        Returns:
            How many bytes were read: 0 at the end of the stream.
        """
        cdef Py_buffer place
        self.check_reader()
        get_buffer(buffer, &place, PyBUF_WRITABLE, "a channel reads into writable bytes-like objects")
        try:
            return self.read_bytes_into(<char*>place.buf, <uint64_t>place.len, 1, None)
        except errors.OppositeEndClosedError:
            return 0
        finally:
            PyBuffer_Release(&place)

    def readall(self):
        """Read to the end of the stream, as raw files do, and return all bytes."""
        cdef list pieces = []
        try:
            pieces.extend(self)
        except BaseException:
            self._put_back_unread(b"".join(pieces))
            raise
        return b"".join(pieces)

    def __iter__(self):
        return self

    def __next__(self):
        """Return what came, as soon as there is something; the end of the stream ends the iteration."""
        self.check_reader()
        try:
            return self.fresh_bytes(min(self.capacity, <uint64_t>GIL_LIMIT), 1, None)
        except errors.OppositeEndClosedError:
            raise StopIteration from None

    # -- in place --------------------------------------------------------------------------------------------

    cdef uint64_t size_in_place(self, n) except? 0:
        """How many bytes in one piece were asked for."""
        cdef Py_ssize_t size = size_of(n)
        self.check_handle()
        if size < 1:
            raise ValueError(f"channel {self.name!r}: n={n!r} bytes cannot be taken in place: give 1 or more")
        if <uint64_t>size > self.capacity:
            raise errors.InvalidArgument(
                f"channel {self.name!r}: {n!r} bytes in one piece were asked for, it has {self.capacity}"
            )
        return <uint64_t>size

    def _span(self, n, timeout, bint to_read):
        """Take bytes in place, to read or to write; n None: what is there to read."""
        cdef uint64_t size = 0 if n is None and to_read else self.size_in_place(n)
        cdef uint64_t behind
        cdef bytes unread
        cdef Span shown
        cdef memlane_span span
        cdef memlane_error error
        cdef memlane_status status
        cdef uint64_t deadline = deadline_of(timeout)
        self.check_handle()
        while True:
            unread = self.left_unread()
            behind = size
            if unread is not None:
                if size <= <uint64_t>PyBytes_GET_SIZE(unread):
                    span.channel = NULL
                    shown = self.show(unread, unread[:size] if size > 0 else unread, &span)
                    if shown is None:
                        continue
                    return shown
                behind -= PyBytes_GET_SIZE(unread)
            with nogil:
                if to_read:
                    status = memlane_channel_peek(self.handle, behind, chunk_until(deadline), &span, &error)
                else:
                    status = memlane_channel_reserve(self.handle, behind, chunk_until(deadline), &span, &error)
            if status == MEMLANE_OK:
                if self.unread is not unread:  # it was another thread's turn
                    memlane_span_drop(&span)
                    continue
                shown = make_span(&span, to_read) if unread is None else self.show(unread, unread, &span)
                if shown is None:
                    continue
                return shown
            if status == MEMLANE_TIMEOUT or status == MEMLANE_INTERRUPTED:
                PyErr_CheckSignals()
                if status == MEMLANE_INTERRUPTED or monotonic_ns() < deadline:
                    continue
            self.fail(status, &error)

    cdef Span show(self, bytes unread, bytes wanted, memlane_span* behind):
        """Show what an earlier reading had to leave, and what is behind it. None: another thread's turn came."""
        cdef Span shown = None
        try:
            with cython.critical_section(self):
                if self.unread is unread:
                    self.check_unread()
                    shown = make_kept_span(self, wanted, behind)
                    self.shown = ref(shown)
        finally:
            if shown is None and behind.channel != NULL:
                memlane_span_drop(behind)
        return shown

    def _consume_unread(self, Py_ssize_t count):
        """Forget bytes that were shown."""
        with cython.critical_section(self):
            self.leave_unread(self.unread[count:])

    def _check_reader(self):
        """Raise where somebody else gets the bytes, or nobody."""
        self.check_reader()

    def _put_back_unread(self, bytes unread):
        """Leave bytes that were taken for the next reading."""
        self.put_back(unread)

    def _begin_listening(self):
        """Give the reading to a listener; raise where another one has it."""
        with cython.critical_section(self):
            self.check_reader()
            self.check_unread()
            self.reader = generation
            self.is_listening = True

    def _end_listening(self):
        """Give it back to everybody."""
        self.is_listening = False

    # -- for tasks -------------------------------------------------------------------------------------------

    def _write_now(self, data):
        """Write all where the channel can hold it, else what fits; return the count. `Timeout`: there is no room."""
        cdef Py_buffer buffer
        cdef uint64_t written = 0
        cdef memlane_error error
        cdef memlane_status status
        self.check_handle()
        get_buffer(data, &buffer, PyBUF_SIMPLE, "a channel takes bytes-like objects")
        try:
            if <uint64_t>buffer.len > self.capacity:
                with nogil:
                    status = memlane_channel_write(
                        self.handle, buffer.buf, <uint64_t>buffer.len, 0, &written, &error
                    )
            else:
                status = memlane_channel_write_whole(
                    self.handle, buffer.buf, <uint64_t>buffer.len, 0, &written, &error
                )
            if written == 0:
                self.fail(status, &error)
        finally:
            PyBuffer_Release(&buffer)
        return written

    def _expect(self, Py_ssize_t count):
        """Poll for so many bytes to read, or to write; for a part of them where the channel cannot hold them."""
        cdef bytes unread = self.left_unread()
        cdef uint64_t missing = <uint64_t>max(0, count - (0 if unread is None else PyBytes_GET_SIZE(unread)))
        self.check_handle()
        memlane_channel_expect(self.handle, missing if missing <= self.capacity else (self.capacity + 3) // 4)

    # -- what it is ------------------------------------------------------------------------------------------

    def close(self):
        """Close this end; the other one learns of it. May be called twice."""
        self.was_closed = True
        if self.handle != NULL:
            memlane_channel_close(self.handle)

    @property
    def closed(self):
        """Whether this end was closed."""
        return self.handle == NULL or self.was_closed

    def readable(self):
        """Whether this is the reading end, as files say it."""
        return self._properties()["mode"] == MEMLANE_CHANNEL_READ

    def writable(self):
        """Whether this is the writing end, as files say it."""
        return self._properties()["mode"] == MEMLANE_CHANNEL_WRITE

    def seekable(self):
        """Whether one can go back, as files say it: never."""
        return False

    def flush(self):
        """Do nothing: what was written is there."""

    @property
    def position(self):
        """How many bytes of the stream this end and those before it have read, or written.

        What was read before a reading failed and is still to be returned does not count.
        """
        self.check_handle()
        cdef bytes unread = self.left_unread()
        return memlane_channel_position(self.handle) - (0 if unread is None else PyBytes_GET_SIZE(unread))

    @property
    def is_current(self):
        """Whether the name still leads to this channel: False once it was unlinked or re-created."""
        return self.handle != NULL and memlane_channel_is_current(self.handle)

    def _properties(self):
        cdef memlane_channel_properties properties
        self.check_handle()
        memlane_channel_describe(self.handle, &properties)
        return {
            "name": properties.name.decode(),
            "directory": <bytes>properties.directory,
            "mode": <int>properties.mode,
            "capacity": properties.capacity,
            "max_participants": properties.participants,
            "persistent": not properties.ephemeral,
            "uuid": (<const char*>properties.uuid)[:16],
        }

    @property
    def name(self):
        """The channel's name, without a leading slash."""
        return self._properties()["name"]

    def _status(self):
        cdef memlane_channel_status status
        cdef memlane_error error
        self.check_handle()
        check(memlane_channel_status_read(self.handle, &status, &error), &error)
        return status

    def _statistics(self):
        cdef memlane_channel_statistics statistics
        cdef memlane_error error
        self.check_handle()
        check(memlane_channel_statistics_read(self.handle, &statistics, &error), &error)
        return statistics
