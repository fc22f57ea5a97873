"""Keys that share a hash make a dict quadratic: some 100,000 chosen integers keep a reader busy for minutes.

Hashes of text and bytes are secret; those of numbers, and so of tuples, are known to all. A dict of many such keys is
plain only while few of them meet: the writer pickles others, and the reader refuses them.
"""

from libc.stdint cimport uint8_t, uint64_t
from libc.stdlib cimport calloc, free


cdef enum:
    # Smaller dicts are not worth the counting: 64 keys meet 2,016 times at most.
    CROWD_FREE = 64
    # There are 4 keys to a place on average, and a fair hash never brings 65 to one.
    CROWD_PLACE_KEYS = 4
    CROWD_LIMIT = 64


ctypedef struct Crowd:
    # Keys that came to each place, or NULL where they are not counted.
    uint8_t* places
    int shift


cdef inline int begin_crowd(Crowd* crowd, size_t keys) except -1:
    """Prepare to count the hashes of so many keys."""
    cdef int bits = 4
    while <size_t>1 << bits < keys // CROWD_PLACE_KEYS:
        bits += 1
    crowd.shift = 64 - bits
    crowd.places = <uint8_t*>calloc(<size_t>1 << bits, 1)
    if crowd.places == NULL:
        raise MemoryError
    return 0


cdef inline void release_crowd(Crowd* crowd) noexcept nogil:
    free(crowd.places)


cdef inline bint is_crowded(Crowd* crowd, Py_hash_t key_hash) noexcept nogil:
    """Count a key, and tell whether it met too many others."""
    # Knuth's multiplicative hashing with 2^64 divided by the golden ratio: progressions spread evenly.
    cdef uint64_t place = (<uint64_t>key_hash * <uint64_t>0x9E3779B97F4A7C15) >> crowd.shift
    crowd.places[place] += 1
    return crowd.places[place] > CROWD_LIMIT
