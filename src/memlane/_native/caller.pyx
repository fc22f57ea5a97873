# cython: freethreading_compatible=True
"""The calling side of a function."""

cimport cython
from cpython.exc cimport PyErr_CheckSignals
from libc.stdint cimport uint32_t

from memlane import errors
from memlane._native.deadline cimport deadline_of, monotonic_ns
from memlane._native.error cimport check
from memlane._native.fork cimport generation
from memlane._native.function cimport CHUNK_NS, GLANCE_NS, Shift, current_shift
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

cdef enum:
    # Responses that nobody collected (D27).
    KEPT = 1024

cdef enum:
    FLYING = 1
    COLLECTING = 2
    RETURNED = 3
    RAISED = 4
    ONE_WAY = 5

# What a call is known to have come to, for who gave it up.
cdef dict FATES = {
    MEMLANE_NOT_EXECUTED: (False, "nobody had begun it: it was taken back, and will not be executed"),
    MEMLANE_MAYBE_EXECUTED: (True, "a server had begun it: it may be executed, and its response will be dropped"),
    MEMLANE_EXECUTED: (True, "its response came too late, and was dropped"),
}


cdef object given_up(object timeout, memlane_execution known):
    """The error of a call that came to no end in time, with what is known of it."""
    maybe_executed, fate = FATES[known]
    error = errors.Timeout(timeout.errno, f"{timeout.strerror}; {fate}")
    error.maybe_executed = maybe_executed
    return error


cdef class Caller(Function):
    """The part of `memlane.HostFunctionCaller` that works on shared memory."""

    def _prepare(self, timeout, bint raw, bint fail_fast, rebuild):
        """Take a lane: memory that is missing is missed here, and not at the first call."""
        cdef memlane_error error
        cdef memlane_function_properties properties
        cdef memlane_status status
        self.check_open()
        deadline_of(timeout)
        self.timeout = timeout
        self.raw = raw
        self.fail_fast = fail_fast
        self.rebuild = rebuild
        self.kept = {}
        self.flying = {}
        memlane_function_describe(self.handle, &properties)
        self.one_way = properties.max_result == 0
        with nogil:
            status = memlane_function_prepare(self.handle, &error)
        check(status, &error)

    cdef memlane_endpoint* pollable(self) except NULL:
        """A forked child takes a lane of its own first: what is rung for its responses belongs to the lane."""
        cdef memlane_error error
        self.check_open()
        check(memlane_function_prepare(self.handle, &error), &error)
        return memlane_function_endpoint(self.handle)

    # -- sending ---------------------------------------------------------------------------------------------

    cdef int begin(self, memlane_call* call) except -1:
        cdef memlane_error error
        self.check_open()
        cdef memlane_status status = memlane_call_begin(self.handle, call, 0, &error)
        if status == MEMLANE_OK:
            return 0
        if status != MEMLANE_NO_FREE_SLOT:
            return check(status, &error)
        return self.begin_patiently(call, status)

    cdef int begin_patiently(self, memlane_call* call, memlane_status status) except -1:
        """Every slot is in use: collect what is over, then wait for one."""
        cdef memlane_error error
        cdef uint64_t until
        cdef uint64_t deadline = deadline_of(self.timeout)
        cdef bint was_collected
        cdef bint is_over = False
        while True:
            was_collected = self.collect_flying()
            status = memlane_call_begin(self.handle, call, 0, &error)
            if status == MEMLANE_NO_FREE_SLOT and current_shift() is not None:
                # The calls that are under way may be those of the callbacks around this one: no wait would end.
                return self.have_spare().begin(call)
            if status == MEMLANE_NO_FREE_SLOT and monotonic_ns() < deadline:
                with nogil:
                    until = min(monotonic_ns() + CHUNK_NS, deadline)
                    if is_over and not was_collected:
                        # What is over is another thread's, in call(): it makes room itself, if we let it run.
                        status = memlane_call_begin(self.handle, call, until, &error)
                        is_over = False
                    else:
                        status = memlane_function_wait(self.handle, until, &error)
                        is_over = status == MEMLANE_OK
                if is_over:
                    continue
            if status == MEMLANE_OK:
                return 0
            PyErr_CheckSignals()
            if status != MEMLANE_NO_FREE_SLOT and status != MEMLANE_INTERRUPTED:
                return check(status, &error)
            if monotonic_ns() >= deadline:
                raise errors.Timeout(110, error.message.decode("utf-8", "replace"))

    cdef Caller have_spare(self):
        """Other callbacks may be here at the same time: the first to come sets it for all, and for good."""
        cdef Caller another
        if self.spare is None:
            another = self._another()
            with cython.critical_section(self):
                if self.spare is None:
                    self.spare = another
        return self.spare

    cdef bint collect_flying(self) except -1:
        """Collect what is over, but for what tasks collect, whom nothing else would wake. Whether there was any."""
        cdef PendingCall pending
        cdef bint was_collected = False
        for pending in self.under_way():
            if pending._ticket is None or pending._ticket.is_void:
                was_collected = pending.look() or was_collected
        return was_collected

    cdef int send(self, memlane_call* call, tuple arguments, dict keywords) except -1:
        cdef memlane_error error
        cdef uint64_t size = 0
        cdef uint32_t content = CONTENT_RAW
        cdef uint32_t flags = 0
        cdef bint plain = False
        cdef object message = arguments
        if self.arguments is not None and not self.raw:
            self.send_packed(call, self.one_value(arguments, keywords))
            call.fail_fast = self.fail_fast
            return 0
        if keywords:
            message = (arguments, keywords)
            flags = WITH_KEYWORDS
        self.begin(call)
        try:
            if self.raw:
                plain = True
                size = write_raw(self.raw_argument(arguments, keywords), call.bytes, call.capacity)
                content = CONTENT_RAW if self.arguments is None else MEMLANE_TYPE_STRUCT
            else:
                plain = write_plain(message, call.bytes, call.capacity, &size, &content)
            if plain:
                check(memlane_call_post(call, size, content | flags, &error), &error)
        except BaseException:
            memlane_call_end(call)
            raise
        if not plain:
            memlane_call_end(call)
            self.send_pickled(call, message, flags)
        call.fail_fast = self.fail_fast
        return 0

    cdef object one_value(self, tuple arguments, dict keywords):
        """The value of a call whose arguments have a format: its fields may be given by their names."""
        if keywords and not arguments:
            return keywords
        if len(arguments) != 1 or keywords:
            raise TypeError(
                f"function {self.name!r}: its arguments have a format: give one value of it, or its fields by their"
                " names"
            )
        return arguments[0]

    cdef object raw_argument(self, tuple arguments, dict keywords):
        """The one argument of a raw call."""
        if len(arguments) != 1 or keywords:
            raise TypeError(f"function {self.name!r}: a raw call takes one bytes-like argument")
        return arguments[0]

    cdef int send_packed(self, memlane_call* call, object value) except -1:
        """Send a value of the format. Its methods run, so no slot is held meanwhile."""
        cdef memlane_error error
        cdef Packed packed = packed_message(self.arguments, value)
        self.begin(call)
        packed.write(call.bytes)
        cdef memlane_status status = memlane_call_post(call, packed.size, MEMLANE_TYPE_STRUCT, &error)
        if status != MEMLANE_OK:
            memlane_call_end(call)
        return check(status, &error)

    cdef int send_pickled(self, memlane_call* call, object message, unsigned int flags) except -1:
        """Send what is not plain. Its methods run, so no slot is held meanwhile."""
        cdef memlane_error error
        cdef Pickled pickle = pickled_message(message, call.capacity)
        self.begin(call)
        if pickle.size <= call.capacity:
            pickle.write(call.bytes)
        cdef memlane_status status = memlane_call_post(call, pickle.size, pickle.content | flags, &error)
        if status != MEMLANE_OK:
            memlane_call_end(call)
        return check(status, &error)

    # -- waiting ---------------------------------------------------------------------------------------------

    cdef int wait_for(self, memlane_call* call, uint64_t deadline, memlane_answer* answer) except -1:
        """Wait in chunks, between which signals are looked at. A callback that waits goes on serving."""
        cdef memlane_error error
        cdef memlane_status status
        cdef uint64_t until
        cdef Shift shift = current_shift()
        if shift is not None:
            shift.serve_until(call, deadline)
        while True:
            with nogil:
                until = min(monotonic_ns() + CHUNK_NS, deadline)
                status = memlane_call_wait(call, until, answer, &error)
            if status != MEMLANE_TIMEOUT and status != MEMLANE_INTERRUPTED:
                return check(status, &error)
            PyErr_CheckSignals()
            if status == MEMLANE_TIMEOUT and monotonic_ns() >= deadline:
                return check(status, &error)

    cdef object decode(self, const memlane_answer* answer):
        cdef uint32_t content = answer.type & CONTENT_MASK
        cdef bytes text
        if not answer.failed and self.result is not None:
            if self.raw:
                return read_message(answer.bytes, answer.size, CONTENT_RAW)
            return read_packed(self.result, answer.bytes)
        if not answer.failed:
            return self.unpickled(content, read_message(answer.bytes, answer.size, content))
        message = <bytes>(<const char*>answer.bytes)[:answer.size]
        text, _, description = message.partition(b"\0")
        raise self.rebuild(text, description if answer.type & WITH_EXCEPTION else b"")

    def call(self, *arguments, **keywords):
        """Call the function and return its result, or raise what it raised.

        Raises:
            Timeout: The caller's timeout passed first. The call is given up; ``maybe_executed`` says whether a server
                had begun it.
            PeerDied: The server died while it executed the call, which may have had its effect.
            NoServer: Nobody serves the function, and the caller was made with ``fail_fast=True``.
            ValueTooLarge: The arguments, or the result, take more than the function has room for.
            NoResponse: The function gives no responses (``max_sz_ret=0``). The call was sent.
        """
        cdef memlane_call call
        cdef memlane_answer answer
        cdef memlane_error error
        self.send(&call, arguments, keywords)
        if self.one_way:
            memlane_call_forget(&call)
            self.refuse_one_way()
        cdef memlane_status status = memlane_call_poll(&call, GLANCE_NS, &answer, &error)
        try:
            if status == MEMLANE_TIMEOUT:
                self.wait_or_give_up(&call, &answer)
            else:
                check(status, &error)
            return self.decode(&answer)
        finally:
            memlane_call_end(&call)

    cdef int wait_or_give_up(self, memlane_call* call, memlane_answer* answer) except -1:
        try:
            self.wait_for(call, deadline_of(self.timeout), answer)
        except errors.Timeout as timeout:
            raise given_up(timeout, memlane_call_end(call)) from None
        return 0

    cdef int refuse_one_way(self) except -1:
        """Raise for a response that will never come."""
        raise errors.NoResponse(
            f"function {self.name!r} gives no responses: it has max_sz_ret=0, so its calls are one-way; to get one,"
            " remove it and create it with room for responses"
        )

    # -- calls under way -------------------------------------------------------------------------------------

    def __call__(self, *arguments, **keywords):
        """Send a call and return at once. See `PendingCall` and `get_response`."""
        cdef PendingCall pending = PendingCall.__new__(PendingCall)
        pending.caller = self
        self.send(&pending.call, arguments, keywords)
        if self.one_way:
            memlane_call_forget(&pending.call)
            pending.stage = ONE_WAY
        else:
            pending.stage = FLYING
            self.keep(pending)
        return pending

    def _expect_slot(self, bint expects):
        """Poll for room for another call too, or for responses alone."""
        self.check_open()
        memlane_function_expect_slot(self.handle, expects)

    cdef int keep(self, PendingCall pending) except -1:
        pending.born = generation
        with cython.critical_section(self):
            pending.number = self.number
            self.number += 1
            self.flying[pending.number] = pending
            self.kept[pending.number] = pending
            if len(self.kept) > KEPT + len(self.flying):
                self.drop_oldest()
        return 0

    cdef int land(self, uint64_t number) except -1:
        """Note that a call owns no slot any more."""
        with cython.critical_section(self):
            self.flying.pop(number, None)
        return 0

    cdef int forget(self, uint64_t number) except -1:
        """Keep a call no longer for get_response()."""
        with cython.critical_section(self):
            self.kept.pop(number, None)
        return 0

    cdef list under_way(self):
        with cython.critical_section(self):
            return list(self.flying.values())

    cdef int drop_oldest(self) except -1:
        """In the critical section: make room in what is kept for get_response()."""
        for number in self.kept:
            if number not in self.flying:
                del self.kept[number]
                memlane_function_count_dropped(self.handle, 1)
                break
        return 0

    def get_response(self, timeout=None):
        """Wait for the response to the oldest call whose response was not taken yet, and return it.

        Args:
            timeout: Seconds; None: the caller's.

        Raises:
            NoResponse: There is no such call, or the function gives no responses.
            Timeout: It did not come in time; it can be waited for again.
        """
        self.check_open()
        if self.one_way:
            self.refuse_one_way()
        cdef PendingCall pending = self.oldest_kept()
        if pending is None:
            self._check()
            raise errors.NoResponse(
                f"function {self.name!r}: every response was taken already or is waited for by another thread, or no"
                " call was made: call first"
            )
        try:
            return pending.result(timeout)
        finally:
            pending.is_awaited = False

    cdef PendingCall oldest_kept(self):
        """The oldest call for whose response no thread waits: now this one does. None: there is none.

        Those before a fork are the parent's.
        """
        cdef PendingCall pending
        cdef PendingCall oldest = None
        cdef list strange = []
        # No copy: a thousand may be kept, and the first is nearly always the one.
        with cython.critical_section(self):
            for number, pending in self.kept.items():
                if pending.born != generation:
                    strange.append(number)
                elif not pending.is_awaited:
                    pending.is_awaited = True
                    oldest = pending
                    break
            for number in strange:
                self.kept.pop(number, None)
        return oldest

    def close(self):
        """Close the endpoint. Calls that nobody has begun are taken back; the others' responses are dropped."""
        if self.handle == NULL:
            return
        self._close()
        if self.flying is not None:
            for pending in self.under_way():
                (<PendingCall>pending).abandon()
            with cython.critical_section(self):
                self.kept.clear()
        if self.spare is not None:
            self.spare.close()


@cython.final
@cython.auto_pickle(False)
cdef class PendingCall:
    """A call that was sent. Its response is waited for by `result`, or by the caller's ``get_response``.

    Made by calling a `HostFunctionCaller`. May be used by several threads.
    """

    def __init__(self):
        raise TypeError("pending calls are made by calling a HostFunctionCaller")

    def __dealloc__(self):
        if self.stage == FLYING:
            memlane_call_end(&self.call)

    cdef bint claim(self) noexcept:
        """Whether it is this thread that settles the call: one does."""
        cdef bint is_ours
        with cython.critical_section(self):
            is_ours = self.stage == FLYING
            if is_ours:
                self.stage = COLLECTING
        return is_ours

    cdef bint is_settled(self) noexcept:
        with cython.critical_section(self):
            return self.stage != FLYING and self.stage != COLLECTING

    cdef int settle(self, int stage, object value, object error) except -1:
        """The call is over: its slot is the caller's again. After `claim`."""
        # In one step: who finds the slot gone finds the outcome.
        with cython.critical_section(self):
            memlane_call_end(&self.call)
            self.value = value
            self.error = error
            self.stage = stage
        self.caller.land(self.number)
        return 0

    cdef int collect(self, const memlane_answer* answer) except -1:
        try:
            value = self.caller.decode(answer)
        except BaseException as error:
            return self.settle(RAISED, None, error)
        return self.settle(RETURNED, value, None)

    cdef bint look(self) except -1:
        """Whether the call is over; collects what came."""
        cdef memlane_answer answer
        cdef memlane_error error
        cdef memlane_status status
        if self.stage != FLYING:
            return self.is_settled()
        status = memlane_call_wait(&self.call, 0, &answer, &error)
        if status == MEMLANE_TIMEOUT or status == MEMLANE_INTERRUPTED or not self.claim():
            return self.is_settled()
        if status == MEMLANE_OK:
            self.collect(&answer)
            return True
        try:
            check(status, &error)
        except errors.Error as failure:
            self.settle(RAISED, None, failure)
        return True

    cdef object outcome(self):
        self.caller.forget(self.number)
        if self.stage == RAISED:
            raise self.error
        return self.value

    def result(self, timeout=None):
        """Wait for the response and return it, or raise what the function raised. May be called again.

        Args:
            timeout: Seconds; None: the caller's.

        Raises:
            Timeout: It did not come in time. The call goes on: wait again, or `cancel` it.
            CallCancelled: The call was cancelled.
            PeerDied: The server died while it executed the call, which may have had its effect.
        """
        cdef memlane_answer answer
        if self.stage == ONE_WAY:
            self.caller.refuse_one_way()
        cdef uint64_t deadline = deadline_of(self.caller.timeout if timeout is None else timeout)
        while not self.look():
            try:
                self.caller.wait_for(&self.call, deadline, &answer)
            except errors.Error:
                if self.look():
                    break
                if self.stage == FLYING:
                    raise
                # Another thread ended the call, and is about to say what it came to.
        return self.outcome()

    def done(self):
        """Tell whether the response is there, or will never be, as after the caller's close. Never waits."""
        return self.stage == ONE_WAY or self.look()

    def cancel(self):
        """Take the call back, if nobody has begun it.

        Returns:
            True when it is certain that it was not executed and never will be; `result` raises `CallCancelled` then,
            or `Closed` where the caller's close had taken it back.
        """
        if self.stage == FLYING and memlane_call_cancel(&self.call):
            self.was_taken_back = True
            self.caller.forget(self.number)  # there is no response that get_response() could take
            self.look()
        return self.was_taken_back

    def _arrive(self):
        """Raise `Timeout` where the response is not there yet. Never waits."""
        cdef memlane_answer answer
        cdef memlane_error error
        cdef memlane_status status
        if self.stage != ONE_WAY and not self.look():
            status = memlane_call_wait(&self.call, 0, &answer, &error)
            if self.stage == FLYING:
                check(status, &error)

    def _give_up(self, timeout=None):
        """End a call that nobody waits for any more; return the error that says what is known of it."""
        cdef memlane_execution known
        self.caller.forget(self.number)
        if not self.claim():
            return timeout
        known = memlane_call_end(&self.call)
        self.was_taken_back = known == MEMLANE_NOT_EXECUTED
        error = None if timeout is None else given_up(timeout, known)
        self.settle(RAISED, None, error)
        return error

    cdef int abandon(self) except -1:
        """Give the call up: the caller was closed."""
        cdef memlane_execution known
        if self.claim():
            known = memlane_call_end(&self.call)
            self.was_taken_back = known == MEMLANE_NOT_EXECUTED
            error = errors.Closed(f"the caller was closed while this call was under way; {FATES[known][1]}")
            self.settle(RAISED, None, error)
        return 0

    def __repr__(self):
        state = {ONE_WAY: "one-way", RETURNED: "returned", RAISED: "raised"}.get(self.stage, "under way")
        return f"<memlane.PendingCall of {self.caller.name!r}: {state}>"
