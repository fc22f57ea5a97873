# cython: freethreading_compatible=True
"""One endpoint of a function, for both sides: who calls and who serves."""

from cpython.pythread cimport PyThread_get_thread_ident

from memlane import errors
from memlane._native.error cimport check
from memlane._native.fork cimport generation
from memlane._native.format cimport layout_of, make_format
from memlane._native.library cimport *
from memlane._native.message cimport is_pickle
from memlane._native.options cimport fill_object_options, or_any
from memlane.codec import pickled
from memlane.codec.structure cimport adopt, declare

cdef uint64_t GLANCE_NS = 1500
cdef uint64_t CHUNK_NS = 40_000_000


cdef class Function(Endpoint):
    """What callers and dispatchers have in common: an open function."""

    def __cinit__(self):
        self.handle = NULL

    def __dealloc__(self):
        memlane_function_free(self.handle)

    def _open(
        self, bytes name, bytes directory, *, max_sz_args, max_sz_ret, lanes, slots, participants, persistent,
        mode, peer_uid, bint create, bytes uuid, allow_pickle, arg_format, ret_format
    ):
        """Open or create. None stands for what was not given; an empty directory for the default one."""
        cdef memlane_function_options options
        cdef memlane_format* arguments = NULL
        cdef memlane_format* result = NULL
        cdef memlane_error error
        cdef memlane_status status
        cdef const char* text = name
        cdef size_t length = len(name)
        if self.handle != NULL:
            raise RuntimeError("an endpoint is opened once")
        memlane_function_options_initialise(&options)
        fill_object_options(&options.object, directory, participants, persistent, mode, peer_uid, create, uuid)
        options.max_arguments = or_any(max_sz_args)
        options.max_result = or_any(max_sz_ret)
        options.lanes = or_any(lanes)
        options.slots = or_any(slots)
        label = f"of function {name.decode('utf-8', 'replace').removeprefix('/')!r}"
        try:
            if arg_format is not None:
                self.arguments = declare(arg_format, f"arguments {label}")
                arguments = make_format(self.arguments.layout, self.arguments.root.label)
            if ret_format is not None:
                self.result = declare(ret_format, f"result {label}")
                result = make_format(self.result.layout, self.result.root.label)
            options.arguments_format, options.result_format = arguments, result
            with nogil:
                status = memlane_function_open(&self.handle, text, length, &options, &error)
            check(status, &error)
        finally:
            memlane_format_free(arguments)
            memlane_format_free(result)
        self.allow_pickle = allow_pickle
        self.learn()

    cdef int learn(self) except -1:
        """Adopt the formats that were not declared and are there."""
        cdef memlane_function_properties properties
        memlane_function_describe(self.handle, &properties)
        label = f"of function {properties.name.decode()!r}"
        if self.arguments is None and properties.arguments_format != NULL:
            self.arguments = adopt(layout_of(properties.arguments_format), f"arguments {label}")
        if self.result is None and properties.result_format != NULL:
            self.result = adopt(layout_of(properties.result_format), f"result {label}")
        return 0

    cdef memlane_endpoint* pollable(self) except NULL:
        self.check_open()
        return memlane_function_endpoint(self.handle)

    cdef int check_open(self) except -1:
        if self.handle == NULL:
            raise errors.Closed("this endpoint was never opened: its constructor failed or did not run")
        return 0

    cdef object unpickled(self, uint32_t content, object value):
        if not is_pickle(content):
            return value
        if self.allow_pickle is None:
            if not memlane_function_is_private(self.handle):
                self.refuse_pickle("others than this user can write to it")
        elif not self.allow_pickle:
            self.refuse_pickle("this endpoint was opened with allow_pickle=False")
        try:
            return pickled.loads(*value)
        except errors.UnpicklingError as error:
            raise errors.Corrupted(
                f"function {self.name!r}: a damaged pickle arrived ({error}): another program overwrote it; call again"
            ) from error

    cdef int refuse_pickle(self, str reason) except -1:
        """Raise for a pickle that came."""
        raise errors.UnsafePickle(
            f"function {self.name!r}: a pickle arrived, which could run any code, and {reason}: send plain values"
            " (numbers, text, bytes, tuples, lists, dicts, arrays), or open it with allow_pickle=True where you trust"
            " everybody who can write to it"
        )

    def _close(self):
        if self.handle != NULL:
            memlane_function_close(self.handle)

    def _check(self):
        """Raise `Closed` where the endpoint is."""
        cdef memlane_error error
        self.check_open()
        check(memlane_function_check(self.handle, &error), &error)

    @property
    def closed(self):
        """Whether the endpoint was closed."""
        return self.handle == NULL or memlane_function_check(self.handle, NULL) == MEMLANE_CLOSED

    @property
    def is_current(self):
        """Whether the name still leads to this object: False once it was unlinked or re-created."""
        return self.handle != NULL and memlane_function_is_current(self.handle)

    @property
    def is_served(self):
        """Whether a live process serves the function."""
        self._check()
        return memlane_function_is_served(self.handle)

    @property
    def arg_format(self):
        """The format of the arguments, as it was declared; where it was adopted its numpy dtype; None: any type."""
        return None if self.arguments is None else self.arguments.form

    @property
    def ret_format(self):
        """The format of the results, likewise."""
        return None if self.result is None else self.result.form

    @property
    def name(self):
        """The object's name, without a leading slash."""
        return self._properties()["name"]

    def _properties(self):
        cdef memlane_function_properties properties
        self.check_open()
        memlane_function_describe(self.handle, &properties)
        return {
            "name": properties.name.decode(),
            "directory": <bytes>properties.directory,
            "max_sz_args": properties.max_arguments,
            "max_sz_ret": properties.max_result,
            "lanes": properties.lanes,
            "slots": properties.slots,
            "max_participants": properties.participants,
            "persistent": not properties.ephemeral,
            "uuid": (<const char*>properties.uuid)[:16],
        }

    def _statistics(self):
        cdef memlane_function_statistics statistics
        cdef memlane_error error
        self.check_open()
        check(memlane_function_statistics_read(self.handle, &statistics, &error), &error)
        return statistics


cdef class Shift:
    """A thread that runs callbacks."""

    cdef int serve_until(self, memlane_call* awaited, uint64_t deadline) except -1:
        raise NotImplementedError


cdef dict SHIFTS = {}


cdef Shift current_shift():
    if not SHIFTS:
        return None
    cdef Shift shift = SHIFTS.get(PyThread_get_thread_ident())
    return shift if shift is not None and shift.born == generation else None


cdef int begin_shift(Shift shift) except -1:
    shift.born = generation
    SHIFTS[PyThread_get_thread_ident()] = shift
    return 0


cdef int end_shift(Shift former) except -1:
    if former is None:
        SHIFTS.pop(PyThread_get_thread_ident(), None)
    else:
        SHIFTS[PyThread_get_thread_ident()] = former
    return 0
