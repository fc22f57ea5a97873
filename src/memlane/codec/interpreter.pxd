"""What the codec asks of CPython that Cython's own declarations lack."""

from cpython.ref cimport PyObject


cdef extern from *:
    """
    #ifdef Py_GIL_DISABLED
    #define MEMLANE_FREE_THREADED 1
    #else
    #define MEMLANE_FREE_THREADED 0
    #endif

    /* Strings from old C extensions may not have been laid out yet before 3.12. */
    #if PY_VERSION_HEX < 0x030C0000
    #define MEMLANE_TEXT_READY(text) PyUnicode_READY(text)
    #else
    #define MEMLANE_TEXT_READY(text) 0
    #endif
    """
    # A constant: the compiler drops the other branch.
    const bint FREE_THREADED "MEMLANE_FREE_THREADED"
    int make_text_ready "MEMLANE_TEXT_READY" (object text) except -1
    int leading_zeros "__builtin_clzll" (unsigned long long value) nogil


cdef extern from "Python.h":
    bint PyUnicode_IS_ASCII(object text)
    int PyUnicode_KIND(object text)
    void* PyUnicode_DATA(object text)
    Py_ssize_t PyUnicode_GET_LENGTH(object text)
    # With and without Cython's check for an exception.
    object decode_utf8 "PyUnicode_DecodeUTF8" (const char* data, Py_ssize_t length, const char* errors)
    PyObject* PyUnicode_DecodeUTF8(const char* data, Py_ssize_t length, const char* errors)
    int PyUnicode_1BYTE_KIND
    int PyUnicode_2BYTE_KIND

    const char* PyBytes_AS_STRING(object value)
    Py_ssize_t PyBytes_GET_SIZE(object value)
    double PyFloat_AS_DOUBLE(object value)
    long long PyLong_AsLongLongAndOverflow(object value, int* overflow) except? -1

    Py_ssize_t PyList_GET_SIZE(object values)
    PyObject* PyList_GET_ITEM(object values, Py_ssize_t index)
    Py_ssize_t PyTuple_GET_SIZE(object values)
    PyObject* PyTuple_GET_ITEM(object values, Py_ssize_t index)
    Py_ssize_t PyDict_Size(object values)
    bint PyDict_Next(object values, Py_ssize_t* position, PyObject** key, PyObject** value)
    Py_buffer* PyMemoryView_GET_BUFFER(object view)
