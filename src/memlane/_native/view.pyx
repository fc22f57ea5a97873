# cython: freethreading_compatible=True
"""The bytes of one version, in place."""

from cpython.buffer cimport PyBuffer_FillInfo

from memlane._native.error cimport check
from memlane._native.library cimport memlane_error, memlane_variable_view, memlane_view_release


cdef class View:
    """A read-only buffer over the bytes of one version, which nobody changes while it lives.

    It keeps one slot of the variable out of use. It outlives the endpoint, and lies in a read-only mapping: who writes
    to it through a raw pointer is ended by SIGSEGV.
    """

    def __cinit__(self):
        self.view.variable = NULL

    def __init__(self):
        raise TypeError("views are made by HostVariable.view()")

    def __dealloc__(self):
        if self.view.variable != NULL:
            memlane_view_release(&self.view)

    def __getbuffer__(self, Py_buffer* buffer, int flags):
        PyBuffer_FillInfo(buffer, self, <void*>self.view.bytes, self.length, True, flags)

    def __len__(self):
        return self.length


cdef View make_view(memlane_variable* variable):
    cdef memlane_error error
    cdef View view = View.__new__(View)
    check(memlane_variable_view(variable, &view.view, &error), &error)
    view.length = <Py_ssize_t>view.view.reading.size
    return view
