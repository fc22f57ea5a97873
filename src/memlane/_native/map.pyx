# cython: freethreading_compatible=True
"""One endpoint of a map, and the locks taken through it."""

cimport cython
from libc.stdint cimport uint64_t, uintptr_t

from memlane import errors
from memlane._native.deadline cimport deadline_of
from memlane._native.endpoint cimport Endpoint as Pollable
from memlane._native.error cimport check
from memlane._native.flag cimport is_raised, raise_flag
from memlane._native.fork cimport generation
from memlane._native.library cimport *
from memlane._native.options cimport fill_object_options, or_any


cdef extern from "Python.h":
    # Declared without its exception: what a handler raised stays set until pass_on().
    int run_signal_handlers "PyErr_CheckSignals" () noexcept


cdef c_bool wants_to_leave(void* argument) noexcept with gil:
    return run_signal_handlers() != 0


# Asked by a thread that waits without the GIL.
cdef c_bool is_given_up(void* argument) noexcept nogil:
    return is_raised(<int*>argument)


cdef int pass_on() except -1:
    """Raise what a signal handler raised in `wants_to_leave`."""
    return -1


cdef class Endpoint(Pollable):
    """The part of the map classes that works on the object. None stands for what was not given."""

    cdef memlane_map* handle
    # Of the second mapping; NULL when there is none any more.
    cdef void* address
    cdef size_t size

    def __cinit__(
        self, bytes name, bytes directory, *, size, participants, persistent, mode, peer_uid,
        bint create, bytes uuid
    ):
        cdef memlane_map_options options
        cdef memlane_error error
        cdef memlane_status status
        cdef const char* text = name
        cdef size_t length = len(name)
        memlane_map_options_initialise(&options)
        fill_object_options(&options.object, directory, participants, persistent, mode, peer_uid, create, uuid)
        options.size = or_any(size)
        with nogil:
            status = memlane_map_open(&self.handle, text, length, &options, &error)
        check(status, &error)
        memlane_map_ask_while_waiting(self.handle, wants_to_leave, NULL)

    def __dealloc__(self):
        if self.handle != NULL:
            memlane_map_unguard(self.handle)
            memlane_map_free(self.handle)

    cdef memlane_endpoint* pollable(self) except NULL:
        return memlane_map_endpoint(self.handle)

    def close(self):
        """Mark the endpoint closed."""
        memlane_map_close(self.handle)

    def closed(self):
        """Tell whether it is closed."""
        return memlane_map_is_closed(self.handle)

    def descriptor(self):
        """Return a descriptor of the object's file that carries no lock, and where the bytes begin."""
        cdef memlane_error error
        cdef uint64_t offset
        cdef int descriptor
        check(memlane_map_descriptor(self.handle, &descriptor, &offset, &error), &error)
        return descriptor, offset

    def guard(self, uintptr_t address, size_t size):
        """Protect a second mapping of the bytes against truncation of the file."""
        self.address = <void*>address
        self.size = size
        memlane_map_guard(self.handle, self.address, size)

    def unmap(self, mapping, unmapping):
        """End that and call unmapping(), in one step, unless exports of the memory live: then it is BufferError."""
        with cython.critical_section(mapping):
            if self.address != NULL:
                memlane_map_unguard(self.handle)
                try:
                    unmapping()
                    self.address = NULL
                except BufferError:  # an export lives, and comes here at its end
                    self.guard_again()

    cdef void guard_again(self) noexcept:
        """In the critical section. The error was an object: collecting garbage for it may have let others in."""
        if self.address != NULL:
            memlane_map_unguard(self.handle)
            memlane_map_guard(self.handle, self.address, self.size)

    def check(self):
        """Raise `Closed`, or `Corrupted` where the file was truncated."""
        cdef memlane_error error
        check(memlane_map_check(self.handle, &error), &error)

    def mode(self):
        """Return what the calling thread has locked: 0 nothing, 1 to read, 2 to write."""
        return memlane_map_mode(self.handle)

    def is_current(self):
        """Tell whether the name still leads to this object."""
        return memlane_map_is_current(self.handle)

    def properties(self):
        """Return what the object is, also when the endpoint is closed."""
        cdef memlane_map_properties found
        memlane_map_describe(self.handle, &found)
        return {
            "name": (<bytes>found.name).decode("utf-8", "surrogateescape"),
            "directory": <bytes>found.directory,
            "size": found.size,
            "participants": found.participants,
            "persistent": not found.ephemeral,
            "uuid": <bytes>found.uuid[:16],
        }

    def statistics(self):
        """Return the fields of `memlane.MapStatistics`."""
        cdef memlane_map_statistics found
        cdef memlane_error error
        cdef memlane_status status
        with nogil:
            status = memlane_map_statistics_read(self.handle, &found, &error)
        check(status, &error)
        return {
            "write_locks": found.write_locks,
            "read_locks": found.read_locks,
            "recovered": found.recovered,
            "live_participants": found.live_participants,
            "is_current": found.is_current,
        }


@cython.final
cdef class Lock:
    """A lock of a map, for ``with``.

    Attributes:
        recovered: Whether a writer died inside, and this is the first lock since (of readers: no writer has been inside
            since). Then what it was writing may be half-done.
    """

    cdef object mapping
    cdef Endpoint endpoint
    cdef object timeout
    cdef bint writes
    # A thread is inside, or on its way in; under the object's critical section.
    cdef bint taken
    cdef memlane_map_lock lock

    def __cinit__(self, mapping, Endpoint endpoint not None, timeout, bint writes):
        deadline_of(timeout)
        self.mapping = mapping
        self.endpoint = endpoint
        self.timeout = timeout
        self.writes = writes

    def __dealloc__(self):
        if self.lock.map != NULL:
            memlane_map_unlock(&self.lock, NULL)

    @property
    def recovered(self):
        return self.lock.recovered

    cdef bint set_taken(self, bint taken) noexcept:
        cdef bint before
        with cython.critical_section(self):
            before = self.taken
            self.taken = taken
        return before

    def __enter__(self):
        cdef memlane_error error
        cdef memlane_status status
        cdef uint64_t deadline = deadline_of(self.timeout)
        if self.set_taken(True):
            raise errors.AlreadyLocked("this lock is held, or waited for: call lock() anew for each with statement")
        with nogil:
            if self.writes:
                status = memlane_map_lock_write(self.endpoint.handle, &self.lock, deadline, &error)
            else:
                status = memlane_map_lock_read(self.endpoint.handle, &self.lock, deadline, &error)
        if status == MEMLANE_OK:
            return self
        self.set_taken(False)
        if status == MEMLANE_INTERRUPTED:
            pass_on()
        check(status, &error)

    def __exit__(self, kind, raised, traceback):
        cdef memlane_error error
        cdef memlane_status status
        with nogil:
            status = memlane_map_unlock(&self.lock, &error)
        self.set_taken(False)
        if raised is None:
            check(status, &error)

    def acquire_async(self):
        """Return what takes this lock in a task: ``async with lock.acquire_async():``. No thread owns it then.

        Returns:
            A context manager for one ``async with``. Its ``recovered`` is as this lock's, its ``release()`` gives the
            lock back before the end of the block, from any thread.

        Raises:
            Timeout: On entry: it did not become free in time; the message names the holder.
            AlreadyLocked: On entry: this task has a lock of this endpoint.
            OwnershipLost: On exit: the lock was not this process's any more.
        """
        return self.mapping._acquisition(Hold(self.endpoint, self.timeout, self.writes))

    def __reduce__(self):
        raise TypeError("a lock belongs to the thread that took it: pickle the map, and lock it there")


@cython.final
cdef class Hold:
    """A lock of a map that belongs to no thread. For one thread at a time, but for `give_up`."""

    cdef Endpoint endpoint
    cdef object timeout
    cdef readonly int mode
    cdef int given_up
    cdef uint64_t taker
    cdef memlane_map_lock lock

    def __cinit__(self, Endpoint endpoint not None, timeout, bint writes):
        self.endpoint = endpoint
        self.timeout = timeout
        self.mode = MEMLANE_MAP_WRITING if writes else MEMLANE_MAP_READING

    def __dealloc__(self):
        if self.lock.map != NULL:
            memlane_map_unlock(&self.lock, NULL)

    @property
    def recovered(self):
        """Whether a writer died inside and nobody has written since."""
        return self.lock.recovered

    @property
    def is_held(self):
        """Whether this process took it, and did not give it back: a lock stays with the parent of a fork."""
        return self.lock.map != NULL and self.taker == generation

    cdef memlane_status take_until(self, uint64_t deadline, memlane_error* error) noexcept nogil:
        self.taker = generation
        return memlane_map_lock_for_nobody(
            self.endpoint.handle, &self.lock, self.mode, deadline, is_given_up, &self.given_up, error
        )

    def attempt(self):
        """Take it if it is free, and tell whether it was."""
        cdef memlane_error error
        cdef memlane_status status
        with nogil:
            status = self.take_until(0, &error)
        if status == MEMLANE_TIMEOUT:
            return False
        check(status, &error)
        return True

    def take(self):
        """Wait for it, and take it unless another thread calls `give_up`."""
        cdef memlane_error error
        cdef memlane_status status
        cdef uint64_t deadline = deadline_of(self.timeout)
        with nogil:
            status = self.take_until(deadline, &error)
        if status != MEMLANE_INTERRUPTED:
            check(status, &error)

    def give_up(self):
        """End the wait of another thread, now or later."""
        raise_flag(&self.given_up)

    def release(self):
        """Give it back."""
        cdef memlane_error error
        cdef memlane_status status
        with nogil:
            status = memlane_map_unlock(&self.lock, &error)
        check(status, &error)

    def __reduce__(self):
        raise TypeError("a lock belongs to the process that took it: pickle the map, and lock it there")
