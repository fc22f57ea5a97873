"""The public C API of libmemlane.so; ``memlane/variable.h`` and its neighbours document it."""

from libc.stdint cimport int64_t, uint32_t, uint64_t


cdef extern from "memlane/status.h" nogil:
    ctypedef enum memlane_status:
        MEMLANE_OK
        MEMLANE_EMPTY
        MEMLANE_TIMEOUT
        MEMLANE_INTERRUPTED
        MEMLANE_CLOSED
        MEMLANE_INVALID_NAME
        MEMLANE_INVALID_ARGUMENT
        MEMLANE_NOT_FOUND
        MEMLANE_KIND_MISMATCH
        MEMLANE_SIZE_MISMATCH
        MEMLANE_SCHEMA_MISMATCH
        MEMLANE_LAYOUT_MISMATCH
        MEMLANE_UNSAFE_NAMESPACE
        MEMLANE_UNSUPPORTED_NAMESPACE
        MEMLANE_NO_SPACE
        MEMLANE_TOO_MANY_PARTICIPANTS
        MEMLANE_NO_FREE_SLOT
        MEMLANE_VALUE_TOO_LARGE
        MEMLANE_TOO_MANY_VIEWS
        MEMLANE_CORRUPTED
        MEMLANE_OWNERSHIP_LOST
        MEMLANE_BUFFER_TOO_SMALL
        MEMLANE_NO_MEMORY
        MEMLANE_SYSTEM
        MEMLANE_ACCESS_DENIED
        MEMLANE_ALREADY_LOCKED
        MEMLANE_NOT_LOCKED
        MEMLANE_PEER_DIED
        MEMLANE_ENDPOINT_BUSY
        MEMLANE_END_CLOSED
        MEMLANE_TAKEN
        MEMLANE_WOULD_DEADLOCK
        MEMLANE_NO_SERVER
        MEMLANE_CANCELLED
        MEMLANE_ANSWERED

    ctypedef struct memlane_error:
        memlane_status status
        int system_error
        char[1024] message

    const char* memlane_status_name(memlane_status status)


cdef extern from "<stdbool.h>" nogil:
    ctypedef bint c_bool "bool"


cdef extern from "memlane/format.h" nogil:
    const uint32_t MEMLANE_STRUCT
    const uint32_t MEMLANE_TYPE_STRUCT

    ctypedef struct memlane_field:
        const char* path
        uint64_t offset
        uint64_t size
        uint64_t count
        uint32_t code

    ctypedef struct memlane_format:
        pass

    memlane_status memlane_format_create(
        memlane_format** format, uint64_t size, const memlane_field* fields, size_t count, memlane_error* error
    )
    void memlane_format_free(memlane_format* format)
    uint64_t memlane_format_size(const memlane_format* format)
    size_t memlane_format_count(const memlane_format* format)
    const memlane_field* memlane_format_field(const memlane_format* format, size_t index)
    const char* memlane_code_name(uint32_t code)


cdef extern from "memlane/object.h" nogil:
    const uint64_t MEMLANE_NO_DEADLINE
    const uint64_t MEMLANE_ANY

    ctypedef struct memlane_object_options:
        const char* directory
        uint64_t participants
        uint64_t ephemeral
        uint32_t permissions
        int64_t peer_user
        bint create
        const unsigned char* uuid

    ctypedef struct memlane_endpoint:
        pass

    memlane_status memlane_endpoint_descriptor(memlane_endpoint* endpoint, int* descriptor, memlane_error* error)
    memlane_status memlane_endpoint_begin_poll(memlane_endpoint* endpoint, int* descriptor, memlane_error* error)
    void memlane_endpoint_end_poll(memlane_endpoint* endpoint)
    c_bool memlane_endpoint_look(memlane_endpoint* endpoint, uint64_t* until_ns, c_bool* ready)
    memlane_status memlane_endpoint_wait_any(
        memlane_endpoint** endpoints, uint32_t count, uint64_t deadline_ns, c_bool* ready, memlane_error* error
    )


cdef extern from "memlane/variable.h" nogil:
    ctypedef struct memlane_variable:
        pass

    ctypedef struct memlane_variable_options:
        memlane_object_options object
        uint64_t max_size
        uint64_t slots
        uint64_t encoding
        const memlane_format* format

    ctypedef struct memlane_reading:
        uint64_t version
        uint64_t sequence
        uint64_t size
        uint64_t monotonic_ns
        uint64_t real_ns
        uint32_t type

    ctypedef struct memlane_loan:
        memlane_variable* variable
        void* bytes
        uint64_t capacity

    ctypedef struct memlane_view:
        memlane_variable* variable
        const void* bytes
        memlane_reading reading

    ctypedef struct memlane_access:
        const void* bytes
        memlane_reading reading

    ctypedef struct memlane_variable_properties:
        uint64_t max_size
        uint64_t slots
        uint64_t participants
        uint64_t encoding
        bint ephemeral
        unsigned char[16] uuid
        const char* name
        const char* directory
        const memlane_format* format

    ctypedef struct memlane_variable_statistics:
        uint64_t writes
        uint64_t reads
        uint64_t bytes_written
        uint64_t bytes_read
        uint64_t superseded
        uint64_t skipped
        uint64_t retries
        uint64_t recovered
        uint64_t version
        uint32_t live_participants
        uint32_t slots_writing
        uint32_t slots_pinned
        bint is_current

    void memlane_variable_options_initialise(memlane_variable_options* options)
    memlane_status memlane_variable_open(
        memlane_variable** variable, const char* name, size_t length, const memlane_variable_options* options,
        memlane_error* error
    )
    void memlane_variable_close(memlane_variable* variable)
    void memlane_variable_free(memlane_variable* variable)
    memlane_status memlane_variable_write(
        memlane_variable* variable, const void* bytes, uint64_t size, uint32_t type, uint64_t deadline_ns,
        memlane_error* error
    )
    memlane_status memlane_variable_loan(
        memlane_variable* variable, memlane_loan* loan, uint64_t deadline_ns, memlane_error* error
    )
    memlane_status memlane_loan_commit(
        memlane_loan* loan, uint64_t size, uint32_t type, uint64_t* version, memlane_error* error
    )
    void memlane_loan_drop(memlane_loan* loan)
    void memlane_variable_hold(memlane_variable* variable)
    void memlane_variable_release(memlane_variable* variable)
    memlane_status memlane_variable_view(memlane_variable* variable, memlane_view* view, memlane_error* error)
    void memlane_view_release(memlane_view* view)
    memlane_status memlane_variable_wait(
        memlane_variable* variable, uint64_t version, uint64_t deadline_ns, uint64_t* newest, memlane_error* error
    )
    memlane_status memlane_variable_version(memlane_variable* variable, uint64_t* version)
    memlane_endpoint* memlane_variable_endpoint(memlane_variable* variable)
    void memlane_variable_expect(memlane_variable* variable, uint64_t version)
    void memlane_variable_count_skipped(memlane_variable* variable, uint64_t skipped)
    void memlane_variable_describe(const memlane_variable* variable, memlane_variable_properties* properties)
    memlane_status memlane_variable_statistics_read(
        memlane_variable* variable, memlane_variable_statistics* statistics, memlane_error* error
    )
    bint memlane_variable_is_current(memlane_variable* variable)
    bint memlane_variable_is_private(memlane_variable* variable)
    memlane_status memlane_access_begin(
        memlane_variable* variable, uint32_t attempt, memlane_access* access, memlane_error* error
    )
    bint memlane_access_still(memlane_variable* variable, const memlane_access* access)
    memlane_status memlane_access_end(
        memlane_variable* variable, memlane_access* access, bint complete, memlane_error* error
    )


cdef extern from "memlane/map.h" nogil:
    ctypedef struct memlane_map:
        pass

    ctypedef struct memlane_map_options:
        memlane_object_options object
        uint64_t size

    ctypedef struct memlane_map_lock:
        memlane_map* map
        bint recovered
        uint32_t fence

    ctypedef struct memlane_map_properties:
        uint64_t size
        uint64_t participants
        bint ephemeral
        unsigned char[16] uuid
        const char* name
        const char* directory

    ctypedef struct memlane_map_statistics:
        uint64_t write_locks
        uint64_t read_locks
        uint64_t recovered
        uint32_t live_participants
        bint is_current

    void memlane_map_options_initialise(memlane_map_options* options)
    memlane_status memlane_map_open(
        memlane_map** map, const char* name, size_t length, const memlane_map_options* options, memlane_error* error
    )
    void memlane_map_close(memlane_map* map)
    bint memlane_map_is_closed(const memlane_map* map)
    void memlane_map_free(memlane_map* map)
    memlane_status memlane_map_lock_read(
        memlane_map* map, memlane_map_lock* lock, uint64_t deadline_ns, memlane_error* error
    )
    memlane_status memlane_map_lock_write(
        memlane_map* map, memlane_map_lock* lock, uint64_t deadline_ns, memlane_error* error
    )
    memlane_status memlane_map_lock_for_nobody(
        memlane_map* map, memlane_map_lock* lock, int mode, uint64_t deadline_ns,
        c_bool (*give_up)(void* argument) noexcept, void* argument, memlane_error* error
    )
    memlane_status memlane_map_unlock(memlane_map_lock* lock, memlane_error* error)
    int memlane_map_mode(memlane_map* map)
    const int MEMLANE_MAP_READING
    const int MEMLANE_MAP_WRITING
    void memlane_map_ask_while_waiting(
        memlane_map* map, c_bool (*give_up)(void* argument) noexcept, void* argument
    )
    memlane_endpoint* memlane_map_endpoint(memlane_map* map)
    memlane_status memlane_map_descriptor(memlane_map* map, int* descriptor, uint64_t* offset, memlane_error* error)
    void memlane_map_guard(memlane_map* map, void* address, size_t size)
    void memlane_map_unguard(memlane_map* map)
    memlane_status memlane_map_check(memlane_map* map, memlane_error* error)
    void memlane_map_describe(const memlane_map* map, memlane_map_properties* properties)
    memlane_status memlane_map_statistics_read(
        memlane_map* map, memlane_map_statistics* statistics, memlane_error* error
    )
    bint memlane_map_is_current(memlane_map* map)


cdef extern from "memlane/channel.h" nogil:
    const uint64_t MEMLANE_SOON

    ctypedef struct memlane_channel:
        pass

    ctypedef enum memlane_channel_mode:
        MEMLANE_CHANNEL_READ
        MEMLANE_CHANNEL_WRITE

    ctypedef struct memlane_channel_options:
        memlane_object_options object
        uint64_t capacity

    ctypedef struct memlane_span:
        memlane_channel* channel
        void* bytes
        uint64_t size

    ctypedef struct memlane_channel_properties:
        uint64_t capacity
        uint64_t participants
        memlane_channel_mode mode
        bint ephemeral
        unsigned char[16] uuid
        const char* name
        const char* directory

    ctypedef struct memlane_channel_status:
        int descriptor
        bint reader_is_open
        bint writer_is_open
        bint reader_is_closed
        bint writer_is_closed
        uint64_t data_bell_offset
        uint64_t room_bell_offset
        uint64_t capacity
        uint64_t read_cursor
        uint64_t write_cursor

    ctypedef struct memlane_channel_statistics:
        uint64_t writes
        uint64_t reads
        uint64_t bytes_written
        uint64_t bytes_read
        uint64_t waits
        uint64_t recovered
        uint64_t filled
        uint32_t live_participants
        bint is_current

    void memlane_channel_options_initialise(memlane_channel_options* options)
    memlane_status memlane_channel_open(
        memlane_channel** channel, const char* name, size_t length, memlane_channel_mode mode,
        const memlane_channel_options* options, memlane_error* error
    )
    void memlane_channel_close(memlane_channel* channel)
    void memlane_channel_free(memlane_channel* channel)
    void memlane_channel_hold(memlane_channel* channel)
    void memlane_channel_release(memlane_channel* channel)
    memlane_status memlane_channel_lock(memlane_channel* channel, uint64_t deadline_ns, memlane_error* error)
    void memlane_channel_unlock(memlane_channel* channel)
    memlane_status memlane_channel_write(
        memlane_channel* channel, const void* bytes, uint64_t size, uint64_t deadline_ns, uint64_t* written,
        memlane_error* error
    )
    memlane_status memlane_channel_write_some(
        memlane_channel* channel, const void* bytes, uint64_t size, uint64_t* written, memlane_error* error
    )
    memlane_status memlane_channel_write_whole(
        memlane_channel* channel, const void* bytes, uint64_t size, uint64_t deadline_ns, uint64_t* written,
        memlane_error* error
    )
    memlane_status memlane_channel_read(
        memlane_channel* channel, void* buffer, uint64_t size, uint64_t least, uint64_t deadline_ns, uint64_t* count,
        memlane_error* error
    )
    memlane_status memlane_channel_reserve(
        memlane_channel* channel, uint64_t size, uint64_t deadline_ns, memlane_span* span, memlane_error* error
    )
    memlane_status memlane_channel_peek(
        memlane_channel* channel, uint64_t size, uint64_t deadline_ns, memlane_span* span, memlane_error* error
    )
    memlane_status memlane_span_commit(memlane_span* span, uint64_t size, memlane_error* error)
    void memlane_span_drop(memlane_span* span)
    memlane_endpoint* memlane_channel_endpoint(memlane_channel* channel)
    void memlane_channel_expect(memlane_channel* channel, uint64_t least)
    uint64_t memlane_channel_position(const memlane_channel* channel)
    void memlane_channel_describe(const memlane_channel* channel, memlane_channel_properties* properties)
    memlane_status memlane_channel_status_read(
        memlane_channel* channel, memlane_channel_status* status, memlane_error* error
    )
    memlane_status memlane_channel_statistics_read(
        memlane_channel* channel, memlane_channel_statistics* statistics, memlane_error* error
    )
    bint memlane_channel_is_current(memlane_channel* channel)


cdef extern from "memlane/share.h" nogil:
    enum:
        MEMLANE_SHARE_HEADROOM

    ctypedef struct memlane_share:
        pass

    ctypedef struct memlane_share_options:
        memlane_object_options object
        uint64_t size
        uint64_t slots
        uint64_t encoding

    void memlane_share_options_initialise(memlane_share_options* options)
    memlane_status memlane_share_open(
        memlane_share** share, const char* name, size_t length, const memlane_share_options* options,
        memlane_error* error
    )
    memlane_variable* memlane_share_variable(memlane_share* share)
    memlane_status memlane_share_wait(memlane_share* share, uint64_t deadline_ns, memlane_error* error)
    memlane_status memlane_share_take(memlane_share* share, uint64_t version, memlane_error* error)
    memlane_status memlane_share_clear(memlane_share* share, c_bool* dropped, memlane_error* error)
    memlane_status memlane_share_taken(memlane_share* share, uint64_t* version, memlane_error* error)


cdef extern from "memlane/function.h" nogil:
    ctypedef struct memlane_function:
        pass

    ctypedef struct memlane_dispatcher:
        pass

    ctypedef struct memlane_function_options:
        memlane_object_options object
        uint64_t max_arguments
        uint64_t max_result
        uint64_t lanes
        uint64_t slots
        const memlane_format* arguments_format
        const memlane_format* result_format

    ctypedef struct memlane_call:
        memlane_function* function
        void* bytes
        uint64_t capacity
        bint fail_fast

    ctypedef struct memlane_answer:
        const void* bytes
        uint64_t size
        uint32_t type
        bint failed

    ctypedef enum memlane_execution:
        MEMLANE_NOT_EXECUTED
        MEMLANE_MAYBE_EXECUTED
        MEMLANE_EXECUTED

    ctypedef struct memlane_task:
        memlane_function* function
        uint32_t place
        uint32_t type
        const void* bytes
        uint64_t size
        void* response
        uint64_t capacity

    ctypedef struct memlane_function_properties:
        uint64_t max_arguments
        uint64_t max_result
        uint64_t lanes
        uint64_t slots
        uint64_t participants
        bint ephemeral
        unsigned char[16] uuid
        const char* name
        const char* directory
        const memlane_format* arguments_format
        const memlane_format* result_format

    ctypedef struct memlane_function_statistics:
        uint64_t calls
        uint64_t served
        uint64_t errors
        uint64_t withdrawn
        uint64_t abandoned
        uint64_t orphaned
        uint64_t dropped
        uint64_t latency_ns
        uint32_t waiting
        uint32_t executing
        uint32_t live_participants
        uint32_t live_callers
        uint32_t live_servers
        bint is_current

    void memlane_function_options_initialise(memlane_function_options* options)
    memlane_status memlane_function_open(
        memlane_function** function, const char* name, size_t length, const memlane_function_options* options,
        memlane_error* error
    )
    void memlane_function_close(memlane_function* function)
    void memlane_function_free(memlane_function* function)
    memlane_status memlane_function_prepare(memlane_function* function, memlane_error* error)
    memlane_endpoint* memlane_function_endpoint(memlane_function* function)
    void memlane_function_expect_slot(memlane_function* function, c_bool expects)
    memlane_status memlane_function_wait(memlane_function* function, uint64_t deadline_ns, memlane_error* error)
    bint memlane_function_is_served(memlane_function* function)
    memlane_status memlane_function_check(memlane_function* function, memlane_error* error)
    void memlane_function_describe(const memlane_function* function, memlane_function_properties* properties)
    memlane_status memlane_function_statistics_read(
        memlane_function* function, memlane_function_statistics* statistics, memlane_error* error
    )
    void memlane_function_count_dropped(memlane_function* function, uint64_t dropped)
    bint memlane_function_is_current(memlane_function* function)
    bint memlane_function_is_private(memlane_function* function)
    memlane_status memlane_call_begin(
        memlane_function* function, memlane_call* call, uint64_t deadline_ns, memlane_error* error
    )
    memlane_status memlane_call_post(memlane_call* call, uint64_t size, uint32_t type, memlane_error* error)
    memlane_status memlane_call_wait(
        memlane_call* call, uint64_t deadline_ns, memlane_answer* answer, memlane_error* error
    )
    memlane_status memlane_call_poll(
        memlane_call* call, uint64_t duration_ns, memlane_answer* answer, memlane_error* error
    )
    bint memlane_call_cancel(memlane_call* call)
    memlane_execution memlane_call_end(memlane_call* call)
    void memlane_call_forget(memlane_call* call)
    memlane_status memlane_dispatcher_make(memlane_dispatcher** dispatcher, uint32_t capacity, memlane_error* error)
    void memlane_dispatcher_free(memlane_dispatcher* dispatcher)
    memlane_status memlane_dispatcher_add(
        memlane_dispatcher* dispatcher, memlane_function* function, memlane_error* error
    )
    void memlane_dispatcher_stop(memlane_dispatcher* dispatcher)
    void memlane_dispatcher_resume(memlane_dispatcher* dispatcher)
    memlane_status memlane_dispatcher_take(
        memlane_dispatcher* dispatcher, memlane_call* awaited, uint64_t deadline_ns, memlane_task* task,
        memlane_error* error
    )
    memlane_status memlane_dispatcher_poll(
        memlane_dispatcher* dispatcher, memlane_call* awaited, uint64_t duration_ns, memlane_task* task,
        memlane_error* error
    )
    memlane_status memlane_task_respond(memlane_task* task, uint64_t size, uint32_t type, memlane_error* error)
    memlane_status memlane_task_fail(
        memlane_task* task, const char* text, const void* bytes, uint64_t size, uint32_t type, memlane_error* error
    )


cdef extern from "memlane/namespace.h" nogil:
    memlane_status memlane_unlink(
        const char* directory, const char* name, size_t length, uint32_t permissions, int64_t peer_user,
        memlane_error* error
    )
    memlane_status memlane_collect(
        const char* directory, uint32_t permissions, int64_t peer_user, uint32_t* removed, memlane_error* error
    )


cdef extern from "memlane/sync.h" nogil:
    const int MEMLANE_SYNC_SIZE

    ctypedef struct memlane_sync:
        pass

    memlane_status memlane_sync_open(memlane_sync** sync, const char* directory, memlane_error* error)
    void memlane_sync_free(memlane_sync* sync)
    memlane_status memlane_sync_initialise(memlane_sync* sync, void* memory, bint recursive, memlane_error* error)
    memlane_status memlane_sync_destroy(memlane_sync* sync, void* memory, memlane_error* error)
    memlane_status memlane_sync_acquire(
        memlane_sync* sync, void* memory, uint64_t deadline_ns, c_bool* recovered, memlane_error* error
    )
    memlane_status memlane_sync_acquire_as(
        memlane_sync* sync, void* memory, uint64_t owner, uint64_t deadline_ns, c_bool* recovered, memlane_error* error
    )
    memlane_status memlane_sync_try(memlane_sync* sync, void* memory, c_bool* recovered, memlane_error* error)
    memlane_status memlane_sync_release(memlane_sync* sync, void* memory, memlane_error* error)
    memlane_status memlane_sync_release_as(
        memlane_sync* sync, void* memory, uint64_t owner, memlane_error* error
    )


cdef extern from "memlane/buffer.h" nogil:
    enum:
        MEMLANE_BUFFER_HEAD

    ctypedef struct memlane_buffer:
        pass

    ctypedef struct memlane_buffer_options:
        memlane_object_options object
        uint64_t size
        const char* schema
        uint32_t schema_length

    ctypedef struct memlane_buffer_reading:
        uint64_t version
        bint valid

    ctypedef enum memlane_buffer_outcome:
        MEMLANE_BUFFER_DROP
        MEMLANE_BUFFER_UNCHANGED
        MEMLANE_BUFFER_CHANGED

    ctypedef struct memlane_buffer_properties:
        uint64_t size
        uint64_t participants
        bint ephemeral
        unsigned char[16] uuid
        const char* name
        const char* directory

    ctypedef struct memlane_buffer_statistics:
        uint64_t writes
        uint64_t reads
        uint64_t retries
        uint64_t recovered
        uint64_t version
        uint32_t live_participants
        bint is_current

    void memlane_buffer_options_initialise(memlane_buffer_options* options)
    memlane_status memlane_buffer_open(
        memlane_buffer** buffer, const char* name, size_t length, const memlane_buffer_options* options,
        memlane_error* error
    )
    void memlane_buffer_close(memlane_buffer* buffer)
    void memlane_buffer_free(memlane_buffer* buffer)
    memlane_status memlane_buffer_read(
        memlane_buffer* buffer, uint64_t offset, void* bytes, uint64_t size, memlane_buffer_reading* reading,
        memlane_error* error
    )
    memlane_status memlane_buffer_begin(
        memlane_buffer* buffer, uint64_t deadline_ns, void** record, memlane_error* error
    )
    memlane_status memlane_buffer_try_begin(memlane_buffer* buffer, void** record, memlane_error* error)
    memlane_status memlane_buffer_end(memlane_buffer* buffer, memlane_buffer_outcome outcome, memlane_error* error)
    memlane_status memlane_buffer_set_valid(memlane_buffer* buffer, bint valid, memlane_error* error)
    memlane_status memlane_buffer_wait(
        memlane_buffer* buffer, uint64_t version, uint64_t deadline_ns, uint64_t* newest, memlane_error* error
    )
    memlane_endpoint* memlane_buffer_endpoint(memlane_buffer* buffer)
    void memlane_buffer_mark_seen(memlane_buffer* buffer, uint64_t version)
    void memlane_buffer_expect(memlane_buffer* buffer, uint64_t version)
    void memlane_buffer_describe(const memlane_buffer* buffer, memlane_buffer_properties* properties)
    memlane_status memlane_buffer_statistics_read(
        memlane_buffer* buffer, memlane_buffer_statistics* statistics, memlane_error* error
    )
    bint memlane_buffer_is_current(memlane_buffer* buffer)


cdef extern from "memlane/inspect.h" nogil:
    ctypedef enum memlane_role:
        MEMLANE_ROLE_READER
        MEMLANE_ROLE_WRITER
        MEMLANE_ROLE_LOCKS
        MEMLANE_ROLE_SHARES
        MEMLANE_ROLE_WAITS
        MEMLANE_ROLE_SERVES
        MEMLANE_ROLE_CALLS

    ctypedef struct memlane_inspection:
        pass

    ctypedef struct memlane_inspected_participant:
        uint32_t index
        uint32_t pid
        uint32_t thread
        uint64_t start_time
        uint64_t pid_namespace
        uint32_t roles
        uint32_t writes
        uint32_t views
        uint32_t calls
        uint32_t executes
        c_bool lives
        char[33] program
        uint64_t[8] counters

    ctypedef struct memlane_inspected_object:
        const char* kind
        uint64_t size
        uint64_t allocated
        uint32_t layout_major
        uint32_t layout_minor
        uint32_t creator
        uint32_t owner
        uint32_t permissions
        c_bool ephemeral
        c_bool of_this_boot
        c_bool waiting
        c_bool recovering
        unsigned char[16] uuid
        uint64_t created_monotonic_ns
        uint64_t created_real_ns
        uint32_t participants
        uint64_t[4] geometry
        uint64_t[8] counters
        memlane_reading latest
        uint32_t slots_writing
        uint32_t slots_viewed
        uint64_t taken
        uint64_t head
        uint64_t tail
        uint32_t lanes
        uint32_t calls_waiting
        uint32_t calls_running
        uint32_t calls_done
        uint32_t acquisitions

    memlane_status memlane_inspect_names(
        const char* directory, c_bool (*visit)(const char* name, void* argument) noexcept nogil, void* argument,
        memlane_error* error
    )
    memlane_status memlane_inspect_open(
        memlane_inspection** inspection, const char* directory, const char* name, size_t length, memlane_error* error
    )
    void memlane_inspect_close(memlane_inspection* inspection)
    memlane_status memlane_inspect_object(
        const memlane_inspection* inspection, memlane_inspected_object* found, memlane_error* error
    )
    uint32_t memlane_inspect_participants(
        const memlane_inspection* inspection, memlane_inspected_participant* participants, uint32_t capacity
    )
    const void* memlane_inspect_schema(const memlane_inspection* inspection, size_t* length)
    const memlane_format* memlane_inspect_format(const memlane_inspection* inspection)
    const memlane_format* memlane_inspect_result_format(const memlane_inspection* inspection)
    memlane_status memlane_inspect_read(
        const memlane_inspection* inspection, void* buffer, size_t capacity, memlane_reading* reading,
        memlane_error* error
    )
    memlane_status memlane_inspect_peek(
        const memlane_inspection* inspection, uint64_t start, void* buffer, size_t capacity, uint64_t* first,
        size_t* size, memlane_error* error
    )
    memlane_status memlane_inspect_copy(
        const memlane_inspection* inspection, uint64_t offset, void* buffer, size_t size, memlane_error* error
    )
