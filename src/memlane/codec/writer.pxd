"""A head that is being written: into memory of the caller, or into private memory that grows.

Past its limit a writer only counts, so that one pass tells the exact size that a value would need.
"""

from libc.stdint cimport UINT32_MAX, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy

from memlane.codec.format cimport LENGTH_32, LENGTH_64


cdef extern from "<endian.h>" nogil:
    uint16_t htole16(uint16_t value)
    uint32_t htole32(uint32_t value)
    uint64_t htole64(uint64_t value)


cdef enum:
    # Heads beside buffers are short: 10 arrays with their names fit. Arbitrary.
    WRITER_INLINE = 256
    # Pieces counted past the limit before a value is given up: lists that share their parts grow without
    # bounds when they are written out (64 levels of [x, x] are 2^64 values). About 0.2 s.
    WRITER_COUNT_LIMIT = 1 << 24


ctypedef struct Writer:
    unsigned char* start
    # Of the memory at start.
    size_t room
    # Of all that was written or counted.
    size_t length
    # Private memory does not grow beyond this.
    size_t limit
    # Private memory from malloc, or NULL.
    unsigned char* heap
    bint private
    # Pieces that were only counted.
    size_t counted
    # Counting was given up, or no memory was left: stop soon.
    bint given_up
    bint out_of_memory
    unsigned char inline_bytes[WRITER_INLINE]


cdef inline void begin_writer(Writer* writer, unsigned char* out, size_t capacity) noexcept nogil:
    writer.start = out
    writer.room = capacity
    writer.length = 0
    writer.limit = capacity
    writer.heap = NULL
    writer.private = False
    writer.counted = 0
    writer.given_up = False
    writer.out_of_memory = False


cdef inline void release_writer(Writer* writer) noexcept nogil:
    free(writer.heap)
    writer.heap = NULL


cdef inline bint grow(Writer* writer) noexcept nogil:
    """Make room for `writer.length` bytes of private memory. The old content moves along."""
    cdef size_t room = max(<size_t>2 * writer.length, <size_t>1024)
    cdef unsigned char* heap = <unsigned char*>realloc(writer.heap, room)
    if heap == NULL:
        writer.out_of_memory = True
        writer.given_up = True
        return False
    if writer.heap == NULL:
        memcpy(heap, writer.start, writer.room)
    writer.heap = heap
    writer.start = heap
    writer.room = room
    return True


cdef inline unsigned char* reserve_more(Writer* writer, size_t length) noexcept nogil:
    """The rare end of `reserve`: private memory grows, any other is full."""
    if writer.private and writer.length <= writer.limit and not writer.given_up:
        return writer.start + writer.length - length if grow(writer) else NULL
    writer.counted += 1
    if writer.counted > WRITER_COUNT_LIMIT:
        writer.given_up = True
    return NULL


cdef inline unsigned char* reserve(Writer* writer, size_t length) noexcept nogil:
    """The place of the next `length` bytes, or NULL where they are only counted."""
    writer.length += length
    if writer.length <= writer.room:
        return writer.start + writer.length - length
    return reserve_more(writer, length)


cdef inline void become_private(Writer* writer) noexcept nogil:
    """Move on to private memory, with what was written so far.

    It is read back from the caller's memory. Others may have changed it there; then the value is as wrong as
    if they had changed it after it was published.
    """
    if writer.private or writer.length > writer.room:
        writer.private = True
        return
    writer.private = True
    if writer.length <= WRITER_INLINE:
        memcpy(writer.inline_bytes, writer.start, writer.length)
        writer.start = writer.inline_bytes
        writer.room = WRITER_INLINE
        return
    writer.room = writer.length
    grow(writer)


cdef inline void put_byte(Writer* writer, unsigned char value) noexcept nogil:
    cdef unsigned char* at = reserve(writer, 1)
    if at != NULL:
        at[0] = value


cdef inline void store_16(unsigned char* at, uint16_t value) noexcept nogil:
    value = htole16(value)
    memcpy(at, &value, 2)


cdef inline void store_32(unsigned char* at, uint32_t value) noexcept nogil:
    value = htole32(value)
    memcpy(at, &value, 4)


cdef inline void store_64(unsigned char* at, uint64_t value) noexcept nogil:
    value = htole64(value)
    memcpy(at, &value, 8)


cdef inline void put_wide_length(Writer* writer, unsigned char mark, size_t length, size_t width) noexcept nogil:
    cdef unsigned char* at = reserve(writer, 1 + width)
    cdef uint64_t bits = htole64(length)
    if at != NULL:
        at[0] = mark
        memcpy(at + 1, &bits, width)


cdef inline void put_length(Writer* writer, size_t length) noexcept nogil:
    if length < LENGTH_32:
        put_byte(writer, <unsigned char>length)
    elif length <= UINT32_MAX:
        put_wide_length(writer, LENGTH_32, length, 4)
    else:
        put_wide_length(writer, LENGTH_64, length, 8)


cdef inline void put_tag_and_length(Writer* writer, unsigned char tag, size_t length) noexcept nogil:
    put_byte(writer, tag)
    put_length(writer, length)


cdef inline void put_bytes(Writer* writer, const void* data, size_t length) noexcept nogil:
    cdef unsigned char* at = reserve(writer, length)
    if at != NULL:
        memcpy(at, data, length)
