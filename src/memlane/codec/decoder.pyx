# cython: freethreading_compatible=True
"""Bytes to values, bounded and in two phases; ``decoder.pxd`` says how it is used.

Nothing is made that the remaining bytes do not justify: each value takes one byte or more, so a container may announce
as many as are left after what the containers around it still expect.
"""

from cpython.bytearray cimport PyByteArray_AS_STRING, PyByteArray_FromStringAndSize
from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.list cimport PyList_New, PyList_SET_ITEM
from cpython.ref cimport Py_INCREF, Py_XDECREF, PyObject
from cpython.tuple cimport PyTuple_New, PyTuple_SET_ITEM
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcmp, memcpy

from memlane.codec.array cimport take_array
from memlane.codec.crowding cimport CROWD_FREE, Crowd, begin_crowd, is_crowded, release_crowd
from memlane.codec.format cimport (
    CONTENT_PICKLE,
    CONTENT_PICKLE_BUFFERS,
    DEPTH_LIMIT,
    SHORT_DICT_LIMIT,
    SHORT_LIST_LIMIT,
    SHORT_TEXT_LIMIT,
    SHORT_TUPLE_LIMIT,
    TAG_ARRAY,
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
    TAG_SHORT_TEXT,
    TAG_SHORT_TUPLE,
    TAG_TEXT,
    TAG_TRUE,
    TAG_TUPLE,
    TAG_UINT16,
    TAG_UINT8,
)
from memlane.codec.interpreter cimport (
    FREE_THREADED,
    PyBytes_AS_STRING,
    PyUnicode_DATA,
    PyUnicode_GET_LENGTH,
    PyUnicode_IS_ASCII,
)
from memlane.codec.payload cimport (
    Fetch,
    begin_fetches,
    copy_fetches,
    finish_fetches,
    next_fetch,
    release_fetches,
)
from memlane.codec.reader cimport (
    fail,
    le64toh,
    load_16,
    load_64,
    remaining,
    take,
    take_byte,
    take_length,
)
from memlane.codec.text cimport take_text


cdef enum:
    # A power of two; 256 keys are 20 KB. Arbitrary.
    KEY_CACHE_SIZE = 256
    KEY_CACHE_LENGTH = 24

# Keys of dicts that were decoded lately, short and ASCII: most dicts of a stream have the same ones. A new key takes
# the place of another. Each entry is a strong reference or NULL. Not used without the GIL, which is its lock.
cdef PyObject* key_cache[KEY_CACHE_SIZE]


# Scalars ---------------------------------------------------------------------------------------------------


cdef object take_float(Reader* reader):
    cdef uint64_t bits = load_64(take(reader, 8))
    cdef double value
    memcpy(&value, &bits, 8)
    return value


cdef object take_int(Reader* reader, int length):
    """Read a two's complement of 1 to 8 bytes."""
    cdef uint64_t bits = 0
    memcpy(&bits, take(reader, length), length)
    bits = le64toh(bits) << (64 - 8 * length)
    return <int64_t>bits >> (64 - 8 * length)


cdef object take_large_int(Reader* reader):
    cdef uint64_t length = take_length(reader)
    cdef const unsigned char* at = take(reader, length)
    return int.from_bytes(PyBytes_FromStringAndSize(<const char*>at, <Py_ssize_t>length), "little", signed=True)


cdef object take_binary(Reader* reader):
    cdef uint64_t length = take_length(reader)
    cdef const unsigned char* at = take(reader, length)
    return PyBytes_FromStringAndSize(<const char*>at, <Py_ssize_t>length)


cdef object take_buffer(Decoder* decoder):
    """Make a bytes object whose content is still to be fetched, so nobody may hash it yet."""
    cdef Fetch* fetch
    if decoder.keys:
        fail(&decoder.reader, "a buffer in the key of a dict")
    fetch = next_fetch(&decoder.fetches, &decoder.reader)
    value = PyBytes_FromStringAndSize(NULL, <Py_ssize_t>fetch.length)
    fetch.destination = <void*>PyBytes_AS_STRING(value)
    return value


# Containers ------------------------------------------------------------------------------------------------


cdef inline int owe(Decoder* decoder, uint64_t count, int depth) except -1:
    """Make sure that `count` values can follow."""
    cdef size_t free_bytes = remaining(&decoder.reader)
    free_bytes = free_bytes - decoder.owed if free_bytes > decoder.owed else 0
    if count > free_bytes:
        fail(&decoder.reader, f"{count} values announced, {free_bytes} bytes left for them")
    if depth > DEPTH_LIMIT:
        fail(&decoder.reader, f"nested deeper than {DEPTH_LIMIT}")
    decoder.owed += count
    return 0


cdef object take_list(Decoder* decoder, uint64_t count, int depth):
    cdef Py_ssize_t index
    owe(decoder, count, depth)
    values = PyList_New(<Py_ssize_t>count)
    for index in range(<Py_ssize_t>count):
        value = take_value(decoder, depth)
        Py_INCREF(value)
        PyList_SET_ITEM(values, index, value)
    return values


cdef object take_tuple(Decoder* decoder, uint64_t count, int depth):
    cdef Py_ssize_t index
    owe(decoder, count, depth)
    values = PyTuple_New(<Py_ssize_t>count)
    for index in range(<Py_ssize_t>count):
        value = take_value(decoder, depth)
        Py_INCREF(value)
        PyTuple_SET_ITEM(values, index, value)
    return values


cdef inline size_t key_place(const unsigned char* at, size_t length) noexcept nogil:
    """Where a key of 1 to KEY_CACHE_LENGTH bytes lies in the cache."""
    cdef size_t mixed = length + 5 * at[0] + 31 * at[length >> 1] + 131 * at[length - 1]
    return (mixed ^ (mixed >> 8)) & (KEY_CACHE_SIZE - 1)


cdef object take_cached_key(Reader* reader, size_t length):
    """Read a short key, from the cache where it is there."""
    cdef const unsigned char* at = reader.at
    cdef PyObject* old
    cdef size_t place
    if length > remaining(reader):
        return take_text(reader, length)
    place = key_place(at, length)
    old = key_cache[place]
    if (
        old != NULL
        and <size_t>PyUnicode_GET_LENGTH(<object>old) == length
        and memcmp(PyUnicode_DATA(<object>old), at, length) == 0
    ):
        reader.at += length
        return <object>old
    key = take_text(reader, length)
    if PyUnicode_IS_ASCII(key):
        replace_key(place, key)
    return key


cdef int replace_key(size_t place, object key) except -1:
    cdef PyObject* old = key_cache[place]
    Py_INCREF(key)
    key_cache[place] = <PyObject*>key
    Py_XDECREF(old)
    return 0


cdef object take_any_key(Decoder* decoder, int depth, Crowd* crowd):
    cdef Py_hash_t key_hash = 0
    decoder.keys += 1
    key = take_value(decoder, depth)
    decoder.keys -= 1
    try:
        key_hash = hash(key)
    except TypeError:
        fail(&decoder.reader, f"a {type(key).__name__} that cannot be hashed as the key of a dict")
    if crowd != NULL and type(key) is not str and type(key) is not bytes and is_crowded(crowd, key_hash):
        fail(&decoder.reader, "too many keys of a dict share one hash")
    return key


cdef object take_key(Decoder* decoder, int depth, Crowd* crowd):
    cdef size_t length
    if not FREE_THREADED and remaining(&decoder.reader):
        length = <size_t>decoder.reader.at[0] - TAG_SHORT_TEXT
        if 0 < length <= KEY_CACHE_LENGTH:
            decoder.reader.at += 1
            decoder.owed -= 1
            return take_cached_key(&decoder.reader, length)
    return take_any_key(decoder, depth, crowd)


cdef int take_pairs(Decoder* decoder, dict values, uint64_t count, int depth, Crowd* crowd) except -1:
    cdef uint64_t _index
    for _index in range(count):
        key = take_key(decoder, depth, crowd)
        values[key] = take_value(decoder, depth)
    return 0


cdef object take_dict(Decoder* decoder, uint64_t count, int depth):
    cdef dict values = {}
    cdef Crowd crowd
    # More pairs than bytes are refused before they are doubled.
    owe(decoder, count if count > remaining(&decoder.reader) else 2 * count, depth)
    if count <= CROWD_FREE:
        take_pairs(decoder, values, count, depth, NULL)
        return values
    begin_crowd(&crowd, count)
    try:
        take_pairs(decoder, values, count, depth, &crowd)
    finally:
        release_crowd(&crowd)
    return values


cdef object take_long(Decoder* decoder, int tag, int depth):
    """Read a value whose tag is followed by a length or count, or refers to a buffer."""
    cdef Reader* reader = &decoder.reader
    if tag == TAG_TEXT:
        return take_text(reader, take_length(reader))
    if tag == TAG_BYTES:
        return take_binary(reader)
    if tag == TAG_LARGE_INT:
        return take_large_int(reader)
    if tag == TAG_TUPLE:
        return take_tuple(decoder, take_length(reader), depth)
    if tag == TAG_LIST:
        return take_list(decoder, take_length(reader), depth)
    if tag == TAG_DICT:
        return take_dict(decoder, take_length(reader), depth)
    if tag == TAG_BUFFER:
        return take_buffer(decoder)
    if tag == TAG_ARRAY:
        return take_array(reader, &decoder.fetches)
    fail(reader, f"{tag:#04x} is no tag of a value")


cdef object take_value(Decoder* decoder, int depth):
    """Read one value; `depth` containers are around it."""
    cdef Reader* reader = &decoder.reader
    cdef int tag = take_byte(reader)
    decoder.owed -= 1
    if tag < TAG_SHORT_TEXT:
        return tag
    if tag <= TAG_SHORT_TEXT + SHORT_TEXT_LIMIT:
        return take_text(reader, tag - TAG_SHORT_TEXT)
    if tag == TAG_FLOAT:
        return take_float(reader)
    if tag <= TAG_SHORT_DICT + SHORT_DICT_LIMIT:
        return take_dict(decoder, tag - TAG_SHORT_DICT, depth + 1)
    if tag <= TAG_SHORT_LIST + SHORT_LIST_LIMIT:
        return take_list(decoder, tag - TAG_SHORT_LIST, depth + 1)
    if tag <= TAG_SHORT_TUPLE + SHORT_TUPLE_LIMIT:
        return take_tuple(decoder, tag - TAG_SHORT_TUPLE, depth + 1)
    if tag == TAG_NONE:
        return None
    if tag == TAG_TRUE:
        return True
    if tag == TAG_FALSE:
        return False
    if tag == TAG_UINT8:
        return take_byte(reader)
    if tag == TAG_UINT16:
        return load_16(take(reader, 2))
    if TAG_INT < tag <= TAG_INT + 8:
        return take_int(reader, tag - TAG_INT)
    return take_long(decoder, tag, depth + 1)


# The ways in -----------------------------------------------------------------------------------------------


cdef object take_pickle(Decoder* decoder):
    """Give the pickle as bytes, and bytearrays for its buffers."""
    cdef Fetch* fetch
    cdef size_t length = remaining(&decoder.reader)
    cdef list buffers = []
    head = PyBytes_FromStringAndSize(<const char*>take(&decoder.reader, length), <Py_ssize_t>length)
    while decoder.fetches.count < decoder.fetches.table_count:
        fetch = next_fetch(&decoder.fetches, &decoder.reader)
        buffer = PyByteArray_FromStringAndSize(NULL, <Py_ssize_t>fetch.length)
        fetch.destination = PyByteArray_AS_STRING(buffer)
        buffers.append(buffer)
    return head, buffers


cdef object decode_payload(
    Decoder* decoder, uint32_t content_type, const unsigned char* prefix, size_t prefix_length, size_t payload_length
):
    """Make the value; buffers are still to be fetched."""
    decoder.owed = 1
    decoder.keys = 0
    begin_fetches(&decoder.fetches, &decoder.reader, content_type, prefix, prefix_length, payload_length)
    try:
        if content_type == CONTENT_PICKLE or content_type == CONTENT_PICKLE_BUFFERS:
            value = take_pickle(decoder)
        else:
            value = take_value(decoder, 0)
        finish_fetches(&decoder.fetches, &decoder.reader)
    except BaseException:
        release_fetches(&decoder.fetches)
        raise
    return value


cdef void fetch_all(const Decoder* decoder, const unsigned char* payload) noexcept:
    """Copy each buffer out of the payload into the value."""
    copy_fetches(&decoder.fetches, payload)


cdef void release_decoder(Decoder* decoder) noexcept:
    """Forget the fetches. May be called again."""
    release_fetches(&decoder.fetches)
