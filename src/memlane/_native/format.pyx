# cython: freethreading_compatible=True
"""Formats between Python and the library."""

from cpython.mem cimport PyMem_Free, PyMem_Malloc

from memlane._native.error cimport check
from memlane._native.library cimport (
    MEMLANE_STRUCT,
    memlane_code_name,
    memlane_error,
    memlane_field,
    memlane_format_count,
    memlane_format_create,
    memlane_format_field,
    memlane_format_size,
    memlane_status,
)
from memlane.codec.fields import Field, Layout

# Type -> code: the library knows the names.
cdef dict CODES = {memlane_code_name(code).decode(): code for code in range(1, MEMLANE_STRUCT + 1)}


def type_names():
    """Name the types of fields in the order of their codes."""
    return list(CODES)


cdef memlane_format* make_format(object layout, str label) except NULL:
    """Make the library's form of a layout."""
    cdef memlane_format* made = NULL
    cdef memlane_error error
    cdef memlane_status status
    cdef Py_ssize_t count = len(layout.fields)
    cdef Py_ssize_t index
    paths = [field.path.encode("utf-8", "surrogatepass") for field in layout.fields]
    cdef memlane_field* fields = <memlane_field*>PyMem_Malloc(max(count, 1) * sizeof(memlane_field))
    if fields == NULL:
        raise MemoryError
    try:
        for index in range(count):
            field = layout.fields[index]
            if b"\0" in paths[index]:
                raise ValueError(f"{label}: the field `{field.path}` has a NUL in its name")
            fields[index].path = paths[index]
            fields[index].offset, fields[index].size = field.offset, field.size
            fields[index].count, fields[index].code = field.count, CODES[field.type]
        status = memlane_format_create(&made, layout.size, fields, count, &error)
        check(status, &error)
    finally:
        PyMem_Free(fields)
    return made


cdef object layout_of(const memlane_format* format):
    """Give the layout of the library's format."""
    cdef const memlane_field* field
    cdef size_t index
    found = []
    for index in range(memlane_format_count(format)):
        field = memlane_format_field(format, index)
        name = memlane_code_name(field.code).decode()
        found.append(Field(field.path.decode(), field.offset, field.size, field.count, name))
    return Layout(memlane_format_size(format), tuple(found))
