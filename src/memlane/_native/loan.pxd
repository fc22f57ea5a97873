"""A slot that is filled in place."""

from libc.stdint cimport uint32_t, uint64_t

from memlane._native.library cimport memlane_loan, memlane_variable
from memlane.codec.plain cimport View
from memlane.codec.structure cimport Structure

cdef class Loan:
    cdef memlane_loan loan
    # Keeps the mapping for as long as somebody has a pointer into it.
    cdef memlane_variable* held
    cdef View place
    cdef object target
    # Buffers that were exported and not yet given back.
    cdef Py_ssize_t exports
    cdef uint32_t content_type
    cdef uint64_t payload_length

    cdef int finish(self, bint publish) except -1

# Takes over the loan, and describes there what is going to be filled in: `pattern` is bytes or an array of that size,
# whose contents do not matter.
cdef Loan make_loan(memlane_loan* loan, object pattern)
# The same for a value of a fixed format.
cdef Loan make_structure_loan(memlane_loan* loan, Structure structure)
