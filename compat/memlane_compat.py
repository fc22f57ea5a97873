# -*- coding: utf-8 -*-
"""memlane for interpreters that the package `memlane` does not know: Python 2.7, 3.5 and newer, PyPy.

One file without dependencies beyond ``ctypes`` (PyPy: ``cffi``, which it brings along), and numpy where arrays are
wanted: variables, functions, channels, maps and shares over ``libmemlane.so``, with the names and the meaning that they
have in `memlane`. The library is looked for in ``$MEMLANE_LIBRARY``, beside this file, and in an installed `memlane`, in
this order. ``python -m memlane compat --to DIR`` copies both to where nothing can be installed.

Text and bytes between Python 2 and Python 3:

- ``unicode`` there is ``str`` here. ``str`` of Python 2 becomes ``str`` where it is valid UTF-8, else ``bytes``.
- ``bytes`` of Python 3 becomes ``str`` of Python 2. For binary data from Python 2 put a ``bytearray``.
- ``int`` and ``long`` are one.

Values that are not plain (None, bool, int, float, text, bytes, tuples, lists and dicts of these, arrays) are pickled by
the protocol of the object: one that Python 2 shall read is created with ``protocol=2``. Arguments and results of
functions that are not plain leave from here with protocol 2.
"""

from __future__ import absolute_import, division, print_function

import array
import atexit
import contextlib
import ctypes
import errno
import gc
import io
import logging
import mmap
import operator
import os
import pickle
import re
import struct
import sys
import threading
import traceback
import weakref

try:
    import builtins
except ImportError:
    import __builtin__ as builtins

__all__ = [
    "AccessDenied", "AlreadyLocked", "CHAN_R", "CHAN_W", "CallCancelled", "Channel", "Closed", "Corrupted", "Empty",
    "EncodingError", "EndpointBusy", "Error", "HostFunctionCaller", "HostFunctionDispatcher", "HostVariable",
    "InvalidArgument", "InvalidName", "KindMismatch", "LOG_ALL", "LOG_BASIC", "LOG_DISABLE", "LayoutMismatch",
    "MissingDependency", "NoFreeSlot", "NoResponse", "NoServer", "NoSpace", "NumpyShare", "OOMError", "ObjectNotFound",
    "OperationFailedError", "OppositeEndClosedError", "OppositeEndDiedError", "OwnershipLost", "ParameterTypeError",
    "PeerDied", "PendingCall", "RWSharedMMap", "ReadAccessError", "RemoteError", "RemoteTraceback", "SchemaMismatch",
    "SharedAssign", "SharedMMap", "SizeMismatch", "SystemFailure", "Timeout", "TooManyParticipants", "TooManyViews",
    "UnsafeNamespace", "UnsafePickle", "UnsafeSharedMMap", "UnsupportedNamespace", "ValueTooLarge", "WouldDeadlock",
    "WriteAccessError", "clean_library", "collect", "init_library", "open_channel", "unlink",
]

VERSION = "0.1.0"  # of the library that this file was written for

PYTHON_2 = sys.version_info[0] == 2
if PYTHON_2:
    TEXT, INTEGERS = unicode, (int, long)  # noqa: F821  (names of Python 2)
    _PermissionError = _FileNotFoundError = _TimeoutError = _ConnectionError = _BrokenPipeError = OSError
    _ConnectionRefusedError = OSError
else:
    TEXT, INTEGERS = str, (int,)
    _PermissionError, _FileNotFoundError, _TimeoutError = PermissionError, FileNotFoundError, TimeoutError  # noqa: F821
    _ConnectionError, _BrokenPipeError = ConnectionError, BrokenPipeError  # noqa: F821
    _ConnectionRefusedError = ConnectionRefusedError  # noqa: F821
PYPY = hasattr(sys, "pypy_version_info")

_LOGGER = logging.getLogger("memlane")
if PYTHON_2:
    _LOGGER.addHandler(logging.NullHandler())  # else Python 2 complains at the first message


# -- errors, as in memlane.errors ---------------------------------------------------------------------------------


class Error(Exception):
    """Base of all errors that memlane raises for reasons of its own."""


class OperationFailedError(Error, RuntimeError):
    """The system, or another program, was in the way of an operation that was asked for rightly."""


def _error(name, bases, text):
    bases = bases if isinstance(bases, tuple) else (bases,)
    if not any(issubclass(base, Error) for base in bases):
        bases = (Error,) + bases
    return type(name, bases, {"__doc__": text})


AccessDenied = _error("AccessDenied", _PermissionError, "The directory or the object does not let this user in.")
AlreadyLocked = _error("AlreadyLocked", RuntimeError, "This thread holds a lock of this endpoint.")
CallCancelled = _error("CallCancelled", RuntimeError, "The call was taken back before anybody had begun it.")
Closed = _error("Closed", ValueError, "The endpoint was closed.")
Corrupted = _error("Corrupted", ValueError, "The shared bytes contradict themselves, or were truncated.")
Empty = _error("Empty", LookupError, "Nothing was ever written.")
EncodingError = _error("EncodingError", (pickle.PicklingError, TypeError), "The value cannot be turned into bytes.")
EndpointBusy = _error("EndpointBusy", OperationFailedError, "Somebody alive has this part of the object already.")
InvalidArgument = _error("InvalidArgument", ValueError, "An argument that no object could satisfy.")
InvalidName = _error("InvalidName", ValueError, "Not a name for an object.")
KindMismatch = _error("KindMismatch", TypeError, "The object of this name is of another kind.")
LayoutMismatch = _error("LayoutMismatch", ValueError, "Made by an incompatible build or machine.")
MissingDependency = _error("MissingDependency", ImportError, "An optional package, or the library, is needed.")
NoFreeSlot = _error("NoFreeSlot", RuntimeError, "Every slot is held by a live writer, loan or view.")
NoResponse = _error("NoResponse", LookupError, "The function gives no responses, or no call waits for one.")
NoServer = _error("NoServer", _ConnectionRefusedError, "Nobody serves the function; the call is not executed.")
NoSpace = _error("NoSpace", (OSError, OperationFailedError), "The memory could not be reserved.")
ObjectNotFound = _error("ObjectNotFound", _FileNotFoundError, "No object of that name, or it was re-created.")
OOMError = _error("OOMError", MemoryError, "It does not fit the memory that is there; nothing was written.")
OppositeEndClosedError = _error("OppositeEndClosedError", _BrokenPipeError, "The channel's other end closed or died.")
OppositeEndClosedError.written = None  # bytes that the write put in before; they stay for the next reader
OwnershipLost = _error("OwnershipLost", RuntimeError, "What was held is held by somebody else now.")
ParameterTypeError = _error("ParameterTypeError", TypeError, "An argument of a type that no channel could take.")
PeerDied = _error("PeerDied", _ConnectionError, "The process at the other side ended without closing.")
OppositeEndDiedError = _error("OppositeEndDiedError", (OppositeEndClosedError, PeerDied), "Its owner died.")
ReadAccessError = _error("ReadAccessError", _PermissionError, "Reading without the lock, or the mode, for it.")
SchemaMismatch = _error("SchemaMismatch", ValueError, "The object has another format than was asked for.")
SizeMismatch = _error("SizeMismatch", ValueError, "The object has other sizes than were asked for.")
SystemFailure = _error("SystemFailure", (OSError, OperationFailedError), "A system call failed.")
Timeout = _error("Timeout", _TimeoutError, "The time was over first.")
Timeout.written = None  # bytes that a channel's write put in before
Timeout.maybe_executed = None  # of a call that was given up: whether a server had begun it
TooManyParticipants = _error("TooManyParticipants", OperationFailedError, "Every place for an endpoint is taken.")
TooManyViews = _error("TooManyViews", RuntimeError, "This endpoint views as many versions as it may.")
UnsafeNamespace = _error("UnsafeNamespace", _PermissionError, "Others could replace or change what is there.")
UnsafePickle = _error("UnsafePickle", pickle.UnpicklingError, "A pickle that others could have written.")
UnsupportedNamespace = _error("UnsupportedNamespace", OSError, "The file system lacks what crash safety needs.")
ValueTooLarge = _error("ValueTooLarge", ValueError, "The value does not fit the object.")
WouldDeadlock = _error("WouldDeadlock", RuntimeError, "The wait could never end.")
WriteAccessError = _error("WriteAccessError", _PermissionError, "Writing without the lock, or the mode, for it.")


class RemoteError(Error, RuntimeError):
    """The function raised an exception that cannot be raised here with its own type."""

    def __init__(self, message, type_name="", remote_traceback=""):
        RuntimeError.__init__(self, message)
        self.type_name, self.remote_traceback = type_name, remote_traceback


class RemoteTraceback(Exception):
    """The cause of an exception that was raised in another process: the traceback as it was there."""

    def __str__(self):
        return '\n"""\n%s"""' % self.args[0]


# memlane_status of memlane/status.h, and the errno of those that are an OSError (None: the system call's own).
_OK, _TIMEOUT, _INTERRUPTED, _CLOSED, _NO_FREE_SLOT, _CORRUPTED, _OWNERSHIP_LOST = 0, 2, 3, 4, 16, 19, 20
_BUFFER_TOO_SMALL, _PEER_DIED, _END_CLOSED, _ANSWERED, _TAKEN = 21, 28, 30, 33, 37
_EXCEPTIONS = {
    1: (Empty,),
    2: (Timeout, errno.ETIMEDOUT),
    4: (Closed,),
    5: (InvalidName,),
    6: (InvalidArgument,),
    7: (ObjectNotFound, errno.ENOENT),
    8: (KindMismatch,),
    9: (SizeMismatch,),
    10: (SchemaMismatch,),
    11: (LayoutMismatch,),
    12: (UnsafeNamespace, errno.EPERM),
    13: (UnsupportedNamespace, errno.ENOTSUP),
    14: (NoSpace, errno.ENOSPC),
    15: (TooManyParticipants,),
    16: (NoFreeSlot,),
    17: (ValueTooLarge,),
    18: (TooManyViews,),
    19: (Corrupted,),
    20: (OwnershipLost,),
    24: (MemoryError,),
    25: (SystemFailure, None),
    26: (AccessDenied, errno.EACCES),
    28: (PeerDied, errno.ECONNRESET),
    29: (EndpointBusy,),
    30: (OppositeEndClosedError, errno.EPIPE),
    31: (NoServer, errno.ECONNREFUSED),
    32: (CallCancelled,),
    34: (AlreadyLocked,),
    35: (OwnershipLost,),
}


# -- the library -----------------------------------------------------------------------------------------------

_u64, _u32 = ctypes.c_uint64, ctypes.c_uint32
_ANY = 2**64 - 1
_FOREVER = 2**64 - 1
_HEADROOM = 4096  # MEMLANE_SHARE_HEADROOM


class _Error(ctypes.Structure):
    _fields_ = [("status", ctypes.c_int), ("system_error", ctypes.c_int), ("message", ctypes.c_char * 1024)]


class _ObjectOptions(ctypes.Structure):
    _fields_ = [
        ("directory", ctypes.c_char_p), ("participants", _u64), ("ephemeral", _u64), ("permissions", _u32),
        ("peer_user", ctypes.c_int64), ("create", ctypes.c_bool), ("uuid", ctypes.c_char_p),
    ]


def _structure(name, *fields):
    return type(name, (ctypes.Structure,), {"_fields_": fields})


def _words(*names):
    """Fields of 8 bytes."""
    return tuple([(name, _u64) for name in names])


_OBJECT, _FORMAT = ("object", _ObjectOptions), ("format", ctypes.c_void_p)
_FORMATS = (("arguments_format", ctypes.c_void_p), ("result_format", ctypes.c_void_p))
_VariableOptions = _structure("_VariableOptions", _OBJECT, *(_words("size", "slots", "encoding") + (_FORMAT,)))
_ShareOptions = _structure("_ShareOptions", _OBJECT, *_words("size", "slots", "encoding"))
_MapOptions = _structure("_MapOptions", _OBJECT, *_words("size"))
_ChannelOptions = _structure("_ChannelOptions", _OBJECT, *_words("capacity"))
_FunctionOptions = _structure(
    "_FunctionOptions", _OBJECT, *(_words("max_arguments", "max_result", "lanes", "slots") + _FORMATS)
)


class _Reading(ctypes.Structure):
    _fields_ = [
        ("version", _u64), ("sequence", _u64), ("size", _u64), ("monotonic_ns", _u64), ("real_ns", _u64),
        ("type", _u32),
    ]


class _Loan(ctypes.Structure):
    _fields_ = [
        ("variable", ctypes.c_void_p), ("bytes", ctypes.c_void_p), ("capacity", _u64), ("version", _u64),
        ("slot", _u32), ("tag", _u32),
    ]


class _View(ctypes.Structure):
    _fields_ = [("variable", ctypes.c_void_p), ("bytes", ctypes.c_void_p), ("reading", _Reading), ("pin", _u32)]


_IDENTITY = (
    ("ephemeral", ctypes.c_bool), ("uuid", ctypes.c_ubyte * 16), ("name", ctypes.c_char_p),
    ("directory", ctypes.c_char_p),
)
_VariableProperties = _structure(
    "_VariableProperties", *(_words("size", "slots", "participants", "encoding") + _IDENTITY + (_FORMAT,))
)
_MapProperties = _structure("_MapProperties", *(_words("size", "participants") + _IDENTITY))
_ChannelProperties = _structure(
    "_ChannelProperties", *(_words("capacity", "participants") + (("mode", ctypes.c_int),) + _IDENTITY)
)
_FunctionProperties = _structure(
    "_FunctionProperties",
    *(_words("max_arguments", "max_result", "lanes", "slots", "participants") + _IDENTITY + _FORMATS)
)


class _MapLock(ctypes.Structure):
    _fields_ = [("map", ctypes.c_void_p), ("recovered", ctypes.c_bool), ("fence", _u32), ("place", _u64 * 5)]


class _Span(ctypes.Structure):
    _fields_ = [("channel", ctypes.c_void_p), ("bytes", ctypes.c_void_p), ("size", _u64)]


class _ChannelStatus(ctypes.Structure):
    _fields_ = [("descriptor", ctypes.c_int)] + [
        (word, ctypes.c_bool)
        for word in ("reader_is_open", "writer_is_open", "reader_is_closed", "writer_is_closed")
    ] + [
        (word, _u64)
        for word in ("data_bell_offset", "room_bell_offset", "capacity", "read_cursor", "write_cursor")
    ]


class _Call(ctypes.Structure):
    _fields_ = [
        ("function", ctypes.c_void_p), ("bytes", ctypes.c_void_p), ("capacity", _u64), ("fail_fast", ctypes.c_bool),
        ("slot", _u32), ("tag", _u32), ("sequence", _u32), ("stage", _u32), ("posted_ns", _u64),
    ]


class _Answer(ctypes.Structure):
    _fields_ = [("bytes", ctypes.c_void_p), ("size", _u64), ("type", _u32), ("failed", ctypes.c_bool)]


class _Task(ctypes.Structure):
    _fields_ = [
        ("function", ctypes.c_void_p), ("place", _u32), ("type", _u32), ("bytes", ctypes.c_void_p), ("size", _u64),
        ("response", ctypes.c_void_p), ("capacity", _u64), ("posted_ns", _u64), ("lane", _u32), ("slot", _u32),
        ("tag", _u32), ("sequence", _u32),
    ]


_handle, _address, _status, _bool = ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_bool
_text, _size, _pointer = ctypes.c_char_p, ctypes.c_size_t, ctypes.POINTER
_error_p, _count_p = _pointer(_Error), _pointer(_u64)


def _opener(options, *between):
    return _status, [_pointer(_handle), _text, _size] + list(between) + [_pointer(options), _error_p]


_FUNCTIONS = {
    "memlane_variable_options_initialise": (None, [_pointer(_VariableOptions)]),
    "memlane_variable_open": _opener(_VariableOptions),
    "memlane_variable_close": (None, [_handle]),
    "memlane_variable_free": (None, [_handle]),
    "memlane_variable_describe": (None, [_handle, _pointer(_VariableProperties)]),
    "memlane_variable_is_private": (_bool, [_handle]),
    "memlane_variable_version": (_status, [_handle, _count_p]),
    "memlane_variable_wait": (_status, [_handle, _u64, _u64, _count_p, _error_p]),
    "memlane_variable_read": (_status, [_handle, _address, _u64, _pointer(_Reading), _error_p]),
    "memlane_variable_loan": (_status, [_handle, _pointer(_Loan), _u64, _error_p]),
    "memlane_loan_commit": (_status, [_pointer(_Loan), _u64, _u32, _count_p, _error_p]),
    "memlane_loan_drop": (None, [_pointer(_Loan)]),
    "memlane_variable_hold": (None, [_handle]),
    "memlane_variable_release": (None, [_handle]),
    "memlane_variable_view": (_status, [_handle, _pointer(_View), _error_p]),
    "memlane_view_release": (None, [_pointer(_View)]),
    "memlane_share_options_initialise": (None, [_pointer(_ShareOptions)]),
    "memlane_share_open": _opener(_ShareOptions),
    "memlane_share_variable": (_handle, [_handle]),
    "memlane_share_wait": (_status, [_handle, _u64, _error_p]),
    "memlane_share_take": (_status, [_handle, _u64, _error_p]),
    "memlane_share_clear": (_status, [_handle, _pointer(_bool), _error_p]),
    "memlane_share_close": (None, [_handle]),
    "memlane_share_free": (None, [_handle]),
    "memlane_map_options_initialise": (None, [_pointer(_MapOptions)]),
    "memlane_map_open": _opener(_MapOptions),
    "memlane_map_close": (None, [_handle]),
    "memlane_map_free": (None, [_handle]),
    "memlane_map_describe": (None, [_handle, _pointer(_MapProperties)]),
    "memlane_map_lock_read": (_status, [_handle, _pointer(_MapLock), _u64, _error_p]),
    "memlane_map_lock_write": (_status, [_handle, _pointer(_MapLock), _u64, _error_p]),
    "memlane_map_unlock": (_status, [_pointer(_MapLock), _error_p]),
    "memlane_map_mode": (_status, [_handle]),
    "memlane_map_descriptor": (_status, [_handle, _pointer(ctypes.c_int), _count_p, _error_p]),
    "memlane_map_guard": (None, [_handle, _address, _size]),
    "memlane_map_unguard": (None, [_handle]),
    "memlane_map_check": (_status, [_handle, _error_p]),
    "memlane_channel_options_initialise": (None, [_pointer(_ChannelOptions)]),
    "memlane_channel_open": _opener(_ChannelOptions, ctypes.c_int),
    "memlane_channel_close": (None, [_handle]),
    "memlane_channel_free": (None, [_handle]),
    "memlane_channel_describe": (None, [_handle, _pointer(_ChannelProperties)]),
    "memlane_channel_lock": (_status, [_handle, _u64, _error_p]),
    "memlane_channel_unlock": (None, [_handle]),
    "memlane_channel_write": (_status, [_handle, _address, _u64, _u64, _count_p, _error_p]),
    "memlane_channel_write_some": (_status, [_handle, _address, _u64, _count_p, _error_p]),
    "memlane_channel_read": (_status, [_handle, _address, _u64, _u64, _u64, _count_p, _error_p]),
    "memlane_channel_reserve": (_status, [_handle, _u64, _u64, _pointer(_Span), _error_p]),
    "memlane_channel_peek": (_status, [_handle, _u64, _u64, _pointer(_Span), _error_p]),
    "memlane_span_commit": (_status, [_pointer(_Span), _u64, _error_p]),
    "memlane_span_drop": (None, [_pointer(_Span)]),
    "memlane_channel_position": (_u64, [_handle]),
    "memlane_channel_status_read": (_status, [_handle, _pointer(_ChannelStatus), _error_p]),
    "memlane_function_options_initialise": (None, [_pointer(_FunctionOptions)]),
    "memlane_function_open": _opener(_FunctionOptions),
    "memlane_function_close": (None, [_handle]),
    "memlane_function_free": (None, [_handle]),
    "memlane_function_describe": (None, [_handle, _pointer(_FunctionProperties)]),
    "memlane_function_prepare": (_status, [_handle, _error_p]),
    "memlane_function_is_served": (_bool, [_handle]),
    "memlane_function_is_private": (_bool, [_handle]),
    "memlane_function_wait": (_status, [_handle, _u64, _error_p]),
    "memlane_function_count_dropped": (None, [_handle, _u64]),
    "memlane_call_begin": (_status, [_handle, _pointer(_Call), _u64, _error_p]),
    "memlane_call_post": (_status, [_pointer(_Call), _u64, _u32, _error_p]),
    "memlane_call_wait": (_status, [_pointer(_Call), _u64, _pointer(_Answer), _error_p]),
    "memlane_call_cancel": (_bool, [_pointer(_Call)]),
    "memlane_call_end": (_status, [_pointer(_Call)]),
    "memlane_call_forget": (None, [_pointer(_Call)]),
    "memlane_dispatcher_make": (_status, [_pointer(_handle), _u32, _error_p]),
    "memlane_dispatcher_free": (None, [_handle]),
    "memlane_dispatcher_add": (_status, [_handle, _handle, _error_p]),
    "memlane_dispatcher_stop": (None, [_handle]),
    "memlane_dispatcher_resume": (None, [_handle]),
    "memlane_dispatcher_take": (_status, [_handle, _pointer(_Call), _u64, _pointer(_Task), _error_p]),
    "memlane_task_respond": (_status, [_pointer(_Task), _u64, _u32, _error_p]),
    "memlane_task_fail": (_status, [_pointer(_Task), _text, _text, _u64, _u32, _error_p]),
    "memlane_unlink": (_status, [_text, _text, _size, _u32, ctypes.c_int64, _error_p]),
    "memlane_collect": (_status, [_text, _u32, ctypes.c_int64, _pointer(_u32), _error_p]),
}


def _places():
    """Where the library may be, in the order in which they are tried."""
    named = os.environ.get("MEMLANE_LIBRARY")
    if named:
        return [named]
    beside = os.path.join(os.path.dirname(os.path.abspath(__file__)), "libmemlane.so")
    return [beside] + [os.path.join(path, "memlane", "lib", "libmemlane.so") for path in sys.path]


def _load():
    path = next((path for path in _places() if os.path.exists(path)), None)
    if path is None:
        raise MissingDependency(
            "libmemlane.so was found neither in $MEMLANE_LIBRARY, nor beside memlane_compat.py, nor in an installed"
            " memlane: run `python -m memlane compat --to DIR` where memlane is installed, and use what it copies"
        )
    library = ctypes.CDLL(path)
    library.memlane_version.restype = ctypes.c_char_p
    found = library.memlane_version().decode("ascii")
    if found != VERSION:
        raise LayoutMismatch(
            "%s is version %s of memlane, this memlane_compat.py was made for %s: copy both anew by `python -m memlane"
            " compat --to DIR`" % (path, found, VERSION)
        )
    return _by_cffi(path) if _cffi is not None else _by_ctypes(library)


def _by_ctypes(library):
    for name, (result, arguments) in _FUNCTIONS.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


# PyPy compiles calls through cffi, and those through ctypes not. Pointers are numbers there.
_C_TYPES = {
    None: "void", _bool: "bool", ctypes.c_int: "int", _u32: "uint32_t", ctypes.c_int64: "int64_t", _text: "char *",
    _size: "size_t", _u64: "uint64_t",
}


def _c_type(kind):
    return _C_TYPES.get(kind, "uintptr_t")


def _by_cffi(path):
    ffi = _cffi.FFI()
    for name, (result, arguments) in _FUNCTIONS.items():
        taken = ", ".join([_c_type(kind) for kind in arguments])
        ffi.cdef("%s %s(%s);" % (_c_type(result), name, taken))
    library = ffi.dlopen(path)
    for name in _FUNCTIONS:
        getattr(library, name)  # is bound under a lock of cffi, for which a finalizer amid it would wait for ever
    return library


_cffi = None
if PYPY:
    try:
        import cffi as _cffi
    except ImportError:  # a PyPy without it: ctypes does the same, slower
        _cffi = None

if _cffi is None:
    _by, _NOTHING = ctypes.byref, None
else:
    _by, _NOTHING = ctypes.addressof, 0

_library = _load()


def _text_of(error):
    message = error.message.decode("utf-8", "replace")
    return message.encode("utf-8") if PYTHON_2 else message


def _check(status, error):
    if status == _OK:
        return
    message = _text_of(error)
    if status not in _EXCEPTIONS:
        raise SystemError("the library answered %d, which it does not promise here: %s" % (status, message))
    kind = _EXCEPTIONS[status]
    if len(kind) == 1:
        raise kind[0](message)
    raise kind[0](error.system_error if kind[1] is None else kind[1], message)


# -- time --------------------------------------------------------------------------------------------------------

_CHUNK_NS = 50000000  # then a look at pending signals

if PYTHON_2:

    class _Timespec(ctypes.Structure):
        _fields_ = [("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long)]

    _clock_gettime = ctypes.CDLL("librt.so.1", use_errno=True).clock_gettime
    _clock_gettime.argtypes = [ctypes.c_int, ctypes.POINTER(_Timespec)]

    def _monotonic_ns():
        now = _Timespec()
        _clock_gettime(1, _by(now))  # CLOCK_MONOTONIC
        return now.seconds * 1000000000 + now.nanoseconds

else:
    import time

    def _monotonic_ns():
        return int(time.monotonic() * 1e9)


def _deadline(timeout):
    if timeout is None:
        return _FOREVER
    timeout = timeout + 0.0  # what is no number fails here: Python 2 compares everything
    if not timeout >= 0:
        raise ValueError("timeout=%r: give seconds from 0 (only look) up, or None to wait for ever" % (timeout,))
    if timeout > 1e9:  # seconds: decades
        return _FOREVER
    return 0 if timeout == 0 else _monotonic_ns() + int(timeout * 1e9)


def _patiently(attempt, deadline, chunk_ns=_CHUNK_NS, late=_TIMEOUT):
    """Repeat an attempt that waits to the deadline given to it, in chunks, until it is over; return its status.

    late: what it answers at its deadline.
    """
    while True:
        until = 0 if deadline == 0 else min(deadline, _monotonic_ns() + chunk_ns)
        status = attempt(until)
        over = status == late and until == deadline
        if over or status not in (late, _INTERRUPTED):
            return status


# -- threads -----------------------------------------------------------------------------------------------------

_at_exit = threading.Event()
atexit.register(_at_exit.set)


def _start_thread(name, target, *arguments):
    """Start a daemon thread, which ends without a word when it outlives the modules.

    Python 2 lets such threads go on while it empties the modules, this one and the builtins too, so that whatever they do
    fails. No name is looked up here then.
    """
    def run(is_exiting=_at_exit.is_set):
        try:
            target(*arguments)
        except:  # noqa: E722  (the name of a class may be gone)
            if not is_exiting():
                raise

    thread = threading.Thread(target=run, name=name)
    thread.daemon = True
    thread.start()
    return thread


class _ThreadLock(object):
    """A reentrant lock between the threads of one process: ``with lock.here():``. A forked child's is another one."""

    def __init__(self):
        self._begin()

    def _begin(self):
        self._process, self._lock = os.getpid(), threading.RLock()

    def here(self):
        """Return the lock of this process: of what another thread held at the fork, nobody gives back the copy."""
        if self._process != os.getpid():
            self._begin()
        return self._lock


# -- the plain codec: docs/format/plain-codec.md --------------------------------------------------------------------

_PLAIN, _PLAIN_BUFFERS, _PICKLE, _PICKLE_BUFFERS = 1, 2, 3, 4
_DEPTH_LIMIT, _BUFFER_BYTES, _ALIGNMENT = 64, 4096, 64
_KINDS = "biufcSUVmM"


class _NotPlain(Exception):
    pass


def _numpy(why):
    try:
        import numpy
    except ImportError:
        raise MissingDependency("%s, and numpy cannot be imported here: install numpy" % why)
    return numpy


def _aligned(offset):
    return (offset + _ALIGNMENT - 1) // _ALIGNMENT * _ALIGNMENT


def _length(number):
    if number < 254:
        return struct.pack("<B", number)
    return struct.pack("<BI", 254, number) if number < 2**32 else struct.pack("<BQ", 255, number)


def _is_text(value):
    """Whether a str of Python 2 is text."""
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _encode_text(text):
    return text.encode("utf-8") if PYTHON_2 else text.encode("utf-8", "surrogatepass")


def _twos_complement(number, size):
    digits = "%0*x" % (2 * size, number % (1 << 8 * size))
    return bytearray.fromhex(TEXT(digits))[::-1]


class _Encoder(object):
    """One value to a head and its buffers, which are arrays and bytes objects."""

    def __init__(self, value):
        self.head, self.buffers = bytearray(), []
        self.keys = 0
        self.put(value, 0)

    def put(self, value, depth):
        kind = type(value)
        if value is None:
            self.head.append(0xE8)
        elif kind is bool:
            self.head.append(0xEA if value else 0xE9)
        elif kind in INTEGERS:
            self.put_integer(value)
        elif kind is float:
            self.head += b"\xeb" + struct.pack("<d", value)
        elif kind is TEXT:
            self.put_text(_encode_text(value))
        elif PYTHON_2 and kind is str and _is_text(value):
            self.put_text(value)
        elif kind is bytes or (PYTHON_2 and kind is bytearray):
            self.put_bytes(bytes(value))
        elif kind in (tuple, list, dict):
            self.put_container(kind, value, depth)
        else:
            self.put_array(value)

    def put_integer(self, value):
        if 0 <= value < 128:
            self.head.append(value)
        elif 0 <= value < 256:
            self.head += struct.pack("<BB", 0xEC, value)
        elif 0 <= value < 65536:
            self.head += struct.pack("<BH", 0xED, value)
        else:
            size = ((value if value >= 0 else ~value).bit_length() + 8) // 8
            self.head += struct.pack("<B", 0xF0 + size) if size <= 8 else b"\xee" + _length(size)
            self.head += _twos_complement(value, size)

    def put_counted(self, tag, count):
        self.head += struct.pack("<B", tag) + _length(count)

    def put_text(self, text):
        if len(text) < 64:
            self.head.append(0x80 + len(text))
        else:
            self.put_counted(0xEF, len(text))
        self.head += text

    def put_bytes(self, value):
        if len(value) >= _BUFFER_BYTES and not self.keys:
            self.head.append(0xFD)
            self.buffers.append(value)
        else:
            self.put_counted(0xF9, len(value))
            self.head += value

    def put_container(self, kind, value, depth):
        if depth == _DEPTH_LIMIT:
            raise _NotPlain
        short, limit, tag = {tuple: (0xE0, 7, 0xFA), list: (0xD0, 15, 0xFB), dict: (0xC0, 15, 0xFC)}[kind]
        if len(value) <= limit:
            self.head.append(short + len(value))
        else:
            self.put_counted(tag, len(value))
        if kind is not dict:
            for item in value:
                self.put(item, depth + 1)
            return
        for key, item in value.items():
            self.keys += 1
            self.put(key, depth + 1)
            self.keys -= 1
            self.put(item, depth + 1)

    def put_array(self, value):
        numpy = sys.modules.get("numpy")
        if numpy is None or type(value) is not numpy.ndarray or self.keys:
            raise _NotPlain
        description = _describe_dtype(numpy, value.dtype, 0)
        fortran = not value.flags.c_contiguous and value.flags.f_contiguous
        if not value.flags.c_contiguous and not fortran:
            value = value.copy("C")
        self.head += b"\xfe" + description + struct.pack("<B", value.ndim | (0x80 if fortran else 0))
        for extent in value.shape:
            self.head += _length(extent)
        self.buffers.append(value)

    def layout(self):
        """Table and offsets: (what comes before the buffers, offsets, length of the payload)."""
        if not self.buffers:
            return bytes(self.head), [], len(self.head)
        offsets, end = [], 8 + 16 * len(self.buffers) + len(self.head)
        table = bytearray(struct.pack("<II", len(self.head), len(self.buffers)))
        for buffer in self.buffers:
            size = _size_of(buffer)
            offsets.append(_aligned(end))
            end = offsets[-1] + size
            table += struct.pack("<QQ", offsets[-1], size)
        return bytes(table + self.head), offsets, end


def _lay_out(address, front, offsets, buffers):
    """Write a payload: what comes before the buffers, the buffers, zeros between."""
    ctypes.memmove(address, front, len(front))
    end = len(front)
    for offset, buffer in zip(offsets, buffers):
        ctypes.memset(address + end, 0, offset - end)
        source = buffer if isinstance(buffer, bytes) else buffer.ctypes.data
        ctypes.memmove(address + offset, source, _size_of(buffer))
        end = offset + _size_of(buffer)


def _size_of(buffer):
    return len(buffer) if isinstance(buffer, bytes) else buffer.nbytes


def _describe_dtype(numpy, dtype, depth):
    if depth > _DEPTH_LIMIT or dtype.hasobject or dtype.metadata is not None:
        raise _NotPlain
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        sizes = b"".join([_length(extent) for extent in shape])
        return struct.pack("<BB", 0x81, len(shape)) + sizes + _describe_dtype(numpy, base, depth + 1)
    if dtype.names is None:
        code = dtype.str.encode("ascii")
        if dtype.kind not in _KINDS or not 0 < dtype.itemsize or numpy.dtype(dtype.str) != dtype:
            raise _NotPlain
        return struct.pack("<B", len(code)) + code
    parts = [struct.pack("<BB", 0x80, 1 if dtype.isalignedstruct else 0), _length(dtype.itemsize)]
    parts.append(_length(len(dtype.names)))
    for name in dtype.names:
        field = dtype.fields[name]
        if len(field) != 2:
            raise _NotPlain
        encoded = name if PYTHON_2 and isinstance(name, bytes) else _encode_text(name)
        parts += [_length(len(encoded)), encoded, _length(field[1]), _describe_dtype(numpy, field[0], depth + 1)]
    return b"".join(parts)


class _Decoder(object):
    """A payload in private memory to its value. Each length is compared with what is there."""

    def __init__(self, payload, size, content_type):
        """payload: a writable buffer of at least `size` bytes, of which arrays become a part."""
        self.payload, self.size = payload, size
        self.at, self.table, self.next = 0, [], 0
        self.owed = self.keys = 0
        has_buffers = content_type in (_PLAIN_BUFFERS, _PICKLE_BUFFERS)
        self.head = self.part(0, min(size, 8) if has_buffers else size)
        if has_buffers:
            self.read_table()

    def part(self, begin, end):
        """Bytes of the payload. By their owner: PyPy is slow at memoryviews of what is numpy's."""
        owner = self.payload if hasattr(self.payload, "tobytes") else memoryview(self.payload)
        return owner[begin:end].tobytes()

    def fail(self, what):
        raise Corrupted("a damaged value, at byte %d of its head: %s; write it again" % (self.at, what))

    def read_table(self):
        length, count = struct.unpack("<II", self.take(8))
        if length == 0 or count == 0 or 8 + 16 * count + length > self.size:
            self.fail("a head of %d bytes and %d buffers" % (length, count))
        end = 8 + 16 * count + length
        self.head = self.part(0, end)
        for _ in range(count):
            offset, size = struct.unpack("<QQ", self.take(16))
            if offset % _ALIGNMENT or offset < end or offset > self.size or size > self.size - offset:
                self.fail("a buffer of %d bytes at %d" % (size, offset))
            self.table.append((offset, size))
            end = offset + size

    def take(self, size):
        if size > len(self.head) - self.at:
            self.fail("%d bytes announced, %d left" % (size, len(self.head) - self.at))
        self.at += size
        return self.head[self.at - size : self.at]

    def byte(self):
        return struct.unpack("<B", self.take(1))[0]

    def length(self):
        first = self.byte()
        if first < 254:
            return first
        return struct.unpack("<I", self.take(4))[0] if first == 254 else struct.unpack("<Q", self.take(8))[0]

    def buffer(self):
        if self.next == len(self.table):
            self.fail("it refers to buffer %d of %d" % (self.next, len(self.table)))
        self.next += 1
        return self.table[self.next - 1]

    def value(self):
        found = self.take_value(0)
        if self.at != len(self.head) or self.next != len(self.table):
            self.fail("something follows the value")
        return found

    def take_value(self, depth):
        tag = self.byte()
        if tag < 0x80:
            return tag
        if tag < 0xC0:
            return self.text(tag - 0x80)
        for first, last, kind in ((0xC0, 0xCF, dict), (0xD0, 0xDF, list), (0xE0, 0xE7, tuple)):
            if first <= tag <= last:
                return self.container(kind, tag - first, depth)
        if 0xF1 <= tag <= 0xF8:
            return self.integer(tag - 0xF0)
        if tag not in _READERS:
            self.fail("no value begins with %#04x" % tag)
        return _READERS[tag](self, depth)

    def integer(self, size):
        raw = bytearray(self.take(size))
        if not raw:
            self.fail("an integer of no byte")
        number = int("".join("%02x" % byte for byte in reversed(raw)), 16)
        return number - (1 << 8 * size) if raw[-1] & 0x80 else number

    def text(self, size):
        raw = self.take(size)
        try:
            return raw.decode("utf-8") if PYTHON_2 else raw.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError as error:
            self.fail("%d bytes are not UTF-8: %s" % (size, error.reason))

    def bytes_beside(self, depth):
        if self.keys:
            self.fail("a buffer in the key of a dict")
        offset, size = self.buffer()
        return self.part(offset, offset + size)

    def container(self, kind, count, depth):
        items = 2 * count if kind is dict else count
        if depth == _DEPTH_LIMIT or items > len(self.head) - self.at - self.owed:
            self.fail("%d values at depth %d in %d bytes" % (items, depth, len(self.head) - self.at))
        self.owed += items
        found = self.pairs(count, depth) if kind is dict else kind([self.item(depth) for _ in range(count)])
        return found

    def item(self, depth):
        self.owed -= 1
        return self.take_value(depth + 1)

    def pairs(self, count, depth):
        found = {}
        for _ in range(count):
            self.keys += 1
            key = self.item(depth)
            self.keys -= 1
            try:
                found[key] = self.item(depth)
            except TypeError:
                self.fail("a key of type %s" % type(key).__name__)
        return found

    def array(self, depth):
        if self.keys:
            self.fail("an array in the key of a dict")
        numpy = _numpy("this value holds an array")
        dtype = self.dtype(numpy, 0)
        order = self.byte()
        shape = tuple([self.length() for _ in range(order & 0x7F)])
        offset, size = self.buffer()
        expected = dtype.itemsize
        for extent in shape:
            expected *= extent
        if expected != size or len(shape) > 32:
            self.fail("an array of %r and the shape %r in %d bytes" % (dtype, shape, size))
        layout = "F" if order & 0x80 else "C"
        return numpy.ndarray(shape, dtype, self.payload, offset, order=layout)

    def dtype(self, numpy, depth):
        first = self.byte()
        if depth > _DEPTH_LIMIT:
            self.fail("a dtype nested deeper than %d" % _DEPTH_LIMIT)
        try:
            if 0 < first <= 40:
                return self.simple_dtype(numpy, first)
            if first == 0x81:
                return self.subarray(numpy, depth)
            if first == 0x80:
                return self.structure(numpy, depth)
        except (TypeError, ValueError, OverflowError, KeyError) as error:
            if isinstance(error, Error):
                raise
            self.fail("numpy refuses a dtype: %s" % error)
        self.fail("a dtype cannot begin with %#04x" % first)

    def simple_dtype(self, numpy, length):
        code = self.take(length).decode("latin-1")
        size = code[2:]
        plain = code[:1] in "<>|" and code[1:2] in _KINDS and (size.isdigit() or code[1:2] in "mM")
        dtype = numpy.dtype(str(code)) if plain and "," not in code else None
        if dtype is None or dtype.str != code or dtype.hasobject:
            self.fail("%r is no dtype of plain values" % code)
        return dtype

    def subarray(self, numpy, depth):
        shape = tuple([self.length() for _ in range(self.byte())])
        return numpy.dtype((self.dtype(numpy, depth + 1), shape))

    def structure(self, numpy, depth):
        flags, itemsize, count = self.byte(), self.length(), self.length()
        if flags > 1 or itemsize > 0x7FFFFFFF or count > (len(self.head) - self.at) // 6:
            self.fail("a structure with flags %d, %d bytes and %d fields" % (flags, itemsize, count))
        names, offsets, formats = [], [], []
        for _ in range(count):
            name = self.text(self.length())
            names.append(name.encode("utf-8") if PYTHON_2 else name)
            offsets.append(self.length())
            formats.append(self.dtype(numpy, depth + 1))
        fields = {"names": names, "formats": formats, "offsets": offsets, "itemsize": itemsize}
        return numpy.dtype(fields, align=flags == 1)


_READERS = {
    0xE8: lambda reader, depth: None,
    0xE9: lambda reader, depth: False,
    0xEA: lambda reader, depth: True,
    0xEB: lambda reader, depth: struct.unpack("<d", reader.take(8))[0],
    0xEC: lambda reader, depth: reader.byte(),
    0xED: lambda reader, depth: struct.unpack("<H", reader.take(2))[0],
    0xEE: lambda reader, depth: reader.integer(reader.length()),
    0xEF: lambda reader, depth: reader.text(reader.length()),
    0xF9: lambda reader, depth: reader.take(reader.length()),
    0xFA: lambda reader, depth: reader.container(tuple, reader.length(), depth),
    0xFB: lambda reader, depth: reader.container(list, reader.length(), depth),
    0xFC: lambda reader, depth: reader.container(dict, reader.length(), depth),
    0xFD: _Decoder.bytes_beside,
    0xFE: _Decoder.array,
}


class _Pickled(object):
    """A value that is not plain, as the encoder gives one: a head without buffers."""

    def __init__(self, value, protocol):
        if protocol > pickle.HIGHEST_PROTOCOL:
            raise EncodingError(
                "this object is pickled by protocol %d, this interpreter has %d at most: create it with protocol=2, or"
                " write plain values" % (protocol, pickle.HIGHEST_PROTOCOL)
            )
        try:
            self.head, self.buffers = pickle.dumps(value, protocol), []
        except (pickle.PicklingError, TypeError, AttributeError, RuntimeError) as error:
            raise EncodingError("a value of type %s cannot be pickled: %s" % (type(value).__name__, error))

    def layout(self):
        return self.head, [], len(self.head)


def _value_of(endpoint, memory, size, content_type):
    """The value of a payload that an endpoint copied to private memory."""
    what = "%s '%s'" % (endpoint._noun, endpoint.name)
    if content_type not in (_PLAIN, _PLAIN_BUFFERS, _PICKLE, _PICKLE_BUFFERS):
        raise Corrupted("%s: its type mark %d is none of Python's: a C program wrote it" % (what, content_type))
    decoder = _Decoder(memory, size, content_type)
    if content_type in (_PLAIN, _PLAIN_BUFFERS):
        return decoder.value()
    _admit_pickle(endpoint, what)
    keywords = {} if PYTHON_2 else {"encoding": "utf-8", "errors": "surrogateescape"}
    if content_type == _PICKLE_BUFFERS:
        if sys.version_info < (3, 8):
            raise EncodingError(
                "%s holds a pickle of protocol 5, this interpreter has %d at most: create it with protocol=2, or send"
                " plain values" % (what, pickle.HIGHEST_PROTOCOL)
            )
        keywords["buffers"] = [bytearray(decoder.bytes_beside(0)) for _ in decoder.table]
    try:
        return pickle.loads(decoder.head[decoder.at :], **keywords)
    except (pickle.UnpicklingError, EOFError, ValueError) as error:
        raise Corrupted("%s holds a pickle that is damaged or too new: %s" % (what, error))


def _admit_pickle(endpoint, what):
    allowed = endpoint._allow_pickle
    if allowed is None:
        allowed = endpoint._is_private()
    if not allowed:
        raise UnsafePickle(
            "%s holds a pickle, which could run any code, and others than this user can write to it, or it was"
            " opened with allow_pickle=False: write plain values, or open it with allow_pickle=True" % what
        )


# -- endpoints ----------------------------------------------------------------------------------------------------


def _encoded_name(name):
    if not isinstance(name, (bytes, TEXT)):
        raise TypeError("a name is str or bytes, not %s" % type(name).__name__)
    return name if isinstance(name, bytes) else _encode_text(name)


def _native_text(encoded):
    return encoded if PYTHON_2 else encoded.decode("utf-8", "surrogateescape")


def _directory(directory):
    named = os.environ.get("MEMLANE_DIR", "") if directory is None else directory
    if not named:
        return b""
    path = os.path.abspath(named)
    return path if isinstance(path, bytes) else os.fsencode(path)


def _given(word, value):
    """A number as options have it; None is what was not given."""
    if value is None:
        return _ANY
    number = operator.index(value)
    if number < 0:
        raise ValueError("%s=%r is negative" % (word, value))
    return min(number, _ANY - 1)  # C would take a larger one for another


def _private_memory(size):
    """Writable memory of our own, of which arrays may become a part; numpy's is not cleared first."""
    numpy = sys.modules.get("numpy")
    if numpy is not None and hasattr(numpy, "empty"):
        return numpy.empty(size, "u1")
    return bytearray(size)


def _address_of(memory):
    if isinstance(memory, bytearray):
        return ctypes.addressof((ctypes.c_char * len(memory)).from_buffer(memory)) if memory else 0
    return memory.ctypes.data


class _Object(object):
    """An open endpoint of any kind. Threads may share one."""

    _noun = ""  # in messages, and the kind's name in C
    _options = _properties = None  # its structures
    _handle = None
    _is_closed = False

    def _open_object(self, name, options, create, persistent, directory, mode, peer_uid, crowd, *between):
        """Open by options whose own fields are filled in; return what the library says of the object."""
        error, handle = _Error(), ctypes.c_void_p()
        options.object.directory = _directory(directory)
        options.object.participants = _given("max_participants", crowd)
        options.object.permissions = mode
        options.object.peer_user = -1 if peer_uid is None else peer_uid
        options.object.create = create
        if persistent is not None:
            options.object.ephemeral = int(not persistent)
        encoded = _encoded_name(name)
        open_it = getattr(_library, "memlane_%s_open" % self._noun)
        _check(open_it(_by(handle), encoded, len(encoded), *(between + (_by(options), _by(error)))), error)
        self._handle, self._mode, self._peer_uid = handle.value, mode, peer_uid
        return self._describe()

    def _new_options(self):
        options = self._options()
        getattr(_library, "memlane_%s_options_initialise" % self._noun)(_by(options))
        return options

    def _describe(self):
        found = self._properties()
        self._fill_in(found)
        self._directory, self.name = found.directory, _native_text(found.name)
        self._uuid = bytes(bytearray(found.uuid))
        return found

    def _fill_in(self, found):
        getattr(_library, "memlane_%s_describe" % self._noun)(self._handle, _by(found))

    def _open_handle(self):
        if self._handle is None or self._is_closed:
            raise Closed("%s '%s': this endpoint was closed; open it anew" % (self._noun, getattr(self, "name", "?")))
        return self._handle

    @property
    def closed(self):
        """Whether the endpoint was closed."""
        return self._handle is None or self._is_closed

    def close(self):
        """Close the endpoint. May be called twice."""
        if not self.closed:
            self._is_closed = True
            getattr(_library, "memlane_%s_close" % self._noun)(self._handle)

    def __del__(self):
        if self._handle is not None and _library is not None:
            handle, self._handle = self._handle, None
            getattr(_library, "memlane_%s_free" % self._noun)(handle)

    def unlink(self):
        """Remove the object's name. Open endpoints, this one too, go on with the object."""
        self._open_handle()
        unlink(self.name, directory=self._directory, mode=self._mode, peer_uid=self._peer_uid)

    def __enter__(self):
        self._open_handle()
        return self

    def __exit__(self, *raised):
        self.close()

    def _arguments(self):
        """The arguments that another endpoint like this one needs beside the name."""
        return {"directory": self._directory, "mode": self._mode, "peer_uid": self._peer_uid}

    def __reduce__(self):
        """Pickle by name: the receiver opens the same object, or gets `ObjectNotFound` when it was re-created."""
        self._open_handle()
        return _reopened, (type(self), self.name, self._uuid, self._arguments())

    def _state(self):
        return "open"

    def __repr__(self):
        state = "closed" if self.closed else self._state()
        return "<memlane_compat.%s '%s': %s>" % (type(self).__name__, getattr(self, "name", "never opened"), state)


def _reopened(kind, name, uuid, arguments):
    """Open the very object that a pickled endpoint had open."""
    opened = kind(name, create=False, **arguments)
    if opened._uuid != uuid:
        opened.close()
        raise ObjectNotFound(
            errno.ENOENT, "'%s' was re-created since its endpoint was pickled: pickle a new one" % name
        )
    return opened


class _Endpoint(_Object):
    """What variables and shares have in common."""

    _noun, _headroom, _too_large, _patience = "variable", 0, ValueTooLarge, 1.0
    _options, _properties = _VariableOptions, _VariableProperties

    def _open(self, name, size, slots, create, persistent, protocol, allow_pickle, directory, mode, peer_uid, crowd):
        if protocol is not None and protocol not in range(6):
            raise ValueError("%s %r: protocol=%r is no pickle protocol from 0 to 5" % (self._noun, name, protocol))
        options = self._new_options()
        options.size, options.slots = _given("max_size", size), _given("slots", slots)
        options.encoding = _given("protocol", protocol)
        found = self._open_object(name, options, create, persistent, directory, mode, peer_uid, crowd)
        self._allow_pickle, self._room = allow_pickle, 4096
        self._size, self._protocol = found.size, found.encoding

    def _fill_in(self, found):
        self._variable = self._as_variable()
        _library.memlane_variable_describe(self._variable, _by(found))

    def _as_variable(self):
        """The handle for functions of variables, which shares know too."""
        return self._handle

    def _open_variable(self):
        self._open_handle()
        return self._variable

    def _is_private(self):
        return _library.memlane_variable_is_private(self._open_variable())

    def _arguments(self):
        return dict(_Object._arguments(self), allow_pickle=self._allow_pickle)

    def _state(self):
        return "version %d" % self.version

    # -- writing

    def _refuse(self, size):
        word = "max_size" if self._noun == "variable" else "size"
        raise self._too_large(
            "%s '%s': the value takes %d bytes, at most %s=%d fit; the old value stays: write less, or memlane.unlink()"
            " it and create it with a larger %s=" % (self._noun, self.name, size, word, self._size, word)
        )

    def _encoded(self, value):
        try:
            return _PLAIN, _Encoder(value)
        except (_NotPlain, UnicodeError):
            return _PICKLE, _Pickled(value, self._protocol)

    def _borrow(self, timeout):
        loan, error = _Loan(), _Error()
        handle = self._open_variable()

        def attempt(until):
            return _library.memlane_variable_loan(handle, _by(loan), until, _by(error))

        _check(_patiently(attempt, _deadline(timeout), late=_NO_FREE_SLOT), error)
        return loan

    def _write(self, value):
        content_type, encoder = self._encoded(value)
        front, offsets, length = encoder.layout()
        counted = length - (offsets[0] if offsets and self._headroom else 0)
        if counted > self._size or length > self._size + self._headroom:
            self._refuse(counted)
        loan = self._borrow(self._patience)
        try:
            _lay_out(loan.bytes, front, offsets, encoder.buffers)
        except BaseException:  # Ctrl-C
            _library.memlane_loan_drop(_by(loan))
            raise
        return self._commit(loan, length, content_type + 1 if offsets else content_type)

    def _commit(self, loan, length, content_type):
        version, error = _u64(), _Error()
        commit = _library.memlane_loan_commit
        _check(
            commit(_by(loan), length, content_type, _by(version), _by(error)), error
        )
        return version.value

    # -- reading

    def _copy(self):
        """Copy the latest payload: (memory, reading)."""
        reading, error = _Reading(), _Error()
        while True:
            memory = _private_memory(self._room)
            status = _library.memlane_variable_read(
                self._open_variable(), _address_of(memory), self._room, _by(reading), _by(error)
            )
            if status != _BUFFER_TOO_SMALL:
                _check(status, error)
                return memory, reading
            self._room = reading.size

    def _decoded(self, memory, reading):
        return _value_of(self, memory, reading.size, reading.type)

    # -- what it is

    @property
    def version(self):
        """The number of the newest value: 0 before the first one, then rising, the same in all processes."""
        version = _u64()
        if _library.memlane_variable_version(self._open_variable(), _by(version)) != _OK:
            raise Closed("%s '%s': this endpoint was closed; open it anew" % (self._noun, self.name))
        return version.value


class HostVariable(_Endpoint):
    """The latest value of a thing: `memlane.HostVariable`."""

    def __init__(
        self, name, max_size=None, data_format=None, slots=None, create=True, persistent=None, protocol=None,
        allow_pickle=None, directory=None, mode=0o600, peer_uid=None, max_participants=None
    ):
        if data_format is not None:
            raise NotImplementedError("data_format: fixed formats are not in memlane_compat; leave it out")
        self._seen = 0
        self._open(
            name, max_size, slots, create, persistent, protocol, allow_pickle, directory, mode, peer_uid,
            max_participants,
        )

    @property
    def data(self):
        """The latest value. Raises `Empty` while there is none."""
        return self.read()[0]

    @data.setter
    def data(self, value):
        self._write(value)

    def get(self, default=None):
        """Return the latest value, or ``default`` where nothing was ever written."""
        try:
            return self.data
        except Empty:
            return default

    def read(self):
        """Return (value, version, timestamp) of one and the same write."""
        memory, reading = self._copy()
        value = self._decoded(memory, reading)
        self._seen = max(self._seen, reading.version)
        return value, reading.version, reading.real_ns / 1e9

    def wait(self, newer_than=None, timeout=None):
        """Wait until there is a newer version, and return the latest value."""
        seen = self._seen if newer_than is None else newer_than
        newest, error = _u64(), _Error()

        def attempt(deadline):
            return _library.memlane_variable_wait(
                self._open_handle(), seen, deadline, _by(newest), _by(error)
            )

        _check(_patiently(attempt, _deadline(timeout)), error)
        return self.data

    def updates(self, timeout=None):
        """Iterate over the values to come, the latest first when there is one."""
        while True:
            yield self.wait(timeout=timeout)


def parse_size(size):
    """Return a size in bytes from an integer, or from text such as "5K", "5M", "1G"."""
    forms = 'give bytes as an integer from 1 up, or as text such as "4096", "5K", "5M" or "1G" (K is 1,024)'
    number = 0
    if isinstance(size, (str, TEXT)):
        match = re.match(r"([0-9]+)([KkMmGg]?)\Z", size.strip())
        if match:
            number = int(match.group(1)) << {"": 0, "K": 10, "M": 20, "G": 30}[match.group(2).upper()]
    elif not isinstance(size, float):
        if isinstance(size, bool) or not hasattr(size, "__index__"):
            raise TypeError("size=%r is no size: %s" % (size, forms))
        number = operator.index(size)
    if number < 1:
        raise ValueError("size=%r is no size: %s" % (size, forms))
    return number


class _Share(_Endpoint):
    _noun, _headroom, _too_large, _patience = "share", _HEADROOM, OOMError, 0
    _options = _ShareOptions

    def _as_variable(self):
        return _library.memlane_share_variable(self._handle)

    def __init__(
        self, name, size=None, mode=None, slots=None, create=True, persistent=None, protocol=None, allow_pickle=None,
        directory=None, permissions=0o600, peer_uid=None, max_participants=None
    ):
        if mode not in ("put", "get"):
            raise ValueError(
                "share %r: mode=%r is neither 'put' (this side gives) nor 'get' (it takes)" % (name, mode)
            )
        self.mode = mode
        self._open(
            name, None if size is None else parse_size(size), slots, create, persistent, protocol, allow_pickle,
            directory, permissions, peer_uid, max_participants,
        )

    def _must(self, mode):
        if self.mode == mode:
            return
        kind, does = (WriteAccessError, "takes") if mode == "put" else (ReadAccessError, "gives")
        raise kind(
            errno.EACCES,
            "share '%s': this endpoint was opened with mode='%s', and %s: open one with mode='%s'"
            % (self.name, self.mode, does, mode),
        )

    def _arguments(self):
        return dict(_Endpoint._arguments(self), mode=self.mode, permissions=self._mode)

    def _wait(self, deadline):
        error = _Error()

        def attempt(until):
            return _library.memlane_share_wait(self._open_handle(), until, _by(error))

        _check(_patiently(attempt, deadline), error)

    def get(self, timeout=None):
        """Wait for the next value and take it."""
        return self.read(timeout)[0]

    def read(self, timeout=None):
        """Take the next value; return (value, version, timestamp)."""
        return self._take(self._copied, timeout)

    def _copied(self):
        memory, reading = self._copy()
        return self._decoded(memory, reading), reading

    def _take(self, look, timeout):
        """Take what `look` finds, which may refuse it: then it still waits."""
        self._must("get")
        deadline = _deadline(timeout)
        while True:
            self._wait(deadline)
            try:
                value, reading = look()
            except Empty:  # another endpoint took it, and a put uses its slot since
                continue
            error = _Error()
            status = _library.memlane_share_take(self._open_handle(), reading.version, _by(error))
            if status == _OK:
                return value, reading.version, reading.real_ns / 1e9
            if status != _TAKEN:  # by another endpoint: look again
                _check(status, error)

    def clear(self):
        """Drop the value that waits to be taken. Returns whether there was one."""
        dropped, error = ctypes.c_bool(), _Error()
        _check(_library.memlane_share_clear(self._open_handle(), _by(dropped), _by(error)), error)
        return dropped.value


class SharedAssign(_Share):
    """Assignment between processes: `memlane.SharedAssign`."""

    def put(self, value):
        """Give a value in place of one that was not taken; return its version. Never waits."""
        self._must("put")
        return self._write(value)


def _array_over(numpy, value):
    """An array over the memory of what was given; what is no array, and has no memory to give, is refused."""
    if isinstance(value, numpy.ma.MaskedArray):
        raise TypeError("a masked array would lose its mask: put value.filled(), or its data and its mask")
    if hasattr(value, "__array__") or isinstance(value, array.array):  # in Python 2 memoryview() refuses the latter
        return numpy.asarray(value)
    if hasattr(value, "__dlpack__") and hasattr(numpy, "from_dlpack"):
        return numpy.from_dlpack(value)
    try:
        return numpy.asarray(memoryview(value))
    except TypeError as error:
        raise TypeError(
            "a value of type %s is no array: give an ndarray, anything with the buffer protocol or DLPack, or"
            " np.asarray(value) (%s)" % (type(value).__name__, error)
        )


class _Memory(object):
    """Memory of an endpoint for numpy to lie over, which can be made writable only by who said so."""

    def __init__(self, endpoint, address, size, is_writable):
        self.endpoint = endpoint
        self.__array_interface__ = {
            "version": 3, "typestr": "|u1", "shape": (int(size),), "data": (int(address), not is_writable)
        }


class _Pinned(_Memory):
    """A view, which is kept as long as an array lies over it."""

    def __init__(self, endpoint, view):
        _Memory.__init__(self, endpoint, view.bytes, view.reading.size, False)
        self.view = view
        endpoint._views += 1

    def __del__(self):
        self.endpoint._views -= 1
        if _library is not None:
            _library.memlane_view_release(_by(self.view))


class _Lent(_Memory):
    """A slot that is filled in place. The mapping stays as long as an array lies over it; the slot does not."""

    def __init__(self, endpoint, loan):
        _Memory.__init__(self, endpoint, loan.bytes, loan.capacity, True)
        self.variable = endpoint._variable
        _library.memlane_variable_hold(self.variable)

    def __del__(self):
        if _library is not None:
            _library.memlane_variable_release(self.variable)


class NumpyShare(_Share):
    """Assignment of arrays between processes: `memlane.NumpyShare`."""

    _views = 0  # that were not collected

    def __init__(self, *arguments, **keywords):
        _numpy("memlane_compat.NumpyShare shares arrays")
        _Share.__init__(self, *arguments, **keywords)

    def _decoded(self, memory, reading):
        array = _Share._decoded(self, memory, reading) if reading.type == _PLAIN_BUFFERS else None
        if not isinstance(array, _numpy("a share of arrays").ndarray):
            raise TypeError(
                "share '%s': what waits there is no array: take it by SharedAssign, or drop it by clear()" % self.name
            )
        return array

    def _plain(self, value):
        numpy = _numpy("a share of arrays")
        array = _array_over(numpy, value)
        if array.dtype.hasobject:
            raise TypeError("an array of dtype %r holds Python objects: convert it by astype()" % (array.dtype,))
        if array.dtype.names is not None and array.dtype.type is not numpy.void:
            array = array.view(numpy.dtype((numpy.void, array.dtype)))
        return array

    def _encoded(self, value):
        try:
            return _PLAIN, _Encoder(value)
        except _NotPlain:
            raise TypeError("an array of dtype %r cannot be put: convert it by astype()" % (value.dtype,))

    def put(self, array):
        """Give an array in place of one that was not taken; return its version. Never waits."""
        self._must("put")
        return self._write(self._plain(array))

    def get(self, timeout=None, copy=True):
        """Wait for the next array and take it; ``copy=False``: in place, read-only, unchanged while it lives."""
        return self.read(timeout, copy)[0]

    def read(self, timeout=None, copy=True):
        """Take the next array; return (array, version, timestamp)."""
        return self._take(self._copied if copy else self._viewed, timeout)

    def _collect_views(self):
        """Let forgotten views go. With two more slots, for what waits and what is put, two are all that a share has."""
        for _ in range(4):  # PyPy takes one link of array, memory and view at a time
            if self._views >= 2:
                gc.collect()

    def _viewed(self):
        if PYPY:
            self._collect_views()
        view, error = _View(), _Error()
        _check(_library.memlane_variable_view(self._open_variable(), _by(view), _by(error)), error)
        memory = _numpy("a view is an array").asarray(_Pinned(self, view))
        return self._decoded(memory, view.reading), view.reading

    def loan(self, shape, dtype, order="C"):
        """Fill a free slot in place: the end of the block puts it, an exception drops it."""
        self._must("put")
        encoder = self._encoded(self._plain(_numpy("a loan is an array").empty(shape, dtype, order)))[1]
        front, offsets, length = encoder.layout()
        if length - offsets[0] > self._size or length > self._size + _HEADROOM:
            self._refuse(length - offsets[0])
        return self._filled_in_place(encoder.buffers[0], front, offsets[0], length)

    @contextlib.contextmanager
    def _filled_in_place(self, like, front, offset, length):
        numpy, loan = _numpy("a loan is an array"), self._borrow(0)
        try:
            ctypes.memmove(loan.bytes, front, len(front))
            ctypes.memset(loan.bytes + len(front), 0, offset - len(front))
            memory = numpy.asarray(_Lent(self, loan))
            layout = "C" if like.flags.c_contiguous else "F"
            array = numpy.ndarray(like.shape, like.dtype, memory, offset, order=layout)
            yield array
            memory.flags.writeable = array.flags.writeable = False
        except BaseException:
            _library.memlane_loan_drop(_by(loan))
            raise
        self._commit(loan, length, _PLAIN_BUFFERS)


# -- maps ---------------------------------------------------------------------------------------------------------

_READING, _WRITING = 1, 2  # what memlane_map_mode() answers
# A waiting lock is asked for anew this often, so that Ctrl-C ends the wait also where another thread got the signal.
# Each time it goes to the end of the queue, so that it must not be often.
_LOCK_CHUNK_NS = 1000000000


class _MapEndpoint(_Object):
    """The part of the map classes that works on the object."""

    _noun, _options, _properties = "map", _MapOptions, _MapProperties

    def __init__(self, name, size, create, persistent, directory, mode, peer_uid, crowd):
        options = self._new_options()
        options.size = _given("size", size)
        found = self._open_object(name, options, create, persistent, directory, mode, peer_uid, crowd)
        self.size = found.size

    def descriptor(self):
        """A descriptor of the file that carries no lock, and where the bytes begin."""
        descriptor, offset, error = ctypes.c_int(), _u64(), _Error()
        _check(_library.memlane_map_descriptor(self._handle, _by(descriptor), _by(offset), _by(error)), error)
        return descriptor.value, offset.value

    def check(self):
        """Raise `Closed`, or `Corrupted` where the file was truncated."""
        error = _Error()
        _check(_library.memlane_map_check(self._handle, _by(error)), error)

    def mode(self):
        return _library.memlane_map_mode(self._handle)

    def guard(self):
        """Protect the mapping at `address`, and its users, against truncation of the file."""
        _library.memlane_map_guard(self._handle, self.address, self.size)

    def unguard(self):
        """End that, before the mapping goes. In a cycle that is collected this object may come to its end first."""
        if self._handle is not None:
            _library.memlane_map_unguard(self._handle)

    def __del__(self):
        if _library is not None:
            self.unguard()
        _Object.__del__(self)


class _Lock(object):
    """A lock of a map, for ``with``. ``recovered``: a writer died inside, and this is the first lock since."""

    def __init__(self, mapping, timeout, take):
        self._lock, self._taken = _MapLock(), threading.Lock()
        _deadline(timeout)
        self._mapping, self._timeout, self._take = mapping, timeout, take

    def __del__(self):
        if _library is not None and self._lock.map:  # entered, and forgotten
            _library.memlane_map_unlock(_by(self._lock), _NOTHING)

    @property
    def recovered(self):
        return self._lock.recovered

    def __enter__(self):
        if not self._taken.acquire(False):
            raise AlreadyLocked("this lock is held, or waited for: call lock() anew for each with statement")
        error, handle = _Error(), self._mapping._endpoint._handle

        def attempt(until):
            return self._take(handle, _by(self._lock), until, _by(error))

        try:
            _check(_patiently(attempt, _deadline(self._timeout), _LOCK_CHUNK_NS), error)
        except BaseException:
            self._taken.release()
            raise
        return self

    def __exit__(self, kind, raised, trace):
        error = _Error()
        status = _library.memlane_map_unlock(_by(self._lock), _by(error))
        self._taken.release()
        if raised is None:
            _check(status, error)


def _take_closed_streams():
    """Descriptors for those of 0, 1 and 2 that are closed: else mmap's own would be one, and get what is printed."""
    taken = []
    number = os.open("/", os.O_RDONLY)
    while number <= 2:
        taken.append(number)
        number = os.open("/", os.O_RDONLY)
    os.close(number)
    return taken


def _address_of_mapping(mapping, size):
    """Where a mapping's memory is. What exports it goes before this returns, where objects go at once."""
    return ctypes.addressof((ctypes.c_char * size).from_buffer(mapping))


class UnsafeSharedMMap(mmap.mmap):
    """Shared memory as an `mmap.mmap`, without a lock: `memlane.UnsafeSharedMMap`."""

    _endpoint = None

    def __new__(
        cls, name, size, create=True, persistent=None, directory=None, mode=0o600, peer_uid=None,
        max_participants=None
    ):
        """Open or create, and map the bytes over a description of the file that carries no lock."""
        size = None if size is None else parse_size(size)
        endpoint = _MapEndpoint(name, size, create, persistent, directory, mode, peer_uid, max_participants)
        descriptor, offset = endpoint.descriptor()
        taken = [descriptor]
        try:
            taken += _take_closed_streams()
            self = mmap.mmap.__new__(cls, descriptor, endpoint.size, offset=offset)
        finally:
            for number in taken:
                os.close(number)
        endpoint.address = _address_of_mapping(self, endpoint.size)
        endpoint.guard()
        self._endpoint = endpoint
        return self

    def __init__(self, *arguments, **keywords):
        """All was done by `__new__`."""

    # -- who may do what: the classes with a lock say more

    def _permit_reading(self, what):
        self._endpoint.check()

    def _permit_writing(self, what):
        self._endpoint.check()

    def _may_write(self):
        return True

    # -- reading and writing

    def __getitem__(self, key):
        self._permit_reading("reading an index or a slice")
        value = mmap.mmap.__getitem__(self, key)
        self._endpoint.check()
        return value

    def __setitem__(self, key, value):
        self._permit_writing("writing an index or a slice")
        mmap.mmap.__setitem__(self, key, value)
        self._endpoint.check()

    def __delitem__(self, key):
        self._permit_writing("deleting an index or a slice")
        raise TypeError("map '%s': memory cannot be deleted: %r" % (self.name, key))

    if PYTHON_2:

        def __getslice__(self, start, stop):
            return self[slice(start, stop)]

        def __setslice__(self, start, stop, value):
            self[slice(start, stop)] = value

        def __delslice__(self, start, stop):
            del self[slice(start, stop)]

    if sys.version_info >= (3, 12) and not PYPY:  # before, no class written in Python can stand before an export

        def __buffer__(self, flags):
            if self._endpoint is None:  # under construction
                return mmap.mmap.__buffer__(self, flags)
            if flags & 1:  # PyBUF_WRITABLE
                self._permit_writing("an export of its memory for writing")
            else:
                self._permit_reading("an export of its memory")
            exported = mmap.mmap.__buffer__(self, flags)
            return exported if self._may_write() else exported.toreadonly()

    def write(self, data):
        """Write at the file position, all or nothing, and move it. Beyond the end: `OOMError`."""
        self._permit_writing("write()")
        if PYTHON_2 and not isinstance(data, bytes):  # mmap.mmap takes nothing else there
            data = memoryview(data).tobytes()
        count = len(data) if isinstance(data, (bytes, bytearray)) else memoryview(data).nbytes
        try:
            mmap.mmap.write(self, data)
        except ValueError:
            if count <= len(self) - self.tell():  # it does fit: its owner refuses to give it, as arrays with gaps do
                raise
            raise self._beyond_the_end(count)
        self._endpoint.check()
        return count

    def write_byte(self, byte):
        """Write one byte at the file position and move it. At the end: `OOMError`."""
        self._permit_writing("write_byte()")
        try:
            mmap.mmap.write_byte(self, byte)
        except ValueError:
            raise self._beyond_the_end(1)
        self._endpoint.check()

    def _beyond_the_end(self, count):
        self._endpoint.check()
        return OOMError(
            "map '%s': %d bytes from position %d reach beyond its %d bytes; nothing was written: seek() back, or"
            " memlane.unlink() it and create it with a larger size" % (self.name, count, self.tell(), len(self))
        )

    def resize(self, newsize):
        """Refuse: other processes have mapped the size that it has."""
        self._permit_writing("resize()")
        raise io.UnsupportedOperation(
            "map '%s' cannot be resized to %d bytes: others have its %d bytes mapped; memlane.unlink() it and create it"
            " with another size" % (self.name, newsize, len(self))
        )

    def seek(self, *place):
        """Move the file position, as `mmap.mmap.seek`."""
        self._check_open()
        return mmap.mmap.seek(self, *place)

    def tell(self):
        """Return the file position of this endpoint."""
        self._check_open()
        return mmap.mmap.tell(self)

    def size(self):
        """Return the size of the map in bytes."""
        return len(self)

    def __len__(self):
        self._check_open()
        return self._endpoint.size

    # -- the endpoint

    @property
    def name(self):
        """The name of the object."""
        return self._endpoint.name

    @property
    def closed(self):
        """Whether this endpoint was closed."""
        return self._endpoint.closed

    def _check_open(self):
        if self.closed:
            raise Closed("map '%s': this endpoint was closed; open it anew" % self.name)

    def close(self):
        """Close the endpoint. Exports of its memory stay valid where the interpreter counts them."""
        if self.closed:
            return
        self._endpoint.close()
        self._endpoint.unguard()
        try:
            mmap.mmap.close(self)
        except BufferError:  # an export lives: the memory goes with it and this object
            self._endpoint.guard()

    def __del__(self):
        if self._endpoint is not None and _library is not None:
            self._endpoint.unguard()

    def __enter__(self):
        self._check_open()
        return self

    def __exit__(self, *reason):
        self.close()

    def __repr__(self):
        state = "closed" if self.closed else "%d bytes" % self._endpoint.size
        return "<memlane_compat.%s '%s': %s>" % (type(self).__name__, self.name, state)

    def unlink(self):
        """Remove the object's name. Open endpoints, this one too, go on with the object."""
        self._check_open()
        self._endpoint.unlink()

    @property
    def _uuid(self):
        return self._endpoint._uuid

    def __reduce__(self):
        """Pickle by name; the position is not part of it."""
        self._check_open()
        return _reopened, (type(self), self.name, self._uuid, dict(self._endpoint._arguments(), size=None))


def _guarded(name, writes):
    """The method of `mmap.mmap`, behind the permission that it needs."""
    base = getattr(mmap.mmap, name)

    def method(self, *arguments, **keywords):
        permit = self._permit_writing if writes else self._permit_reading
        permit("%s()" % name)
        value = base(self, *arguments, **keywords)
        self._endpoint.check()
        return value

    method.__name__ = name
    method.__doc__ = base.__doc__
    return method


_READING_METHODS = frozenset(["find", "flush", "read", "read_byte", "readline", "rfind", "seekable"])

# Whatever else this Python's mmap has, and a later one will have, counts as writing: madvise() can punch holes.
for _name in dir(mmap.mmap):
    if not _name.startswith("_") and callable(getattr(mmap.mmap, _name)) and _name not in vars(UnsafeSharedMMap):
        setattr(UnsafeSharedMMap, _name, _guarded(_name, _name not in _READING_METHODS))


class _LockedMap(UnsafeSharedMMap):
    """What the two classes with a lock have in common."""

    _READ_LOCK = _WRITE_LOCK = ""

    def _permit_reading(self, what):
        self._endpoint.check()
        if self._endpoint.mode() == 0:
            raise ReadAccessError(
                errno.EACCES,
                "map '%s': %s needs its lock: use it inside `with %s:`" % (self.name, what, self._READ_LOCK),
            )

    def _permit_writing(self, what):
        self._endpoint.check()
        mode = self._endpoint.mode()
        if mode != _WRITING:
            held = " and this thread has its read lock" if mode == _READING else ""
            raise WriteAccessError(
                errno.EACCES,
                "map '%s': %s needs its lock%s: use it inside `with %s:`" % (self.name, what, held, self._WRITE_LOCK),
            )

    def _may_write(self):
        return self._endpoint.mode() == _WRITING


class SharedMMap(_LockedMap):
    """Shared memory as an `mmap.mmap`, under one lock: `memlane.SharedMMap`."""

    _READ_LOCK = _WRITE_LOCK = "shm.lock()"

    def lock(self, timeout=None):
        """Lock the whole map: ``with shm.lock() as lock:``."""
        return _Lock(self, timeout, _library.memlane_map_lock_write)


class RWSharedMMap(_LockedMap):
    """Shared memory as an `mmap.mmap`, under a lock for many readers or one writer: `memlane.RWSharedMMap`."""

    _READ_LOCK, _WRITE_LOCK = "shm.lock_read()", "shm.lock_write()"

    def __new__(cls, name, size, max_readers=None, **keywords):
        """Open or create; ``max_readers`` is accepted for what was written for other classes: there is no limit."""
        if max_readers is not None and max_readers < 1:
            raise ValueError("map %r: max_readers=%r is not positive" % (name, max_readers))
        return UnsafeSharedMMap.__new__(cls, name, size, **keywords)

    def lock_read(self, timeout=None):
        """Lock for reading, beside other readers."""
        return _Lock(self, timeout, _library.memlane_map_lock_read)

    def lock_write(self, timeout=None):
        """Lock for writing, and reading, alone."""
        return _Lock(self, timeout, _library.memlane_map_lock_write)


# -- channels -----------------------------------------------------------------------------------------------------

CHAN_R, CHAN_W = 0, 1
LOG_DISABLE, LOG_BASIC, LOG_ALL = 0, 1, 2
_LEVELS = {LOG_DISABLE: 60, LOG_BASIC: 20, LOG_ALL: 10}
_channels = weakref.WeakSet()  # every channel of this process that was not collected yet


def _bytes_like(data, what):
    """The address and size of a bytes-like object, and what keeps them valid."""
    if isinstance(data, bytes):
        kept = ctypes.c_char_p(data)  # of PyPy: a copy, which goes with it
        return ctypes.cast(kept, ctypes.c_void_p).value or 0, len(data), kept
    try:
        view = memoryview(data)
        if view.readonly:
            return _bytes_like(view.tobytes(), what)
        size = len(view.tobytes()) if PYTHON_2 else view.nbytes
        if size == 0:
            return 0, 0, None
        kept = (ctypes.c_char * size).from_buffer(data if PYTHON_2 else view.cast("B"))
    except (TypeError, ValueError) as error:
        raise ParameterTypeError("%s, not %s: %s" % (what, type(data).__name__, error))
    return ctypes.addressof(kept), size, kept


class Channel(_Object):
    """One end of a stream of bytes between two processes: `memlane.Channel`."""

    _noun, _options, _properties = "channel", _ChannelOptions, _ChannelProperties
    _listener, _is_shown = None, False

    def __init__(
        self, cid, mode, chanSz=None, create=True, persistent=None, directory=None, file_mode=0o600, peer_uid=None,
        max_participants=None
    ):
        if not isinstance(cid, (bytes, TEXT)):
            raise ParameterTypeError("cid is str or bytes, not %s" % type(cid).__name__)
        if mode not in (CHAN_R, CHAN_W):
            raise ValueError("channel %r: mode=%r is neither CHAN_R (0) nor CHAN_W (1)" % (cid, mode))
        options = self._new_options()
        is_size = chanSz is None or chanSz > 0  # else a channel that exists can be opened all the same
        options.capacity = _given("chanSz", chanSz if is_size else None)
        try:
            found = self._open_object(
                cid, options, create and is_size, persistent, directory, file_mode, peer_uid, max_participants, mode
            )
        except ObjectNotFound:
            if is_size or not create:
                raise
            raise InvalidArgument("channel %r: chanSz=%r is not positive: give 1 byte or more" % (cid, chanSz))
        self.capacity, self._is_reader, self._unread = found.capacity, mode == CHAN_R, b""
        _channels.add(self)
        _LOGGER.info("channel '%s': opened for %s", self.name, "reading" if self._is_reader else "writing")

    def close(self):
        """Close this end; the other one learns of it. May be called twice."""
        if not self.closed:
            _LOGGER.info("channel '%s': closed at byte %d", self.name, self.position)
        _Object.close(self)

    def _arguments(self):
        """The receiver opens the end once this one was closed."""
        return dict(_Object._arguments(self), mode=CHAN_R if self._is_reader else CHAN_W, file_mode=self._mode)

    def _fail(self, status, error):
        """Raise for a status that is not good. Here the opposite end is the only peer that can die."""
        try:
            _check(status, error)
        except PeerDied as failure:
            raise OppositeEndDiedError(errno.EPIPE, failure.args[1])

    @contextlib.contextmanager
    def _turn(self, deadline):
        """Keep other threads off."""
        error, handle = _Error(), self._open_handle()
        _check(_patiently(lambda until: _library.memlane_channel_lock(handle, until, _by(error)), deadline), error)
        try:
            yield handle
        finally:
            _library.memlane_channel_unlock(handle)

    # -- writing

    def write(self, data, timeout=None):
        """Write all bytes, waiting while the channel is full; return how many. What fails says ``written``."""
        address, size, kept = _bytes_like(data, "a channel takes bytes-like objects")
        deadline, written, error, done = _deadline(timeout), _u64(), _Error(), [0]
        with self._turn(deadline) as handle:

            def attempt(until):
                written.value = 0
                status = _library.memlane_channel_write(
                    handle, address + done[0], size - done[0], until, _by(written), _by(error)
                )
                done[0] += written.value
                return status

            try:
                self._fail(_patiently(attempt, deadline), error)
            except (Timeout, OppositeEndClosedError) as failure:
                failure.written = done[0]
                raise
        return done[0]

    def write_some(self, data):
        """Write what fits at once, and return how many bytes that were."""
        address, size, kept = _bytes_like(data, "a channel takes bytes-like objects")
        written, error = _u64(), _Error()
        status = _library.memlane_channel_write_some(self._open_handle(), address, size, _by(written), _by(error))
        self._fail(status, error)
        return written.value

    # -- reading

    def _check_reader(self):
        self._open_handle()
        if self._listener is not None and self._listener.running:
            raise EndpointBusy("channel '%s': a callback gets its bytes (read_async): stop() that first" % self.name)

    def read(self, buf, n, blocking=False, timeout=None):
        """Read up to ``n`` bytes into a writable buffer; return how many. Blocking: ``n``, or less at the end."""
        self._check_reader()
        if isinstance(buf, bytes):
            raise ParameterTypeError("a channel reads into writable bytes-like objects, not %s" % type(buf).__name__)
        address, size, kept = _bytes_like(buf, "a channel reads into writable bytes-like objects")
        if not 0 <= n <= size:
            raise ValueError("channel '%s': n=%d bytes into a buffer of %d" % (self.name, n, size))
        if timeout is not None and not blocking:
            raise ValueError("a timeout is for a blocking read: say blocking=True too")
        if n == 0:
            return 0
        if blocking:
            return self._read_into(address, n, n, _deadline(timeout))
        try:
            return self._read_into(address, n, 0, 0)
        except Timeout:  # another thread reads
            return 0

    def _read_into(self, address, size, least, deadline):
        """Read up to `size` bytes, waiting for `least`. What was consumed when it fails stays for the next reading."""
        with self._turn(deadline) as handle:
            self._check_unread()
            kept, self._unread = self._unread[:size], self._unread[size:]
            ctypes.memmove(address, kept, len(kept))
            done = [len(kept)]
            try:
                self._read_pieces(handle, address, size, least, deadline, done)
            except BaseException:
                self._unread = ctypes.string_at(address, done[0]) + self._unread
                raise
            return done[0]

    def _read_pieces(self, handle, address, size, least, deadline, done):
        count, error, once = _u64(), _Error(), least == 0
        while done[0] < max(least, 1):
            # All at once where the channel can hold it; a part of it at a time lets the writer go on meanwhile.
            wanted = max(least, 1) - done[0]
            if least > self.capacity:
                wanted = min(wanted, (self.capacity + 3) // 4)

            def attempt(until):
                return _library.memlane_channel_read(
                    handle, address + done[0], size - done[0], wanted, until, _by(count), _by(error)
                )

            count.value = 0
            status = _patiently(attempt, deadline)
            done[0] += count.value
            if once and status == _TIMEOUT:
                return
            if status in (_END_CLOSED, _PEER_DIED) and done[0] > 0:
                return
            self._fail(status, error)
            if count.value < wanted:  # the end of the stream
                return

    def _fresh_bytes(self, size, least, timeout):
        self._check_reader()
        memory = ctypes.create_string_buffer(max(1, size))
        count = self._read_into(ctypes.addressof(memory), size, least, _deadline(timeout)) if size else 0
        return memory.raw[:count]

    def read_bytes(self, n, timeout=None):
        """Wait for ``n`` bytes and return them; fewer at the end of the stream."""
        if n < 0:
            raise ValueError("channel '%s': n=%d bytes cannot be read" % (self.name, n))
        return self._fresh_bytes(n, n, timeout)

    def readinto(self, buffer):
        """Wait for a byte at least, and read what is there, as raw files do; 0 at the end of the stream."""
        self._check_reader()
        address, size, kept = _bytes_like(buffer, "a channel reads into writable bytes-like objects")
        try:
            return self._read_into(address, size, 1, _FOREVER) if size else 0
        except OppositeEndClosedError:
            return 0

    def __iter__(self):
        return self

    def __next__(self):
        """Return what came, as soon as there is something; the end of the stream ends the iteration."""
        try:
            return self._fresh_bytes(min(self.capacity, 65536), 1, None)
        except OppositeEndClosedError:
            raise StopIteration

    next = __next__

    # -- in place

    def _take_span(self, take, size, timeout):
        span, error, handle, deadline = _Span(), _Error(), self._open_handle(), _deadline(timeout)
        status = _patiently(lambda until: take(handle, size, until, _by(span), _by(error)), deadline)
        self._fail(status, error)
        memory = (ctypes.c_ubyte * span.size).from_address(span.bytes)
        return span, memory

    @contextlib.contextmanager
    def _in_place(self, span, memory):
        error, size = _Error(), span.size
        view = memoryview(memory) if PYTHON_2 else memoryview(memory).cast("B")
        if self._is_reader and hasattr(view, "toreadonly"):
            view = view.toreadonly()  # the memory is read-only in each case
        try:
            yield view
        except BaseException:
            _library.memlane_span_drop(_by(span))
            raise
        finally:
            if not PYTHON_2:
                view.release()
        _check(_library.memlane_span_commit(_by(span), size, _by(error)), error)

    def reserve(self, n, timeout=None):
        """Fill ``n`` bytes in place, in a ``with`` block: its end publishes them, an exception does not."""
        if n < 1:
            raise ValueError("channel '%s': n=%r bytes cannot be reserved" % (self.name, n))
        return self._in_place(*self._take_span(_library.memlane_channel_reserve, n, timeout))

    def peek(self, n=None, timeout=None):
        """Look at the next bytes in place, in a ``with`` block: its end consumes them, an exception does not."""
        if n is not None and n < 1:
            raise ValueError("channel '%s': n=%r bytes cannot be looked at" % (self.name, n))
        self._check_reader()
        if n is not None and n > self.capacity:
            raise InvalidArgument("channel '%s': %d bytes in one piece were asked for, it has %d" % (
                self.name, n, self.capacity
            ))
        return self._peek(n or 0, timeout)

    def _peek(self, size, timeout):
        """`peek`, also for a listener; 0: what is there. Bytes that a reading had to leave come first, in a copy."""
        while True:
            unread, behind = self._unread, None
            self._check_unread()
            if not unread or size > len(unread):
                missing = max(0, size - len(unread))
                behind = self._take_span(_library.memlane_channel_peek, missing, timeout)
            if self._unread is unread:
                break
            _library.memlane_span_drop(_by(behind[0]))  # it was another thread's turn
        if not unread:
            return self._in_place(*behind)
        return self._kept_in_place(unread[:size] if size else unread, behind)

    @contextlib.contextmanager
    def _kept_in_place(self, kept, behind):
        self._check_unread()
        self._is_shown = True
        try:
            if behind is None:
                yield memoryview(kept)
            else:
                with self._in_place(*behind) as view:
                    yield memoryview(kept + view.tobytes())
            self._unread = self._unread[len(kept):]
        finally:
            self._is_shown = False

    def _check_unread(self):
        """Raise where what an earlier reading had to leave is in use in place."""
        if self._is_shown:
            raise EndpointBusy("channel '%s': bytes of this end are in use in place: end that block first" % self.name)

    def read_async(self, callback):
        """Call back from a thread with whatever arrives; the handle's ``stop()`` ends it."""
        self._check_reader()
        if not self._is_reader:
            raise ValueError("channel '%s': this end was opened for writing only" % self.name)
        self._listener = _Listener(self, callback)
        return self._listener

    # -- what it is

    def readable(self):
        """Whether this is the reading end, as files say it."""
        return self._is_reader

    def writable(self):
        """Whether this is the writing end, as files say it."""
        return not self._is_reader

    def seekable(self):
        """Whether one can go back, as files say it: never."""
        return False

    def flush(self):
        """Do nothing: what was written is there."""

    @property
    def position(self):
        """How many bytes of the stream this end and those before it have read, or written."""
        return _library.memlane_channel_position(self._handle) - len(self._unread)

    def status(self):
        """Return the line that `print_status` prints: ends, cursors and how full the channel is."""
        found, error = _ChannelStatus(), _Error()
        _check(_library.memlane_channel_status_read(self._open_handle(), _by(found), _by(error)), error)
        filled = found.write_cursor - found.read_cursor
        state = "empty" if filled == 0 else "full" if filled >= found.capacity else "normal"
        listening = self._listener is not None and self._listener.running
        return (
            "Channel(%s): mode=%s hSharedMem=%d listener=%d syncBuf={RO=%d WO=%d RC=%d WC=%d hREvt=%d hWEvt=%d bufSz=%d"
            " rc=%d wc=%d state=%s}" % (
                self.name, "R" if self._is_reader else "W", found.descriptor, listening, found.reader_is_open,
                found.writer_is_open, found.reader_is_closed, found.writer_is_closed, found.data_bell_offset,
                found.room_bell_offset, found.capacity, found.read_cursor, found.write_cursor, state,
            )
        )

    def print_status(self):
        """Print `status`."""
        print(self.status())

    def _state(self):
        return "%s, at byte %d of a stream through %d" % (
            "reader" if self._is_reader else "writer", self.position, self.capacity
        )


class _Listener(object):
    """Calls back with whatever arrives at the reading end of a channel. A context manager, which stops it."""

    def __init__(self, channel, callback):
        self._channel, self._callback, self._is_stopping = channel, callback, False
        self._thread = _start_thread("memlane-%s" % channel.name, self._listen)

    @property
    def running(self):
        """Whether it still listens."""
        return self._thread.is_alive() and threading.current_thread() is not self._thread

    def stop(self):
        """Listen no more. Waits for a callback that is running, unless it is the caller."""
        self._is_stopping = True
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def __enter__(self):
        return self

    def __exit__(self, *raised):
        self.stop()

    def _listen(self):
        channel = self._channel
        try:
            while not self._is_stopping:
                self._deliver()
        except (OppositeEndClosedError, Closed) as error:
            _LOGGER.info("%s", error)
        except Exception:
            _LOGGER.exception(
                "channel '%s': its listener ends, and what it was given last is not consumed", channel.name
            )

    def _deliver(self):
        try:
            block = self._channel._peek(0, 0.05)
        except Timeout:
            return
        with block as view:
            self._callback(view.tobytes())


def open_channel(cid, mode, chanSz=None, **options):
    """Open one end of a channel, or create the channel: see `Channel`, whose arguments these are."""
    return Channel(cid, mode, chanSz, **options)


def init_library(logLevel=LOG_DISABLE):
    """Set what the logger ``memlane`` lets through: nothing, opening and closing (``LOG_BASIC``), or all."""
    if logLevel not in _LEVELS:
        raise ValueError("logLevel=%r is none of LOG_DISABLE (0), LOG_BASIC (1) and LOG_ALL (2)" % (logLevel,))
    _LOGGER.setLevel(_LEVELS[logLevel])


def clean_library():
    """Close every channel that this process has open. What peers have open stays open to them."""
    for channel in list(_channels):
        channel.close()


# -- functions ----------------------------------------------------------------------------------------------------

# Type marks of requests and responses: docs/format/function.md.
_RAW, _CONTENT_MASK, _WITH_KEYWORDS, _WITH_EXCEPTION = 0, 0xFF, 0x100, 0x200
_CALL_PROTOCOL = 2  # of what is not plain: every Python reads it
_KEPT = 1024  # responses that nobody collected
_DEPTH = 32  # callbacks around one that waits for another
_FATES = (
    (False, "nobody had begun it: it was taken back, and will not be executed"),
    (True, "a server had begun it: it may be executed, and its response will be dropped"),
    (True, "its response came too late, and was dropped"),
)
_TEXT_LIMIT, _TRACEBACK_LIMIT, _DESCRIPTION_LIMIT = 1000, 1800, 3000
_shifts = threading.local()  # of threads that run callbacks: the core that they serve, how deep they are, in which process


def _serving_core():
    """What this thread serves, or None. A child that was forked in a callback does not serve."""
    return getattr(_shifts, "core", None) if getattr(_shifts, "process", None) == os.getpid() else None


def _remote_types():
    """Exceptions that are made anew at the caller, from plain arguments: no response runs code."""
    found = {}
    for name, kind in vars(builtins).items():
        if isinstance(kind, type) and issubclass(kind, Exception):
            found["builtins." + name] = kind
    for name, kind in globals().items():
        if isinstance(kind, type) and issubclass(kind, Error) and kind is not RemoteError:
            found["memlane." + name] = kind
    return found


def _type_name(kind):
    if issubclass(kind, Error) and kind.__module__ == __name__:
        return "memlane." + kind.__name__
    module = "builtins" if kind.__module__ == "exceptions" else kind.__module__
    return "%s.%s" % (module, getattr(kind, "__qualname__", kind.__name__))


def _cut(encoded, limit):
    """The last bytes that fit: those of a traceback matter most."""
    return encoded if len(encoded) <= limit else b"..." + encoded[-limit:]


def _utf8(text):
    """Text of any kind as UTF-8."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    return text.encode("utf-8", "replace" if PYTHON_2 else "backslashreplace")


def _describe_exception(error):
    """The text of an exception, and the description that its caller makes it of."""
    name = _type_name(type(error))
    try:
        message = str(error)
    except Exception as failure:
        message = "<its __str__ raised %s>" % type(failure).__name__
    short = name.rpartition(".")[2]
    text = _utf8("%s: %s" % (short, message) if message else short).replace(b"\0", b"?")[:_TEXT_LIMIT]
    trace = _cut(_utf8("".join(traceback.format_exception(*sys.exc_info()))), _TRACEBACK_LIMIT)
    trace = trace.decode("utf-8", "ignore")
    for arguments in (error.args if _remote_types().get(name) is type(error) else None, None):
        try:
            encoder = _Encoder((name, arguments, trace))
        except (_NotPlain, UnicodeError):
            continue
        if not encoder.buffers and len(encoder.head) <= _DESCRIPTION_LIMIT:
            return text, bytes(encoder.head)
    return text, b""


def _rebuilt_exception(text, description):
    """The exception to raise at the caller. What a server that is no Python program sends is a text alone."""
    message = _native_text(text) if PYTHON_2 else text.decode("utf-8", "replace")
    name, arguments, trace = "", None, ""
    try:
        if description:
            name, arguments, trace = _Decoder(bytearray(description), len(description), _PLAIN).value()
        kind = _remote_types().get(name)
        error = RemoteError(message, name, trace) if kind is None or arguments is None else kind(*arguments)
    except Exception:  # a description that nothing can be made of: its text is still there
        return RemoteError(message)
    if trace:
        error.__cause__ = RemoteTraceback(trace.encode("utf-8") if PYTHON_2 else trace)
    return error


def _message(value):
    """A value on its way into a call: (content type, encoder)."""
    try:
        return _PLAIN, _Encoder(value)
    except (_NotPlain, UnicodeError):
        return _PICKLE, _Pickled(value, _CALL_PROTOCOL)


def _write_message(value, address, capacity):
    """Write a value where there is room; return its size, which may be more, and its content type."""
    content, encoder = _message(value)
    front, offsets, size = encoder.layout()
    if size <= capacity:
        _lay_out(address, front, offsets, encoder.buffers)
    return size, content + 1 if offsets else content


def _write_raw(data, address, capacity):
    """Copy bytes; None is no bytes."""
    if data is None:
        return 0
    source, size, kept = _bytes_like(data, "a raw call takes and gives bytes-like objects")
    if size <= capacity:
        ctypes.memmove(address, source, size)
    return size


def _read_message(endpoint, address, size, content):
    """The value of a message in shared memory, which others may change meanwhile: of a copy of it."""
    if content == _RAW:
        return ctypes.string_at(address, size)
    memory = _private_memory(size)
    ctypes.memmove(_address_of(memory), address, size)
    return _value_of(endpoint, memory, size, content)


class _Function(_Object):
    """One endpoint of a function, for both sides."""

    _noun, _options, _properties = "function", _FunctionOptions, _FunctionProperties

    def __init__(
        self, name, max_sz_args, max_sz_ret, lanes, slots, create, persistent, allow_pickle, directory, mode, peer_uid,
        crowd
    ):
        if (max_sz_args is not None and max_sz_args < 1) or (max_sz_ret is not None and max_sz_ret < 0):
            raise ValueError(
                "function %r: max_sz_args=%r, max_sz_ret=%r is no size" % (name, max_sz_args, max_sz_ret)
            )
        options = self._new_options()
        options.max_arguments = _given("max_sz_args", max_sz_args)
        options.max_result = _given("max_sz_ret", max_sz_ret)
        options.lanes, options.slots = _given("lanes", lanes), _given("slots", slots)
        found = self._open_object(name, options, create, persistent, directory, mode, peer_uid, crowd)
        self._is_one_way, self._allow_pickle = found.max_result == 0, allow_pickle

    def _is_private(self):
        return _library.memlane_function_is_private(self._open_handle())

    @property
    def is_served(self):
        """Whether a live process serves the function."""
        return bool(_library.memlane_function_is_served(self._open_handle()))

    def _state(self):
        return "served" if self.is_served else "nobody serves it"


class HostFunctionCaller(_Function):
    """A function of another process, called like one's own: `memlane.HostFunctionCaller`."""

    _spare = None

    def __init__(
        self, name, max_sz_args=None, max_sz_ret=None, timeout=None, fail_fast=False, raw=False, lanes=None, slots=None,
        create=True, persistent=None, allow_pickle=None, directory=None, mode=0o600, peer_uid=None,
        max_participants=None
    ):
        _deadline(timeout)
        _Function.__init__(
            self, name, max_sz_args, max_sz_ret, lanes, slots, create, persistent, allow_pickle, directory, mode,
            peer_uid, max_participants,
        )
        self._timeout, self._fail_fast, self._raw = timeout, fail_fast, raw
        self._flying, self._kept, self._number, self._lock = {}, {}, 0, _ThreadLock()
        error = _Error()
        _check(_library.memlane_function_prepare(self._handle, _by(error)), error)

    def _arguments(self):
        return dict(
            _Object._arguments(self), allow_pickle=self._allow_pickle, timeout=self._timeout, fail_fast=self._fail_fast,
            raw=self._raw,
        )

    # -- sending

    def _begin(self, call):
        """Take a slot; where every one is in use, collect what is over, then wait for one."""
        error, deadline = _Error(), None
        while True:
            status = _library.memlane_call_begin(self._open_handle(), _by(call), 0, _by(error))
            if status != _NO_FREE_SLOT:
                return _check(status, error)
            deadline = _deadline(self._timeout) if deadline is None else deadline
            for pending in list(self._flying.values()):
                pending._look()
            status = _library.memlane_call_begin(self._handle, _by(call), 0, _by(error))
            if status != _NO_FREE_SLOT:
                return _check(status, error)
            if _serving_core() is not None:
                # The calls that are under way may be those of the callbacks around this one: no wait would end.
                return self._another()._begin(call)
            self._wait_for_slot(deadline)

    def _wait_for_slot(self, deadline):
        error = _Error()

        def attempt(until):
            return _library.memlane_function_wait(self._handle, until, _by(error))

        status = _patiently(attempt, deadline, late=_NO_FREE_SLOT)
        if status == _NO_FREE_SLOT:
            raise Timeout(errno.ETIMEDOUT, _text_of(error))
        _check(status, error)

    def _another(self):
        """The same function once more, for calls in the midst of calls."""
        if self._spare is None:
            self._spare = HostFunctionCaller(
                self.name, create=False, directory=self._directory, mode=self._mode, peer_uid=self._peer_uid
            )
        return self._spare

    def _send(self, call, arguments, keywords):
        if self._raw and (len(arguments) != 1 or keywords):
            raise TypeError("function '%s': a raw call takes one bytes-like argument" % self.name)
        self._begin(call)
        try:
            if self._raw:
                size, content = _write_raw(arguments[0], call.bytes, call.capacity), _RAW
            else:
                message = (arguments, keywords) if keywords else arguments
                size, content = _write_message(message, call.bytes, call.capacity)
            error = _Error()
            mark = content | (_WITH_KEYWORDS if keywords else 0)
            _check(_library.memlane_call_post(_by(call), size, mark, _by(error)), error)
        except BaseException:
            _library.memlane_call_end(_by(call))
            raise
        call.fail_fast = self._fail_fast

    # -- waiting

    def _wait_for(self, call, deadline, answer):
        """Wait for the answer. A callback that waits goes on serving."""
        core, error = _serving_core(), _Error()
        if core is not None:
            core.serve_until(call, deadline)

        def attempt(until):
            return _library.memlane_call_wait(_by(call), until, _by(answer), _by(error))

        _check(_patiently(attempt, deadline), error)

    def _decode(self, answer):
        if not answer.failed:
            return _read_message(self, answer.bytes, answer.size, answer.type & _CONTENT_MASK)
        text, _, description = ctypes.string_at(answer.bytes, answer.size).partition(b"\0")
        raise _rebuilt_exception(text, description if answer.type & _WITH_EXCEPTION else b"")

    def call(self, *arguments, **keywords):
        """Call the function and return its result, or raise what it raised."""
        call, answer = _Call(), _Answer()
        self._send(call, arguments, keywords)
        if self._is_one_way:
            _library.memlane_call_forget(_by(call))
            self._refuse_one_way()
        try:
            self._wait_or_give_up(call, answer)
            return self._decode(answer)
        finally:
            _library.memlane_call_end(_by(call))

    def _wait_or_give_up(self, call, answer):
        try:
            self._wait_for(call, _deadline(self._timeout), answer)
        except Timeout as timeout:
            maybe_executed, fate = _FATES[_library.memlane_call_end(_by(call))]
            failure = Timeout(errno.ETIMEDOUT, "%s; %s" % (timeout.args[1], fate))
            failure.maybe_executed = maybe_executed
            raise failure

    def _refuse_one_way(self):
        raise NoResponse(
            "function '%s' gives no responses: it has max_sz_ret=0, so its calls are one-way; to get one, remove it and"
            " create it with room for responses" % self.name
        )

    # -- calls under way

    def __call__(self, *arguments, **keywords):
        """Send a call and return at once. See `PendingCall` and `get_response`."""
        pending = PendingCall(self)
        self._send(pending._call, arguments, keywords)
        if self._is_one_way:
            _library.memlane_call_forget(_by(pending._call))
            return pending
        with self._lock.here():
            pending._stage, pending._number, self._number = _FLYING, self._number, self._number + 1
            self._flying[pending._number] = self._kept[pending._number] = pending
            if len(self._kept) > _KEPT + len(self._flying):
                del self._kept[min(number for number in self._kept if number not in self._flying)]
                _library.memlane_function_count_dropped(self._handle, 1)
        return pending

    def get_response(self, timeout=None):
        """Wait for the response to the oldest call whose response was not taken yet, and return it."""
        self._open_handle()
        if self._is_one_way:
            self._refuse_one_way()
        with self._lock.here():
            process = os.getpid()  # calls before a fork are the parent's
            own = [number for number, pending in self._kept.items() if pending._process == process]
            pending = self._kept[min(own)] if own else None
        if pending is None:
            raise NoResponse(
                "function '%s': every response was taken already, or no call was made: call first" % self.name
            )
        return pending.result(timeout)

    def close(self):
        """Close the endpoint. Calls that nobody has begun are taken back; the others' responses are dropped."""
        _Function.close(self)
        for pending in list(self._flying.values()):
            pending._abandon()
        self._kept.clear()
        if self._spare is not None:
            self._spare.close()


_FLYING, _RETURNED, _RAISED, _ONE_WAY = 1, 2, 3, 4


class PendingCall(object):
    """A call that was sent: `memlane.PendingCall`."""

    def __init__(self, caller):
        self._caller, self._call, self._stage, self._number = caller, _Call(), _ONE_WAY, -1
        self._value = self._error = None
        self._lock, self._process = _ThreadLock(), os.getpid()

    def __del__(self):
        if self._stage == _FLYING and _library is not None:
            _library.memlane_call_end(_by(self._call))

    def _settle(self, stage, value, error):
        """The call is over: its slot is the caller's again."""
        known = _library.memlane_call_end(_by(self._call))
        self._value, self._error, self._stage = value, error, stage
        self._caller._flying.pop(self._number, None)
        return known

    def _look(self):
        """Whether the call is over; collects what came."""
        with self._lock.here():
            if self._stage != _FLYING:
                return True
            answer, error = _Answer(), _Error()
            status = _library.memlane_call_wait(_by(self._call), 0, _by(answer), _by(error))
            if status in (_TIMEOUT, _INTERRUPTED):
                return False
            try:
                _check(status, error)
                value = self._caller._decode(answer)
            except Exception as failure:
                self._settle(_RAISED, None, failure)
            else:
                self._settle(_RETURNED, value, None)
            return True

    def result(self, timeout=None):
        """Wait for the response and return it, or raise what the function raised. May be called again."""
        if self._stage == _ONE_WAY:
            self._caller._refuse_one_way()
        deadline, answer = _deadline(self._caller._timeout if timeout is None else timeout), _Answer()
        while not self._look():
            try:
                self._caller._wait_for(self._call, deadline, answer)
            except Error:
                if self._look():
                    break
                raise
        self._caller._kept.pop(self._number, None)
        if self._stage == _RAISED:
            raise self._error
        return self._value

    def done(self):
        """Tell whether the response is there, or will never be. Never waits."""
        return self._stage == _ONE_WAY or self._look()

    def cancel(self):
        """Take the call back, if nobody has begun it; True when it is certain that it never will be executed."""
        if self._stage != _FLYING or not _library.memlane_call_cancel(_by(self._call)):
            return False
        self._caller._kept.pop(self._number, None)  # there is no response that get_response() could take
        return self._look()

    def _abandon(self):
        with self._lock.here():
            if self._stage == _FLYING:
                known = self._settle(_RAISED, None, None)
                self._error = Closed("the caller was closed while this call was under way; %s" % _FATES[known][1])

    def __repr__(self):
        state = {_ONE_WAY: "one-way", _RETURNED: "returned", _RAISED: "raised"}.get(self._stage, "under way")
        return "<memlane_compat.PendingCall of '%s': %s>" % (self._caller.name, state)


class _Core(object):
    """What serves: the part of a dispatcher that its threads know, so that a dispatcher that nobody has can go."""

    def __init__(self, capacity):
        handle, error = ctypes.c_void_p(), _Error()
        _check(_library.memlane_dispatcher_make(_by(handle), capacity, _by(error)), error)
        self.handle, self.functions, self.callbacks = handle.value, [], []
        self.lock, self.serving, self.closing, self.process = _ThreadLock(), 0, False, os.getpid()
        self.stop()

    def __del__(self):
        if _library is not None and getattr(self, "handle", None) is not None:
            _library.memlane_dispatcher_free(self.handle)

    def close(self):
        """Stop, and let the functions go: now, or when the last thread has left `serve`."""
        self.stop()
        self.count(0)

    def count(self, change):
        """Note that a thread came or went. A forked child has none of its parent's."""
        with self.lock.here():
            if self.process != os.getpid():
                self.process, self.serving = os.getpid(), 0
            self.serving += change
            handle = self.handle if self.closing and self.serving == 0 else None
            if handle is not None:
                self.handle = None
        if handle is not None:
            _library.memlane_dispatcher_free(handle)

    def add(self, function, callback):
        """Serve one more function. The lists are filled first: its first call may come at once."""
        error = _Error()
        self.functions.append(function)
        self.callbacks.append(callback)
        status = _library.memlane_dispatcher_add(self.handle, function._handle, _by(error))
        if status != _OK:
            self.functions.pop()
            self.callbacks.pop()
        _check(status, error)

    def resume(self):
        _library.memlane_dispatcher_resume(self.handle)

    def stop(self):
        if self.handle is not None:
            _library.memlane_dispatcher_stop(self.handle)

    def take(self, awaited, deadline, task):
        """Take the next call; return whether there is one: not, when the awaited one is over, or by stop or time."""
        error = _Error()

        def attempt(until):
            return _library.memlane_dispatcher_take(self.handle, awaited, until, _by(task), _by(error))

        while True:
            if self.handle is None:  # closed by a child that was forked in a callback
                return False
            status = _patiently(attempt, deadline)
            if status in (_ANSWERED, _TIMEOUT, _CLOSED):
                return False
            if status != _CORRUPTED:
                _check(status, error)
                return True
            _LOGGER.error("one function is served no more: %s", _text_of(error))

    def run(self, task):
        """Execute a call. What its function raises is its caller's; what is to end the thread, is not."""
        process = os.getpid()
        try:
            self.respond(task, self.invoke(task), process)
        except Exception as error:
            self.fail(task, error)
        except BaseException as error:
            self.fail(task, error)
            raise

    def invoke(self, task):
        function, callback = self.functions[task.place], self.callbacks[task.place]
        content = task.type & _CONTENT_MASK
        value = _read_message(function, task.bytes, task.size, content)
        if content == _RAW:
            return callback(value)
        if task.type & _WITH_KEYWORDS:
            arguments, keywords = value
            return callback(*arguments, **dict([(_keyword(name), keywords[name]) for name in keywords]))
        if type(value) is not tuple:
            raise Corrupted("function '%s': a request that holds no arguments" % function.name)
        return callback(*value)

    def respond(self, task, value, process):
        """Give the caller a result. A child that was forked since in *process* writes none: it is refused."""
        error = _Error()
        if not task.response or process != os.getpid():
            size, content = 0, _RAW
        elif task.type & _CONTENT_MASK == _RAW:
            size, content = _write_raw(value, task.response, task.capacity), _RAW
        else:
            size, content = _write_message(value, task.response, task.capacity)
        status = _library.memlane_task_respond(_by(task), size, content, _by(error))
        if status == _OWNERSHIP_LOST:
            _LOGGER.error("a response reached nobody: %s", _text_of(error))
            return
        _check(status, error)

    def fail(self, task, raised):
        error = _Error()
        if not task.response:
            _LOGGER.error("an exception in a one-way function", exc_info=sys.exc_info())
        text, description = _describe_exception(raised)
        status = _library.memlane_task_fail(
            _by(task), text, description, len(description), _WITH_EXCEPTION, _by(error)
        )
        if status == _OWNERSHIP_LOST:
            _LOGGER.error("an exception reached nobody: %s", raised)
            return
        _check(status, error)

    def serve(self):
        """Execute calls in this thread, until `stop`."""
        former = _serving_core(), getattr(_shifts, "depth", 0)
        process = os.getpid()
        _shifts.core, _shifts.depth, _shifts.process = self, 0, process
        task = _Task()
        self.count(1)
        try:
            while self.take(_NOTHING, _FOREVER, task):
                self.run(task)
        finally:
            _shifts.core, _shifts.depth = former
            if process == os.getpid():  # else the child was forked in a callback
                self.count(-1)

    def serve_until(self, call, deadline):
        """Go on serving in a callback that waits for a call, until that is over or the time is."""
        if _shifts.depth >= _DEPTH:
            raise WouldDeadlock(
                "%d callbacks of this thread wait for each other: a function that calls itself without an end, or one"
                " whose calls come faster than they are answered; serve it with more workers= or dispatchers" % _DEPTH
            )
        _shifts.depth += 1
        task = _Task()
        try:
            while self.take(_by(call), deadline, task):
                self.run(task)
        finally:
            _shifts.depth -= 1


def _keyword(name):
    return name.encode("utf-8") if PYTHON_2 and isinstance(name, TEXT) else name


def _serve(core):
    """Run in a thread."""
    while True:
        try:
            return core.serve()
        except OwnershipLost as error:
            _LOGGER.error("a forked child does not serve: %s", error)
            return None
        except BaseException:  # its caller has it; the other functions must go on
            _LOGGER.error("a callback asked for the end of its thread", exc_info=sys.exc_info())


_cores = weakref.WeakSet()


def _stop_all():
    """At exit threads end with the process: callbacks are not waited for."""
    for core in list(_cores):
        core.stop()


atexit.register(_stop_all)


class HostFunctionDispatcher(object):
    """Serves functions of this process to callers in any process of the host: `memlane.HostFunctionDispatcher`."""

    _core = None

    def __init__(
        self, max_func_count=16, workers=1, directory=None, mode=0o600, peer_uid=None, allow_pickle=None
    ):
        if max_func_count < 1 or workers < 1:
            raise ValueError(
                "max_func_count=%r, workers=%r: give 1 or more of each" % (max_func_count, workers)
            )
        self._directory, self._mode, self._peer_uid = directory, mode, peer_uid
        self._allow_pickle, self._workers = allow_pickle, workers
        self._core = _Core(max_func_count)
        _cores.add(self._core)
        self._threads, self._lock, self.closed = [], _ThreadLock(), False

    def __del__(self):
        if self._core is not None and _library is not None:
            self._core.stop()

    def add(
        self, name, foo, max_sz_args=None, max_sz_ret=None, lanes=None, slots=None, create=True, persistent=None,
        max_participants=None
    ):
        """Serve a function, now or from the start on."""
        self._check_open()
        if not callable(foo):
            raise TypeError("function %r: %r cannot be called" % (name, foo))
        function = _Function(
            name, max_sz_args, max_sz_ret, lanes, slots, create, persistent, self._allow_pickle, self._directory,
            self._mode, self._peer_uid, max_participants,
        )
        with self._lock.here():
            self._core.add(function, foo)

    attach = add

    def start(self):
        """Serve in daemon threads, one for each of the workers. Functions can still be added. Does nothing twice."""
        self._check_open()
        with self._lock.here():
            self._core.resume()
            self._start_threads(self._workers)
        return self

    def _start_threads(self, count):
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        for number in range(len(self._threads), count):
            self._threads.append(_start_thread("memlane-%d" % number, _serve, self._core))

    def serve_forever(self):
        """Serve in this thread (and, with more workers, in others) until `stop`, or Ctrl-C."""
        self._check_open()
        with self._lock.here():
            self._core.resume()
            self._start_threads(self._workers - 1)
        self._core.serve()

    def stop(self):
        """Serve no more: what is being executed comes to its end, the rest waits for another dispatcher, or `start`."""
        self._core.stop()
        with self._lock.here():
            threads, self._threads = self._threads, []
        for thread in threads:
            if thread is not threading.current_thread():
                thread.join()

    def close(self):
        """Stop, and close the functions. May be called twice."""
        self.closed = self._core.closing = True
        self.stop()
        self._core.close()
        for function in self._core.functions:
            function.close()

    def _check_open(self):
        if self.closed:
            raise Closed("this dispatcher was closed: make another")

    @property
    def running(self):
        """Whether threads of this dispatcher serve."""
        return any(thread.is_alive() for thread in self._threads)

    @property
    def names(self):
        """The functions, in the order in which they were added."""
        return tuple([function.name for function in self._core.functions])

    def __enter__(self):
        self._check_open()
        return self

    def __exit__(self, *raised):
        self.close()

    def __repr__(self):
        state = "closed" if self.closed else "serving" if self.running else "stopped"
        return "<memlane_compat.HostFunctionDispatcher: %s, %d functions: %s>" % (
            state, len(self.names), ", ".join(self.names)
        )


# -- objects by name ----------------------------------------------------------------------------------------------


def unlink(name, directory=None, mode=0o600, peer_uid=None):
    """Remove the name of an object of any kind. Open endpoints go on with it."""
    error, encoded = _Error(), _encoded_name(name)
    user = -1 if peer_uid is None else peer_uid
    _check(
        _library.memlane_unlink(_directory(directory), encoded, len(encoded), mode, user, _by(error)), error
    )


def collect(directory=None, mode=0o600, peer_uid=None):
    """Remove every object made with ``persistent=False`` that no live endpoint has open; return how many."""
    error, removed = _Error(), _u32()
    user = -1 if peer_uid is None else peer_uid
    _check(
        _library.memlane_collect(_directory(directory), mode, user, _by(removed), _by(error)), error
    )
    return removed.value
