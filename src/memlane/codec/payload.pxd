"""Payloads with buffers: a table, the head, and each buffer at its own cache line."""

from cpython.ref cimport PyObject
from libc.stdint cimport uint32_t

from memlane.codec.reader cimport Reader

# What is to be written beside the head. ``owner`` (a strong reference) keeps ``data`` where it is.
ctypedef struct Buffer:
    PyObject* owner
    const unsigned char* data
    size_t length

# `items` holds the first `held` of `count` buffers. They are all, unless `limit` bytes were passed: then the value
# does not fit and the others were only counted.
ctypedef struct BufferList:
    Buffer* items
    size_t held
    size_t allocated
    size_t count
    size_t limit
    # Of all buffers, each rounded up to BUFFER_ALIGNMENT; and of the last one as it is.
    size_t aligned_length
    size_t last_length
    Buffer inline_items[2]

# What is still to be copied out of a payload into an object that was made for it.
ctypedef struct Fetch:
    void* destination
    size_t offset
    size_t length

ctypedef struct FetchList:
    Fetch* items
    size_t count
    size_t total
    Fetch inline_items[2]
    # The table, in private memory, and how far it was used.
    const unsigned char* table
    uint32_t table_count
    size_t previous_end
    size_t payload_length

cdef void begin_buffers(BufferList* buffers, size_t limit) noexcept
cdef int add_buffer(BufferList* buffers, object owner, const void* data, size_t length) except -1
cdef void release_buffers(BufferList* buffers) noexcept
# Where the first of `count` buffers begins.
cdef size_t buffers_offset(size_t head_length, size_t count) noexcept nogil
cdef size_t payload_size(size_t head_length, const BufferList* buffers) noexcept nogil
cdef void lay_out(
    unsigned char* out, const unsigned char* head, size_t head_length, const BufferList* buffers, bint contents
) noexcept nogil
cdef void write_payload(
    unsigned char* out, const unsigned char* head, size_t head_length, const BufferList* buffers
) noexcept

cdef size_t prefix_size(uint32_t content_type, const unsigned char* first, size_t payload_length) except 0
cdef int begin_fetches(
    FetchList* fetches, Reader* reader, uint32_t content_type, const unsigned char* prefix, size_t prefix_length,
    size_t payload_length
) except -1
cdef Fetch* next_fetch(FetchList* fetches, Reader* reader) except NULL
cdef int finish_fetches(const FetchList* fetches, const Reader* reader) except -1
cdef void copy_fetches(const FetchList* fetches, const unsigned char* payload) noexcept
cdef void release_fetches(FetchList* fetches) noexcept
