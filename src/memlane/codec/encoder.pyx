# cython: freethreading_compatible=True
"""Values to bytes, in one pass; ``encoder.pxd`` says how it is used."""

from cpython.ref cimport Py_DECREF, Py_INCREF, PyObject
from libc.stdint cimport UINT32_MAX, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

from memlane.codec.array cimport is_array, put_array
from memlane.codec.crowding cimport CROWD_FREE, Crowd, begin_crowd, is_crowded, release_crowd
from memlane.codec.format cimport (
    BUFFER_BYTES,
    CONTENT_PICKLE,
    CONTENT_PICKLE_BUFFERS,
    CONTENT_PLAIN,
    CONTENT_PLAIN_BUFFERS,
    DEPTH_LIMIT,
    ENCODED,
    NOT_PLAIN,
    SHORT_DICT_LIMIT,
    SHORT_LIST_LIMIT,
    SHORT_TUPLE_LIMIT,
    TAG_BUFFER,
    TAG_BYTES,
    TAG_DICT,
    TAG_FALSE,
    TAG_FLOAT,
    TAG_INT,
    TAG_LARGE_INT,
    TAG_LIST,
    TAG_NONE,
    TAG_SHORT_DICT,
    TAG_SHORT_LIST,
    TAG_SHORT_TUPLE,
    TAG_TRUE,
    TAG_TUPLE,
    TAG_UINT16,
    TAG_UINT8,
    TOO_LARGE,
)
from memlane.codec.interpreter cimport (
    FREE_THREADED,
    PyBytes_AS_STRING,
    PyBytes_GET_SIZE,
    PyDict_Next,
    PyDict_Size,
    PyFloat_AS_DOUBLE,
    PyList_GET_ITEM,
    PyList_GET_SIZE,
    PyLong_AsLongLongAndOverflow,
    PyMemoryView_GET_BUFFER,
    PyTuple_GET_ITEM,
    PyTuple_GET_SIZE,
    leading_zeros,
)
from memlane.codec.payload cimport (
    add_buffer,
    begin_buffers,
    buffers_offset,
    lay_out,
    payload_size,
    release_buffers,
    write_payload,
)
from memlane.codec.text cimport put_text
from memlane.codec.writer cimport (
    Writer,
    become_private,
    begin_writer,
    htole64,
    put_byte,
    put_bytes,
    put_tag_and_length,
    release_writer,
    reserve,
    store_16,
    store_64,
)

# Scalars ---------------------------------------------------------------------------------------------------


cdef inline void put_float(Writer* writer, double value) noexcept nogil:
    cdef unsigned char* at = reserve(writer, 9)
    cdef uint64_t bits
    if at != NULL:
        memcpy(&bits, &value, 8)
        at[0] = TAG_FLOAT
        store_64(at + 1, bits)


cdef inline int signed_length(long long value) noexcept nogil:
    """The number of bytes that hold `value` in two's complement."""
    cdef unsigned long long magnitude = <unsigned long long>(value if value >= 0 else ~value)
    return (64 - leading_zeros(magnitude | 1)) // 8 + 1


cdef inline void put_signed(Writer* writer, long long value) noexcept nogil:
    cdef int length = signed_length(value)
    cdef unsigned char* at = reserve(writer, 1 + length)
    cdef uint64_t bits = htole64(<uint64_t>value)
    if at != NULL:
        at[0] = <unsigned char>(TAG_INT + length)
        memcpy(at + 1, &bits, length)


cdef inline void put_small(Writer* writer, long long value) noexcept nogil:
    """Write an integer in the shortest of its forms."""
    cdef unsigned char* at
    if 0 <= value < 128:
        put_byte(writer, <unsigned char>value)
    elif 128 <= value < 256:
        at = reserve(writer, 2)
        if at != NULL:
            at[0] = TAG_UINT8
            at[1] = <unsigned char>value
    elif 256 <= value < 65536:
        at = reserve(writer, 3)
        if at != NULL:
            at[0] = TAG_UINT16
            store_16(at + 1, <uint16_t>value)
    else:
        put_signed(writer, value)


cdef int put_int(Writer* writer, object value) except -1:
    cdef int overflow = 0
    cdef long long small = PyLong_AsLongLongAndOverflow(value, &overflow)
    cdef bytes digits
    if not overflow:
        put_small(writer, small)
        return ENCODED
    digits = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    put_tag_and_length(writer, TAG_LARGE_INT, PyBytes_GET_SIZE(digits))
    put_bytes(writer, PyBytes_AS_STRING(digits), PyBytes_GET_SIZE(digits))
    return ENCODED


cdef int put_binary(Encoder* encoder, object value) except -1:
    cdef size_t length = <size_t>PyBytes_GET_SIZE(value)
    if length >= BUFFER_BYTES and encoder.keys == 0:
        become_private(&encoder.writer)
        put_byte(&encoder.writer, TAG_BUFFER)
        add_buffer(&encoder.buffers, value, PyBytes_AS_STRING(value), length)
    else:
        put_tag_and_length(&encoder.writer, TAG_BYTES, length)
        put_bytes(&encoder.writer, PyBytes_AS_STRING(value), length)
    return ENCODED


# Containers ------------------------------------------------------------------------------------------------
#
# With the GIL no other thread runs meanwhile, except where an allocation lets the garbage collector run somebody's
# finalizer: so each item is held while it is encoded, and sizes are compared. Without the GIL a private copy is
# encoded.


cdef inline void put_count(Writer* writer, int short_tag, size_t short_limit, int tag, size_t count) noexcept nogil:
    if count <= short_limit:
        put_byte(writer, <unsigned char>(short_tag + count))
    else:
        put_tag_and_length(writer, <unsigned char>tag, count)


cdef int refuse_changed(object value) except -1:
    raise RuntimeError(
        f"a {type(value).__name__} changed its size while it was encoded: write it under the lock that guards it,"
        " or write a copy"
    )


cdef int put_tuple_items(Encoder* encoder, object values, int depth) except -1:
    cdef Py_ssize_t index
    cdef int outcome
    for index in range(PyTuple_GET_SIZE(values)):
        outcome = put_value(encoder, <object>PyTuple_GET_ITEM(values, index), depth)
        if outcome != ENCODED or encoder.writer.given_up:
            return NOT_PLAIN
    return ENCODED


cdef int put_tuple(Encoder* encoder, object values, int depth) except -1:
    put_count(&encoder.writer, TAG_SHORT_TUPLE, SHORT_TUPLE_LIMIT, TAG_TUPLE, PyTuple_GET_SIZE(values))
    return put_tuple_items(encoder, values, depth)


cdef int put_list(Encoder* encoder, object values, int depth) except -1:
    cdef Py_ssize_t count, index
    cdef int outcome
    if FREE_THREADED:
        values = tuple(values)
        put_count(&encoder.writer, TAG_SHORT_LIST, SHORT_LIST_LIMIT, TAG_LIST, PyTuple_GET_SIZE(values))
        return put_tuple_items(encoder, values, depth)
    count = PyList_GET_SIZE(values)
    put_count(&encoder.writer, TAG_SHORT_LIST, SHORT_LIST_LIMIT, TAG_LIST, count)
    for index in range(count):
        if PyList_GET_SIZE(values) != count:
            refuse_changed(values)
        item = <object>PyList_GET_ITEM(values, index)
        outcome = put_value(encoder, item, depth)
        if outcome != ENCODED or encoder.writer.given_up:
            return NOT_PLAIN
    return ENCODED


cdef inline bint meets_too_many(Crowd* crowd, object key) except -1:
    return crowd != NULL and type(key) is not bytes and is_crowded(crowd, hash(key))


cdef int put_key(Encoder* encoder, object key, int depth, Crowd* crowd) except -1:
    cdef int outcome
    if type(key) is str:
        return put_text(&encoder.writer, key)
    encoder.keys += 1
    outcome = put_value(encoder, key, depth)
    encoder.keys -= 1
    return NOT_PLAIN if outcome != ENCODED or meets_too_many(crowd, key) else ENCODED


cdef int put_pairs(Encoder* encoder, object values, Py_ssize_t count, int depth, Crowd* crowd) except -1:
    cdef Py_ssize_t position = 0
    cdef Py_ssize_t done = 0
    cdef PyObject* key
    cdef PyObject* value
    while PyDict_Next(values, &position, &key, &value):
        held_key, held_value = <object>key, <object>value
        if put_key(encoder, held_key, depth, crowd) != ENCODED or put_value(encoder, held_value, depth) != ENCODED:
            return NOT_PLAIN
        done += 1
        if PyDict_Size(values) != count or done > count:
            refuse_changed(values)
        if encoder.writer.given_up:
            return NOT_PLAIN
    if done != count:
        refuse_changed(values)
    return ENCODED


cdef int put_dict(Encoder* encoder, object values, int depth) except -1:
    cdef Py_ssize_t count
    cdef Crowd crowd
    if FREE_THREADED:
        values = (<dict>values).copy()
    count = PyDict_Size(values)
    put_count(&encoder.writer, TAG_SHORT_DICT, SHORT_DICT_LIMIT, TAG_DICT, count)
    if count <= CROWD_FREE:
        return put_pairs(encoder, values, count, depth, NULL)
    begin_crowd(&crowd, count)
    try:
        return put_pairs(encoder, values, count, depth, &crowd)
    finally:
        release_crowd(&crowd)


cdef int put_container(Encoder* encoder, object value, int depth) except -1:
    """Encode what is not a scalar; `depth` containers are around it."""
    if type(value) is dict or type(value) is list or type(value) is tuple:
        if depth == DEPTH_LIMIT:
            return NOT_PLAIN
        if type(value) is dict:
            return put_dict(encoder, value, depth + 1)
        if type(value) is list:
            return put_list(encoder, value, depth + 1)
        return put_tuple(encoder, value, depth + 1)
    if is_array(value):
        become_private(&encoder.writer)
        return put_array(&encoder.writer, &encoder.buffers, value)
    return NOT_PLAIN


cdef int put_value(Encoder* encoder, object value, int depth) except -1:
    """Encode one value, the frequent types first."""
    if type(value) is float:
        put_float(&encoder.writer, PyFloat_AS_DOUBLE(value))
    elif type(value) is str:
        return put_text(&encoder.writer, value)
    elif type(value) is int:
        return put_int(&encoder.writer, value)
    elif value is None:
        put_byte(&encoder.writer, TAG_NONE)
    elif value is True:
        put_byte(&encoder.writer, TAG_TRUE)
    elif value is False:
        put_byte(&encoder.writer, TAG_FALSE)
    elif type(value) is bytes:
        return put_binary(encoder, value)
    else:
        return put_container(encoder, value, depth)
    return ENCODED


# The way in ------------------------------------------------------------------------------------------------


cdef int conclude(Encoder* encoder, uint32_t head_alone, uint32_t with_buffers, size_t capacity) noexcept:
    """Set what the caller reads, and compare the sizes. A head beside buffers has a 32-bit length."""
    cdef bint buffers = encoder.buffers.count > 0
    encoder.content_type = with_buffers if buffers else head_alone
    encoder.payload_length = payload_size(encoder.writer.length, &encoder.buffers)
    encoder.first_buffer = buffers_offset(encoder.writer.length, encoder.buffers.count) if buffers else 0
    if encoder.payload_length <= capacity and (not buffers or encoder.writer.length <= UINT32_MAX):
        return ENCODED
    release_encoder(encoder)
    return TOO_LARGE


cdef int encode_plain(Encoder* encoder, object value, unsigned char* out, size_t capacity) except -1:
    """Encode a value of the plain types; a head that is the whole payload is in `out` already."""
    cdef int outcome
    begin_writer(&encoder.writer, out, capacity)
    begin_buffers(&encoder.buffers, capacity)
    encoder.pickle = NULL
    encoder.keys = 0
    try:
        outcome = put_value(encoder, value, 0)
    except BaseException:
        release_encoder(encoder)
        raise
    if encoder.writer.out_of_memory:
        release_encoder(encoder)
        raise MemoryError
    if outcome != ENCODED or encoder.writer.given_up:
        release_encoder(encoder)
        return NOT_PLAIN
    return conclude(encoder, CONTENT_PLAIN, CONTENT_PLAIN_BUFFERS, capacity)


cdef int encode_pickled(Encoder* encoder, bytes head, list buffers, size_t capacity) except -1:
    """Take a pickle with its out-of-band buffers, which are contiguous memoryviews."""
    begin_writer(&encoder.writer, <unsigned char*>PyBytes_AS_STRING(head), PyBytes_GET_SIZE(head))
    encoder.writer.length = encoder.writer.room
    begin_buffers(&encoder.buffers, capacity)
    encoder.keys = 0
    Py_INCREF(head)
    encoder.pickle = <PyObject*>head
    try:
        for view in buffers:
            if type(view) is not memoryview:
                raise TypeError(f"out-of-band buffers are contiguous memoryviews, not {type(view).__name__}")
            add_buffer(&encoder.buffers, view, PyMemoryView_GET_BUFFER(view).buf, PyMemoryView_GET_BUFFER(view).len)
    except BaseException:
        release_encoder(encoder)
        raise
    return conclude(encoder, CONTENT_PICKLE, CONTENT_PICKLE_BUFFERS, capacity)


cdef void write_encoded(Encoder* encoder, unsigned char* out) noexcept:
    """Write what `encode_plain` or `encode_pickled` found to fit at `out`."""
    if encoder.content_type != CONTENT_PLAIN:
        write_payload(out, encoder.writer.start, encoder.writer.length, &encoder.buffers)


cdef void write_outline(Encoder* encoder, unsigned char* out) noexcept:
    """Write all but the contents of the buffers, for somebody who fills those in at `out`."""
    if encoder.content_type != CONTENT_PLAIN:
        lay_out(out, encoder.writer.start, encoder.writer.length, &encoder.buffers, False)


cdef void release_encoder(Encoder* encoder) noexcept:
    """Let go of all that is held. May be called again."""
    cdef PyObject* pickle = encoder.pickle
    encoder.pickle = NULL
    release_writer(&encoder.writer)
    release_buffers(&encoder.buffers)
    if pickle != NULL:
        Py_DECREF(<object>pickle)
