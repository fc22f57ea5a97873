# cython: freethreading_compatible=True
"""Mutexes over any writable buffer."""

cimport cython
from cpython.buffer cimport PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.exc cimport PyErr_CheckSignals
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.stdint cimport uint32_t, uint64_t, uintptr_t

import errno

from memlane import errors
from memlane._native.deadline cimport deadline_of, monotonic_ns
from memlane._native.error cimport check
from memlane._native.flag cimport is_raised, raise_flag
from memlane._native.fork cimport generation
from memlane._native.library cimport *

# Each chunk ends with a look at pending signals: the kernel may deliver one to another thread than the waiting one.
cdef uint64_t CHUNK_NS = 50_000_000

SIZE = MEMLANE_SYNC_SIZE

cdef dict NUMBERS = {
    MEMLANE_INVALID_ARGUMENT: errno.EINVAL,
    MEMLANE_OWNERSHIP_LOST: errno.EPERM,
    MEMLANE_TIMEOUT: errno.ETIMEDOUT,
    MEMLANE_WOULD_DEADLOCK: errno.EDEADLK,
}


@cython.final
@cython.auto_pickle(False)
cdef class Participation:
    """The place of this process among the users of mutexes in one namespace."""

    cdef memlane_sync* handle
    cdef object __weakref__

    def __init__(self, bytes directory):
        cdef memlane_error error
        cdef memlane_status status
        cdef const char* path = directory
        if self.handle != NULL:
            raise RuntimeError("a place is taken once")
        with nogil:
            status = memlane_sync_open(&self.handle, path, &error)
        check(status, &error)

    def __dealloc__(self):
        memlane_sync_free(self.handle)


# Cleared as garbage, it would forget whose buffer it has, and that buffer would stay exported, or go while it is used.
@cython.no_gc_clear
@cython.auto_pickle(False)
cdef class Mutex:
    """The part of `memlane.sync.Mutex` that works on the memory."""

    cdef Py_buffer view
    cdef void* memory
    # Threads that wait for it: the last of them gives back the buffer of a mutex that was closed meanwhile.
    cdef uint32_t waiting
    cdef memlane_sync* sync
    cdef Participation participation
    cdef bint recursive
    cdef readonly bint recovered

    def _open(self, buf, Participation participation, bint recursive):
        """Take the memory. Without a participation the mutex is this process's alone."""
        if self.memory != NULL:
            raise RuntimeError("a mutex is opened once")
        try:
            PyObject_GetBuffer(buf, &self.view, PyBUF_WRITABLE)
        except BufferError as error:
            raise TypeError(f"a mutex needs a writable buffer, this {type(buf).__name__} is none: {error}") from error
        if self.view.len < MEMLANE_SYNC_SIZE or <uintptr_t>self.view.buf % sizeof(uint64_t) != 0:
            size, address = self.view.len, <uintptr_t>self.view.buf
            PyBuffer_Release(&self.view)
            raise ValueError(
                f"a mutex needs {MEMLANE_SYNC_SIZE} bytes at a multiple of 8, this buffer has {size} at {address:#x}"
            )
        self.memory = self.view.buf
        self.participation = participation
        self.sync = NULL if participation is None else participation.handle
        self.recursive = recursive

    def __dealloc__(self):
        PyBuffer_Release(&self.view)

    cdef int let_go(self) except -1:
        with cython.critical_section(self):
            if self.memory == NULL and self.waiting == 0:
                PyBuffer_Release(&self.view)
        return 0

    cdef int refuse_unopened(self) except -1:
        if self.memory == NULL:
            raise errors.Closed("this mutex is not open: it was closed, or its constructor failed")
        return 0

    def close(self):
        """Give the buffer back, once no thread waits here any more. What is held stays held; may be called twice."""
        with cython.critical_section(self):
            self.memory = NULL
        self.let_go()

    cdef int fail(self, memlane_status status, const memlane_error* error, object number=None) except -1:
        if status not in NUMBERS:
            return check(status, error)
        raise errors.SyncError(error.message.decode(), NUMBERS[status] if number is None else number)

    def initialize(self):
        """Make a mutex of the memory. Once, by whoever makes the memory, before anybody else uses it."""
        cdef memlane_error error
        with cython.critical_section(self):
            self.refuse_unopened()
            status = memlane_sync_initialise(self.sync, self.memory, self.recursive, &error)
        if status != MEMLANE_OK:
            self.fail(status, &error)

    def destroy(self):
        """Make the memory no mutex any more.

        Raises:
            SyncError: ``EBUSY``: it is held. ``EINVAL``: it is no mutex.
        """
        cdef memlane_error error
        with cython.critical_section(self):
            self.refuse_unopened()
            status = memlane_sync_destroy(self.sync, self.memory, &error)
        if status != MEMLANE_OK:
            self.fail(status, &error, errno.EBUSY if status == MEMLANE_TIMEOUT else None)

    cdef memlane_status wait(
        self, uint64_t deadline, c_bool* recovered, memlane_error* error, uint64_t owner=0, int* given_up=NULL
    ) except? MEMLANE_OK:
        """Wait for the mutex, for this thread or for an owner, until the deadline or until *given_up is not 0."""
        cdef memlane_status status
        cdef void* memory
        cdef uint64_t until = 0
        with cython.critical_section(self):
            self.refuse_unopened()
            memory = self.memory
            self.waiting += 1
        try:
            while True:
                with nogil:
                    until = 0 if deadline == 0 else min(deadline, monotonic_ns() + CHUNK_NS)
                    if owner == 0:
                        status = memlane_sync_acquire(self.sync, memory, until, recovered, error)
                    else:
                        status = memlane_sync_acquire_as(self.sync, memory, owner, until, recovered, error)
                if self.memory == NULL:
                    self.give_up(memory, status, owner)
                if status == MEMLANE_OK or (status == MEMLANE_TIMEOUT and until == deadline):
                    return status
                if status != MEMLANE_TIMEOUT and status != MEMLANE_INTERRUPTED:
                    return status
                if given_up != NULL and is_raised(given_up):
                    return MEMLANE_INTERRUPTED
                PyErr_CheckSignals()
        finally:
            with cython.critical_section(self):
                self.waiting -= 1
            self.let_go()

    cdef int give_up(self, void* memory, memlane_status status, uint64_t owner) except -1:
        """Another thread closed the mutex: nothing that was taken meanwhile is kept, for nobody could give it back."""
        cdef memlane_error error
        if status == MEMLANE_OK and owner == 0:
            memlane_sync_release(self.sync, memory, &error)
        elif status == MEMLANE_OK:
            memlane_sync_release_as(self.sync, memory, owner, &error)
        return self.refuse_unopened()

    def acquire(self, *, timeout=1):
        """Take the mutex for this thread. Afterwards `recovered` says whether its last holder died with it.

        Args:
            timeout: Seconds to wait; None waits for ever, 0 only tries.

        Raises:
            SyncError: ``EBUSY``: somebody holds it, and it was only tried. ``ETIMEDOUT``: the time is over.
                ``EDEADLK``: this thread holds it, and it is not recursive. ``EINVAL``: nobody initialised it.
        """
        cdef memlane_error error
        cdef c_bool recovered = False
        if timeout is not None and not timeout >= 0:
            deadline_of(timeout)
        with cython.critical_section(self):
            self.refuse_unopened()
            status = memlane_sync_try(self.sync, self.memory, &recovered, &error)
        if status == MEMLANE_TIMEOUT:
            status = self.wait(deadline_of(timeout), &recovered, &error)
        if status != MEMLANE_OK:
            self.fail(status, &error, errno.EBUSY if status == MEMLANE_TIMEOUT and timeout == 0 else None)
        self.recovered = recovered
        # The place stays as long as something is held, also when this object goes: nobody must take us for dead.
        Py_INCREF(self.participation)

    def release(self):
        """Give back what this thread took last.

        Raises:
            SyncError: ``EPERM``: this thread does not hold it. ``EINVAL``: nobody initialised it.
        """
        cdef memlane_error error
        with cython.critical_section(self):
            self.refuse_unopened()
            status = memlane_sync_release(self.sync, self.memory, &error)
        if status != MEMLANE_OK:
            self.fail(status, &error)
        Py_DECREF(self.participation)

    def __enter__(self):
        self.acquire()
        return self

    def __exit__(self, kind, error, traceback):
        try:
            self.release()
        except errors.SyncError:  # in a forked child, which may be ending
            if kind is None:
                raise


@cython.final
@cython.auto_pickle(False)
cdef class Hold:
    """A mutex that belongs to no thread once it is taken. For one thread at a time, but for `give_up`."""

    cdef Mutex mutex
    cdef object timeout
    cdef int given_up
    cdef uint64_t taker
    cdef bint taken
    cdef readonly bint recovered

    def __cinit__(self, Mutex mutex not None, timeout):
        deadline_of(timeout)
        self.mutex = mutex
        self.timeout = timeout

    def __del__(self):
        # Nobody is left who could give it back; of a closed mutex nobody can, and a forked child holds nothing.
        if self.is_held and self.mutex.memory != NULL:
            self.release()

    @property
    def is_held(self):
        """Whether this process took it, and did not give it back: a mutex stays with the parent of a fork."""
        return self.taken and self.taker == generation

    cdef uint64_t owner(self) noexcept:
        return <uint64_t><uintptr_t><void*>self

    def attempt(self):
        """Take it if it is free, and tell whether it was."""
        cdef memlane_error error
        cdef c_bool recovered = False
        status = self.mutex.wait(0, &recovered, &error, self.owner(), &self.given_up)
        if status == MEMLANE_TIMEOUT:
            return False
        self.note(status, recovered, &error)
        return True

    def take(self):
        """Wait for it, and take it unless another thread calls `give_up`."""
        cdef memlane_error error
        cdef c_bool recovered = False
        status = self.mutex.wait(deadline_of(self.timeout), &recovered, &error, self.owner(), &self.given_up)
        if status != MEMLANE_INTERRUPTED:
            self.note(status, recovered, &error)

    cdef int note(self, memlane_status status, c_bool recovered, const memlane_error* error) except -1:
        if status != MEMLANE_OK:
            return self.mutex.fail(
                status, error, errno.EBUSY if status == MEMLANE_TIMEOUT and self.timeout == 0 else None
            )
        self.recovered = recovered
        self.taken = True
        self.taker = generation
        return 0

    def give_up(self):
        """End the wait of another thread, now or later."""
        raise_flag(&self.given_up)

    def release(self):
        """Give it back."""
        cdef memlane_error error
        with cython.critical_section(self.mutex):
            self.mutex.refuse_unopened()
            self.taken = False
            status = memlane_sync_release_as(self.mutex.sync, self.mutex.memory, self.owner(), &error)
        if status != MEMLANE_OK:
            self.mutex.fail(status, &error)
