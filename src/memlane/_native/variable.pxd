"""One endpoint of a variable: values in and out."""

from libc.stdint cimport uint32_t, uint64_t

from memlane._native.endpoint cimport Endpoint
from memlane._native.library cimport memlane_access, memlane_loan, memlane_reading, memlane_variable
from memlane.codec.structure cimport Structure

cdef class Variable(Endpoint):
    cdef memlane_variable* handle
    # None: by rule 11; True: always; False: never.
    cdef object allow_pickle
    cdef int protocol
    # The format of the values; None: values of any type.
    cdef Structure structure
    # The newest version that any reading method of this endpoint returned.
    cdef uint64_t seen
    # How many writes there were with it.
    cdef uint64_t counted

    cdef object read_latest(self, memlane_reading* reading)
    cdef object take_small(self, memlane_access* access)
    cdef object take_large(self, memlane_access* access)
    cdef object fetch_large(self, memlane_access* access)
    cdef object unpickled(self, uint32_t content_type, object value)
    cdef void note(self, const memlane_reading* reading) noexcept
    cdef object read_structure(self, memlane_reading* reading)
    cdef object take_structure(self, memlane_access* access)
    cdef object fetch_structure(self, memlane_access* access)
    cdef int write(self, object value) except -1
    cdef int write_structure(self, object value) except -1
    cdef int write_bytes(self, const void* source) except -1
    cdef int take_loan(self, memlane_loan* loan, object timeout) except -1
    cdef uint64_t wait_newer(self, uint64_t version, object timeout) except 0
