# -*- coding: utf-8 -*-
"""memlane for interpreters that the package `memlane` does not know: Python 2.7, 3.5 and newer, PyPy.

One file without dependencies beyond ``ctypes``, and numpy where arrays are wanted: `HostVariable`, `SharedAssign` and
`NumpyShare` over ``libmemlane.so``, with the names and the meaning that they have in `memlane`. The library is looked for
in ``$MEMLANE_LIBRARY``, beside this file, and in an installed `memlane`, in this order. ``python -m memlane compat --to
DIR`` copies both to where nothing can be installed.

Text and bytes between Python 2 and Python 3:

- ``unicode`` there is ``str`` here. ``str`` of Python 2 becomes ``str`` where it is valid UTF-8, else ``bytes``.
- ``bytes`` of Python 3 becomes ``str`` of Python 2. For binary data from Python 2 put a ``bytearray``.
- ``int`` and ``long`` are one.

Values that are not plain (None, bool, int, float, text, bytes, tuples, lists and dicts of these, arrays) are pickled by the
protocol of the object: one that Python 2 shall read is created with ``protocol=2``.
"""

from __future__ import absolute_import, division, print_function

import contextlib
import ctypes
import errno
import os
import pickle
import struct
import sys

__all__ = [
    "AccessDenied", "Closed", "Corrupted", "Empty", "EncodingError", "Error", "HostVariable", "InvalidArgument",
    "InvalidName", "KindMismatch", "LayoutMismatch", "MissingDependency", "NoFreeSlot", "NoSpace", "NumpyShare",
    "OOMError", "ObjectNotFound", "OwnershipLost", "ReadAccessError", "SchemaMismatch", "SharedAssign", "SizeMismatch",
    "SystemFailure", "Timeout", "TooManyParticipants", "TooManyViews", "UnsafeNamespace", "UnsafePickle",
    "UnsupportedNamespace", "ValueTooLarge", "WriteAccessError", "collect", "unlink",
]

VERSION = "0.1.0"  # of the library that this file was written for

PYTHON_2 = sys.version_info[0] == 2
if PYTHON_2:
    TEXT, INTEGERS = unicode, (int, long)  # noqa: F821  (names of Python 2)
    _PermissionError = _FileNotFoundError = _TimeoutError = OSError
else:
    TEXT, INTEGERS = str, (int,)
    _PermissionError, _FileNotFoundError, _TimeoutError = PermissionError, FileNotFoundError, TimeoutError  # noqa: F821


# -- errors, as in memlane.errors ---------------------------------------------------------------------------------


class Error(Exception):
    """Base of all errors that memlane raises for reasons of its own."""


def _error(name, builtin, text):
    return type(name, (Error,) + (builtin if isinstance(builtin, tuple) else (builtin,)), {"__doc__": text})


AccessDenied = _error("AccessDenied", _PermissionError, "The directory or the object does not let this user in.")
Closed = _error("Closed", ValueError, "The endpoint was closed.")
Corrupted = _error("Corrupted", ValueError, "The shared bytes contradict themselves, or were truncated.")
Empty = _error("Empty", LookupError, "Nothing was ever written.")
EncodingError = _error("EncodingError", (pickle.PicklingError, TypeError), "The value cannot be turned into bytes.")
InvalidArgument = _error("InvalidArgument", ValueError, "An argument that no object could satisfy.")
InvalidName = _error("InvalidName", ValueError, "Not a name for an object.")
KindMismatch = _error("KindMismatch", TypeError, "The object of this name is of another kind.")
LayoutMismatch = _error("LayoutMismatch", ValueError, "Made by an incompatible build or machine.")
MissingDependency = _error("MissingDependency", ImportError, "An optional package, or the library, is needed.")
NoFreeSlot = _error("NoFreeSlot", RuntimeError, "Every slot is held by a live writer, loan or view.")
NoSpace = _error("NoSpace", OSError, "The memory could not be reserved.")
ObjectNotFound = _error("ObjectNotFound", _FileNotFoundError, "No object of that name, or it was re-created.")
OOMError = _error("OOMError", MemoryError, "The value does not fit the share; nothing was written.")
OwnershipLost = _error("OwnershipLost", RuntimeError, "What was held is held by somebody else now.")
ReadAccessError = _error("ReadAccessError", _PermissionError, "This side of a share gives.")
SchemaMismatch = _error("SchemaMismatch", ValueError, "The object has another format than was asked for.")
SizeMismatch = _error("SizeMismatch", ValueError, "The object has other sizes than were asked for.")
SystemFailure = _error("SystemFailure", OSError, "A system call failed.")
Timeout = _error("Timeout", _TimeoutError, "The time was over first.")
TooManyParticipants = _error("TooManyParticipants", RuntimeError, "Every place for an endpoint is taken.")
TooManyViews = _error("TooManyViews", RuntimeError, "This endpoint views as many versions as it may.")
UnsafeNamespace = _error("UnsafeNamespace", _PermissionError, "Others could replace or change what is there.")
UnsafePickle = _error("UnsafePickle", pickle.UnpicklingError, "A pickle that others could have written.")
UnsupportedNamespace = _error("UnsupportedNamespace", OSError, "The file system lacks what crash safety needs.")
ValueTooLarge = _error("ValueTooLarge", ValueError, "The value does not fit the object.")
WriteAccessError = _error("WriteAccessError", _PermissionError, "This side of a share takes.")

# memlane_status of memlane/status.h, and the errno of those that are an OSError (None: the system call's own).
_OK, _TIMEOUT, _INTERRUPTED, _NO_FREE_SLOT, _BUFFER_TOO_SMALL = 0, 2, 3, 16, 21
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


class _Options(ctypes.Structure):  # of variables and of shares: the same fields
    _fields_ = [("object", _ObjectOptions), ("size", _u64), ("slots", _u64), ("encoding", _u64)]


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


class _Properties(ctypes.Structure):
    _fields_ = [
        ("size", _u64), ("slots", _u64), ("participants", _u64), ("encoding", _u64), ("ephemeral", ctypes.c_bool),
        ("uuid", ctypes.c_ubyte * 16), ("name", ctypes.c_char_p), ("directory", ctypes.c_char_p),
    ]


_handle, _error_p = ctypes.c_void_p, ctypes.POINTER(_Error)
_status, _size_p = ctypes.c_int, ctypes.POINTER(_u64)
_open_arguments = [ctypes.POINTER(_handle), ctypes.c_char_p, ctypes.c_size_t, ctypes.POINTER(_Options), _error_p]
_FUNCTIONS = {
    "memlane_version": (ctypes.c_char_p, []),
    "memlane_variable_options_initialise": (None, [ctypes.POINTER(_Options)]),
    "memlane_variable_open": (_status, _open_arguments),
    "memlane_variable_close": (None, [_handle]),
    "memlane_variable_free": (None, [_handle]),
    "memlane_variable_describe": (None, [_handle, ctypes.POINTER(_Properties)]),
    "memlane_variable_is_private": (ctypes.c_bool, [_handle]),
    "memlane_variable_version": (_status, [_handle, _size_p]),
    "memlane_variable_wait": (_status, [_handle, _u64, _u64, _size_p, _error_p]),
    "memlane_variable_read": (_status, [_handle, ctypes.c_void_p, _u64, ctypes.POINTER(_Reading), _error_p]),
    "memlane_variable_loan": (_status, [_handle, ctypes.POINTER(_Loan), _u64, _error_p]),
    "memlane_loan_commit": (_status, [ctypes.POINTER(_Loan), _u64, _u32, _size_p, _error_p]),
    "memlane_loan_drop": (None, [ctypes.POINTER(_Loan)]),
    "memlane_view_release": (None, [ctypes.POINTER(_View)]),
    "memlane_share_options_initialise": (None, [ctypes.POINTER(_Options)]),
    "memlane_share_open": (_status, _open_arguments),
    "memlane_share_variable": (_handle, [_handle]),
    "memlane_share_wait": (_status, [_handle, _u64, _error_p]),
    "memlane_share_take": (_status, [_handle, _u64, _error_p]),
    "memlane_share_view": (_status, [_handle, ctypes.POINTER(_View), _u64, _error_p]),
    "memlane_share_clear": (_status, [_handle, ctypes.POINTER(ctypes.c_bool), _error_p]),
    "memlane_unlink": (_status, [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_size_t, _u32, ctypes.c_int64, _error_p]),
    "memlane_collect": (_status, [ctypes.c_char_p, _u32, ctypes.c_int64, ctypes.POINTER(_u32), _error_p]),
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
    for name, (result, arguments) in _FUNCTIONS.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


_library = _load()


def _check(status, error):
    if status == _OK:
        return
    message = error.message.decode("utf-8", "replace")
    if PYTHON_2:
        message = message.encode("utf-8")
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
        _clock_gettime(1, ctypes.byref(now))  # CLOCK_MONOTONIC
        return now.seconds * 1000000000 + now.nanoseconds

else:
    import time

    def _monotonic_ns():
        return int(time.monotonic() * 1e9)


def _deadline(timeout):
    if timeout is None:
        return _FOREVER
    if not timeout >= 0:
        raise ValueError("timeout=%r: give seconds from 0 (only look) up, or None to wait for ever" % (timeout,))
    return 0 if timeout == 0 else _monotonic_ns() + int(timeout * 1e9)


def _patiently(attempt, deadline):
    """Repeat an attempt that waits to the deadline given to it, in chunks, until it is over; return its status."""
    while True:
        until = 0 if deadline == 0 else min(deadline, _monotonic_ns() + _CHUNK_NS)
        status = attempt(until)
        over = status == _TIMEOUT and until == deadline
        if over or status not in (_TIMEOUT, _INTERRUPTED):
            return status


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
        self.head = memoryview(payload)[:size].tobytes()
        self.at, self.table, self.next = 0, [], 0
        self.owed = self.keys = 0
        if content_type in (_PLAIN_BUFFERS, _PICKLE_BUFFERS):
            self.read_table()

    def fail(self, what):
        raise Corrupted("a damaged value, at byte %d of its head: %s; write it again" % (self.at, what))

    def read_table(self):
        length, count = struct.unpack("<II", self.take(8))
        if length == 0 or count == 0 or 8 + 16 * count + length > self.size:
            self.fail("a head of %d bytes and %d buffers" % (length, count))
        end = 8 + 16 * count + length
        for _ in range(count):
            offset, size = struct.unpack("<QQ", self.take(16))
            if offset % _ALIGNMENT or offset < end or offset > self.size or size > self.size - offset:
                self.fail("a buffer of %d bytes at %d" % (size, offset))
            self.table.append((offset, size))
            end = offset + size
        self.head = self.head[: 8 + 16 * count + length]

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
        return memoryview(self.payload)[offset : offset + size].tobytes()

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


# -- endpoints ----------------------------------------------------------------------------------------------------


def _encoded_name(name):
    return name if isinstance(name, bytes) else _encode_text(name)


def _directory(directory):
    named = os.environ.get("MEMLANE_DIR", "") if directory is None else directory
    if not named:
        return b""
    path = os.path.abspath(named)
    return path if isinstance(path, bytes) else os.fsencode(path)


def _given(value):
    return _ANY if value is None else value


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


class _Endpoint(object):
    """What the classes have in common. Threads may share one, as long as none uses it while another closes it."""

    _noun, _opener, _headroom, _too_large, _patience = "variable", "variable", 0, ValueTooLarge, 1.0
    _handle = None

    def _open(self, name, size, slots, create, persistent, protocol, allow_pickle, directory, mode, peer_uid, crowd):
        options, error, handle = _Options(), _Error(), ctypes.c_void_p()
        getattr(_library, "memlane_%s_options_initialise" % self._opener)(ctypes.byref(options))
        options.object.directory = _directory(directory)
        options.object.participants = _given(crowd)
        options.object.ephemeral = _ANY if persistent is None else int(not persistent)
        options.object.permissions = mode
        options.object.peer_user = -1 if peer_uid is None else peer_uid
        options.object.create = create
        options.size, options.slots, options.encoding = _given(size), _given(slots), _given(protocol)
        encoded = _encoded_name(name)
        open_it = getattr(_library, "memlane_%s_open" % self._opener)
        _check(open_it(ctypes.byref(handle), encoded, len(encoded), ctypes.byref(options), ctypes.byref(error)), error)
        self._handle, self._is_closed = handle.value, False
        self._allow_pickle, self._mode, self._peer_uid = allow_pickle, mode, peer_uid
        self._room = 4096
        properties = _Properties()
        _library.memlane_variable_describe(self._handle, ctypes.byref(properties))
        self._size, self._protocol = properties.size, properties.encoding
        self._directory, self.name = properties.directory, properties.name.decode("utf-8")

    def _open_handle(self):
        if self._handle is None or self._is_closed:
            raise Closed("%s: this endpoint was closed; open it anew" % self._noun)
        return self._handle

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
        handle, deadline = self._open_handle(), _deadline(timeout)
        while True:
            until = 0 if deadline == 0 else min(deadline, _monotonic_ns() + _CHUNK_NS)
            status = _library.memlane_variable_loan(handle, ctypes.byref(loan), until, ctypes.byref(error))
            if status != _NO_FREE_SLOT or until == deadline:
                _check(status, error)
                return loan

    def _write(self, value):
        content_type, encoder = self._encoded(value)
        front, offsets, length = encoder.layout()
        counted = length - (offsets[0] if offsets and self._headroom else 0)
        if counted > self._size or length > self._size + self._headroom:
            self._refuse(counted)
        loan = self._borrow(self._patience)
        ctypes.memmove(loan.bytes, front, len(front))
        end = len(front)
        for offset, buffer in zip(offsets, encoder.buffers):
            ctypes.memset(loan.bytes + end, 0, offset - end)
            source = buffer if isinstance(buffer, bytes) else buffer.ctypes.data
            ctypes.memmove(loan.bytes + offset, source, _size_of(buffer))
            end = offset + _size_of(buffer)
        return self._commit(loan, length, content_type + 1 if offsets else content_type)

    def _commit(self, loan, length, content_type):
        version, error = _u64(), _Error()
        commit = _library.memlane_loan_commit
        _check(
            commit(ctypes.byref(loan), length, content_type, ctypes.byref(version), ctypes.byref(error)), error
        )
        return version.value

    # -- reading

    def _copy(self):
        """Copy the latest payload: (memory, reading)."""
        reading, error = _Reading(), _Error()
        while True:
            memory = _private_memory(self._room)
            status = _library.memlane_variable_read(
                self._open_handle(), _address_of(memory), self._room, ctypes.byref(reading), ctypes.byref(error)
            )
            if status != _BUFFER_TOO_SMALL:
                _check(status, error)
                return memory, reading
            self._room = reading.size

    def _admit_pickle(self):
        if self._allow_pickle is None:
            allowed = _library.memlane_variable_is_private(self._open_handle())
        else:
            allowed = self._allow_pickle
        if not allowed:
            raise UnsafePickle(
                "%s '%s' holds a pickle, which could run any code, and others than this user can write to it, or it was"
                " opened with allow_pickle=False: write plain values, or open it with allow_pickle=True"
                % (self._noun, self.name)
            )

    def _decoded(self, memory, reading):
        if reading.type not in (_PLAIN, _PLAIN_BUFFERS, _PICKLE, _PICKLE_BUFFERS):
            raise Corrupted("%s '%s': its type mark %d is none" % (self._noun, self.name, reading.type))
        decoder = _Decoder(memory, reading.size, reading.type)
        if reading.type in (_PLAIN, _PLAIN_BUFFERS):
            return decoder.value()
        return self._unpickled(decoder, reading)

    def _unpickled(self, decoder, reading):
        self._admit_pickle()
        keywords = {} if PYTHON_2 else {"encoding": "utf-8", "errors": "surrogateescape"}
        if reading.type == _PICKLE_BUFFERS:
            if sys.version_info < (3, 8):
                raise EncodingError(
                    "%s '%s' holds a pickle of protocol 5, this interpreter has %d at most: create it with protocol=2"
                    % (self._noun, self.name, pickle.HIGHEST_PROTOCOL)
                )
            keywords["buffers"] = [bytearray(decoder.bytes_beside(0)) for _ in decoder.table]
        try:
            return pickle.loads(decoder.head[decoder.at :], **keywords)
        except (pickle.UnpicklingError, EOFError, ValueError) as error:
            raise Corrupted("%s '%s' holds a pickle that is damaged or too new: %s" % (self._noun, self.name, error))

    # -- what it is

    @property
    def version(self):
        """The number of the newest value: 0 before the first one, then rising, the same in all processes."""
        version = _u64()
        if _library.memlane_variable_version(self._open_handle(), ctypes.byref(version)) != _OK:
            raise Closed("%s '%s': this endpoint was closed; open it anew" % (self._noun, self.name))
        return version.value

    @property
    def closed(self):
        """Whether the endpoint was closed."""
        return self._handle is None or self._is_closed

    def close(self):
        """Close the endpoint; views of it stay. May be called twice."""
        if not self.closed:
            self._is_closed = True
            _library.memlane_variable_close(self._handle)

    def __del__(self):
        if self._handle is not None and _library is not None:
            handle, self._handle = self._handle, None
            _library.memlane_variable_free(handle)

    def unlink(self):
        """Remove the object's name. Open endpoints, this one too, go on with the object."""
        self._open_handle()
        unlink(self.name, directory=self._directory.decode("utf-8"), mode=self._mode, peer_uid=self._peer_uid)

    def __enter__(self):
        self._open_handle()
        return self

    def __exit__(self, *raised):
        self.close()

    def __repr__(self):
        state = "closed" if self.closed else "version %d" % self.version
        return "<memlane_compat.%s '%s': %s>" % (type(self).__name__, getattr(self, "name", "never opened"), state)


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
                self._open_handle(), seen, deadline, ctypes.byref(newest), ctypes.byref(error)
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
    number, factor = size, 1
    if isinstance(size, (str, TEXT)):
        factor = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}.get(size[-1:].upper(), 1)
        digits = size[:-1] if factor > 1 else size
        if not digits.isdigit():
            raise ValueError("size=%r is no size: %s" % (size, forms))
        number = int(digits)
    elif isinstance(size, bool) or not isinstance(size, INTEGERS):
        raise TypeError("size=%r is no size: %s" % (size, forms))
    if number < 1:
        raise ValueError("size=%r is not positive: %s" % (size, forms))
    return number * factor


class _Share(_Endpoint):
    _noun, _opener, _headroom, _too_large, _patience = "share", "share", _HEADROOM, OOMError, 0

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

    def _wait(self, deadline):
        error = _Error()

        def attempt(until):
            return _library.memlane_share_wait(self._open_handle(), until, ctypes.byref(error))

        _check(_patiently(attempt, deadline), error)

    def _admit(self, value):
        """Refuse what this kind of share does not give, before it is taken."""

    def get(self, timeout=None):
        """Wait for the next value and take it."""
        return self.read(timeout)[0]

    def read(self, timeout=None):
        """Take the next value; return (value, version, timestamp)."""
        self._must("get")
        deadline = _deadline(timeout)
        while True:
            self._wait(deadline)
            memory, reading = self._copy()
            value = self._decoded(memory, reading)
            self._admit(value)
            error = _Error()
            status = _library.memlane_share_take(self._open_handle(), reading.version, ctypes.byref(error))
            if status == _OK:
                return value, reading.version, reading.real_ns / 1e9
            if status != 37:  # MEMLANE_TAKEN: look again
                _check(status, error)

    def clear(self):
        """Drop the value that waits to be taken. Returns whether there was one."""
        dropped, error = ctypes.c_bool(), _Error()
        _check(_library.memlane_share_clear(self._open_handle(), ctypes.byref(dropped), ctypes.byref(error)), error)
        return dropped.value


class SharedAssign(_Share):
    """Assignment between processes: `memlane.SharedAssign`."""

    def put(self, value):
        """Give a value in place of one that was not taken; return its version. Never waits."""
        self._must("put")
        return self._write(value)


class _Pinned(object):
    """Keeps a view as long as an array lies over it."""

    def __init__(self, view, endpoint):
        self.view, self.endpoint = view, endpoint

    def __del__(self):
        if _library is not None:
            _library.memlane_view_release(ctypes.byref(self.view))


class NumpyShare(_Share):
    """Assignment of arrays between processes: `memlane.NumpyShare`."""

    def __init__(self, *arguments, **keywords):
        _numpy("memlane_compat.NumpyShare shares arrays")
        _Share.__init__(self, *arguments, **keywords)

    def _admit(self, value):
        if not isinstance(value, _numpy("a share of arrays").ndarray):
            raise TypeError(
                "share '%s': what waits there is a value of type %s, no array: take it by SharedAssign, or drop it by"
                " clear()" % (self.name, type(value).__name__)
            )

    def _plain(self, array):
        numpy = _numpy("a share of arrays")
        if isinstance(array, (list, tuple, dict)) or array is None:
            raise TypeError("a value of type %s is no array: give np.asarray(value)" % type(array).__name__)
        array = numpy.asarray(array)
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
        if copy:
            return _Share.read(self, timeout)
        self._must("get")
        view, error = _View(), _Error()

        def attempt(until):
            return _library.memlane_share_view(
                self._open_handle(), ctypes.byref(view), until, ctypes.byref(error)
            )

        _check(_patiently(attempt, _deadline(timeout)), error)
        pinned = _Pinned(view, self)
        memory = (ctypes.c_ubyte * view.reading.size).from_address(view.bytes)
        memory._pinned = pinned  # a ctypes array keeps its attributes, and the array below keeps it
        array = _Decoder(memory, view.reading.size, view.reading.type).value()
        self._admit(array)
        array.flags.writeable = False
        return array, view.reading.version, view.reading.real_ns / 1e9

    @contextlib.contextmanager
    def loan(self, shape, dtype, order="C"):
        """Fill a free slot in place: the end of the block puts it, an exception drops it."""
        self._must("put")
        numpy = _numpy("a loan is an array")
        encoder = self._encoded(self._plain(numpy.empty(shape, dtype, order)))[1]
        front, offsets, length = encoder.layout()
        if length - offsets[0] > self._size or length > self._size + _HEADROOM:
            self._refuse(length - offsets[0])
        loan = self._borrow(0)
        ctypes.memmove(loan.bytes, front, len(front))
        ctypes.memset(loan.bytes + len(front), 0, offsets[0] - len(front))
        memory = (ctypes.c_ubyte * loan.capacity).from_address(loan.bytes)
        like = encoder.buffers[0]
        layout = "C" if like.flags.c_contiguous else "F"
        array = numpy.ndarray(like.shape, like.dtype, memory, offsets[0], order=layout)
        try:
            yield array
        except BaseException:
            _library.memlane_loan_drop(ctypes.byref(loan))
            raise
        array.flags.writeable = False
        self._commit(loan, length, _PLAIN_BUFFERS)


# -- objects by name ----------------------------------------------------------------------------------------------


def unlink(name, directory=None, mode=0o600, peer_uid=None):
    """Remove the name of an object of any kind. Open endpoints go on with it."""
    error, encoded = _Error(), _encoded_name(name)
    user = -1 if peer_uid is None else peer_uid
    _check(
        _library.memlane_unlink(_directory(directory), encoded, len(encoded), mode, user, ctypes.byref(error)), error
    )


def collect(directory=None, mode=0o600, peer_uid=None):
    """Remove every object made with ``persistent=False`` that no live endpoint has open; return how many."""
    error, removed = _Error(), _u32()
    user = -1 if peer_uid is None else peer_uid
    _check(
        _library.memlane_collect(_directory(directory), mode, user, ctypes.byref(removed), ctypes.byref(error)), error
    )
    return removed.value
