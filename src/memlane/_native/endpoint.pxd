"""What endpoints of all kinds can do."""

from memlane._native.library cimport memlane_endpoint


cdef class Endpoint:
    cdef memlane_endpoint* pollable(self) except NULL
