"""One endpoint of a variable: values in and out."""

from libc.stdint cimport uint32_t, uint64_t

from memlane._native.endpoint cimport Endpoint, Expectations
from memlane._native.library cimport memlane_access, memlane_loan, memlane_reading, memlane_variable
from memlane._native.view cimport View
from memlane.codec.plain cimport Encoder
from memlane.codec.structure cimport Structure

# Where the value lies in a view of its payload (codec.view.View), or None where it cannot be viewed.
cdef object place_in(View pinned)
cdef bint is_pickle(uint32_t content_type) noexcept

cdef class Variable(Endpoint):
    cdef memlane_variable* handle
    # None: by rule 11; True: always; False: never.
    cdef object allow_pickle
    cdef int protocol
    # The format of the values; None: values of any type.
    cdef Structure structure
    # What the object and its size are called in texts.
    cdef str noun
    cdef str size_word
    # Bytes of the largest value.
    cdef uint64_t size
    # Seconds that a write waits for a slot.
    cdef double patience
    # The newest version that any reading method of this endpoint returned.
    cdef uint64_t seen
    # How many writes there were with it.
    cdef uint64_t counted
    cdef Expectations expectations

    cdef int learn(self) except -1
    cdef object read_latest(self, memlane_reading* reading)
    cdef object copy_latest(self, memlane_reading* reading)
    cdef object take_small(self, memlane_access* access)
    cdef object take_large(self, memlane_access* access)
    cdef object fetch_large(self, memlane_access* access)
    cdef int admit_pickle(self) except -1
    cdef object unpickled(self, uint32_t content_type, object value)
    cdef void note(self, const memlane_reading* reading) noexcept
    cdef object read_structure(self, memlane_reading* reading)
    cdef object take_structure(self, memlane_access* access)
    cdef object fetch_structure(self, memlane_access* access)
    cdef uint64_t write_structure(self, object value) except? 0
    cdef uint64_t write_bytes(self, const void* source) except? 0
    cdef size_t measure(self, const Encoder* encoder) noexcept
    cdef size_t capacity(self) noexcept
    cdef uint64_t write(self, object value) except? 0
    cdef uint64_t write_pickled(self, object value) except? 0
    cdef int refuse(self, size_t size) except -1
    cdef int refuse_pickle(self, str reason) except -1
    cdef int refuse_unopened(self) except -1
    cdef int take_loan(self, memlane_loan* loan, object timeout) except -1
    cdef uint64_t wait_newer(self, uint64_t version, object timeout) except 0
