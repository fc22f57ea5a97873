"""The parts of a struct: fields, and structs of fields."""

from libc.stdint cimport uint32_t

cdef enum:
    # How each type of field is stored. docs/format/field-table.md has these numbers.
    CODE_BOOL = 1
    CODE_INT8 = 2
    CODE_UINT8 = 3
    CODE_INT16 = 4
    CODE_UINT16 = 5
    CODE_INT32 = 6
    CODE_UINT32 = 7
    CODE_INT64 = 8
    CODE_UINT64 = 9
    CODE_FLOAT16 = 10
    CODE_FLOAT32 = 11
    CODE_FLOAT64 = 12
    CODE_COMPLEX64 = 13
    CODE_COMPLEX128 = 14
    CODE_CHAR = 15
    CODE_WCHAR = 16
    CODE_BYTES = 17
    CODE_STRUCT = 18

cdef class Member:
    """A field, or a struct of fields. Never changes once it is made."""

    # Whose it is, for errors: "variable 'pose'".
    cdef str label
    cdef str name
    cdef str path
    # As C would write it.
    cdef str kind
    # CODE_STRUCT: `parts` are its fields. Others have none.
    cdef uint32_t code
    # From the beginning of the struct, or of the element of the array of structs that it is in.
    cdef size_t offset
    cdef size_t size
    cdef size_t count
    # Lengths of an array's dimensions; empty for what is no array.
    cdef tuple shape
    cdef tuple parts
    cdef dict by_name
    # The class of a struct's values, a msgspec.Struct; None: a dict.
    cdef object form
    # Names of the parts that the class takes by keyword only, the last ones; None: all by position.
    cdef tuple keywords
    # For each part, where objects of the class keep it: bytes from the object's beginning, 0 where that is unknown.
    cdef Py_ssize_t* places
    # str and not bytes; a list and not a tuple.
    cdef bint is_text
    cdef bint is_list

cdef Member make_member(object node, dict kinds, str label, size_t size)
cdef object where(Member member)
