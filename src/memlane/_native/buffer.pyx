# cython: freethreading_compatible=True
"""One endpoint of a buffer: values in and out, transactions, waiting."""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.exc cimport PyErr_CheckSignals
from cpython.pythread cimport PyThread_get_thread_ident
from libc.string cimport memcmp, memcpy
from posix.time cimport CLOCK_REALTIME, clock_gettime, timespec

import errno
import threading

from memlane import errors
from memlane._native.deadline cimport deadline_of, monotonic_ns
from memlane._native.error cimport check
from memlane._native.fork cimport generation, survives_since, survivor
from memlane._native.library cimport *
from memlane._native.options cimport fill_object_options
from memlane._native.record cimport COUNTS_START, Counts, State, counts_of, state_of

cdef enum:
    # Values up to here are copied to the stack.
    SMALL = 64

# Each chunk ends with a look at pending signals and at the life of the buffer's owner.
cdef uint64_t CHUNK_NS = 50_000_000


cdef double wall_time() noexcept nogil:
    cdef timespec now
    clock_gettime(CLOCK_REALTIME, &now)
    return <double>now.tv_sec + 1e-9 * <double>now.tv_nsec


cdef object new_guard():
    return threading.Condition(threading.RLock())


cdef frozenset names_of(list fields):
    return frozenset([(<Field>field).name for field in fields])


@cython.final
@cython.auto_pickle(False)
cdef class Transaction:
    """A block within a transaction of its thread; the same object may be entered again inside."""

    cdef Buffer buffer
    cdef bint readonly
    cdef object timeout

    def __enter__(self):
        if self.readonly:
            self.buffer.enter_snapshot()
        else:
            self.buffer.begin(self.timeout)
        return self.buffer

    def __exit__(self, kind, error, traceback):
        if self.readonly:
            self.buffer.leave_snapshot()
            return
        try:
            self.buffer.end(MEMLANE_BUFFER_UNCHANGED if kind is None else MEMLANE_BUFFER_DROP)
        except errors.OwnershipLost:  # in a forked child, which may be ending
            if kind is None:
                raise


@cython.auto_pickle(False)
cdef class Buffer(Endpoint):
    """The part of `memlane.buffer.Buffer` that works on the record."""

    def __cinit__(self):
        self.handle = NULL
        self.snapshots = {}
        self.expectations = Expectations()

    def __dealloc__(self):
        memlane_buffer_free(self.handle)

    def _open(
        self, Layout layout, bytes name, bytes directory, *, participants, persistent, mode, peer_uid,
        bint create, bytes uuid
    ):
        """Open or create. None stands for what was not given; an empty directory for the default one."""
        cdef memlane_buffer_options options
        cdef memlane_error error
        cdef memlane_status status
        cdef const char* text = name
        cdef size_t length = len(name)
        if self.layout is not None:
            raise RuntimeError("a buffer is opened once")
        memlane_buffer_options_initialise(&options)
        fill_object_options(&options.object, directory, participants, persistent, mode, peer_uid, create, uuid)
        options.size = layout.size
        options.schema = layout.schema
        options.schema_length = len(layout.schema)
        with nogil:
            status = memlane_buffer_open(&self.handle, text, length, &options, &error)
        check(status, &error)
        self.layout = layout
        self._note_seen()

    def _attach(self, Layout layout):
        """Make a buffer of this process alone. It is not valid yet."""
        if self.layout is not None:
            raise RuntimeError("a buffer is opened once")
        self.layout = layout
        self.guard = new_guard()
        self.born = generation
        self.local = bytes(layout.size)
        self._note_seen()

    cdef memlane_endpoint* pollable(self) except NULL:
        self.opened()
        if self.handle == NULL:
            raise TypeError("a local buffer has no descriptor: open a shared one, or wait in a thread")
        return memlane_buffer_endpoint(self.handle)

    cdef Layout opened(self):
        if self.layout is None:
            raise errors.Closed("this buffer was never opened: call open() or attach() of its class")
        return self.layout

    cdef int refuse_invalid(self) except -1:
        raise errors.DeviceBufferError(
            f"the buffer {self.name!r} is not valid: its owner closed it or died, or nobody made it valid yet",
            buffer=self.name,
        )

    # -- snapshots -------------------------------------------------------------------------------------------

    cdef bint is_inside_local(self) except -1:
        self.settle()
        with cython.critical_section(self):
            return self.depth > 0 and self.holder == PyThread_get_thread_ident()

    cdef bytes snapshot(self):
        """Return the record that this thread's read-only transaction sees, or None outside of one."""
        held = self.snapshots.get(PyThread_get_thread_ident())
        return None if held is None else held[0]

    cdef int enter_snapshot(self) except -1:
        """Keep the present record for this thread."""
        cdef uint64_t version
        thread = PyThread_get_thread_ident()
        record, depth = self.snapshots.get(thread) or (self.record(&version), 0)
        self.snapshots[thread] = (record, depth + 1)
        return 0

    cdef int leave_snapshot(self) except -1:
        """Let go of this thread's record with the outermost block."""
        thread = PyThread_get_thread_ident()
        record, depth = self.snapshots.pop(thread)
        if depth > 1:
            self.snapshots[thread] = (record, depth - 1)
        return 0

    # -- the record ------------------------------------------------------------------------------------------

    cdef bint look(self, uint64_t offset, void* content, uint64_t size, uint64_t* version) except -1:
        """Copy a part of the record; return whether the buffer is valid."""
        cdef memlane_buffer_reading reading
        cdef memlane_error error
        cdef bytes record
        if self.handle != NULL:
            status = memlane_buffer_read(self.handle, offset, content, size, &reading, &error)
            if status != MEMLANE_OK:
                check(status, &error)
            version[0] = reading.version
            return reading.valid
        self.opened()
        if self.local_closed:
            raise errors.Closed("this local buffer was closed; attach another one")
        is_inside = self.is_inside_local()
        with cython.critical_section(self):
            record = self.working if is_inside else self.local
            version[0] = self.local_version
        memcpy(content, PyBytes_AS_STRING(record) + offset, size)
        return PyBytes_AS_STRING(record)[0] != 0

    cdef uint64_t fetch(self, uint64_t offset, void* content, uint64_t size) except? 0:
        """Copy a part of the record as this thread sees it; return the version. The buffer must be valid."""
        cdef uint64_t version = 0
        cdef bytes record
        if self.snapshots:
            record = self.snapshot()
            if record is not None:
                memcpy(content, PyBytes_AS_STRING(record) + offset, size)
                return 1
        if not self.look(offset, content, size, &version):
            self.refuse_invalid()
        return version

    cdef bytes record(self, uint64_t* version):
        """Return the whole record, of a valid buffer."""
        cdef Layout layout = self.opened()
        cdef bytes record = PyBytes_FromStringAndSize(NULL, layout.size)
        version[0] = self.fetch(0, PyBytes_AS_STRING(record), layout.size)
        return record

    # -- transactions ----------------------------------------------------------------------------------------

    cdef unsigned char* begin(self, object timeout=None, bint check_valid=True) except NULL:
        """Begin a transaction, or a part of one, and return the record to change."""
        cdef memlane_error error
        cdef memlane_buffer_reading reading
        cdef memlane_status status
        cdef unsigned char* record
        cdef uint64_t nothing
        if self.snapshots and self.snapshot() is not None:
            raise errors.DeviceBufferError("this thread is in a read-only transaction: leave it before you write")
        record = self.begin_local(timeout) if self.handle == NULL else self.begin_shared(timeout)
        if not check_valid or (self.handle == NULL and record[0] != 0):
            return record
        status = MEMLANE_OK
        if self.handle != NULL:
            status = memlane_buffer_read(self.handle, 0, &nothing, 0, &reading, &error)
            if status == MEMLANE_OK and reading.valid:
                return record
        self.end(MEMLANE_BUFFER_DROP)  # closed by another thread in between, say: the others must not wait for us
        check(status, &error)
        self.refuse_invalid()

    cdef unsigned char* begin_shared(self, object timeout) except NULL:
        cdef memlane_error error
        cdef void* record = NULL
        cdef uint64_t deadline, until
        cdef memlane_status status = memlane_buffer_try_begin(self.handle, &record, &error)
        if status == MEMLANE_TIMEOUT:
            deadline = deadline_of(timeout)
            while True:
                with nogil:
                    until = 0 if deadline == 0 else min(deadline, monotonic_ns() + CHUNK_NS)
                    status = memlane_buffer_begin(self.handle, until, &record, &error)
                if status != MEMLANE_INTERRUPTED and (status != MEMLANE_TIMEOUT or until == deadline):
                    break
                PyErr_CheckSignals()
        if status != MEMLANE_OK:
            check(status, &error)
        return <unsigned char*>record

    cdef int settle(self) except -1:
        """In a forked child, drop what a thread of the parent had begun that is not here: nobody would end it."""
        if self.born == generation:
            return 0
        guard = new_guard()
        with cython.critical_section(self):
            if self.born != generation:  # else another thread of the child was faster
                if self.depth == 0 or self.holder != survivor or self.born < survives_since:
                    self.guard, self.depth, self.working = guard, 0, None
                self.born = generation
        return 0

    cdef object local_guard(self):
        self.settle()
        return self.guard

    cdef unsigned char* begin_local(self, object timeout) except NULL:
        self.opened()
        deadline_of(timeout)
        is_long = timeout is None or timeout > threading.TIMEOUT_MAX
        cdef object guard = self.local_guard()
        if not guard.acquire(timeout=-1 if is_long else timeout):
            raise errors.Timeout(
                errno.ETIMEDOUT, "local buffer: another transaction went on until the time was over"
            )
        if self.local_closed:
            guard.release()
            raise errors.Closed("this local buffer was closed; attach another one")
        with cython.critical_section(self):
            self.depth += 1
            if self.depth == 1:
                self.holder = PyThread_get_thread_ident()
                self.changed = False
                self.working = PyBytes_FromStringAndSize(PyBytes_AS_STRING(self.local), self.layout.size)
        return <unsigned char*>PyBytes_AS_STRING(self.working)

    cdef int end(self, memlane_buffer_outcome outcome) except -1:
        cdef memlane_error error
        if self.handle == NULL:
            return self.end_local(outcome)
        status = memlane_buffer_end(self.handle, outcome, &error)
        return 0 if status == MEMLANE_OK else check(status, &error)

    cdef int end_local(self, memlane_buffer_outcome outcome) except -1:
        if not self.is_inside_local():
            raise errors.OwnershipLost("this thread has no transaction in the local buffer")
        cdef bint is_published = False
        with cython.critical_section(self):
            self.changed = self.changed or outcome == MEMLANE_BUFFER_CHANGED
            self.depth -= 1
            if self.depth == 0:
                is_published = outcome != MEMLANE_BUFFER_DROP and self.changed
                if is_published:
                    self.local = self.working
                    self.local_version += 1
                self.working = None
        if is_published:
            self.guard.notify_all()
        self.guard.release()
        return 0

    def transaction(self, *, readonly=False, timeout=None):
        """Group operations: others see all that the block changed at once, or nothing when it raises.

        Reentrant in its thread; an exception that leaves the outermost block rolls all of it back, as does the death of
        this process.

        Args:
            readonly: The block sees one state of the buffer and waits for nobody; it cannot change anything.
            timeout: Seconds to wait for the transactions of others; None waits for ever.

        Raises:
            DeviceBufferError: The buffer is not valid.
            Timeout: Another transaction went on until the time was over.
            ValueError: The timeout is negative.
        """
        cdef Transaction transaction = Transaction.__new__(Transaction)
        if timeout is not None:
            deadline_of(timeout)  # a wrong one is told also where nobody is waited for
        transaction.buffer, transaction.readonly, transaction.timeout = self, readonly, timeout
        return transaction

    # -- values ----------------------------------------------------------------------------------------------

    cdef object value_at(self, Field field, int offset):
        cdef unsigned char[SMALL] small
        cdef bytes large
        if field.size <= SMALL:
            self.fetch(offset, small, field.size)
            return field.decode(small)
        large = PyBytes_FromStringAndSize(NULL, field.size)
        self.fetch(offset, PyBytes_AS_STRING(large), field.size)
        return field.decode(<const unsigned char*>PyBytes_AS_STRING(large))

    cdef bytes encoded(self, Field field, object value):
        """Encode before the transaction: the value's own methods run, and may take their time or fail."""
        cdef bytes content = PyBytes_FromStringAndSize(NULL, field.size)
        field.encode(value, <unsigned char*>PyBytes_AS_STRING(content))
        return content

    cdef int put(self, Field field, int offset, object value, bint is_request) except -1:
        cdef unsigned char[SMALL] small
        cdef bytes large
        if field.size <= SMALL:
            field.encode(value, small)
            return self.store(field, offset, small, is_request)
        large = self.encoded(field, value)
        return self.store(field, offset, <const unsigned char*>PyBytes_AS_STRING(large), is_request)

    cdef int store(self, Field field, int offset, const unsigned char* content, bint is_request) except -1:
        """Change one value, and all that goes with it."""
        cdef unsigned char* record = self.begin()
        cdef Counts* counts = counts_of(record, field.position)
        cdef State* state = state_of(record)
        memcpy(record + offset, content, field.size)
        if is_request:
            counts.requests += 1
            state.writes |= field.bit
            state.last_write = wall_time()
        else:
            counts.sets += 1
            state.updates |= field.bit
            state.last_update = wall_time()
        return self.end(MEMLANE_BUFFER_CHANGED)

    def get(self, param, /):
        """Return the value of a parameter, as the device reported it last; a vector as a list of your own.

        Raises:
            DeviceBufferError: There is no such parameter, it is not readable, or the buffer is not valid.
        """
        cdef Field field = self.opened().readable_field(param)
        return self.value_at(field, field.update_offset)

    def set(self, param, value, /):
        """Set what `get` returns: for who speaks for the device.

        Raises:
            DeviceBufferError: There is no such parameter, it is not readable, or the buffer is not valid.
            TypeError: The value is of the wrong type.
            ValueError: The value does not fit the parameter's type.
        """
        cdef Field field = self.opened().readable_field(param)
        self.put(field, field.update_offset, value, False)

    def write(self, param, value, /):
        """Request that a parameter is written to the device. A request that was not sent yet is replaced.

        Floating-point numbers beyond the parameter's limits become the limit, with a warning.

        Raises:
            DeviceBufferError: There is no such parameter, it is not writeable, or the buffer is not valid.
            TypeError: The value is of the wrong type.
            ValueError: The value is NaN, or does not fit the parameter's type.
        """
        cdef Field field = self.opened().writeable_field(param)
        self.put(field, field.write_offset, field.clamped(value), True)

    def _get_extra(self, name):
        cdef Field field = self.opened().extra[name]
        return self.value_at(field, field.update_offset)

    def _set_extra(self, name, value):
        cdef Field field = self.opened().extra[name]
        cdef bytes content = self.encoded(field, value)
        cdef unsigned char* record = self.begin()
        memcpy(record + field.update_offset, PyBytes_AS_STRING(content), field.size)
        self.end(MEMLANE_BUFFER_CHANGED)

    def _values(self, block):
        """Return all values of one block, "update" or "write", of one state."""
        cdef uint64_t version
        cdef Field field
        cdef bytes record = self.record(&version)
        cdef dict values = {}
        for field in self.layout.by_position:
            offset = field.update_offset if block == "update" else field.write_offset
            if offset >= 0:
                values[field.name] = field.decode(<const unsigned char*>PyBytes_AS_STRING(record) + <int>offset)
        return values

    # -- validity --------------------------------------------------------------------------------------------

    @property
    def valid(self):
        """Whether somebody made the buffer valid, and did not close it or die since. Setting it takes over."""
        cdef uint64_t version, nothing
        self.opened()
        return self.look(0, &nothing, 0, &version)

    @valid.setter
    def valid(self, bint valid):
        cdef memlane_error error
        cdef unsigned char* record
        self.opened()
        record = self.begin(None, False)
        if self.handle == NULL:
            record[0] = valid
        else:
            check(memlane_buffer_set_valid(self.handle, valid, &error), &error)
        self.end(MEMLANE_BUFFER_CHANGED)

    # -- changes ---------------------------------------------------------------------------------------------

    def _note_seen(self):
        """Remember the present counts: changes from here on are news."""
        cdef uint64_t version
        cdef bytes counts = PyBytes_FromStringAndSize(NULL, len(self.layout.params) * sizeof(Counts))
        self.look(COUNTS_START, PyBytes_AS_STRING(counts), len(counts), &version)
        with cython.critical_section(self):
            self.seen = counts
        if self.handle != NULL:
            memlane_buffer_mark_seen(self.handle, version)

    cdef uint64_t wait_newer(self, uint64_t version, uint64_t deadline) except? 0:
        """Wait a chunk for another version; return the time until which was waited, 0 where something changed."""
        cdef memlane_error error
        cdef uint64_t newest
        cdef uint64_t until
        cdef object guard
        if self.handle == NULL:
            guard = self.local_guard()
            with guard:
                until = min(deadline, monotonic_ns() + CHUNK_NS)
                if self.local_version == version and until > monotonic_ns():
                    guard.wait((until - monotonic_ns()) / 1e9)
                return 0 if self.local_version != version else until
        with nogil:
            until = min(deadline, monotonic_ns() + CHUNK_NS)
            status = memlane_buffer_wait(self.handle, version, until, &newest, &error)
        PyErr_CheckSignals()
        if status == MEMLANE_OK or status == MEMLANE_INTERRUPTED:
            return 0
        if status != MEMLANE_TIMEOUT:
            check(status, &error)
        return until

    def _wait(self, params, timeout, bint requests, bint in_task=False):
        """Wait until a parameter was set, or requested; return the fields and the record of that moment."""
        cdef Layout layout = self.opened()
        cdef uint64_t deadline = deadline_of(timeout)
        cdef uint64_t version, until
        cdef bytes record
        cdef Field field
        # What is not readable is never set: waiting for it would have no end.
        chosen = layout.by_position if params is None else [
            self.known(name) if requests else layout.readable_field(name) for name in params
        ]
        while True:
            record = self.record(&version)
            with cython.critical_section(self):  # each piece of news is one thread's
                changed = [field for field in chosen if self.is_news(field, record, requests)]
                if changed:
                    self.see(changed, record, requests)
                has_seen_all = self.has_seen(record)
            # Who was told by polling, and looks for some, is not told of the others again; who waits in another way
            # hides them from nobody.
            if self.handle != NULL and ((deadline == 0 and not in_task) or has_seen_all):
                memlane_buffer_mark_seen(self.handle, version)
            if changed:
                return changed, record
            if self.snapshots and self.snapshot() is not None:
                raise errors.DeviceBufferError(
                    f"buffer {self.name!r}: this thread sees one state, in which none of these parameters changed,"
                    " until the end of its read-only transaction: leave it before you wait"
                )
            until = 0 if deadline == 0 else self.wait_newer(version, deadline)
            if until >= deadline:
                raise errors.Timeout(
                    errno.ETIMEDOUT, f"buffer {self.name!r}: none of the parameters changed in time"
                )

    cdef Field known(self, object name):
        """Return the field of a parameter, whatever its access."""
        if name not in self.layout.fields:
            self.layout.refuse(name, "")
        return self.layout.fields[name]

    cdef bint is_news(self, Field field, bytes record, bint requests) noexcept:
        """Say whether a count differs from the one that was seen last."""
        cdef Counts* now = counts_of(<unsigned char*>PyBytes_AS_STRING(record), field.position)
        cdef Counts* then = (<Counts*>PyBytes_AS_STRING(self.seen)) + field.position
        return now.requests != then.requests if requests else now.sets != then.sets

    cdef bint has_seen(self, bytes record) noexcept:
        """Say whether nothing is new in it."""
        cdef const char* counts = PyBytes_AS_STRING(record) + <size_t>COUNTS_START
        return memcmp(counts, PyBytes_AS_STRING(self.seen), PyBytes_GET_SIZE(self.seen)) == 0

    cdef int see(self, list fields, bytes record, bint requests) except -1:
        """Remember the counts of these fields."""
        cdef Field field
        cdef Counts* now
        cdef Counts* seen
        cdef bytes counts = PyBytes_FromStringAndSize(PyBytes_AS_STRING(self.seen), PyBytes_GET_SIZE(self.seen))
        for field in fields:
            now = counts_of(<unsigned char*>PyBytes_AS_STRING(record), field.position)
            seen = (<Counts*>PyBytes_AS_STRING(counts)) + field.position
            if requests:
                seen.requests = now.requests
            else:
                seen.sets = now.sets
        self.seen = counts
        return 0

    def wait(self, params=None, timeout=None, *, requests=False):
        """Wait until parameters were set since this endpoint was opened, or since the last wait that returned them.

        Args:
            params: Their names; None: any.
            timeout: Seconds; None waits for ever, 0 only looks.
            requests: Wait for requested writes and reads instead: for who speaks for the device.

        Returns:
            The names of those that changed.

        Raises:
            Timeout: None of them changed in time.
            DeviceBufferError: There is no such parameter, the buffer is not valid any more, or this thread is in a
                read-only transaction, in whose state none of them changed.
        """
        changed, _ = self._wait(params, timeout, requests)
        return names_of(changed)

    def _wait_in_task(self, params, bint requests):
        """Look as `wait` does, for a task."""
        changed, _ = self._wait(params, 0, requests, True)
        return names_of(changed)

    def _expect(self, ticket, version):
        """Poll for what is newer than the first of the versions that tasks looked at; None: one of them does not."""
        self.pollable()
        cdef list void = self.expectations.void()
        with cython.critical_section(self.expectations):
            memlane_buffer_expect(self.handle, self.expectations.change(ticket, version, void))

    def _changes(self, params, timeout, bint in_task=False):
        """Wait, and return the new values of the readable ones, all of one state."""
        cdef Field field
        cdef bytes record
        changed, record = self._wait(params, timeout, False, in_task)
        return {
            field.name: field.decode(<const unsigned char*>PyBytes_AS_STRING(record) + field.update_offset)
            for field in changed if field.update_offset >= 0
        }

    # -- the endpoint ----------------------------------------------------------------------------------------

    def close(self):
        """End the endpoint; the buffer becomes invalid where this endpoint made it valid. May be called twice."""
        if self.handle != NULL:
            with nogil:
                memlane_buffer_close(self.handle)
        self.local_closed = True

    @property
    def closed(self):
        """Whether it was closed, or never opened."""
        return self.local_closed or self.layout is None

    def _properties(self):
        cdef memlane_buffer_properties properties
        self.opened()
        if self.handle == NULL:
            return None
        memlane_buffer_describe(self.handle, &properties)
        return {
            "name": properties.name.decode(),
            "directory": <bytes>properties.directory,
            "uuid": (<const char*>properties.uuid)[:16],
        }

    @property
    def name(self):
        """The buffer's name, without a leading slash; of a local buffer that of its type."""
        cdef memlane_buffer_properties properties
        if self.handle == NULL:
            return self.opened().type_name
        memlane_buffer_describe(self.handle, &properties)
        return properties.name.decode()

    @property
    def version(self):
        """How many transactions changed something, about: it rises with each one."""
        cdef uint64_t version, nothing
        self.opened()
        self.look(0, &nothing, 0, &version)
        return version

    @property
    def is_current(self):
        """Whether the name still leads to this buffer; a local one has none to lose."""
        self.opened()
        return self.handle == NULL or memlane_buffer_is_current(self.handle)

    def _statistics(self):
        cdef memlane_buffer_statistics statistics
        cdef memlane_error error
        self.opened()
        if self.handle == NULL:
            return None
        check(memlane_buffer_statistics_read(self.handle, &statistics, &error), &error)
        return statistics
