# cython: freethreading_compatible=True
"""One element of a field: from Python to bytes, and back. Nothing is wrapped, cut or rounded to infinity."""

from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.float cimport PyFloat_FromDouble
from libc.math cimport isinf
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memchr, memcpy, memset

import sys

from memlane import errors
from memlane.codec.interpreter cimport PyBytes_AS_STRING, PyBytes_GET_SIZE, PyLong_AsLongLongAndOverflow
from memlane.codec.member cimport (
    CODE_BOOL,
    CODE_BYTES,
    CODE_CHAR,
    CODE_COMPLEX64,
    CODE_COMPLEX128,
    CODE_FLOAT16,
    CODE_FLOAT32,
    CODE_FLOAT64,
    CODE_INT8,
    CODE_UINT64,
    CODE_WCHAR,
    where,
)

cdef extern from "Python.h":
    double PyFloat_AsDouble(object value) except? -1.0
    object PyNumber_Index(object value)
    unsigned long long PyLong_AsUnsignedLongLong(object value) except? -1

cdef enum:
    WCHAR_SIZE = 4


cdef int refuse_type(Member member, object value) except -1:
    raise TypeError(f"{where(member)}: {member.kind} is needed, not {type(value).__name__}")


cdef int refuse_range(Member member, object value) except -1:
    raise ValueError(f"{where(member)}: {value!r:.60} is out of range for {member.kind}")


# Numbers ---------------------------------------------------------------------------------------------------


cdef double as_double(Member member, object value) except? -1.0:
    try:
        return PyFloat_AsDouble(value)
    except OverflowError:
        refuse_range(member, value)
    except TypeError:
        refuse_type(member, value)


cdef int put_float(Member member, object value, unsigned char* at) except -1:
    cdef double wide = as_double(member, value)
    cdef float narrow
    if member.code == CODE_FLOAT64:
        memcpy(at, &wide, sizeof(wide))
        return 0
    narrow = <float>wide
    if isinf(narrow) and not isinf(wide):
        refuse_range(member, value)
    memcpy(at, &narrow, sizeof(narrow))
    return 0


cdef int put_half(Member member, object value, unsigned char* at) except -1:
    # Only the standard library knows how to round these; nobody is in a hurry with them.
    import _struct

    cdef double wide = as_double(member, value)
    try:
        memcpy(at, PyBytes_AS_STRING(_struct.pack("<e", wide)), 2)
    except OverflowError:
        refuse_range(member, value)
    return 0


cdef int put_complex(Member member, object value, unsigned char* at) except -1:
    cdef double[2] wide
    cdef float[2] narrow
    try:
        number = complex(value) if not isinstance(value, str) else None
    except (TypeError, ValueError):
        number = None
    if number is None:
        refuse_type(member, value)
    wide[0], wide[1] = number.real, number.imag
    if member.code == CODE_COMPLEX128:
        memcpy(at, wide, sizeof(wide))
        return 0
    narrow[0], narrow[1] = <float>wide[0], <float>wide[1]
    if (isinf(narrow[0]) and not isinf(wide[0])) or (isinf(narrow[1]) and not isinf(wide[1])):
        refuse_range(member, value)
    memcpy(at, narrow, sizeof(narrow))
    return 0


cdef int put_unsigned(Member member, object value, unsigned char* at) except -1:
    cdef uint64_t number
    try:
        number = PyLong_AsUnsignedLongLong(value)
    except OverflowError:
        refuse_range(member, value)
    if member.size < 8 and number >> (8 * member.size):
        refuse_range(member, value)
    memcpy(at, &number, member.size)
    return 0


cdef int put_integer(Member member, object value, unsigned char* at) except -1:
    cdef int overflow = 0
    cdef long long number, high
    if type(value) is not int:
        try:
            value = PyNumber_Index(value)
        except TypeError:
            refuse_type(member, value)
    # Codes of unsigned integers are odd.
    if member.code & 1:
        return put_unsigned(member, value, at)
    number = PyLong_AsLongLongAndOverflow(value, &overflow)
    high = <long long>(<uint64_t>~<uint64_t>0 >> (65 - 8 * member.size))
    if overflow or number > high or number < -high - 1:
        refuse_range(member, value)
    memcpy(at, &number, member.size)
    return 0


cdef int put_bool(Member member, object value, unsigned char* at) except -1:
    numpy = sys.modules.get("numpy")
    if value is not True and value is not False and (numpy is None or not isinstance(value, numpy.bool_)):
        refuse_type(member, value)
    at[0] = 1 if value else 0
    return 0


# Texts -----------------------------------------------------------------------------------------------------


cdef bytes encoded_text(Member member, object value):
    if member.code == CODE_WCHAR:
        if not isinstance(value, str):
            refuse_type(member, value)
        return value.encode("utf-32-le", "surrogatepass")
    if member.is_text:
        if not isinstance(value, str):
            refuse_type(member, value)
        return value.encode("utf-8", "surrogateescape")
    if not isinstance(value, (bytes, bytearray, memoryview)):
        refuse_type(member, value)
    return bytes(value)


cdef int put_text(Member member, object value, unsigned char* at) except -1:
    """Store a text, with zeros behind it; without any where it fills its field, as C's strncpy does."""
    cdef bytes text = encoded_text(member, value)
    cdef size_t length = PyBytes_GET_SIZE(text)
    if length > member.size or (member.code == CODE_BYTES and length != member.size):
        unit = WCHAR_SIZE if member.code == CODE_WCHAR else 1
        rule = "exactly" if member.code == CODE_BYTES else "at most"
        raise ValueError(
            f"{where(member)}: {length // unit} {'characters' if unit > 1 else 'bytes'} do not fit {member.kind},"
            f" which takes {rule} {member.size // unit}"
        )
    if member.code != CODE_BYTES and (("\0" in value) if isinstance(value, str) else (b"\0" in text)):
        raise ValueError(
            f"{where(member)}: the text holds a NUL, which would end it for its readers: declare bytes of a fixed size"
        )
    memcpy(at, PyBytes_AS_STRING(text), length)
    memset(at + length, 0, member.size - length)
    return 0


cdef object take_text(Member member, const unsigned char* at):
    cdef const unsigned char* end = <const unsigned char*>memchr(at, 0, member.size)
    text = PyBytes_FromStringAndSize(<const char*>at, member.size if end == NULL else end - at)
    return text.decode("utf-8", "surrogateescape") if member.is_text else text


cdef object take_wide_text(Member member, const unsigned char* at):
    cdef size_t length = 0
    cdef uint32_t character = 1
    while length < member.size:
        memcpy(&character, at + length, WCHAR_SIZE)
        if character == 0:
            break
        length += WCHAR_SIZE
    try:
        return PyBytes_FromStringAndSize(<const char*>at, length).decode("utf-32-le", "surrogatepass")
    except UnicodeDecodeError as error:
        raise errors.Corrupted(f"{where(member)} holds characters that do not exist: write it again") from error


# Both ways -------------------------------------------------------------------------------------------------


cdef int put_scalar(Member member, object value, unsigned char* at) except -1:
    """Store one element, or say why the value is none."""
    cdef uint32_t code = member.code
    if code == CODE_FLOAT64 or code == CODE_FLOAT32:
        return put_float(member, value, at)
    if CODE_INT8 <= code <= CODE_UINT64:
        return put_integer(member, value, at)
    if code >= CODE_CHAR:
        return put_text(member, value, at)
    if code == CODE_BOOL:
        return put_bool(member, value, at)
    if code == CODE_FLOAT16:
        return put_half(member, value, at)
    return put_complex(member, value, at)


cdef inline object take_half(const unsigned char* at):
    import _struct

    return _struct.unpack("<e", PyBytes_FromStringAndSize(<const char*>at, 2))[0]


cdef object take_other(Member member, const unsigned char* at):
    cdef double[2] wide
    cdef float[2] narrow
    cdef uint32_t code = member.code
    if code == CODE_CHAR:
        return take_text(member, at)
    if code == CODE_WCHAR:
        return take_wide_text(member, at)
    if code == CODE_BYTES:
        return PyBytes_FromStringAndSize(<const char*>at, member.size)
    if code == CODE_FLOAT16:
        return take_half(at)
    if code == CODE_COMPLEX64:
        memcpy(narrow, at, sizeof(narrow))
        return complex(narrow[0], narrow[1])
    memcpy(wide, at, sizeof(wide))
    return complex(wide[0], wide[1])


cdef object take_scalar(Member member, const unsigned char* at):
    """Make one element."""
    cdef uint32_t code = member.code
    cdef double wide
    cdef float narrow
    cdef int64_t signed_number = 0
    cdef uint64_t number = 0
    if code == CODE_FLOAT64:
        memcpy(&wide, at, sizeof(wide))
        return PyFloat_FromDouble(wide)
    if code == CODE_FLOAT32:
        memcpy(&narrow, at, sizeof(narrow))
        return PyFloat_FromDouble(narrow)
    if CODE_INT8 <= code <= CODE_UINT64:
        memcpy(&number, at, member.size)
        if code & 1:
            return number
        # The sign is moved to the highest bit, and back with its copies.
        signed_number = <int64_t>(number << (64 - 8 * member.size)) >> (64 - 8 * member.size)
        return signed_number
    if code == CODE_BOOL:
        return at[0] != 0
    return take_other(member, at)
