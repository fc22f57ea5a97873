"""Formats between Python and the library."""

from memlane._native.library cimport memlane_format

# The caller frees it.
cdef memlane_format* make_format(object layout, str label) except NULL
cdef object layout_of(const memlane_format* format)
