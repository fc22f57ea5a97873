# cython: freethreading_compatible=True
"""Payloads with buffers: a table, the head, and each buffer at its own cache line."""

from cpython.mem cimport PyMem_Free, PyMem_Malloc, PyMem_Realloc
from cpython.ref cimport Py_DECREF, Py_INCREF, PyObject
from libc.stdint cimport uint32_t
from libc.string cimport memcpy, memset

from memlane.codec.format cimport (
    BUFFER_ALIGNMENT,
    CONTENT_PICKLE,
    CONTENT_PICKLE_BUFFERS,
    CONTENT_PLAIN,
    CONTENT_PLAIN_BUFFERS,
    RELEASE_GIL_BYTES,
    TABLE_ENTRY,
    TABLE_START,
)
from memlane.codec.reader cimport (
    Reader,
    begin_reader,
    fail,
    load_32,
    load_64,
    raise_corrupted,
    remaining,
)
from memlane.codec.writer cimport store_32, store_64


cdef inline size_t aligned(size_t offset) noexcept nogil:
    return (offset + BUFFER_ALIGNMENT - 1) & ~(<size_t>BUFFER_ALIGNMENT - 1)


# Writing ---------------------------------------------------------------------------------------------------


cdef void begin_buffers(BufferList* buffers, size_t limit) noexcept:
    buffers.items = buffers.inline_items
    buffers.held = 0
    buffers.allocated = sizeof(buffers.inline_items) // sizeof(Buffer)
    buffers.count = 0
    buffers.limit = limit
    buffers.aligned_length = 0
    buffers.last_length = 0


cdef int make_room(BufferList* buffers) except -1:
    cdef size_t size = 2 * buffers.allocated * sizeof(Buffer)
    cdef Buffer* items
    if buffers.items == buffers.inline_items:
        items = <Buffer*>PyMem_Malloc(size)
        if items != NULL:
            memcpy(items, buffers.items, sizeof(buffers.inline_items))
    else:
        items = <Buffer*>PyMem_Realloc(buffers.items, size)
    if items == NULL:
        raise MemoryError
    buffers.items = items
    buffers.allocated *= 2
    return 0


cdef int hold_buffer(BufferList* buffers, object owner, const void* data, size_t length) except -1:
    cdef Buffer* buffer
    if buffers.held == buffers.allocated:
        make_room(buffers)
    buffer = &buffers.items[buffers.held]
    Py_INCREF(owner)
    buffer.owner = <PyObject*>owner
    buffer.data = <const unsigned char*>data
    buffer.length = length
    buffers.held += 1
    return 0


cdef int add_buffer(BufferList* buffers, object owner, const void* data, size_t length) except -1:
    """Note a buffer; it is copied by `write_payload`. `owner` is kept until `release_buffers`."""
    if buffers.held == buffers.count and buffers.aligned_length + length <= buffers.limit:
        hold_buffer(buffers, owner, data, length)
    buffers.count += 1
    buffers.aligned_length += aligned(length)
    buffers.last_length = length
    return 0


cdef void release_buffers(BufferList* buffers) noexcept:
    cdef Buffer* inline_items = buffers.inline_items
    while buffers.held > 0:
        # Taken out of the list first: the end of an owner may run any code.
        buffers.held -= 1
        Py_DECREF(<object>buffers.items[buffers.held].owner)
    if buffers.items != inline_items:
        PyMem_Free(buffers.items)
    begin_buffers(buffers, 0)


cdef size_t buffers_offset(size_t head_length, size_t count) noexcept nogil:
    """Where the first of `count` buffers begins in a payload with this head."""
    return aligned(TABLE_START + TABLE_ENTRY * count + head_length)


cdef size_t payload_size(size_t head_length, const BufferList* buffers) noexcept nogil:
    """The length of a payload with this head and these buffers."""
    if buffers.count == 0:
        return head_length
    return (
        buffers_offset(head_length, buffers.count)
        + buffers.aligned_length - aligned(buffers.last_length) + buffers.last_length
    )


cdef void lay_out(
    unsigned char* out, const unsigned char* head, size_t head_length, const BufferList* buffers, bint contents
) noexcept nogil:
    """Write table, head and, where `contents` says so, the buffers.

    Gaps are zeroed: what was in the memory before is nobody's business.
    """
    cdef size_t table_length = TABLE_START + TABLE_ENTRY * buffers.count
    cdef size_t end = table_length + head_length
    cdef size_t index, offset
    cdef unsigned char* entry = out + TABLE_START
    store_32(out, <uint32_t>head_length)
    store_32(out + 4, <uint32_t>buffers.count)
    memcpy(out + table_length, head, head_length)
    for index in range(buffers.count):
        offset = aligned(end)
        store_64(entry, offset)
        store_64(entry + 8, buffers.items[index].length)
        entry += TABLE_ENTRY
        memset(out + end, 0, offset - end)
        if contents:
            memcpy(out + offset, buffers.items[index].data, buffers.items[index].length)
        end = offset + buffers.items[index].length


cdef void write_payload(
    unsigned char* out, const unsigned char* head, size_t head_length, const BufferList* buffers
) noexcept:
    """Write `payload_size` bytes at `out`; large ones without the GIL."""
    cdef size_t length = payload_size(head_length, buffers)
    if buffers.count == 0:
        if length < RELEASE_GIL_BYTES:
            memcpy(out, head, length)
        else:
            with nogil:
                memcpy(out, head, length)
    elif length < RELEASE_GIL_BYTES:
        lay_out(out, head, head_length, buffers, True)
    else:
        with nogil:
            lay_out(out, head, head_length, buffers, True)


# Reading ---------------------------------------------------------------------------------------------------


cdef size_t prefix_size(uint32_t content_type, const unsigned char* first, size_t payload_length) except 0:
    """How much of a payload must be copied to private memory before it is decoded.

    `first` are its first 8 bytes (or all, where there are fewer), in private memory.
    """
    if payload_length == 0:
        raise_corrupted("payload: it is empty")
    if content_type == CONTENT_PLAIN or content_type == CONTENT_PICKLE:
        return payload_length
    if content_type != CONTENT_PLAIN_BUFFERS and content_type != CONTENT_PICKLE_BUFFERS:
        raise_corrupted(f"payload: content type {content_type} is none of 1, 2, 3, 4")
    if payload_length < TABLE_START:
        raise_corrupted(f"payload: {payload_length} bytes cannot hold a table of buffers")
    cdef size_t head_length = load_32(first)
    cdef size_t count = load_32(first + 4)
    # Two 32-bit numbers: no overflow in 64 bits.
    cdef size_t length = TABLE_START + TABLE_ENTRY * count + head_length
    if head_length == 0 or count == 0:
        raise_corrupted(f"payload: a head of {head_length} bytes and {count} buffers is never written")
    if length > payload_length:
        raise_corrupted(
            f"payload: a head of {head_length} bytes and a table of {count} buffers in {payload_length} bytes"
        )
    return length


cdef int begin_fetches(
    FetchList* fetches, Reader* reader, uint32_t content_type, const unsigned char* prefix, size_t prefix_length,
    size_t payload_length
) except -1:
    """Point `reader` to the head in `prefix`, and prepare for the buffers of its table."""
    cdef size_t length
    cdef size_t table_length = 0
    fetches.items = fetches.inline_items
    fetches.count = 0
    fetches.total = 0
    fetches.table = NULL
    fetches.table_count = 0
    fetches.payload_length = payload_length
    length = prefix_size(content_type, prefix, min(prefix_length, payload_length))
    fetches.previous_end = length
    if content_type == CONTENT_PLAIN_BUFFERS or content_type == CONTENT_PICKLE_BUFFERS:
        fetches.table = prefix + TABLE_START
        fetches.table_count = load_32(prefix + 4)
        table_length = TABLE_START + TABLE_ENTRY * <size_t>fetches.table_count
        if fetches.table_count > sizeof(fetches.inline_items) // sizeof(Fetch):
            # At most 1.5 times the table, which is there: `prefix_size` made sure.
            fetches.items = <Fetch*>PyMem_Malloc(fetches.table_count * sizeof(Fetch))
            if fetches.items == NULL:
                fetches.items = fetches.inline_items
                raise MemoryError
    begin_reader(reader, prefix + table_length, length - table_length)
    return 0


cdef Fetch* next_fetch(FetchList* fetches, Reader* reader) except NULL:
    """Take the next buffer of the table; the caller sets its destination."""
    cdef size_t index = fetches.count
    cdef size_t offset, length
    if index >= fetches.table_count:
        fail(reader, f"it refers to buffer {index} of {fetches.table_count}")
    offset = load_64(fetches.table + TABLE_ENTRY * index)
    length = load_64(fetches.table + TABLE_ENTRY * index + 8)
    if offset % BUFFER_ALIGNMENT or offset < fetches.previous_end or offset > fetches.payload_length:
        fail(
            reader,
            f"buffer {index} begins at {offset}, which is no multiple of {BUFFER_ALIGNMENT} from"
            f" {fetches.previous_end} to {fetches.payload_length}",
        )
    if length > fetches.payload_length - offset:
        fail(reader, f"buffer {index} has {length} bytes at {offset} of {fetches.payload_length}")
    cdef Fetch* fetch = &fetches.items[index]
    fetch.destination = NULL
    fetch.offset = offset
    fetch.length = length
    fetches.count += 1
    fetches.total += length
    fetches.previous_end = offset + length
    return fetch


cdef int finish_fetches(const FetchList* fetches, const Reader* reader) except -1:
    """Make sure that the head was used to its end, and each buffer once."""
    if remaining(reader):
        fail(reader, f"{remaining(reader)} bytes follow the value")
    if fetches.count != fetches.table_count:
        fail(reader, f"it refers to {fetches.count} of {fetches.table_count} buffers")
    return 0


cdef inline void copy_each(const FetchList* fetches, const unsigned char* payload) noexcept nogil:
    cdef size_t index
    for index in range(fetches.count):
        memcpy(fetches.items[index].destination, payload + fetches.items[index].offset, fetches.items[index].length)


cdef void copy_fetches(const FetchList* fetches, const unsigned char* payload) noexcept:
    """Copy each buffer from the payload to its destination; large ones without the GIL."""
    if fetches.total < RELEASE_GIL_BYTES:
        copy_each(fetches, payload)
    else:
        with nogil:
            copy_each(fetches, payload)


cdef void release_fetches(FetchList* fetches) noexcept:
    cdef Fetch* inline_items = fetches.inline_items
    if fetches.items != inline_items:
        PyMem_Free(fetches.items)
    fetches.items = inline_items
    fetches.count = 0
