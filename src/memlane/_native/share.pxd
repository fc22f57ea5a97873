"""One endpoint of a share: values that are put by one and taken by one other."""

from libc.stdint cimport uint64_t

from memlane._native.library cimport memlane_reading, memlane_share
from memlane._native.variable cimport Variable
from memlane._native.view cimport View

cdef class Share(Variable):
    # The same endpoint as `handle`, which frees it.
    cdef memlane_share* share
    # Values that are no arrays are refused, but what can be made one.
    cdef bint arrays_only
    cdef object as_array

    cdef int wait_untaken(self, uint64_t deadline) except -1
    cdef bint take(self, uint64_t version) except -1
    cdef int admit(self, object value, const memlane_reading* reading) except -1
    cdef int refuse_other(self, str what) except -1
    cdef object place_of_array(self, View pinned)
