"""What lies where in the record of a buffer, and how values become bytes."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

cdef enum:
    HEAD_SIZE = 8
    STATE_SIZE = 40
    COUNTS_START = HEAD_SIZE + STATE_SIZE
    PARAMETERS_MAXIMUM = 16


# What a Smart Device's buffer keeps beside the values; bit i is the parameter with id i.
cdef packed struct State:
    double last_write
    double last_update
    uint64_t random
    uint16_t device_id
    uint16_t interval
    uint16_t subscription
    uint16_t reads
    uint16_t writes
    uint16_t updates
    uint8_t year
    uint8_t[3] reserved


# How often a parameter was set, and how often a write or read of it was requested, modulo 2^32.
cdef packed struct Counts:
    uint32_t sets
    uint32_t requests


cdef class Field:
    cdef readonly str name
    cdef readonly object param
    # A letter of the module struct, or 0 where only ctypes knows the type.
    cdef int code
    cdef object ctype
    cdef readonly int size
    # Where the value lies in the record, -1: not there.
    cdef readonly int update_offset
    cdef readonly int write_offset
    cdef readonly int position
    cdef uint16_t bit
    cdef bint is_real
    cdef double lower
    cdef double upper

    cdef object decode(self, const unsigned char* content)
    cdef int encode(self, object value, unsigned char* content) except -1
    cdef int encode_number(self, object value, unsigned char* content) except -1
    cdef object clamped(self, object value)


cdef class Layout:
    cdef readonly str type_name
    cdef readonly tuple params
    cdef readonly dict fields
    cdef readonly list by_position
    # By id, None where there is no such parameter; of Smart Devices.
    cdef readonly list by_id
    cdef readonly dict extra
    cdef readonly int size
    cdef readonly bytes schema
    cdef readonly bint is_device
    cdef uint16_t readable
    cdef uint16_t writeable

    cdef Field readable_field(self, object name)
    cdef Field writeable_field(self, object name)


cdef inline State* state_of(unsigned char* record) noexcept nogil:
    return <State*>(record + HEAD_SIZE)


cdef inline Counts* counts_of(unsigned char* record, int position) noexcept nogil:
    return <Counts*>(record + COUNTS_START) + position
