# cython: freethreading_compatible=True
"""The serving side of functions."""

cimport cython
from cpython.exc cimport PyErr_CheckSignals
from libc.stdint cimport uint32_t

from memlane import errors
from memlane._native.deadline cimport monotonic_ns
from memlane._native.error cimport check
from memlane._native.fork cimport generation
from memlane._native.function cimport CHUNK_NS, GLANCE_NS, begin_shift, current_shift, end_shift
from memlane._native.library cimport *
from memlane._native.message cimport (
    CONTENT_MASK,
    CONTENT_RAW,
    WITH_EXCEPTION,
    WITH_KEYWORDS,
    Packed,
    Pickled,
    packed_message,
    pickled_message,
    read_message,
    read_packed,
    write_plain,
    write_raw,
)

cdef uint64_t IDLE_CHUNK_NS = 50_000_000  # who waits for calls alone needs to notice no death

cdef enum:
    # Callbacks around one that waits for another (D29).
    DEPTH = 32


cdef class Dispatcher:
    """The part of `memlane.HostFunctionDispatcher` that works on shared memory."""

    def __cinit__(self):
        self.handle = NULL

    def __init__(self, uint32_t capacity, describe, report):
        cdef memlane_error error
        if self.handle != NULL:
            raise RuntimeError("a dispatcher is made once")
        check(memlane_dispatcher_make(&self.handle, capacity, &error), &error)
        self.functions = []
        self.callbacks = []
        self.describe = describe
        self.report = report
        memlane_dispatcher_stop(self.handle)

    def __dealloc__(self):
        memlane_dispatcher_free(self.handle)

    def add(self, Function function, callback):
        """Serve one more function. The lists are filled first: a thread that serves may take its first call at once."""
        cdef memlane_error error
        self.check_open()
        self.functions.append(function)
        self.callbacks.append(callback)
        cdef memlane_status status = memlane_dispatcher_add(self.handle, function.handle, &error)
        if status != MEMLANE_OK:
            self.functions.pop()
            self.callbacks.pop()
        check(status, &error)

    cdef int check_open(self) except -1:
        if self.handle == NULL:
            raise errors.Closed("this dispatcher was closed: make another")
        return 0

    def resume(self):
        """Begin to serve, in threads that run `serve` with the number that this returns."""
        with cython.critical_section(self):
            self.check_open()
            memlane_dispatcher_resume(self.handle)
            return self.stops

    def stop(self):
        """Let every thread leave `serve` after the callback that it runs."""
        with cython.critical_section(self):
            if self.handle != NULL:
                self.stops += 1
                memlane_dispatcher_stop(self.handle)

    def close(self):
        """Stop, and let the functions go: now, or when the last thread has left `serve`."""
        self.stop()
        self.closing = True
        self.let_go()

    @property
    def active(self):
        """Threads in `serve`. A forked child has none of its parent's."""
        return self.threads if self.born == generation else 0

    cdef int let_go(self) except -1:
        with cython.critical_section(self):
            if self.closing and self.active == 0:
                memlane_dispatcher_free(self.handle)
                self.handle = NULL
        return 0

    # -- one call --------------------------------------------------------------------------------------------

    cdef memlane_status take(
        self, uint64_t stops, memlane_call* awaited, uint64_t deadline, memlane_task* task
    ) except *:
        """The next call, or why there is none: ANSWERED, TIMEOUT, CLOSED."""
        cdef memlane_error error
        cdef uint64_t until
        cdef memlane_status status
        if self.stops != stops:
            return MEMLANE_CLOSED
        status = memlane_dispatcher_poll(self.handle, awaited, GLANCE_NS, task, &error)
        while True:
            if status == MEMLANE_OK or status == MEMLANE_ANSWERED or status == MEMLANE_CLOSED:
                return status
            if status == MEMLANE_TIMEOUT or status == MEMLANE_INTERRUPTED:
                PyErr_CheckSignals()
                if monotonic_ns() >= deadline:
                    return MEMLANE_TIMEOUT
                if self.stops != stops:
                    return MEMLANE_CLOSED
            elif status == MEMLANE_CORRUPTED:
                self.report_damage(&error)
            else:
                check(status, &error)
            with nogil:
                until = min(monotonic_ns() + (IDLE_CHUNK_NS if awaited == NULL else CHUNK_NS), deadline)
                status = memlane_dispatcher_take(self.handle, awaited, until, task, &error)

    cdef object invoke(self, memlane_task* task):
        cdef Function function = self.functions[task.place]
        cdef uint32_t content = task.type & CONTENT_MASK
        callback = self.callbacks[task.place]
        if function.arguments is not None:
            return callback(read_packed(function.arguments, task.bytes))
        value = function.unpickled(content, read_message(task.bytes, task.size, content))
        if content == CONTENT_RAW:
            return callback(value)
        if task.type & WITH_KEYWORDS:
            arguments, keywords = value
            return callback(*arguments, **keywords)
        if type(value) is not tuple:
            raise errors.Corrupted(f"function {function.name!r}: a request that holds no arguments")
        return callback(*<tuple>value)

    cdef int respond(self, memlane_task* task, object value, uint64_t born) except -1:
        """Give the caller a result. A child that was forked since the generation *born* writes none: it is refused."""
        cdef memlane_error error
        cdef memlane_status status
        cdef Function function = self.functions[task.place]
        cdef Packed packed
        cdef Pickled pickle
        cdef uint64_t size = 0
        cdef uint32_t content = CONTENT_RAW
        if task.response == NULL or born != generation:
            status = memlane_task_respond(task, 0, CONTENT_RAW, &error)
        elif function.result is not None:
            packed = packed_message(function.result, value)
            packed.write(task.response)
            status = memlane_task_respond(task, packed.size, MEMLANE_TYPE_STRUCT, &error)
        elif task.type & CONTENT_MASK == CONTENT_RAW:
            size = 0 if value is None else write_raw(value, task.response, task.capacity)
            status = memlane_task_respond(task, size, CONTENT_RAW, &error)
        elif write_plain(value, task.response, task.capacity, &size, &content):
            status = memlane_task_respond(task, size, content, &error)
        else:
            pickle = pickled_message(value, task.capacity)
            if pickle.size <= task.capacity:
                pickle.write(task.response)
            status = memlane_task_respond(task, pickle.size, pickle.content, &error)
        if reaches_nobody(status):
            self.report("a response reached nobody", errors.OwnershipLost(error.message.decode("utf-8", "replace")))
            return 0
        return check(status, &error)

    cdef int fail(self, memlane_task* task, object error) except -1:
        cdef memlane_error refusal
        cdef memlane_status status
        cdef const char* address
        cdef bint is_one_way = task.response == NULL
        try:
            text, description = self.describe(error)
        except BaseException:  # Ctrl-C, say: the caller must not wait for ever
            memlane_task_fail(task, b"an exception whose description was interrupted", NULL, 0, 0, &refusal)
            raise
        address = <const char*><bytes>description
        status = memlane_task_fail(
            task, <const char*><bytes>text, address, <uint64_t>len(description),
            WITH_EXCEPTION, &refusal
        )
        if is_one_way:
            self.report("an exception in a one-way function", error)
        if reaches_nobody(status):
            self.report("an exception reached nobody", error)
            return 0
        return check(status, &refusal)

    cdef int report_damage(self, const memlane_error* error) except -1:
        """Say why a function is left out from now on; the others are served as before."""
        self.report("one function is served no more", errors.Corrupted(error.message.decode("utf-8", "replace")))
        return 0

    cdef int run(self, memlane_task* task) except -1:
        """Execute a call. What its function raises is its caller's; what is to end the thread, is not."""
        cdef uint64_t born = generation
        try:
            self.respond(task, self.invoke(task), born)
        except Exception as error:
            self.fail(task, error)
        except BaseException as error:
            self.fail(task, error)
            raise
        return 0

    def take_now(self, uint64_t stops):
        """Return the next call as a `Request`, None where none is there. Never waits.

        Raises:
            Closed: The dispatcher was stopped since the `resume` that returned the number.
        """
        cdef Request request = Request.__new__(Request)
        cdef memlane_error error
        cdef memlane_status status
        with cython.critical_section(self):
            self.check_open()
            if self.stops != stops:
                raise errors.Closed("the dispatcher was stopped")
            status = memlane_dispatcher_take(self.handle, NULL, 0, &request.task, &error)
        if status == MEMLANE_TIMEOUT or status == MEMLANE_INTERRUPTED:
            return None
        if status == MEMLANE_CORRUPTED:
            self.report_damage(&error)
            return None
        check(status, &error)
        request.dispatcher = self
        request.born = generation
        request.is_open = True
        return request

    # -- many calls ------------------------------------------------------------------------------------------

    def serve(self, stops=None):
        """Execute calls in this thread, until a `stop` after the `resume` that returned the number; None: after now."""
        cdef memlane_task task
        cdef Watch watch = Watch.__new__(Watch)
        cdef Shift former = current_shift()
        watch.dispatcher = self
        with cython.critical_section(self):
            self.check_open()
            watch.stops = self.stops if stops is None else stops
            self.threads = self.active + 1
            self.born = generation
        begin_shift(watch)
        try:
            while self.take(watch.stops, NULL, MEMLANE_NO_DEADLINE, &task) == MEMLANE_OK:
                self.run(&task)
        finally:
            end_shift(former)
            if watch.born == generation:  # else the child was forked in a callback
                with cython.critical_section(self):
                    self.threads -= 1
                self.let_go()


@cython.final
@cython.auto_pickle(False)
cdef class Request:
    """A call that was taken and is not answered yet. Of one task at a time."""

    def __dealloc__(self):
        if self.is_open:
            memlane_task_fail(&self.task, "the server let go of this call before its end", NULL, 0, 0, NULL)

    def invoke(self):
        """Run the callback and return what it returns; of a coroutine function, the coroutine."""
        return self.dispatcher.invoke(&self.task)

    def respond(self, value):
        """Give the caller a result; where it cannot be given, the error that says so."""
        try:
            self.dispatcher.respond(&self.task, value, self.born)
        except Exception as error:
            self.dispatcher.fail(&self.task, error)
        self.is_open = False

    def fail(self, error):
        """Give the caller an exception."""
        self.dispatcher.fail(&self.task, error)
        self.is_open = False


cdef class Watch(Shift):
    """A thread that serves a dispatcher, and how deep in callbacks it is."""

    cdef int serve_until(self, memlane_call* awaited, uint64_t deadline) except -1:
        cdef memlane_task task
        if self.depth >= DEPTH:
            raise errors.WouldDeadlock(
                f"{DEPTH} callbacks of this thread wait for each other: a function that calls itself without an end, or"
                " one whose calls come faster than they are answered; serve it with more workers= or dispatchers"
            )
        self.depth += 1
        try:
            while self.dispatcher.take(self.stops, awaited, deadline, &task) == MEMLANE_OK:
                self.dispatcher.run(&task)
        finally:
            self.depth -= 1
        return 0


cdef bint reaches_nobody(memlane_status status) noexcept:
    """Whether an answer was given in vain, after a fork or into a file that was truncated. The task is over too."""
    return status == MEMLANE_OWNERSHIP_LOST or status == MEMLANE_CORRUPTED
