# cython: freethreading_compatible=True
"""What lies where in the record of a buffer, and how values become bytes.

The record: head (valid, owner), state of a Smart Device, counts of each parameter, the update block, the write block,
and the extra fields. Packed, little-endian.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.math cimport isinf
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t
from libc.string cimport memcpy

import ctypes
import operator

from memlane.errors import DeviceBufferError

cdef enum:
    LONGEST_SHOWN_BITS = 256

# Letters of ctypes and struct, by signedness and width.
cdef dict SIGNED = {1: b"b", 2: b"h", 4: b"i", 8: b"q"}
cdef dict UNSIGNED = {1: b"B", 2: b"H", 4: b"I", 8: b"Q"}


cdef int code_of(object ctype):
    """Return one letter for each kind of scalar that is handled here, 0 for all else."""
    letter = getattr(ctype, "_type_", None)
    if not isinstance(letter, str):
        return 0
    if letter in "?cfd":
        return ord(letter)
    size = ctypes.sizeof(ctype)
    if letter in "bhilq":
        return SIGNED[size][0]
    return UNSIGNED[size][0] if letter in "BHILQ" else 0


cdef object plain(object value):
    """Return the lists and scalars of a ctypes value, all its own."""
    if isinstance(value, ctypes.Array):
        # Text is one value, up to its first NUL, as fields of ctypes structures are.
        return value.value if value._type_ in (ctypes.c_char, ctypes.c_wchar) else [plain(item) for item in value]
    return value


cdef object fill(object target, object value, str name):
    """Assign to a ctypes array, item by item, without the wrapping that ctypes allows."""
    cdef Field field
    if target._type_ in (ctypes.c_char, ctypes.c_wchar):
        expected = (bytes, bytearray) if target._type_ is ctypes.c_char else str
        if not isinstance(value, expected):
            kind = "bytes" if target._type_ is ctypes.c_char else "str"
            raise TypeError(f"parameter {name!r} is {kind} of {len(target)}, not {type(value).__name__}")
        if len(value) > len(target):
            raise ValueError(f"parameter {name!r} holds {len(target)} characters, not {len(value)}")
        target.value = bytes(value) if target._type_ is ctypes.c_char else value
        return
    if isinstance(value, (str, dict, set)) or not hasattr(value, "__len__"):
        raise TypeError(f"parameter {name!r} is a sequence of {len(target)}, not {type(value).__name__}")
    if len(value) != len(target):
        raise ValueError(f"parameter {name!r} has {len(target)} items, not {len(value)}")
    if issubclass(target._type_, ctypes.Array):
        for item, part in zip(target, value):
            fill(item, part, name)
        return
    field = Field.__new__(Field)
    field.describe(name, target._type_)
    for index, item in enumerate(value):
        target[index] = field.checked(item)


@cython.final
@cython.auto_pickle(False)
cdef class Field:
    """One parameter in the record, or one extra field."""

    def describe(self, str name, ctype):
        """Say what it is called and of which type."""
        self.name = name
        self.ctype = ctype
        self.code = code_of(ctype)
        self.size = ctypes.sizeof(ctype)
        self.update_offset = self.write_offset = -1

    def checked(self, value):
        """Return what a value is after it went into the record and came out again."""
        cdef unsigned char[16] content
        self.encode(value, content)
        return self.decode(content)

    cdef object decode(self, const unsigned char* content):
        cdef float single
        cdef double number
        cdef int16_t i16
        cdef int32_t i32
        cdef int64_t i64
        cdef uint16_t u16
        cdef uint32_t u32
        cdef uint64_t u64
        if self.code == c"f":
            memcpy(&single, content, 4)
            return <double>single
        if self.code == c"?":
            return content[0] != 0
        if self.code == c"d":
            memcpy(&number, content, 8)
            return number
        if self.code == c"B":
            return content[0]
        if self.code == c"b":
            return <int8_t>content[0]
        if self.code == c"h":
            memcpy(&i16, content, 2)
            return i16
        if self.code == c"H":
            memcpy(&u16, content, 2)
            return u16
        if self.code == c"i":
            memcpy(&i32, content, 4)
            return i32
        if self.code == c"I":
            memcpy(&u32, content, 4)
            return u32
        if self.code == c"q":
            memcpy(&i64, content, 8)
            return i64
        if self.code == c"Q":
            memcpy(&u64, content, 8)
            return u64
        if self.code == c"c":
            return PyBytes_FromStringAndSize(<const char*>content, 1)
        value = self.ctype.from_buffer_copy(PyBytes_FromStringAndSize(<const char*>content, self.size))
        return plain(value) if isinstance(value, ctypes.Array) else value.value

    cdef int encode(self, object value, unsigned char* content) except -1:
        """Write the value's bytes. Nothing wraps around: what does not fit is an error."""
        cdef double number
        cdef float single
        if self.code == c"f" or self.code == c"d":
            if isinstance(value, (str, bytes, bytearray)):
                self.refuse_type("a number", value)
            try:
                number = value
            except OverflowError:
                self.refuse(value)
            except TypeError:
                self.refuse_type("a number", value)
            if self.code == c"d":
                memcpy(content, &number, 8)
                return 0
            single = <float>number
            if isinf(single) and not isinf(number):
                self.refuse(value)
            memcpy(content, &single, 4)
            return 0
        if self.code == c"?":
            if value is not True and value is not False and not (isinstance(value, int) and value in (0, 1)):
                if type(value).__name__ not in ("bool", "bool_"):
                    self.refuse_type("true or false", value)
            content[0] = bool(value)
            return 0
        if self.code == c"c":
            if not isinstance(value, (bytes, bytearray)) or len(value) != 1:
                self.refuse_type("one byte as bytes", value)
            content[0] = value[0]
            return 0
        if self.code == 0:
            self.encode_other(value, <uint64_t>content)
            return 0
        return self.encode_number(value, content)

    cdef int encode_number(self, object value, unsigned char* content) except -1:
        cdef object bits = 8 * self.size
        cdef bint is_signed = self.code in (c"b", c"h", c"i", c"q")
        try:
            index = operator.index(value)
        except TypeError:
            self.refuse_type("an integer", value)
        lowest = -1 << (bits - 1) if is_signed else 0
        if not lowest <= index < lowest + (1 << bits):
            self.refuse(value)
        cdef uint64_t word = index & 0xFFFFFFFFFFFFFFFF
        memcpy(content, &word, self.size)
        return 0

    def encode_other(self, value, uint64_t address):
        """Write what only ctypes knows: vectors, wide characters, long doubles."""
        target = self.ctype()
        if isinstance(target, ctypes.Array):
            fill(target, value, self.name)
        else:
            try:
                target.value = value
            except OverflowError:
                self.refuse(value)
            except TypeError:
                self.refuse_type("one character" if target._type_ == "u" else "a number", value)
        content = bytes(target)
        memcpy(<void*>address, PyBytes_AS_STRING(content), self.size)

    def refuse(self, value):
        """Raise for a value that its type cannot hold."""
        # Python refuses to write out a very long one.
        is_long = isinstance(value, int) and value.bit_length() > LONGEST_SHOWN_BITS
        shown = f"an integer of {value.bit_length()} bits" if is_long else repr(value)
        raise ValueError(f"parameter {self.name!r}: {shown} does not fit {self.ctype.__name__}: nothing was stored")

    def refuse_type(self, expected, value):
        """Raise for a value of the wrong type."""
        raise TypeError(f"parameter {self.name!r} is {expected}, not {type(value).__name__}: nothing was stored")

    cdef object clamped(self, object value):
        """Keep a floating-point number within the limits, with a warning where it was not."""
        cdef double number
        if not self.is_real or isinstance(value, (str, bytes, bytearray)):
            return value
        try:
            number = value
        except (TypeError, OverflowError):
            return value  # encoding says what is wrong
        return value if self.lower <= number <= self.upper else self.param.clamp(value)


@cython.final
@cython.auto_pickle(False)
cdef class Layout:
    """The layout of one type of buffer.

    Args:
        type_name: As the catalog has it.
        params: The parameters.
        widths: The C type of each, as the peripheral has it.
        specifiers: The same in words.
        extra: Names and C types of further fields.
        is_device: Whether it is a Smart Device's.
    """

    def __init__(self, str type_name, tuple params, list widths, list specifiers, list extra, bint is_device):
        cdef Field field
        self.type_name, self.params, self.is_device = type_name, params, is_device
        self.fields, self.by_position, self.by_id, self.extra = {}, [], [None] * PARAMETERS_MAXIMUM, {}
        lines = [f"type {type_name}"]
        cdef int at = COUNTS_START + len(params) * sizeof(Counts)
        for position, (param, ctype, specifier) in enumerate(zip(params, widths, specifiers)):
            field = Field.__new__(Field)
            field.describe(param.name, ctype)
            field.param, field.position = param, position
            field.is_real = field.code == c"f" or field.code == c"d"
            field.lower, field.upper = param.lower, param.upper
            access = " and ".join(
                word for word, given in (("readable", param.readable), ("writeable", param.writeable)) if given
            )
            lines.append(f"parameter {param.name!r}, id {param.id}: {specifier}, {access}")
            self.fields[param.name] = field
            self.by_position.append(field)
            if is_device:
                field.bit = 1 << param.id
                self.by_id[param.id] = field
                self.readable |= field.bit if param.readable else 0
                self.writeable |= field.bit if param.writeable else 0
        for field in self.by_position:
            if field.param.readable:
                field.update_offset = at
                at += field.size
        for field in self.by_position:
            if field.param.writeable:
                field.write_offset = at
                at += field.size
        for name, ctype in extra:
            field = Field.__new__(Field)
            field.describe(name, ctype)
            field.update_offset = at
            at += field.size
            self.extra[name] = field
            lines.append(f"field {name!r}: {ctype.__name__}")
        self.size = at
        self.schema = "\n".join(lines).encode()

    cdef Field readable_field(self, object name):
        field = self.fields.get(name)
        if field is None or (<Field>field).update_offset < 0:
            self.refuse(name, "readable")
        return <Field>field

    cdef Field writeable_field(self, object name):
        field = self.fields.get(name)
        if field is None or (<Field>field).write_offset < 0:
            self.refuse(name, "writeable")
        return <Field>field

    def refuse(self, name, str access):
        """Raise for a parameter that does not exist, or not for this access."""
        if name in self.fields:
            raise DeviceBufferError(f"{self.type_name}: parameter {name!r} is not {access}", param=name)
        known = ", ".join(self.fields) or "none"
        raise DeviceBufferError(f"{self.type_name} has no parameter {name!r}; it has: {known}", param=name)
