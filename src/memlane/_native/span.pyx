# cython: freethreading_compatible=True
"""Bytes of a channel, in place."""

cimport cython
from cpython.buffer cimport PyBuffer_FillInfo
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE

from memlane import errors
from memlane._native.error cimport check
from memlane._native.library cimport (
    MEMLANE_OK,
    memlane_channel_hold,
    memlane_channel_release,
    memlane_error,
    memlane_span_commit,
    memlane_span_drop,
    memlane_status,
)


cdef class Span:
    """Bytes of a channel in a ``with`` block: a good end publishes or consumes them, an exception leaves all as it was.

    What the block is given must not be used after it: the bytes belong to the other end then.
    """

    def __cinit__(self):
        self.span.channel = NULL
        self.held = NULL

    def __init__(self):
        raise TypeError("spans are made by Channel.reserve() and Channel.peek()")

    def __dealloc__(self):
        if self.span.channel != NULL:
            memlane_span_drop(&self.span)
        if self.held != NULL:
            memlane_channel_release(self.held)

    cdef bint is_open(self) noexcept:
        """Whether the bytes were not given back yet."""
        return self.span.channel != NULL or self.keeper is not None

    def __getbuffer__(self, Py_buffer* buffer, int flags):
        if not self.is_open():
            raise errors.Closed("these bytes of the channel were given back: ask for others")
        PyBuffer_FillInfo(buffer, self, self.start, <Py_ssize_t>self.length, self.is_read_only, flags)
        with cython.critical_section(self):
            self.exports += 1

    def __releasebuffer__(self, Py_buffer* buffer):
        with cython.critical_section(self):
            self.exports -= 1

    cdef int finish(self, bint commit) except -1:
        cdef memlane_error error
        cdef memlane_status status = MEMLANE_OK
        if self.span.channel != NULL:
            if commit:
                status = memlane_span_commit(&self.span, self.span.size, &error)
            else:
                memlane_span_drop(&self.span)
        if self.exports == 0 and self.held != NULL:
            memlane_channel_release(self.held)
            self.held = NULL
        try:
            check(status, &error)
            if commit and self.keeper is not None:
                self.keeper._consume_unread(self.length - self.span.size)
        finally:
            self.keeper = None  # not before: until then nobody else is shown what is consumed here
        return 0

    def __enter__(self):
        if self.target is not None or not self.is_open():
            raise errors.Closed("these bytes of the channel were in use before: ask for others")
        self.target = memoryview(self)
        return self.target

    def __exit__(self, kind, error, traceback):
        target, self.target = self.target, None
        try:
            target.release()
        except BufferError:
            self.finish(False)
            raise
        # A part of a memoryview shares its export, and does not keep it from being released.
        if self.exports > 0:
            self.finish(False)
            raise BufferError(
                "parts of the channel's bytes are still in use (slices, memoryviews, arrays over them), so nothing was"
                " published or consumed: release them before the end of the block"
            )
        self.finish(kind is None)


cdef Span make_span(memlane_span* span, bint is_read_only):
    cdef Span self = Span.__new__(Span)
    self.span = span[0]
    self.held = span.channel
    memlane_channel_hold(self.held)
    self.start = span.bytes
    self.length = span.size
    self.is_read_only = is_read_only
    return self


cdef Span make_kept_span(object keeper, bytes kept, memlane_span* behind):
    cdef bytes copy = kept if behind.channel == NULL else kept + (<const char*>behind.bytes)[:behind.size]
    cdef Span self = Span.__new__(Span) if behind.channel == NULL else make_span(behind, True)
    self.copy = copy
    self.keeper = keeper
    self.start = PyBytes_AS_STRING(copy)
    self.length = PyBytes_GET_SIZE(copy)
    self.is_read_only = True
    return self
