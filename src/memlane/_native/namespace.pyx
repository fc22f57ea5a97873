# cython: freethreading_compatible=True
"""Objects by name, whatever their kind."""

from libc.stdint cimport int64_t, uint32_t

from memlane._native.error cimport check
from memlane._native.library cimport memlane_collect, memlane_error, memlane_status, memlane_unlink
from memlane._native.options cimport permissions_of, user_of


def unlink(bytes name, bytes directory, mode, peer_uid):
    """Remove a name; an empty directory stands for the default one."""
    cdef memlane_error error
    cdef memlane_status status
    cdef const char* path = directory
    cdef const char* text = name
    cdef size_t length = len(name)
    cdef uint32_t permissions = permissions_of(mode)
    cdef int64_t user = user_of(peer_uid)
    with nogil:
        status = memlane_unlink(path, text, length, permissions, user, &error)
    check(status, &error)


def collect(bytes directory, mode, peer_uid):
    """Remove the ephemeral objects that nobody has open; return how many."""
    cdef memlane_error error
    cdef memlane_status status
    cdef uint32_t removed = 0
    cdef uint32_t permissions = permissions_of(mode)
    cdef int64_t user = user_of(peer_uid)
    cdef const char* path = directory
    with nogil:
        status = memlane_collect(path, permissions, user, &removed, &error)
    check(status, &error)
    return removed
