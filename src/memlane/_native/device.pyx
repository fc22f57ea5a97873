# cython: freethreading_compatible=True
"""The buffer of a Smart Device: messages in and out."""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t, uint16_t, uint64_t
from libc.string cimport memcpy

import warnings

from memlane._native.buffer cimport Buffer, wall_time
from memlane._native.library cimport MEMLANE_BUFFER_CHANGED, MEMLANE_BUFFER_DROP, MEMLANE_BUFFER_UNCHANGED
from memlane._native.record cimport (
    HEAD_SIZE,
    PARAMETERS_MAXIMUM,
    STATE_SIZE,
    Field,
    Layout,
    State,
    counts_of,
    state_of,
)
from memlane.errors import MessageError
from memlane.messaging.codes import ErrorCode, MessageType
from memlane.messaging.message cimport Message, make_message

cdef enum:
    BITMAP_SIZE = 2
    PAYLOAD_MAXIMUM = 255
    # Milliseconds that a subscription may ask for.
    INTERVAL_MINIMUM = 40
    INTERVAL_MAXIMUM = 250

cdef int SUB_REQ = MessageType.SUB_REQ
cdef int SUB_RES = MessageType.SUB_RES
cdef int DEV_READ = MessageType.DEV_READ
cdef int DEV_WRITE = MessageType.DEV_WRITE
cdef int DEV_DATA = MessageType.DEV_DATA


cdef uint16_t bitmap_of(const unsigned char* payload) noexcept:
    return payload[0] | <uint16_t>payload[1] << 8


cdef bytes packed_bitmap(uint16_t params):
    return bytes((params & 0xFF, params >> 8))


cdef int limited(int interval) except -1:
    """Keep a subscription's interval within what a line can carry; 0 is none."""
    if interval == 0 or INTERVAL_MINIMUM <= interval <= INTERVAL_MAXIMUM:
        return interval
    limit = INTERVAL_MINIMUM if interval < INTERVAL_MINIMUM else INTERVAL_MAXIMUM
    warnings.warn(
        f"a subscription at {interval} ms was asked for; it is {limit} ms: from {INTERVAL_MINIMUM} to"
        f" {INTERVAL_MAXIMUM} are possible"
    )
    return limit


cdef class Outgoing:
    """Messages of one type that are being made from a record, split where a payload is full."""

    cdef int code
    cdef list messages
    cdef list too_large
    cdef uint16_t sent
    cdef uint16_t params
    cdef bytes payload

    cdef int add(self, Field field, const unsigned char* value) except -1:
        if BITMAP_SIZE + field.size > PAYLOAD_MAXIMUM:
            self.too_large.append(field.name)
            return 0
        if BITMAP_SIZE + len(self.payload) + field.size > PAYLOAD_MAXIMUM:
            self.flush()
        self.payload += PyBytes_FromStringAndSize(<const char*>value, field.size)
        self.params |= field.bit
        return 0

    cdef int flush(self) except -1:
        if self.params:
            self.messages.append(make_message(self.code, packed_bitmap(self.params) + self.payload))
        self.sent |= self.params
        self.params, self.payload = 0, b""
        return 0


cdef Outgoing outgoing(int code):
    cdef Outgoing made = Outgoing.__new__(Outgoing)
    made.code, made.messages, made.too_large, made.payload = code, [], [], b""
    return made


cdef int collect(Outgoing out, Layout layout, unsigned char* record, uint16_t params, bint written) except -1:
    """Add the values of a bitmap in the order of ids, from the write block or the update block."""
    cdef Field field
    cdef int index
    for index in range(PARAMETERS_MAXIMUM):
        if params >> index & 1:
            field = <Field>layout.by_id[index]
            out.add(field, record + (field.write_offset if written else field.update_offset))
    return out.flush()


@cython.auto_pickle(False)
cdef class DeviceBuffer(Buffer):
    """The part of `memlane.buffer.DeviceBuffer` that makes and digests messages."""

    cdef State state(self) except *:
        cdef State state
        self.opened()
        self.fetch(HEAD_SIZE, &state, STATE_SIZE)
        return state

    cdef list names(self, uint16_t params):
        return [field.name for field in self.layout.by_id if field is not None and (<Field>field).bit & params]

    cdef uint16_t readable(self, object params) except? 0:
        """Return the bitmap of those of the parameters that are readable; None stands for all."""
        cdef uint16_t found = 0
        cdef Layout layout = self.opened()
        if params is None:
            return layout.readable
        for name in ([params] if isinstance(params, str) else params):
            found |= (<Field>self.known(name)).bit
        return found & layout.readable

    # -- pending ---------------------------------------------------------------------------------------------

    def read(self, params=None):
        """Request the values of parameters from the device.

        Args:
            params: Their names; None: all. Those that are not readable are left out.

        Raises:
            DeviceBufferError: There is no such parameter, or the buffer is not valid.
        """
        cdef uint16_t wanted = self.readable(params)
        self.request_reads(wanted)

    cdef int request_reads(self, uint16_t params) except -1:
        """Mark the reads of a bitmap as pending."""
        cdef Field field
        cdef unsigned char* record = self.begin()
        state_of(record).reads |= params
        for field in self.layout.by_position:
            if field.bit & params:
                counts_of(record, field.position).requests += 1
        return self.end(MEMLANE_BUFFER_CHANGED)

    cdef object take(self, bint written):
        """Return values by name of what is pending in one of the bitmaps, and clear it, in one step."""
        cdef Field field
        cdef unsigned char* record = self.begin()
        cdef State* state = state_of(record)
        cdef uint16_t params = state.writes if written else state.updates
        try:
            values = {
                field.name: field.decode(record + (field.write_offset if written else field.update_offset))
                for field in self.layout.by_id if field is not None and field.bit & params
            }
        except BaseException:
            self.end(MEMLANE_BUFFER_DROP)
            raise
        if written:
            state.writes = 0
        else:
            state.updates = 0
        self.end(MEMLANE_BUFFER_CHANGED if params else MEMLANE_BUFFER_UNCHANGED)
        return values

    def get_read(self):
        """Return the names of the parameters whose values are requested, and clear them."""
        cdef unsigned char* record
        cdef uint16_t params
        self.opened()
        record = self.begin()
        params = state_of(record).reads
        state_of(record).reads = 0
        self.end(MEMLANE_BUFFER_CHANGED if params else MEMLANE_BUFFER_UNCHANGED)
        return self.names(params)

    def get_write(self):
        """Return the values that are requested to be written, by name, and clear them."""
        self.opened()
        return self.take(True)

    def get_update(self):
        """Return the values that were set, by name, and clear their marks."""
        self.opened()
        return self.take(False)

    # -- messages in -----------------------------------------------------------------------------------------

    def update(self, Message message not None, /):
        """Digest a message: store what it says and mark what it asks for. Other types than these five change nothing.

        Raises:
            MessageError: The payload is malformed; nothing was changed.
            DeviceBufferError: The buffer is not valid.
        """
        self.opened()
        if message.code == DEV_DATA:
            self.store_values(message, False)
        elif message.code == DEV_WRITE:
            self.store_values(message, True)
        elif message.code == DEV_READ:
            self.request_reads(message.read_dev_read() & self.layout.readable)
        elif message.code == SUB_REQ:
            params, interval = message.read_sub_req()
            self.subscribe(params, limited(interval), None)
        elif message.code == SUB_RES:
            params, interval, identity = message.read_sub_res()
            self.subscribe(params, interval, identity)
        else:
            self.state()  # refuses, as for every other message, while the buffer is not valid

    cdef int check_values(self, Message message, bint written) except -1:
        """Check that the payload has the values of its bitmap, and nothing else."""
        cdef const unsigned char* payload = <const unsigned char*>PyBytes_AS_STRING(message.payload)
        cdef Py_ssize_t size = PyBytes_GET_SIZE(message.payload)
        cdef Py_ssize_t expected = BITMAP_SIZE
        cdef Layout layout = self.layout
        cdef uint16_t params, strange
        cdef int index
        if size < BITMAP_SIZE:
            raise MessageError(
                f"a {message.type.name} message of {size} bytes has no bitmap", code=ErrorCode.GENERIC_ERROR, size=size
            )
        params = bitmap_of(payload)
        strange = params & ~(layout.writeable if written else layout.readable)
        if strange:
            access = "writeable" if written else "readable"
            raise MessageError(
                f"{layout.type_name}: a {message.type.name} message has the bitmap {params:#06x}, of which"
                f" {strange:#06x} are no {access} parameters", code=ErrorCode.GENERIC_ERROR, params=params,
            )
        for index in range(PARAMETERS_MAXIMUM):
            if params >> index & 1:
                expected += (<Field>layout.by_id[index]).size
        if size != expected:
            raise MessageError(
                f"{layout.type_name}: a {message.type.name} message with the bitmap {params:#06x} has {expected} bytes,"
                f" not {size}", code=ErrorCode.GENERIC_ERROR, params=params, size=size,
            )
        return 0

    cdef int store_values(self, Message message, bint written) except -1:
        cdef const unsigned char* at = <const unsigned char*>PyBytes_AS_STRING(message.payload)
        cdef Field field
        cdef unsigned char* record
        cdef uint16_t params
        cdef int index
        self.check_values(message, written)
        params = bitmap_of(at)
        at += BITMAP_SIZE
        record = self.begin()
        for index in range(PARAMETERS_MAXIMUM):
            if params >> index & 1:
                field = <Field>self.layout.by_id[index]
                memcpy(record + (field.write_offset if written else field.update_offset), at, field.size)
                at += field.size
                if written:
                    counts_of(record, field.position).requests += 1
                else:
                    counts_of(record, field.position).sets += 1
        if written:
            state_of(record).writes |= params
            state_of(record).last_write = wall_time()
        else:
            state_of(record).updates |= params
            state_of(record).last_update = wall_time()
        return self.end(MEMLANE_BUFFER_CHANGED)

    cdef int subscribe(self, uint16_t params, uint16_t interval, tuple identity) except -1:
        """Store what a device is subscribed to; with an identity as the device reports it."""
        cdef State* state
        cdef uint16_t device_id = 0
        cdef uint8_t year = 0
        cdef uint64_t random = 0
        if identity is not None:
            device_id, year, random = identity  # before the transaction: what does not fit raises
        state = state_of(self.begin())
        state.interval = interval
        if identity is None:
            state.subscription = params & self.layout.readable
        else:
            state.subscription = params
            state.device_id, state.year, state.random = device_id, year, random
        return self.end(MEMLANE_BUFFER_CHANGED)

    # -- messages out ----------------------------------------------------------------------------------------

    def _take_rw(self):
        """Take the pending writes and reads; return the messages, and the names of values that fit none."""
        cdef Outgoing writes = outgoing(DEV_WRITE)
        cdef unsigned char* record
        cdef State* state
        cdef uint16_t reads
        self.opened()
        record = self.begin()
        state = state_of(record)
        changed = state.writes or state.reads
        try:
            collect(writes, self.layout, record, state.writes, True)
        except BaseException:
            self.end(MEMLANE_BUFFER_DROP)
            raise
        reads = state.reads & ~writes.sent
        state.writes = state.reads = 0
        self.end(MEMLANE_BUFFER_CHANGED if changed else MEMLANE_BUFFER_UNCHANGED)
        if reads:
            writes.messages.append(make_message(DEV_READ, packed_bitmap(reads)))
        return writes.messages, writes.too_large

    def _take_data(self, bint subscribed):
        """Take the updated values that are not subscribed, or give the subscribed ones."""
        cdef Outgoing data = outgoing(DEV_DATA)
        cdef unsigned char* record
        cdef State* state
        self.opened()
        record = self.begin()
        state = state_of(record)
        params = (state.subscription if subscribed else state.updates & ~state.subscription) & self.layout.readable
        changed = not subscribed and state.updates
        try:
            collect(data, self.layout, record, params, False)
        except BaseException:
            self.end(MEMLANE_BUFFER_DROP)
            raise
        if changed:
            state.updates = 0
        self.end(MEMLANE_BUFFER_CHANGED if changed else MEMLANE_BUFFER_UNCHANGED)
        return data.messages, data.too_large

    def _subscription_of(self, params):
        """Return the bitmap of the readable ones among the parameters."""
        return self.readable(params)

    def make_sub_res(self):
        """Make the message that says what the device is subscribed to, and who it is."""
        cdef State state = self.state()
        return Message.make_sub_res(
            state.subscription, state.interval, state.device_id, state.year, state.random
        )

    # -- state -----------------------------------------------------------------------------------------------

    def _identity(self):
        """Return device id, year and random bits."""
        cdef State state = self.state()
        return state.device_id, state.year, state.random

    def _identify(self, uint16_t device_id, uint8_t year, uint64_t random):
        """Store who the device is, where nobody did so yet."""
        cdef unsigned char* record
        cdef State* state
        self.opened()
        record = self.begin()
        state = state_of(record)
        if state.device_id or state.year or state.random:
            self.end(MEMLANE_BUFFER_UNCHANGED)
            return
        state.device_id, state.year, state.random = device_id, year, random
        self.end(MEMLANE_BUFFER_CHANGED)

    @property
    def subscription(self):
        """The names of the parameters that the device reports by itself."""
        return frozenset(self.names(self.state().subscription))

    @property
    def interval(self):
        """Seconds between two reports; 0: none."""
        return self.state().interval / 1000

    @property
    def last_write(self):
        """When a write was requested last: seconds since the epoch, 0 for never."""
        return self.state().last_write

    @property
    def last_update(self):
        """When a value was set last: seconds since the epoch, 0 for never."""
        return self.state().last_update
