# cython: freethreading_compatible=True
"""What an opener may ask for, as the library takes it."""

from memlane._native.library cimport MEMLANE_ANY


cdef uint64_t or_any(object given) except? 0:
    """The library refuses what is impossible; what C cannot hold becomes the largest of that."""
    return MEMLANE_ANY if given is None else <uint64_t>min(given, MEMLANE_ANY - 1)


cdef int fill_object_options(
    memlane_object_options* options, const char* directory, object participants, object persistent, uint32_t mode,
    int64_t peer_uid, bint create, bytes uuid
) except -1:
    """None stands for what was not given; the directory and the uuid must outlive the options."""
    options.directory = directory
    options.participants = or_any(participants)
    options.ephemeral = or_any(None if persistent is None else not persistent)
    options.permissions = mode
    options.peer_user = peer_uid
    options.create = create
    if uuid is not None:
        options.uuid = <const unsigned char*>(<const char*>uuid)
    return 0
