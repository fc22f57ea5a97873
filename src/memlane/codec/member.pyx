# cython: freethreading_compatible=True
"""The parts of a struct: fields, and structs of fields."""

from cpython.mem cimport PyMem_Calloc, PyMem_Free
from cpython.ref cimport PyObject

from math import prod
from types import MemberDescriptorType

from memlane.codec import fields

cdef extern from "structmember.h":
    ctypedef struct PyMemberDef:
        Py_ssize_t offset

    ctypedef struct PyMemberDescrObject:
        PyMemberDef* d_member

# Type -> code: the types stand in the order of their codes.
cdef dict CODES = {name: code for code, name in enumerate(fields.SIZES, CODE_BOOL)}


cdef class Member:
    """A field, or a struct of fields."""

    def __dealloc__(self):
        PyMem_Free(self.places)


cdef object where(Member member):
    """Say what an error is about."""
    return f"{member.label}: field `{member.path}`" if member.path else member.label


cdef Py_ssize_t place_of(object form, str name) except -1:
    """Tell where objects of a class keep an attribute, or 0: the descriptor of a slot says it."""
    for owner in form.__mro__:
        descriptor = owner.__dict__.get(name)
        if type(descriptor) is MemberDescriptorType:
            return (<PyMemberDescrObject*><PyObject*>descriptor).d_member.offset
        if descriptor is not None:
            return 0
    return 0


cdef int set_form(Member member, object form) except -1:
    """Prepare for values that are objects of a class; without one they are dicts."""
    cdef Py_ssize_t index
    cdef Py_ssize_t count = len(member.parts)
    member.form = form
    if form is None:
        return 0
    member.places = <Py_ssize_t*>PyMem_Calloc(count, sizeof(Py_ssize_t))
    if member.places == NULL:
        raise MemoryError
    for index in range(count):
        member.places[index] = place_of(form, (<Member>member.parts[index]).name)
    keywords = tuple([name for name in form.__struct_fields__ if name not in form.__match_args__])
    member.keywords = keywords or None
    return 0


cdef int set_parts(Member member, object node, dict kinds, size_t origin) except -1:
    """Compile the parts of a struct that begins at `origin`."""
    form = kinds.get(node.path)
    if isinstance(form, tuple) and isinstance(form[0], type):
        # Of an array of structs: the class, and what the array is.
        form, member.is_list = form[0], form[1] is list
    if not isinstance(form, type):
        form = None
    parts = [make_part(part, kinds, member.label, origin) for part in node.parts.values()]
    member.parts = tuple(parts)
    member.by_name = {(<Member>part).name: part for part in parts}
    if form is not None:
        # The class takes them in its own order, those that are keywords last.
        member.parts = tuple([member.by_name[name] for name in form.__struct_fields__])
    return set_form(member, form)


cdef tuple shape_of(size_t count, object kind):
    """Give the dimensions of an array: as declared, or all in one; none for what is no array."""
    # Characters that became one text have lost theirs.
    if isinstance(kind, tuple) and isinstance(kind[0], int) and prod(kind) == count:
        return kind
    return () if count == 1 else (count,)


cdef Member make_part(object node, dict kinds, str label, size_t origin):
    """Compile a part of a struct that begins at `origin`."""
    cdef Member member = Member.__new__(Member)
    field = node.field
    kind = kinds.get(node.path)
    member.label, member.name, member.path = label, node.name, node.path
    # Where classes were declared, arrays are tuples unless they say otherwise.
    member.is_list = kind is list or not isinstance(kinds.get(""), type)
    member.count = 1 if field is None else field.count
    member.shape = shape_of(member.count, kind)
    member.kind = "a struct" if field is None else field.kind
    if member.shape and member.count == 1:
        member.kind += " in an array of one"
    if field is None:
        member.code = CODE_STRUCT
        set_parts(member, node, kinds, origin)
        return member
    member.code = CODES[field.type]
    member.offset, member.size = field.offset - origin, field.size
    member.is_text = kind is str
    if field.type == "struct":
        set_parts(member, node, kinds, field.offset)
    return member


cdef Member make_member(object node, dict kinds, str label, size_t size):
    """Compile the whole struct, of which `node` is the tree."""
    cdef Member member = make_part(node, kinds, label, 0)
    if node.field is None:
        member.size = size
    return member
