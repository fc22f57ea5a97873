# cython: freethreading_compatible=True
"""What a forked child has of its own."""

cimport cython
from posix.unistd cimport getpid

cdef extern from "<pthread.h>" nogil:
    int pthread_atfork(void (*prepare)() noexcept, void (*parent)() noexcept, void (*child)() noexcept)

cdef extern from "pythread.h" nogil:
    unsigned long PyThread_get_thread_ident()  # which Cython's own declaration asks the interpreter's lock for


cdef void begin_generation() noexcept nogil:
    global generation, survivor, survives_since
    cdef unsigned long thread = PyThread_get_thread_ident()
    if survivor != thread:
        survivor = thread
        survives_since = generation
    generation += 1


# Not os.register_at_fork: what others registered before would run in the child before it is one.
if pthread_atfork(NULL, NULL, begin_generation) != 0:
    raise MemoryError("no memory for the handler of fork()")


@cython.final
@cython.auto_pickle(False)
cdef class Owner:
    """The process that made this; `process` is its number."""

    def __cinit__(self):
        self.born = generation
        self.process = getpid()

    @property
    def is_parent(self):
        """Whether that is a parent or an older ancestor, and this process was forked since."""
        return self.born != generation


@cython.final
@cython.auto_pickle(False)
cdef class PerProcess:
    """A value of each process: a forked child makes another one.

    What threads of its parent were doing with theirs at the fork, nobody would ever end in the child.
    """

    def __cinit__(self, make):
        self.make = make
        self.value = make()
        self.born = generation

    def here(self):
        """Return the value of this process. A block that forks gives back the lock that it took, on both sides."""
        with cython.critical_section(self):
            if self.born == generation:
                return self.value
        value = self.make()
        with cython.critical_section(self):
            if self.born != generation:  # else another thread of the child was faster: all get its value
                self.value, value = value, self.value  # the former goes at the end: that may run any code
                self.born = generation
            return self.value
