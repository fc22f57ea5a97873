"""The one place where a status of the library becomes an exception."""

from memlane._native.library cimport memlane_error, memlane_status

# Raises for any status but MEMLANE_OK.
cdef int check(memlane_status status, const memlane_error* error) except -1
