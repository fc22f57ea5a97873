# cython: freethreading_compatible=True
"""What an opener may ask for, as the library takes it."""

from libc.stdint cimport UINT32_MAX

from operator import index

from memlane._native.library cimport MEMLANE_ANY


cdef uint64_t or_any(object given) except? 0:
    """The library refuses what is impossible; what C cannot hold becomes the largest of that."""
    return MEMLANE_ANY if given is None else <uint64_t>min(given, MEMLANE_ANY - 1)


cdef object whole(str what, object given, object least, object most):
    """Read a number as the caller gave it: none loses its fraction, or its size."""
    try:
        number = index(given)
    except TypeError:
        raise TypeError(f"{what} {given!r} is {type(given).__name__}: give a whole number") from None
    if not least <= number <= most:
        raise ValueError(f"{what} {given!r} does not exist: give a number from {least} to {most}")
    return number


cdef uint32_t permissions_of(object mode) except? 1:
    """Read a file mode; the library looks at the permissions in it alone."""
    return whole("the file mode", mode, 0, UINT32_MAX)


cdef int64_t user_of(object peer_uid) except? -1:
    """Read the number of a user; -1: nobody."""
    return whole("the user", peer_uid, -1, UINT32_MAX - 1)


cdef int fill_object_options(
    memlane_object_options* options, const char* directory, object participants, object persistent, object mode,
    object peer_uid, bint create, bytes uuid
) except -1:
    """None stands for what was not given; the directory and the uuid must outlive the options."""
    options.directory = directory
    options.participants = or_any(participants)
    options.ephemeral = or_any(None if persistent is None else not persistent)
    options.permissions = permissions_of(mode)
    options.peer_user = user_of(peer_uid)
    options.create = create
    if uuid is not None:
        options.uuid = <const unsigned char*>(<const char*>uuid)
    return 0
