# cython: freethreading_compatible=True
"""Structs and arrays: from Python to bytes, and back."""

from cpython.buffer cimport PyBUF_C_CONTIGUOUS, PyBUF_FORMAT, PyBuffer_Release, PyObject_CheckBuffer, PyObject_GetBuffer
from cpython.float cimport PyFloat_CheckExact
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.ref cimport Py_DECREF, Py_INCREF, PyObject
from libc.string cimport memcpy, strlen

from memlane.codec.interpreter cimport (
    FREE_THREADED,
    PyFloat_AS_DOUBLE,
    PyTuple_GET_ITEM,
    PyTuple_GET_SIZE,
)
from memlane.codec.member cimport (
    CODE_BOOL,
    CODE_CHAR,
    CODE_COMPLEX64,
    CODE_COMPLEX128,
    CODE_FLOAT16,
    CODE_FLOAT64,
    CODE_INT8,
    CODE_STRUCT,
    CODE_UINT8,
    CODE_UINT64,
    where,
)
from memlane.codec.scalar cimport put_scalar, refuse_type, take_scalar

cdef extern from "Python.h":
    object PyObject_Vectorcall(object callable, PyObject** arguments, size_t count, PyObject* keywords)

cdef enum:
    # Parts of a struct whose values are gathered on the stack. Arbitrary: more are gathered on the heap.
    STACK_PARTS = 32


cdef inline Member part_of(Member member, Py_ssize_t index):
    return <Member><object>PyTuple_GET_ITEM(member.parts, index)


cdef inline bint is_array(Member member) noexcept:
    return PyTuple_GET_SIZE(member.shape) != 0


# Structs to bytes ------------------------------------------------------------------------------------------


cdef inline object attribute_of(Member member, object value, Py_ssize_t index):
    """Give a part of an object of the member's class, from where the object keeps it."""
    cdef PyObject** place
    if not FREE_THREADED and member.places[index] != 0:
        place = <PyObject**>(<char*><PyObject*>value + member.places[index])
        if place[0] != NULL:
            return <object>place[0]
    return getattr(value, part_of(member, index).name)


cdef int put_object(Member member, object value, unsigned char* base) except -1:
    cdef Py_ssize_t index
    cdef Member part
    cdef double number
    for index in range(PyTuple_GET_SIZE(member.parts)):
        part = part_of(member, index)
        item = attribute_of(member, value, index)
        if part.code == CODE_FLOAT64 and PyFloat_CheckExact(item) and not is_array(part):
            number = PyFloat_AS_DOUBLE(item)
            memcpy(base + part.offset, &number, sizeof(number))
        else:
            put_member(part, item, base)
    return 0


cdef int put_dict(Member member, object value, unsigned char* base) except -1:
    cdef Member part
    for name in value:
        if name not in member.by_name:
            raise ValueError(f"{where(member)}: there is no field {name!r}; its fields are {', '.join(member.by_name)}")
    for part in member.parts:
        if part.name not in value:
            raise ValueError(f"{where(member)}: field `{part.name}` is missing: a struct is written whole")
        put_member(part, value[part.name], base)
    return 0


cdef int put_sequence(Member member, object values, unsigned char* base) except -1:
    cdef Py_ssize_t index
    if len(values) != PyTuple_GET_SIZE(member.parts):
        raise ValueError(
            f"{where(member)}: {len(values)} values for its {len(member.parts)} fields {', '.join(member.by_name)}"
        )
    for index in range(PyTuple_GET_SIZE(member.parts)):
        put_member(part_of(member, index), values[index], base)
    return 0


cdef int put_named(Member member, object value, unsigned char* base) except -1:
    """Store a scalar of a structured dtype, or an object of a class derived from the member's."""
    cdef Py_ssize_t index
    if member.form is not None and isinstance(value, member.form):
        for index in range(PyTuple_GET_SIZE(member.parts)):
            put_member(part_of(member, index), getattr(value, part_of(member, index).name), base)
        return 0
    names = getattr(getattr(value, "dtype", None), "names", None)
    if names is not None and getattr(value, "shape", None) == ():
        return put_dict(member, {name: value[name] for name in names}, base)
    # Each class of ctypes has its own fields; those of its bases come before them.
    fields = [field[0] for owner in type(value).__mro__ for field in owner.__dict__.get("_fields_", ())]
    if fields:
        return put_dict(member, {name: getattr(value, name) for name in fields}, base)
    return refuse_type(member, value)


cdef int put_struct(Member member, object value, unsigned char* base) except -1:
    if member.form is not None and type(value) is member.form:
        return put_object(member, value, base)
    if isinstance(value, dict):
        return put_dict(member, value, base)
    if isinstance(value, (tuple, list)):
        return put_sequence(member, value, base)
    return put_named(member, value, base)


# Arrays to bytes -------------------------------------------------------------------------------------------


cdef bint holds(Member member, const Py_buffer* buffer) noexcept:
    """Tell whether the elements of a buffer are those of the member, byte for byte."""
    cdef const char* form = buffer.format
    cdef char kind
    if form == NULL:
        return member.code == CODE_UINT8
    if buffer.itemsize != <Py_ssize_t>member.size or form[0] == b">" or form[0] == b"!":
        return False
    kind = form[strlen(form) - 1]
    if kind in b"bhilqn":
        return CODE_INT8 <= member.code <= CODE_UINT64 and not member.code & 1
    if kind in b"BHILQN":
        return CODE_INT8 <= member.code <= CODE_UINT64 and member.code & 1
    if kind in b"efd":
        is_complex = strlen(form) > 1 and form[strlen(form) - 2] == b"Z"
        if is_complex:
            return member.code == CODE_COMPLEX64 or member.code == CODE_COMPLEX128
        return CODE_FLOAT16 <= member.code <= CODE_FLOAT64
    return kind == b"?" and member.code == CODE_BOOL


cdef bint has_shape(Member member, const Py_buffer* buffer):
    """Tell whether a buffer has the array's dimensions; one declared without any takes all of its size."""
    if buffer.len != <Py_ssize_t>(member.size * member.count):
        return False
    if len(member.shape) == 1:
        return True
    return tuple([buffer.shape[axis] for axis in range(buffer.ndim)]) == member.shape


cdef bint put_buffer(Member member, object value, unsigned char* at) except -1:
    """Copy the elements of a buffer, if they are exactly those of the array."""
    cdef Py_buffer buffer
    try:
        PyObject_GetBuffer(value, &buffer, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT)
    except (BufferError, ValueError):
        return False
    try:
        if not holds(member, &buffer) or not has_shape(member, &buffer):
            return False
        memcpy(at, buffer.buf, buffer.len)
        return True
    finally:
        PyBuffer_Release(&buffer)


cdef object sequence_of(Member member, object value):
    """Give the elements of what is no list or tuple; texts and mappings are no arrays."""
    if hasattr(value, "tolist"):
        if len(member.shape) == 1 and getattr(value, "size", None) == member.count:
            return value.reshape(-1).tolist() if hasattr(value, "reshape") else value.tolist()
        return value.tolist()
    if not isinstance(value, (str, dict, set, frozenset)) and hasattr(value, "__len__"):
        return list(value)
    return refuse_type(member, value)


cdef unsigned char* put_level(Member member, object values, Py_ssize_t axis, unsigned char* at) except NULL:
    """Store one dimension of an array and those within it."""
    cdef bint is_last = axis + 1 == PyTuple_GET_SIZE(member.shape)
    if not isinstance(values, (list, tuple)):
        values = sequence_of(member, values)
        if not isinstance(values, list):
            refuse_type(member, values)
    if len(values) != member.shape[axis]:
        raise ValueError(
            f"{where(member)}: {len(values)} elements were given, {member.kind} takes"
            f" {' x '.join(map(str, member.shape))}"
        )
    for value in values:
        if not is_last:
            at = put_level(member, value, axis + 1, at)
            continue
        if member.code == CODE_STRUCT:
            put_struct(member, value, at)
        else:
            put_scalar(member, value, at)
        at += member.size
    return at


cdef int put_array(Member member, object value, unsigned char* at) except -1:
    if member.code < CODE_CHAR and PyObject_CheckBuffer(value) and put_buffer(member, value, at):
        return 0
    put_level(member, value, 0, at)
    return 0


cdef int put_member(Member member, object value, unsigned char* base) except -1:
    """Store a value, or say why it is none, and of which field."""
    if is_array(member):
        return put_array(member, value, base + member.offset)
    if member.code == CODE_STRUCT:
        return put_struct(member, value, base)
    return put_scalar(member, value, base + member.offset)


# From bytes ------------------------------------------------------------------------------------------------


cdef object take_object(Member member, const unsigned char* base):
    """Make an object of the member's class, as its constructor does."""
    cdef PyObject* inline_values[STACK_PARTS]
    cdef PyObject** values = inline_values
    cdef Py_ssize_t count = PyTuple_GET_SIZE(member.parts)
    cdef Py_ssize_t made = 0
    cdef Py_ssize_t positional = count
    cdef PyObject* keywords = NULL
    if member.keywords is not None:
        keywords = <PyObject*>member.keywords
        positional -= PyTuple_GET_SIZE(member.keywords)
    if count > STACK_PARTS:
        values = <PyObject**>PyMem_Malloc(count * sizeof(PyObject*))
        if values == NULL:
            raise MemoryError
    try:
        while made < count:
            item = take_member(part_of(member, made), base)
            Py_INCREF(item)
            values[made] = <PyObject*>item
            made += 1
        return PyObject_Vectorcall(member.form, values, positional, keywords)
    finally:
        while made > 0:
            made -= 1
            Py_DECREF(<object>values[made])
        if values != inline_values:
            PyMem_Free(values)


cdef object take_struct(Member member, const unsigned char* base):
    cdef Member part
    if member.form is not None:
        return take_object(member, base)
    value = {}
    for part in member.parts:
        value[part.name] = take_member(part, base)
    return value


cdef object take_array(Member member, const unsigned char* at):
    cdef size_t index
    if member.code == CODE_STRUCT:
        values = [take_struct(member, at + index * member.size) for index in range(member.count)]
    else:
        values = [take_scalar(member, at + index * member.size) for index in range(member.count)]
    return values if member.is_list else tuple(values)


cdef object take_member(Member member, const unsigned char* base):
    """Make a value of one's own."""
    if is_array(member):
        return take_array(member, base + member.offset)
    if member.code == CODE_STRUCT:
        return take_struct(member, base)
    return take_scalar(member, base + member.offset)
