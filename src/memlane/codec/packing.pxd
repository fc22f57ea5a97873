"""Structs and arrays: from Python to bytes, and back."""

from memlane.codec.member cimport Member

# `base` is where the struct or element begins that the member is in.
cdef int put_member(Member member, object value, unsigned char* base) except -1
cdef object take_member(Member member, const unsigned char* base)
