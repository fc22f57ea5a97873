"""A Smart Device message."""

cdef class Message:
    cdef readonly bytes payload
    cdef readonly int code


cdef Message make_message(int code, bytes payload)
