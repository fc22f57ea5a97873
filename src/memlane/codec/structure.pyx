# cython: freethreading_compatible=True
"""Values of a fixed format: exactly the bytes of one struct."""

from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_FillInfo, PyBuffer_Release, PyObject_GetBuffer
from cpython.ref cimport PyObject
from libc.string cimport memset

import sys

from memlane.codec import adopted, fields
from memlane.codec.array cimport ArrayInterface, elements_of, interface_of, is_contiguous, new_array
from memlane.codec.dtype cimport import_numpy
from memlane.codec.member cimport make_member
from memlane.codec.packing cimport put_member, take_member
from memlane.errors import MissingDependency

cdef extern from "Python.h":
    ctypedef struct PyTypeObject:
        object (*tp_new)(PyTypeObject* form, object arguments, PyObject* keywords)

cdef enum:
    # Types of values that an endpoint remembers. Arbitrary: programs write values of one or two.
    ACQUAINTED_LIMIT = 64


cdef object form_of(object value):
    """Give what a ctypes structure, or a value of a structured dtype, could have been declared by; None for others."""
    ctypes = sys.modules.get("ctypes")
    if ctypes is not None and isinstance(value, ctypes.Structure):
        return type(value)
    dtype = getattr(value, "dtype", None)
    if getattr(dtype, "names", None) is None:
        return None
    return (dtype, value.shape) if value.shape else dtype


cdef class Structure:
    """A format, as an endpoint has it: values are msgspec structs, or dicts."""

    cdef int hold(self, object value, Py_buffer* buffer) except -1:
        """Give the bytes of a value that has them all, in their places."""
        if type(value) is self.root.form or type(value) is dict or type(value) is tuple:
            return 0
        form = form_of(value)
        if form is None:
            return 0
        self.compare(form)
        return hold_array(value, buffer) if hasattr(value, "dtype") else hold_object(value, buffer)

    def compare(self, form):
        """Raise for a value whose bytes are others than these."""
        if form in self.acquainted:
            return
        from memlane.codec.declared import declared

        difference = fields.difference(declared(form).layout, self.layout)
        if difference is not None:
            raise TypeError(f"{self.root.label}: the value has another format than the object: {difference}")
        if len(self.acquainted) >= ACQUAINTED_LIMIT:
            self.acquainted.clear()
        self.acquainted[form] = True

    cdef int put(self, object value, unsigned char* out) except -1:
        """Write the struct, its padding as zeros."""
        memset(out, 0, self.size)
        return put_member(self.root, value, out)

    cdef object take(self, const unsigned char* source):
        """Make a value of one's own."""
        return take_member(self.root, source)


cdef int hold_object(object value, Py_buffer* buffer) except -1:
    PyObject_GetBuffer(value, buffer, PyBUF_SIMPLE)
    return 1


cdef int hold_array(object value, Py_buffer* buffer) except -1:
    """Point to the elements of an array or of a scalar; those that have gaps are copied first."""
    cdef ArrayInterface* interface
    capsule = value.__array_struct__
    interface = interface_of(capsule)
    if not is_contiguous(interface, False):
        capsule = value.copy("C").__array_struct__
        interface = interface_of(capsule)
    # The capsule keeps the array; it exports no buffer itself, so that the release only lets go of it.
    PyBuffer_FillInfo(buffer, capsule, interface.data, 0, True, PyBUF_SIMPLE)
    return 1


# ctypes ----------------------------------------------------------------------------------------------------


cdef class ObjectStructure(Structure):
    """Values are objects of a ctypes.Structure class."""

    cdef int hold(self, object value, Py_buffer* buffer) except -1:
        if type(value) is self.form:
            return hold_object(value, buffer)
        return Structure.hold(self, value, buffer)

    cdef object take(self, const unsigned char* source):
        cdef Py_buffer buffer
        # As from_buffer_copy does: what the class's __init__ would fill in is there already.
        value = (<PyTypeObject*>self.form).tp_new(<PyTypeObject*>self.form, (), NULL)
        PyObject_GetBuffer(value, &buffer, PyBUF_WRITABLE)
        cdef size_t size = buffer.len
        if size == self.size:
            copy_bytes(buffer.buf, source, size)
        PyBuffer_Release(&buffer)
        if size != self.size:
            raise TypeError(f"{self.root.label}: {self.form.__name__}.__new__ gives something of {size} bytes")
        return value


# numpy -----------------------------------------------------------------------------------------------------


cdef class ArrayStructure(Structure):
    """Values are arrays, or scalars where the dtype has no shape."""

    cdef object dtype
    cdef tuple shape

    cdef int hold(self, object value, Py_buffer* buffer) except -1:
        dtype = getattr(value, "dtype", None)
        if dtype is not None and dtype == self.dtype and value.shape == self.shape:
            return hold_array(value, buffer)
        return Structure.hold(self, value, buffer)

    cdef int put(self, object value, unsigned char* out) except -1:
        shape = getattr(value, "shape", None)
        if self.shape and shape is not None and shape != self.shape:
            raise ValueError(f"{self.root.label}: an array of shape {shape} was given, its values have {self.shape}")
        return Structure.put(self, value, out)

    cdef object take(self, const unsigned char* source):
        array = new_array(self.shape, self.dtype, False)
        copy_bytes(elements_of(array), source, self.size)
        return array if self.shape else array[()]


# Making them -----------------------------------------------------------------------------------------------


cdef int fill(Structure structure, object layout, object form, dict kinds, str label) except -1:
    structure.size = layout.size
    structure.layout = layout
    structure.form = form
    structure.acquainted = {}
    structure.root = make_member(fields.tree(layout.fields), kinds, label, layout.size)
    structure.place = View.__new__(View)
    structure.place.length = layout.size
    return 0


cdef Structure array_structure(object layout, object dtype, dict kinds, str label):
    cdef ArrayStructure structure = ArrayStructure.__new__(ArrayStructure)
    fill(structure, layout, dtype, kinds, label)
    structure.copies = True
    structure.dtype, structure.shape = dtype.base, dtype.shape
    structure.place.dtype, structure.place.shape, structure.place.order = dtype.base, dtype.shape, "C"
    return structure


cdef Structure declare(object data_format, str label):
    """Make a format of what a caller declared."""
    from memlane.codec.declared import declared

    cdef Structure structure
    declaration = declared(data_format)
    if declaration.library == "numpy":
        import_numpy()
        return array_structure(declaration.layout, declaration.form, declaration.kinds, label)
    structure = (
        ObjectStructure.__new__(ObjectStructure) if declaration.library == "ctypes" else Structure.__new__(Structure)
    )
    structure.copies = declaration.library == "ctypes"
    fill(structure, declaration.layout, declaration.form, declaration.kinds, label)
    return structure


cdef Structure plain_structure(object layout, str label):
    cdef Structure structure = Structure.__new__(Structure)
    fill(structure, layout, None, {}, label)
    return structure


cdef Structure adopt(object layout, str label):
    """Make a format of what was found: values are numpy's, or plain ones where it is missing."""
    try:
        numpy = import_numpy()
        dtype = adopted.dtype_of(numpy, layout)
    except (MissingDependency, TypeError, ValueError, OverflowError):
        # Without numpy, or beyond what it can say: its dtypes are smaller than 2 GiB, for one thing.
        return plain_structure(layout, label)
    return array_structure(layout, dtype, {}, label)
