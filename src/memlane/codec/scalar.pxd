"""One element of a field: from Python to bytes, and back."""

from memlane.codec.member cimport Member

cdef int put_scalar(Member member, object value, unsigned char* at) except -1
cdef object take_scalar(Member member, const unsigned char* at)
cdef int refuse_type(Member member, object value) except -1
