"""What endpoints of all kinds can do."""

from libc.stdint cimport uint64_t

from memlane._native.library cimport memlane_endpoint


cdef class Endpoint:
    cdef memlane_endpoint* pollable(self) except NULL


cdef class Expectations:
    cdef dict versions
    cdef uint64_t born

    cdef list void(self)
    cdef uint64_t change(self, object ticket, object version, list void) except? 0
    cdef uint64_t first(self) except? 0
