"""The bytes of one version, in place."""

from memlane._native.library cimport memlane_variable, memlane_view

cdef class View:
    cdef memlane_view view
    cdef Py_ssize_t length

# Pins the latest value; it stays as it is while the View lives.
cdef View make_view(memlane_variable* variable)
