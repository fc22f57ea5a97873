"""One endpoint of a function, for both sides: who calls and who serves."""

from libc.stdint cimport uint32_t, uint64_t

from memlane._native.endpoint cimport Endpoint
from memlane._native.library cimport memlane_answer, memlane_call, memlane_function
from memlane.codec.structure cimport Structure

# How long to look for what may come at once, with the GIL held: giving it up and taking it back costs 100 ns, and a
# response can take less than a microsecond.
cdef uint64_t GLANCE_NS
# Each chunk ends with a look at pending signals: the kernel may deliver one to another thread than the waiting one.
cdef uint64_t CHUNK_NS

cdef class Function(Endpoint):
    cdef memlane_function* handle
    # None: by rule 11; True: always; False: never.
    cdef object allow_pickle
    # What arguments and results are exactly the bytes of; None: values of any type.
    cdef Structure arguments
    cdef Structure result

    cdef int learn(self) except -1
    cdef int check_open(self) except -1
    # Loads a pickle where that is allowed; any other value is what it is.
    cdef object unpickled(self, uint32_t content, object value)
    cdef int refuse_pickle(self, str reason) except -1

# A thread that runs callbacks, and goes on serving while one of them waits (D29).
cdef class Shift:
    # In which generation of processes it began: a child that was forked in a callback does not serve its parent's
    # dispatcher.
    cdef uint64_t born

    # Serves until the call is over or the deadline has passed.
    cdef int serve_until(self, memlane_call* awaited, uint64_t deadline) except -1

# The shift of this thread, or None.
cdef Shift current_shift()
cdef int begin_shift(Shift shift) except -1
cdef int end_shift(Shift former) except -1
