"""str as UTF-8 in which surrogates are code points like any other ("surrogatepass")."""

from cpython.exc cimport PyErr_Clear
from cpython.ref cimport Py_DECREF, PyObject
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

from memlane.codec.format cimport SHORT_TEXT_LIMIT, TAG_SHORT_TEXT, TAG_TEXT
from memlane.codec.interpreter cimport (
    PyUnicode_1BYTE_KIND,
    PyUnicode_2BYTE_KIND,
    PyUnicode_DATA,
    PyUnicode_DecodeUTF8,
    PyUnicode_GET_LENGTH,
    PyUnicode_IS_ASCII,
    PyUnicode_KIND,
    decode_utf8,
    make_text_ready,
)
from memlane.codec.reader cimport Reader, fail, take
from memlane.codec.writer cimport Writer, put_tag_and_length, reserve

ctypedef fused CodeUnit:
    uint8_t
    uint16_t
    uint32_t


cdef inline size_t utf8_length(const CodeUnit* units, Py_ssize_t count) noexcept nogil:
    cdef size_t length = <size_t>count
    cdef Py_ssize_t index
    for index in range(count):
        length += units[index] >= 0x80
        if CodeUnit is not uint8_t:
            length += units[index] >= 0x800
        if CodeUnit is uint32_t:
            length += units[index] >= 0x10000
    return length


cdef inline unsigned char* put_sequence(unsigned char* at, uint32_t first, uint32_t point, int count) noexcept nogil:
    """Write `first` and the low `count` groups of 6 bits of `point`."""
    cdef int index
    at[0] = <unsigned char>first
    for index in range(1, count + 1):
        at[index] = <unsigned char>(0x80 | ((point >> (6 * (count - index))) & 0x3F))
    return at + count + 1


cdef inline void put_utf8(unsigned char* at, const CodeUnit* units, Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t index
    cdef uint32_t point
    for index in range(count):
        point = units[index]
        if point < 0x80:
            at[0] = <unsigned char>point
            at += 1
        elif point < 0x800:
            at = put_sequence(at, 0xC0 | (point >> 6), point, 1)
        elif point < 0x10000:
            at = put_sequence(at, 0xE0 | (point >> 12), point, 2)
        else:
            at = put_sequence(at, 0xF0 | (point >> 18), point, 3)


cdef inline unsigned char* reserve_text(Writer* writer, size_t length) noexcept nogil:
    """Write what comes before `length` bytes of text, and give their place."""
    cdef unsigned char* at
    if length <= SHORT_TEXT_LIMIT:
        at = reserve(writer, 1 + length)
        if at == NULL:
            return NULL
        at[0] = <unsigned char>(TAG_SHORT_TEXT + length)
        return at + 1
    put_tag_and_length(writer, TAG_TEXT, length)
    return reserve(writer, length)


cdef inline void put_wide_text(Writer* writer, const CodeUnit* units, Py_ssize_t count) noexcept nogil:
    cdef unsigned char* at = reserve_text(writer, utf8_length(units, count))
    if at != NULL:
        put_utf8(at, units, count)


cdef inline int put_text(Writer* writer, object value) except -1:
    cdef size_t count
    cdef unsigned char* at
    cdef int kind
    make_text_ready(value)
    count = <size_t>PyUnicode_GET_LENGTH(value)
    if PyUnicode_IS_ASCII(value):
        at = reserve_text(writer, count)
        if at != NULL:
            memcpy(at, PyUnicode_DATA(value), count)
        return 0
    kind = PyUnicode_KIND(value)
    if kind == PyUnicode_1BYTE_KIND:
        put_wide_text[uint8_t](writer, <const uint8_t*>PyUnicode_DATA(value), count)
    elif kind == PyUnicode_2BYTE_KIND:
        put_wide_text[uint16_t](writer, <const uint16_t*>PyUnicode_DATA(value), count)
    else:
        put_wide_text[uint32_t](writer, <const uint32_t*>PyUnicode_DATA(value), count)
    return 0


cdef inline object refuse_text(const Reader* reader, const unsigned char* at, Py_ssize_t length):
    """Find out what is wrong with a text, after `PyErr_Clear`."""
    try:
        return decode_utf8(<const char*>at, length, b"surrogatepass")
    except UnicodeDecodeError as error:
        fail(reader, f"the last {length} bytes are not UTF-8: {error.reason}")


cdef inline object take_text(Reader* reader, uint64_t length):
    cdef const unsigned char* at = take(reader, length)
    # No try statement: it would cost more than the call.
    cdef PyObject* text = PyUnicode_DecodeUTF8(<const char*>at, <Py_ssize_t>length, b"surrogatepass")
    if text == NULL:
        PyErr_Clear()
        return refuse_text(reader, at, <Py_ssize_t>length)
    value = <object>text
    Py_DECREF(value)
    return value
