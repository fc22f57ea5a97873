"""A bounded cursor over private bytes: no read leaves them, whatever they say."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

from memlane.codec.format cimport LENGTH_32


cdef extern from "<endian.h>" nogil:
    uint16_t le16toh(uint16_t value)
    uint32_t le32toh(uint32_t value)
    uint64_t le64toh(uint64_t value)


ctypedef struct Reader:
    const unsigned char* start
    const unsigned char* at
    const unsigned char* end


cdef inline void begin_reader(Reader* reader, const unsigned char* start, size_t length) noexcept nogil:
    reader.start = start
    reader.at = start
    reader.end = start + length


cdef inline size_t remaining(const Reader* reader) noexcept nogil:
    return <size_t>(reader.end - reader.at)


cdef inline uint16_t load_16(const unsigned char* at) noexcept nogil:
    cdef uint16_t raw
    memcpy(&raw, at, 2)
    return le16toh(raw)


cdef inline uint32_t load_32(const unsigned char* at) noexcept nogil:
    cdef uint32_t raw
    memcpy(&raw, at, 4)
    return le32toh(raw)


cdef inline uint64_t load_64(const unsigned char* at) noexcept nogil:
    cdef uint64_t raw
    memcpy(&raw, at, 8)
    return le64toh(raw)


cdef inline int raise_corrupted(str what) except -1:
    """Raise `Corrupted`; the class is looked up here, since no good path needs it."""
    from memlane.errors import Corrupted

    raise Corrupted(f"{what}; the bytes are damaged or not memlane's: write the value again")


cdef inline int fail(const Reader* reader, str what) except -1:
    """Raise `Corrupted` saying where in the head it was."""
    return raise_corrupted(
        f"encoded value: at byte {reader.at - reader.start} of {reader.end - reader.start}: {what}"
    )


cdef inline const unsigned char* take(Reader* reader, size_t length) except NULL:
    """Step over the next `length` bytes, which are all there."""
    cdef const unsigned char* at = reader.at
    if length > remaining(reader):
        fail(reader, f"{length} bytes announced, {remaining(reader)} left")
    reader.at = at + length
    return at


cdef inline int take_byte(Reader* reader) except -1:
    if reader.at == reader.end:
        return fail(reader, "it ends where a value should follow")
    reader.at += 1
    return reader.at[-1]


cdef inline uint64_t take_length(Reader* reader) except? 0xFFFFFFFFFFFFFFFF:
    """Read a count or length. It is whatever the bytes say: the caller compares it with what is there."""
    cdef int first = take_byte(reader)
    if first < LENGTH_32:
        return <uint64_t>first
    if first == LENGTH_32:
        return load_32(take(reader, 4))
    return load_64(take(reader, 8))
