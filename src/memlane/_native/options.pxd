"""What an opener may ask for, as the library takes it."""

from libc.stdint cimport int64_t, uint32_t, uint64_t

from memlane._native.library cimport memlane_object_options

cdef uint64_t or_any(object given) except? 0
cdef uint32_t permissions_of(object mode) except? 1
cdef int64_t user_of(object peer_uid) except? -1
cdef int fill_object_options(
    memlane_object_options* options, const char* directory, object participants, object persistent, object mode,
    object peer_uid, bint create, bytes uuid
) except -1
