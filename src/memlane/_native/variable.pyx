# cython: freethreading_compatible=True
"""One endpoint of a variable: values in and out."""

cimport cython
from cpython.buffer cimport PyBuffer_Release
from cpython.exc cimport PyErr_CheckSignals
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.stdint cimport UINT64_MAX, int64_t, uint32_t
from libc.string cimport memcpy

from operator import index

from memlane import errors
from memlane._native.deadline cimport deadline_of, monotonic_ns
from memlane._native.error cimport check
from memlane._native.format cimport layout_of, make_format
from memlane._native.library cimport *
from memlane._native.loan cimport make_loan, make_structure_loan
from memlane._native.options cimport fill_object_options, or_any
from memlane._native.view cimport View as PinnedView
from memlane._native.view cimport make_view
from memlane.codec import pickled
from memlane.codec.plain cimport (
    CONTENT_PICKLE,
    CONTENT_PICKLE_BUFFERS,
    ENCODED,
    NOT_PLAIN,
    TABLE_START,
    TOO_LARGE,
    Decoder,
    Encoder,
    decode_payload,
    encode_pickled,
    encode_plain,
    fetch_all,
    prefix_size,
    release_decoder,
    release_encoder,
    view_of,
    write_encoded,
)
from memlane.codec.structure cimport adopt, copy_bytes, declare

cdef enum:
    # Values up to here are copied whole to the stack and decoded there: one look at the version, no allocation.
    SMALL = 4096

# Each chunk ends with a look at pending signals: the kernel may deliver one to another thread than the waiting one.
cdef uint64_t CHUNK_NS = 50_000_000
# How long a write waits for a slot before it says who holds them (D3).
cdef object WRITE_PATIENCE = 1.0
cdef uint64_t NANOSECONDS = 1_000_000_000

cdef object MISSING = object()


cdef class Copy:
    """Private memory for what has to be looked at in peace."""

    cdef unsigned char* bytes

    def __dealloc__(self):
        PyMem_Free(self.bytes)


cdef Copy memory_of(size_t size):
    cdef Copy copy = Copy.__new__(Copy)
    copy.bytes = <unsigned char*>PyMem_Malloc(size)
    if copy.bytes == NULL:
        raise MemoryError
    return copy


cdef Copy copy_of(const void* source, size_t size):
    cdef Copy copy = memory_of(size)
    copy_bytes(copy.bytes, source, size)
    return copy


cdef object place_in(PinnedView pinned):
    """Tell where the value lies in a view of its payload, or None where it cannot be viewed."""
    cdef memlane_reading* reading = &pinned.view.reading
    cdef size_t length = reading.size
    cdef Copy prefix = copy_of(pinned.view.bytes, min(length, <size_t>TABLE_START))
    length = prefix_size(reading.type, prefix.bytes, length)
    prefix = copy_of(pinned.view.bytes, length)
    return view_of(reading.type, prefix.bytes, length, reading.size)


cdef uint64_t version_of(object newer_than) except? 1:
    """Read a version as the caller gave it."""
    version = index(newer_than)
    if not 0 <= version <= UINT64_MAX:
        raise ValueError(f"newer_than={newer_than!r} is no version: give one that was read, or 0 for any")
    return version


cdef bint is_pickle(uint32_t content_type) noexcept:
    return content_type == CONTENT_PICKLE or content_type == CONTENT_PICKLE_BUFFERS


cdef class Variable(Endpoint):
    """The part of `memlane.HostVariable` that works on shared memory."""

    def __cinit__(self):
        self.handle = NULL
        self.expectations = Expectations()

    def __dealloc__(self):
        memlane_variable_free(self.handle)

    def _open(
        self, bytes name, bytes directory, *, max_size, slots, participants, protocol, persistent,
        mode, peer_uid, bint create, bytes uuid, allow_pickle, data_format
    ):
        """Open or create. None stands for what was not given; an empty directory for the default one."""
        cdef memlane_variable_options options
        cdef memlane_format* format = NULL
        cdef memlane_error error
        cdef memlane_status status
        cdef const char* text = name
        cdef size_t length = len(name)
        if self.handle != NULL:
            raise RuntimeError("an endpoint is opened once")
        memlane_variable_options_initialise(&options)
        fill_object_options(&options.object, directory, participants, persistent, mode, peer_uid, create, uuid)
        options.max_size = or_any(max_size)
        options.slots = or_any(slots)
        options.encoding = or_any(protocol)
        label = f"variable {name.decode('utf-8', 'replace').removeprefix('/')!r}"
        if data_format is not None:
            self.structure = declare(data_format, label)
            format = make_format(self.structure.layout, label)
            options.format = format
        with nogil:
            status = memlane_variable_open(&self.handle, text, length, &options, &error)
            memlane_format_free(format)
        check(status, &error)
        self.allow_pickle = allow_pickle
        self.noun = "variable"
        self.size_word = "max_size"
        self.patience = WRITE_PATIENCE
        self.learn()

    cdef int learn(self) except -1:
        """Note what the object is, once it is open."""
        cdef memlane_variable_properties properties
        memlane_variable_describe(self.handle, &properties)
        self.protocol = <int>properties.encoding
        self.size = properties.max_size
        if self.structure is None and properties.format != NULL:
            self.structure = adopt(layout_of(properties.format), f"{self.noun} {properties.name.decode()!r}")
        return 0

    cdef memlane_endpoint* pollable(self) except NULL:
        if self.handle == NULL:
            self.refuse_unopened()
        return memlane_variable_endpoint(self.handle)

    # -- writing ---------------------------------------------------------------------------------------------

    cdef int take_loan(self, memlane_loan* loan, object timeout) except -1:
        cdef memlane_error error
        cdef memlane_status status = memlane_variable_loan(self.handle, loan, 0, &error)
        cdef uint64_t deadline, until
        if status != MEMLANE_NO_FREE_SLOT:
            return check(status, &error)
        deadline = deadline_of(timeout)
        while status == MEMLANE_NO_FREE_SLOT and monotonic_ns() < deadline:
            with nogil:
                until = monotonic_ns() + CHUNK_NS
                status = memlane_variable_loan(self.handle, loan, min(until, deadline), &error)
            if status == MEMLANE_OK:
                return 0
            PyErr_CheckSignals()
        return check(status, &error)

    cdef size_t measure(self, const Encoder* encoder) noexcept:
        """The bytes of an encoded value that count against the size."""
        return encoder.payload_length

    cdef uint64_t write(self, object value) except? 0:
        """Write a value and return its version, 0 where newer ones were committed meanwhile."""
        cdef memlane_loan loan
        cdef memlane_error error
        cdef Encoder encoder
        cdef int outcome
        cdef uint64_t version = 0
        if self.structure is not None:
            return self.write_structure(value)
        self.take_loan(&loan, self.patience)
        try:
            outcome = encode_plain(&encoder, value, <unsigned char*>loan.bytes, loan.capacity)
        except BaseException:
            memlane_loan_drop(&loan)
            raise
        if outcome == ENCODED and self.measure(&encoder) <= self.size:
            write_encoded(&encoder, <unsigned char*>loan.bytes)
            release_encoder(&encoder)
            check(memlane_loan_commit(&loan, encoder.payload_length, encoder.content_type, &version, &error), &error)
            return version
        memlane_loan_drop(&loan)
        release_encoder(&encoder)
        if outcome != NOT_PLAIN:
            self.refuse(self.measure(&encoder))
        return self.write_pickled(value)

    cdef uint64_t write_structure(self, object value) except? 0:
        """Write a value of the format. What its methods do, they do before a slot is held."""
        cdef unsigned char[SMALL] small
        cdef Py_buffer buffer
        cdef Copy large
        if self.structure.hold(value, &buffer):
            try:
                return self.write_bytes(buffer.buf)
            finally:
                PyBuffer_Release(&buffer)
        if self.structure.size <= SMALL:
            self.structure.put(value, small)
            return self.write_bytes(small)
        large = memory_of(self.structure.size)
        self.structure.put(value, large.bytes)
        return self.write_bytes(large.bytes)

    cdef uint64_t write_bytes(self, const void* source) except? 0:
        """Write the bytes of the struct; return the version."""
        cdef memlane_loan loan
        cdef memlane_error error
        cdef uint64_t version = 0
        self.take_loan(&loan, self.patience)
        copy_bytes(loan.bytes, source, self.structure.size)
        check(memlane_loan_commit(&loan, self.structure.size, MEMLANE_TYPE_STRUCT, &version, &error), &error)
        return version

    cdef uint64_t write_pickled(self, object value) except? 0:
        """Write a value that is not plain. Its methods run, so no slot is held meanwhile."""
        cdef memlane_loan loan
        cdef memlane_error error
        cdef Encoder encoder
        cdef uint64_t version = 0
        head, buffers = pickled.dumps(value, self.protocol)
        if encode_pickled(&encoder, head, buffers, self.capacity()) == TOO_LARGE or self.measure(&encoder) > self.size:
            release_encoder(&encoder)
            self.refuse(self.measure(&encoder))
        try:
            self.take_loan(&loan, self.patience)
            write_encoded(&encoder, <unsigned char*>loan.bytes)
        finally:
            release_encoder(&encoder)
        check(memlane_loan_commit(&loan, encoder.payload_length, encoder.content_type, &version, &error), &error)
        return version

    cdef size_t capacity(self) noexcept:
        """The bytes of a slot."""
        return self.size

    cdef int refuse(self, size_t size) except -1:
        """Raise for a value of ``size`` bytes, which does not fit."""
        raise errors.ValueTooLarge(
            f"{self.noun} {self.name!r}: the value takes {size} bytes, at most {self.size_word}={self.size} fit; the"
            f" old value stays: write less, or memlane.unlink() it and create it with a larger {self.size_word}="
        )

    # -- reading ---------------------------------------------------------------------------------------------

    cdef object read_latest(self, memlane_reading* reading):
        """Return the latest value."""
        value = self.copy_latest(reading)
        self.note(reading)
        if is_pickle(reading.type):
            self.admit_pickle()
        return self.unpickled(reading.type, value)

    cdef object copy_latest(self, memlane_reading* reading):
        """Decode the latest value, but for pickles. What was copied while a writer took the slot is read again."""
        cdef memlane_access access
        cdef memlane_error error
        cdef uint32_t attempt = 0
        if self.structure is not None:
            return self.read_structure(reading)
        while True:
            check(memlane_access_begin(self.handle, attempt, &access, &error), &error)
            reading[0] = access.reading
            if reading.size <= SMALL:
                value = self.take_small(&access)
            else:
                value = self.take_large(&access)
            if value is not MISSING:
                return value
            attempt += 1

    cdef void note(self, const memlane_reading* reading) noexcept:
        with cython.critical_section(self):
            if reading.sequence > self.counted:  # a version goes round, this count does not
                self.seen = reading.version
                self.counted = reading.sequence

    cdef object take_small(self, memlane_access* access):
        """Copy first, end the access, then decode. MISSING: somebody wrote meanwhile."""
        cdef unsigned char[SMALL] copy
        cdef memlane_error error
        cdef Decoder decoder
        cdef uint64_t size = access.reading.size
        memcpy(copy, access.bytes, size)
        cdef bint still = memlane_access_still(self.handle, access)
        check(memlane_access_end(self.handle, access, still, &error), &error)
        if not still:
            return MISSING
        value = decode_payload(&decoder, access.reading.type, copy, size, size)
        fetch_all(&decoder, copy)
        release_decoder(&decoder)
        return value

    cdef object take_large(self, memlane_access* access):
        """Copy what describes the value, make the objects, then copy each buffer once, into its final place."""
        cdef memlane_error error
        cdef bint still = False
        try:
            value = self.fetch_large(access)
            still = value is not MISSING
        finally:
            status = memlane_access_end(self.handle, access, still, &error)
        check(status, &error)
        return value

    cdef object fetch_large(self, memlane_access* access):
        cdef Decoder decoder
        cdef uint64_t size = access.reading.size
        cdef uint32_t content_type = access.reading.type
        cdef Copy prefix = copy_of(access.bytes, TABLE_START)
        if not memlane_access_still(self.handle, access):
            return MISSING
        cdef size_t length = prefix_size(content_type, prefix.bytes, size)
        prefix = copy_of(access.bytes, length)
        if not memlane_access_still(self.handle, access):
            return MISSING
        value = decode_payload(&decoder, content_type, prefix.bytes, length, size)
        try:
            fetch_all(&decoder, <const unsigned char*>access.bytes)
        finally:
            release_decoder(&decoder)
        return value if memlane_access_still(self.handle, access) else MISSING

    cdef object read_structure(self, memlane_reading* reading):
        """Return the latest value of the format. The library made sure that it has the struct's size."""
        cdef unsigned char[SMALL] copy
        cdef memlane_access access
        cdef memlane_error error
        cdef bint still
        cdef uint32_t attempt = 0
        while True:
            check(memlane_access_begin(self.handle, attempt, &access, &error), &error)
            reading[0] = access.reading
            if self.structure.size > SMALL:
                value = self.take_structure(&access)
                still = value is not MISSING
            else:
                memcpy(copy, access.bytes, self.structure.size)
                still = memlane_access_still(self.handle, &access)
                check(memlane_access_end(self.handle, &access, still, &error), &error)
            if still:
                self.note(reading)
                return value if self.structure.size > SMALL else self.structure.take(copy)
            attempt += 1

    cdef object take_structure(self, memlane_access* access):
        """Make a large value, or MISSING where somebody wrote meanwhile."""
        cdef memlane_error error
        cdef bint still = False
        try:
            value = self.fetch_structure(access)
            still = value is not MISSING
        finally:
            status = memlane_access_end(self.handle, access, still, &error)
        check(status, &error)
        return value

    cdef object fetch_structure(self, memlane_access* access):
        cdef Copy copy
        if self.structure.copies:
            value = self.structure.take(<const unsigned char*>access.bytes)
            return value if memlane_access_still(self.handle, access) else MISSING
        copy = copy_of(access.bytes, self.structure.size)
        return self.structure.take(copy.bytes) if memlane_access_still(self.handle, access) else MISSING

    cdef int admit_pickle(self) except -1:
        """Make sure that a pickle from this object may be loaded."""
        if self.allow_pickle is None:
            if not memlane_variable_is_private(self.handle):
                self.refuse_pickle("others than this user can write to it")
        elif not self.allow_pickle:
            self.refuse_pickle("this endpoint was opened with allow_pickle=False")
        return 0

    cdef object unpickled(self, uint32_t content_type, object value):
        """Load what is a pickle, after `admit_pickle`."""
        if not is_pickle(content_type):
            return value
        try:
            return pickled.loads(*value)
        except errors.UnpicklingError as error:
            raise errors.Corrupted(
                f"{self.noun} {self.name!r} holds a damaged pickle ({error}): another program overwrote it; write it"
                " again"
            ) from error

    cdef int refuse_pickle(self, str reason) except -1:
        """Raise for a pickle that is there."""
        raise errors.UnsafePickle(
            f"{self.noun} {self.name!r} holds a pickle, which could run any code, and {reason}: write plain values"
            " (numbers, text, bytes, tuples, lists, dicts, arrays), or open it with allow_pickle=True where you trust"
            " every writer"
        )

    @property
    def data(self):
        """The latest value. Raises `Empty` while there is none."""
        cdef memlane_reading reading
        if self.handle == NULL:
            self.refuse_unopened()
        return self.read_latest(&reading)

    @data.setter
    def data(self, value):
        if self.handle == NULL:
            self.refuse_unopened()
        self.write(value)

    cdef int refuse_unopened(self) except -1:
        """Raise for an endpoint whose opening failed."""
        raise errors.Closed("this endpoint was never opened: its constructor failed or did not run")

    def get(self, default=None):
        """Return the latest value, or ``default`` where nothing was ever written."""
        try:
            return self.data
        except errors.Empty:
            return default

    def _read(self):
        """Return value, version and wall-clock seconds of one write."""
        cdef memlane_reading reading
        if self.handle == NULL:
            self.refuse_unopened()
        value = self.read_latest(&reading)
        return value, reading.version, reading.real_ns / 1e9

    @property
    def version(self):
        """The number of the latest write: 0 before the first one, then rising, the same in all processes."""
        cdef uint64_t version = 0
        cdef memlane_error error
        cdef memlane_status status
        if self.handle == NULL:
            self.refuse_unopened()
        status = memlane_variable_version(self.handle, &version)
        if status != MEMLANE_OK:
            # Only the functions that take an error explain: ask one.
            check(memlane_variable_wait(self.handle, 0, 0, &version, &error), &error)
        return version

    @property
    def age(self):
        """Seconds since the latest write, by a clock that never steps. Raises `Empty` while there is none."""
        cdef memlane_access access
        cdef memlane_error error
        cdef uint32_t attempt = 0
        cdef bint still = False
        if self.handle == NULL:
            self.refuse_unopened()
        while not still:
            check(memlane_access_begin(self.handle, attempt, &access, &error), &error)
            still = memlane_access_still(self.handle, &access)
            check(memlane_access_end(self.handle, &access, False, &error), &error)
            attempt += 1
        return max(0, <int64_t>(monotonic_ns() - access.reading.monotonic_ns)) / 1e9

    # -- waiting ---------------------------------------------------------------------------------------------

    cdef uint64_t wait_newer(self, uint64_t version, object timeout) except 0:
        """Wait without the GIL, in chunks, between which signals are looked at."""
        cdef memlane_error error
        cdef uint64_t newest = 0
        cdef uint64_t deadline = deadline_of(timeout)
        # A look with the GIL held first: giving it up costs as much as the whole look. NULL: words for the end of each
        # chunk would be a good part of what waiting costs.
        cdef memlane_status status = memlane_variable_wait(self.handle, version, 0, &newest, NULL)
        while status == MEMLANE_TIMEOUT or status == MEMLANE_INTERRUPTED:
            PyErr_CheckSignals()
            if status == MEMLANE_TIMEOUT and monotonic_ns() >= deadline:
                break
            with nogil:
                status = memlane_variable_wait(
                    self.handle, version, min(monotonic_ns() + CHUNK_NS, deadline), &newest, NULL
                )
        if status != MEMLANE_OK:
            check(memlane_variable_wait(self.handle, version, 0, &newest, &error), &error)
        return newest

    def wait(self, newer_than=None, timeout=None):
        """Wait until there is a newer version, and return the latest value.

        Args:
            newer_than: A version. Default: the newest that this endpoint has returned by any reading method, so that
                the first call returns at once when there is a value.
            timeout: Seconds; None waits for ever, 0 only looks.

        Raises:
            Timeout: No newer version came in time.
            Closed: The endpoint was closed, also by another thread meanwhile.
        """
        cdef memlane_reading reading
        if self.handle == NULL:
            self.refuse_unopened()
        self.wait_newer(self.seen if newer_than is None else version_of(newer_than), timeout)
        return self.read_latest(&reading)

    @property
    def _seen(self):
        """The newest version that this endpoint has returned."""
        return self.seen

    def _expect(self, ticket, version):
        """Poll for what is newer than the first of the versions that tasks wait beyond; None: one of them does not."""
        # MEMLANE_ANY would say that nothing is expected; no version comes near it.
        beyond = None if version is None else min(version_of(version), MEMLANE_ANY - 1)
        cdef list void = self.expectations.void()
        with cython.critical_section(self.expectations):
            memlane_variable_expect(self.handle, self.expectations.change(ticket, beyond, void))

    def _next(self, timeout, newer_than=None):
        """Wait for a version that this endpoint has not returned, or had not; count what it passed over."""
        cdef memlane_reading reading
        cdef uint64_t counted = self.counted
        if self.handle == NULL:
            self.refuse_unopened()
        self.wait_newer(self.seen if newer_than is None else <uint64_t>newer_than, timeout)
        value = self.read_latest(&reading)
        if counted != 0 and reading.sequence > counted + 1:
            memlane_variable_count_skipped(self.handle, reading.sequence - counted - 1)
        return value

    # -- in place --------------------------------------------------------------------------------------------

    def view(self):
        """Return the latest value in place: read-only, and unchanged for as long as the result lives.

        Returns:
            A memoryview for ``bytes``, an ndarray for an array; of a fixed format an ndarray where it is a dtype, else
            a memoryview of the struct.

        Raises:
            TypeError: The value is neither. Read ``.data`` for a copy.
            TooManyViews: This endpoint views four versions already; views of one version count once.
        """
        if self.handle == NULL:
            self.refuse_unopened()
        cdef PinnedView pinned = make_view(self.handle)
        if self.structure is not None:
            self.note(&pinned.view.reading)
            return self.structure.place.over(pinned)
        place = place_in(pinned)
        if place is None:
            raise TypeError(
                f"variable {self.name!r}: only bytes and arrays can be viewed in place; read .data for a copy of it"
            )
        self.note(&pinned.view.reading)
        return place.over(pinned)

    def _loan(self, pattern, timeout):
        """Loan a slot for a value of the pattern's type and size."""
        cdef memlane_loan loan
        if self.handle == NULL:
            self.refuse_unopened()
        # A timeout that is none is refused also where nobody has to wait.
        deadline_of(timeout)
        self.take_loan(&loan, timeout)
        if self.structure is not None:
            return make_structure_loan(&loan, self.structure)
        return make_loan(&loan, pattern)

    # -- what it is ------------------------------------------------------------------------------------------

    def close(self):
        """Close the endpoint; views of it stay. May be called twice."""
        if self.handle != NULL:
            memlane_variable_close(self.handle)

    @property
    def closed(self):
        """Whether the endpoint was closed."""
        cdef uint64_t version
        return self.handle == NULL or memlane_variable_version(self.handle, &version) == MEMLANE_CLOSED

    @property
    def is_current(self):
        """Whether the name still leads to this object: False once it was unlinked or re-created."""
        return self.handle != NULL and memlane_variable_is_current(self.handle)

    def _properties(self):
        cdef memlane_variable_properties properties
        if self.handle == NULL:
            self.refuse_unopened()
        memlane_variable_describe(self.handle, &properties)
        return {
            "name": properties.name.decode(),
            "directory": <bytes>properties.directory,
            "max_size": properties.max_size,
            "slots": properties.slots,
            "max_participants": properties.participants,
            "protocol": properties.encoding,
            "persistent": not properties.ephemeral,
            "uuid": (<const char*>properties.uuid)[:16],
        }

    @property
    def data_format(self):
        """The format of the values, as it was declared; where it was adopted its numpy dtype; None: there is none."""
        return None if self.structure is None else self.structure.form

    @property
    def fields(self):
        """The fields of the format in the order of their offsets; empty where there is none."""
        return () if self.structure is None else self.structure.layout.fields

    @property
    def name(self):
        """The object's name, without a leading slash."""
        cdef memlane_variable_properties properties
        if self.handle == NULL:
            self.refuse_unopened()
        memlane_variable_describe(self.handle, &properties)
        return properties.name.decode()

    def _statistics(self):
        cdef memlane_variable_statistics statistics
        cdef memlane_error error
        if self.handle == NULL:
            self.refuse_unopened()
        check(memlane_variable_statistics_read(self.handle, &statistics, &error), &error)
        return statistics
