# cython: freethreading_compatible=True
"""Values that are looked at where they lie."""

cimport cython

from memlane.codec.array cimport take_array_outline
from memlane.codec.dtype cimport import_numpy
from memlane.codec.format cimport (
    CONTENT_PICKLE,
    CONTENT_PICKLE_BUFFERS,
    TAG_ARRAY,
    TAG_BUFFER,
    TAG_BYTES,
)
from memlane.codec.payload cimport FetchList, begin_fetches, finish_fetches, next_fetch, release_fetches
from memlane.codec.reader cimport Reader, take, take_byte, take_length


@cython.final
@cython.auto_pickle(False)
cdef class View:
    """Where the bytes of a value lie that can be looked at in place."""

    cpdef object over(self, object payload):
        """Give the value as a view of `payload`: a memoryview, or an array that is writable where `payload` is."""
        if self.dtype is None:
            return memoryview(payload)[self.offset:self.offset + self.length]
        # By position: names cost more than the array.
        return import_numpy().ndarray(self.shape, self.dtype, payload, self.offset, None, self.order)


cdef object make_view(Reader* reader, FetchList* fetches):
    """Read a value that is nothing but bytes or an array."""
    cdef View view = View.__new__(View)
    cdef int tag = take_byte(reader)
    if tag == TAG_BYTES:
        view.length = take_length(reader)
        view.offset = reader.at - reader.start
        take(reader, view.length)
    elif tag == TAG_BUFFER:
        next_fetch(fetches, reader)
    elif tag == TAG_ARRAY:
        view.dtype, view.shape, view.order = take_array_outline(reader, fetches)
    else:
        return None
    if fetches.count:
        view.offset = fetches.items[0].offset
        view.length = fetches.items[0].length
    finish_fetches(fetches, reader)
    return view


cdef object view_of(
    uint32_t content_type, const unsigned char* prefix, size_t prefix_length, size_t payload_length
):
    """Tell where the value lies in its payload, or None where it cannot be viewed."""
    cdef Reader reader
    cdef FetchList fetches
    if content_type == CONTENT_PICKLE or content_type == CONTENT_PICKLE_BUFFERS:
        return None
    begin_fetches(&fetches, &reader, content_type, prefix, prefix_length, payload_length)
    try:
        return make_view(&reader, &fetches)
    finally:
        release_fetches(&fetches)
