# cython: freethreading_compatible=True
"""A slot that is filled in place."""

cimport cython
from cpython.buffer cimport PyBuffer_FillInfo

from memlane import errors
from memlane._native.error cimport check
from memlane._native.library cimport (
    MEMLANE_TYPE_STRUCT,
    memlane_error,
    memlane_loan_commit,
    memlane_loan_drop,
    memlane_variable_hold,
    memlane_variable_release,
)
from memlane.codec.plain cimport (
    ENCODED,
    TOO_LARGE,
    Encoder,
    encode_plain,
    prefix_size,
    release_encoder,
    view_of,
    write_outline,
)


cdef class Loan:
    """A free slot of a variable, filled in a ``with`` block and published when it ends well.

    What the block is given must not be used after it: the slot belongs to the readers then.
    """

    def __cinit__(self):
        self.loan.variable = NULL
        self.held = NULL

    def __init__(self):
        raise TypeError("loans are made by HostVariable.loan()")

    def __dealloc__(self):
        if self.loan.variable != NULL:
            memlane_loan_drop(&self.loan)
        if self.held != NULL:
            memlane_variable_release(self.held)

    def __getbuffer__(self, Py_buffer* buffer, int flags):
        if self.loan.variable == NULL:
            raise errors.Closed("this loan is over: its value was published or dropped")
        PyBuffer_FillInfo(buffer, self, self.loan.bytes, <Py_ssize_t>self.payload_length, False, flags)
        with cython.critical_section(self):
            self.exports += 1

    def __releasebuffer__(self, Py_buffer* buffer):
        with cython.critical_section(self):
            self.exports -= 1

    cdef int finish(self, bint publish) except -1:
        cdef memlane_error error
        if self.loan.variable == NULL:
            raise errors.Closed("this loan is over: its value was published or dropped")
        if publish:
            return check(memlane_loan_commit(&self.loan, self.payload_length, self.content_type, NULL, &error), &error)
        memlane_loan_drop(&self.loan)
        return 0

    def __enter__(self):
        if self.target is not None or self.loan.variable == NULL:
            raise errors.Closed("this loan was entered before: take another one")
        self.target = self.place.over(self)
        return self.target

    def __exit__(self, kind, error, traceback):
        target, self.target = self.target, None
        try:
            self.revoke(target)
        except BufferError:
            self.finish(False)
            raise
        self.finish(kind is None)

    def revoke(self, target):
        """Take writing back from what the block was given, as far as Python can."""
        if self.place.dtype is not None:
            target.setflags(False)  # of `write`; by target.flags it takes six times as long
            return
        target.release()
        # A part of a memoryview shares its export, and does not keep it from being released.
        if self.exports > 0:
            raise BufferError(
                "parts of the loaned memory are still in use (slices, memoryviews, arrays over it), so nothing was"
                " published: release them before the end of the block"
            )


cdef int describe(memlane_loan* loan, object pattern, Encoder* encoder) except -1:
    cdef int outcome = encode_plain(encoder, pattern, <unsigned char*>loan.bytes, loan.capacity)
    if outcome == TOO_LARGE:
        raise errors.ValueTooLarge(
            f"a loan for this value takes {encoder.payload_length} bytes, at most max_size={loan.capacity} fit: ask for"
            " less, or memlane.unlink() the variable and create it with a larger max_size="
        )
    if outcome != ENCODED:
        raise TypeError("arrays of this dtype cannot be loaned: it holds Python objects")
    write_outline(encoder, <unsigned char*>loan.bytes)
    return 0


cdef Loan take_over(memlane_loan* loan):
    cdef Loan self = Loan.__new__(Loan)
    self.loan = loan[0]
    self.held = loan.variable
    memlane_variable_hold(self.held)
    return self


cdef Loan make_loan(memlane_loan* loan, object pattern):
    cdef Loan self = take_over(loan)
    cdef Encoder encoder
    cdef size_t length
    describe(loan, pattern, &encoder)
    self.content_type = encoder.content_type
    self.payload_length = encoder.payload_length
    release_encoder(&encoder)
    cdef const unsigned char* start = <const unsigned char*>loan.bytes
    length = prefix_size(self.content_type, start, self.payload_length)
    self.place = view_of(self.content_type, start, length, self.payload_length)
    return self


cdef Loan make_structure_loan(memlane_loan* loan, Structure structure):
    cdef Loan self = take_over(loan)
    self.content_type = MEMLANE_TYPE_STRUCT
    self.payload_length = structure.size
    self.place = structure.place
    return self
