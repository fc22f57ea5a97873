# cython: freethreading_compatible=True
"""numpy arrays to descriptions with buffers, and back, without numpy at build time."""

from cpython.pycapsule cimport PyCapsule_GetPointer
from cpython.ref cimport PyObject
from libc.stdint cimport intptr_t, uint64_t

from memlane.codec.dtype cimport describe_dtype, import_numpy, numpy_if_loaded, take_dtype
from memlane.codec.format cimport ARRAY_DIMENSIONS_LIMIT, ARRAY_FORTRAN, ENCODED, NOT_PLAIN, TAG_ARRAY
from memlane.codec.interpreter cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from memlane.codec.payload cimport Fetch, add_buffer, next_fetch
from memlane.codec.reader cimport fail, take_byte, take_length
from memlane.codec.writer cimport put_byte, put_bytes, put_length

ctypedef struct Outline:
    bint fortran
    int dimensions
    intptr_t[ARRAY_DIMENSIONS_LIMIT] shape

cdef extern from *:
    # Of anything that CPython counts in bytes.
    const uint64_t LENGTH_LIMIT "PY_SSIZE_T_MAX"
    const uint64_t NO_LENGTH "UINT64_MAX"

# numpy.ndarray and numpy.empty; None until they were needed.
cdef object array_type = None
cdef object make_empty = None


cdef bint is_array(object value) except -1:
    """Tell whether this is an ndarray and nothing derived from it."""
    global array_type
    if array_type is None:
        numpy = numpy_if_loaded()
        if numpy is None:
            return False
        array_type = numpy.ndarray
    return type(value) is array_type


cdef object new_array(tuple shape, object dtype, bint fortran):
    global make_empty
    if make_empty is None:
        make_empty = import_numpy().empty
    return make_empty(shape, dtype, "F" if fortran else "C")


cdef ArrayInterface* interface_of(object capsule) except NULL:
    return <ArrayInterface*>PyCapsule_GetPointer(capsule, NULL)


# How ndarrays begin, by numpy's promise to all that was ever compiled against it.
ctypedef struct ArrayBeginning:
    PyObject head
    void* elements

# 1: it was seen to be so; 0: it was not; -1: nobody looked yet.
cdef int beginning_is_known = -1


cdef void* elements_of(object array) except NULL:
    """Tell where the elements of an array are.

    The interface of a structured dtype describes its fields in Python, which takes 6 us; the array itself knows.
    """
    global beginning_is_known
    cdef void* beginning = (<ArrayBeginning*><PyObject*>array).elements
    if beginning_is_known == 1:
        return beginning
    capsule = array.__array_struct__
    if beginning_is_known == -1:
        beginning_is_known = interface_of(capsule).data == beginning
    return interface_of(capsule).data


cdef uint64_t array_length(const intptr_t* shape, int dimensions, uint64_t itemsize) noexcept nogil:
    """The bytes of an array, or NO_LENGTH where numpy could not hold its shape even if it is empty."""
    cdef uint64_t length = itemsize if itemsize else 1
    cdef bint empty = itemsize == 0
    cdef int index
    for index in range(dimensions):
        if shape[index] == 0:
            empty = True
        elif <uint64_t>shape[index] > LENGTH_LIMIT // length:
            return NO_LENGTH
        else:
            length *= <uint64_t>shape[index]
    return 0 if empty else length


cdef bint is_contiguous(const ArrayInterface* interface, bint fortran) noexcept:
    """Tell whether the elements lie without gaps in this order. Flags would not do: structures have none."""
    cdef intptr_t expected = interface.itemsize
    cdef int index, axis
    for index in range(interface.dimensions):
        if interface.shape[index] == 0:
            return True
    for index in range(interface.dimensions):
        axis = index if fortran else interface.dimensions - 1 - index
        if interface.shape[axis] != 1:
            if interface.strides[axis] != expected:
                return False
            expected *= interface.shape[axis]
    return True


cdef int put_array(Writer* writer, BufferList* buffers, object array) except -1:
    """Describe an array and note its elements as a buffer; those that have gaps are copied in C order."""
    cdef bytes description = describe_dtype(array.dtype)
    if description is None:
        return NOT_PLAIN
    capsule = array.__array_struct__
    cdef ArrayInterface* interface = interface_of(capsule)
    cdef bint fortran = False
    if not is_contiguous(interface, False):
        fortran = is_contiguous(interface, True)
        if not fortran:
            array = array.copy("C")
            capsule = array.__array_struct__
            interface = interface_of(capsule)
    cdef uint64_t length = array_length(interface.shape, interface.dimensions, interface.itemsize)
    if length == NO_LENGTH:
        return NOT_PLAIN
    put_byte(writer, TAG_ARRAY)
    put_bytes(writer, PyBytes_AS_STRING(description), PyBytes_GET_SIZE(description))
    put_byte(writer, <unsigned char>(interface.dimensions | (ARRAY_FORTRAN if fortran else 0)))
    cdef int axis
    for axis in range(interface.dimensions):
        put_length(writer, <size_t>interface.shape[axis])
    add_buffer(buffers, array, interface.data, length)
    return ENCODED


cdef int take_outline(Reader* reader, Outline* outline) except -1:
    """Read order and shape."""
    cdef int flags = take_byte(reader)
    cdef int axis
    cdef uint64_t size
    outline.fortran = (flags & ARRAY_FORTRAN) != 0
    outline.dimensions = flags & ~ARRAY_FORTRAN
    if outline.dimensions > ARRAY_DIMENSIONS_LIMIT:
        fail(reader, f"an array of {outline.dimensions} dimensions")
    for axis in range(outline.dimensions):
        size = take_length(reader)
        if size > LENGTH_LIMIT:
            fail(reader, f"an array with an axis of {size} elements")
        outline.shape[axis] = <intptr_t>size
    return 0


cdef tuple shape_of(const Outline* outline):
    cdef int axis
    return tuple([outline.shape[axis] for axis in range(outline.dimensions)])


cdef Fetch* take_elements(Reader* reader, FetchList* fetches, const Outline* outline, object dtype) except NULL:
    """Take the buffer that belongs to an array, which has exactly its size."""
    cdef Fetch* fetch = next_fetch(fetches, reader)
    if fetch.length != array_length(outline.shape, outline.dimensions, dtype.itemsize):
        fail(reader, f"an array of {dtype!r:.100} and the shape {shape_of(outline)} in {fetch.length} bytes")
    return fetch


cdef object take_array(Reader* reader, FetchList* fetches):
    """Make the array; its elements are still to be fetched."""
    cdef Outline outline
    cdef Fetch* fetch
    cdef ArrayInterface* interface
    import_numpy()
    dtype = take_dtype(reader, 0)
    take_outline(reader, &outline)
    fetch = take_elements(reader, fetches, &outline, dtype)
    try:
        array = new_array(shape_of(&outline), dtype, outline.fortran)
    except (TypeError, ValueError, OverflowError) as error:
        fail(reader, f"numpy refuses an array of {dtype!r:.100} and the shape {shape_of(&outline)}: {error!s:.200}")
    capsule = array.__array_struct__
    interface = interface_of(capsule)
    if array_length(interface.shape, interface.dimensions, interface.itemsize) != fetch.length:
        fail(reader, f"numpy gives {array.nbytes} bytes to an array of {fetch.length}")
    fetch.destination = interface.data
    return array


cdef tuple take_array_outline(Reader* reader, FetchList* fetches):
    """Read what a view of an array needs."""
    cdef Outline outline
    import_numpy()
    dtype = take_dtype(reader, 0)
    take_outline(reader, &outline)
    take_elements(reader, fetches, &outline, dtype)
    return dtype, shape_of(&outline), "F" if outline.fortran else "C"
