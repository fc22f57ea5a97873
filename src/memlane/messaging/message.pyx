# cython: freethreading_compatible=True
"""A Smart Device message: its bytes, and its fields by type."""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.string cimport memcpy

import struct
from typing import SupportsIndex

from memlane.errors import MessageError, MissingDependency
from memlane.messaging.codes import ErrorCode, MessageType

cdef enum:
    HEADER_SIZE = 2
    CHECKSUM_SIZE = 1
    PAYLOAD_MAXIMUM = 255
    SIZE_MAXIMUM = HEADER_SIZE + PAYLOAD_MAXIMUM + CHECKSUM_SIZE
    # COBS adds one byte for each 254 begun.
    ENCODED_MAXIMUM = SIZE_MAXIMUM + 2
    PARAMETERS_MAXIMUM = 16
    BITMAP_SIZE = 2

cdef dict TYPES = {int(member): member for member in MessageType}
cdef int SUB_REQ = MessageType.SUB_REQ
cdef int SUB_RES = MessageType.SUB_RES
cdef int DEV_READ = MessageType.DEV_READ
cdef int DEV_WRITE = MessageType.DEV_WRITE
cdef int DEV_DATA = MessageType.DEV_DATA
cdef int HB_REQ = MessageType.HB_REQ
cdef int HB_RES = MessageType.HB_RES

# The module that puts frames on the wire, once it was needed: it comes with an extra.
cdef object cobs = None


cdef object import_cobs():
    global cobs
    if cobs is None:
        try:
            from cobs import cobs as imported
        except ImportError as error:
            raise MissingDependency(
                "messages are framed by the package cobs: pip install 'memlane[devices]', or pip install cobs"
            ) from error
        cobs = imported
    return cobs


cdef unsigned char checksum_of(const unsigned char* content, Py_ssize_t size) noexcept:
    cdef unsigned char result = 0
    for i in range(size):
        result ^= content[i]
    return result


cdef Message make_message(int code, bytes payload):
    """The caller knows that the type exists and that the payload fits."""
    cdef Message message = Message.__new__(Message)
    message.code = code
    message.payload = payload
    return message


cdef object refuse(str reason, object code, Py_ssize_t size):
    raise MessageError(f"{size} bytes are no message: {reason}", code=code, size=size)


cdef bytes bytes_of(object content, str what):
    """Return a buffer's bytes. A number is none, of which `bytes` would make so many zeros."""
    try:
        return bytes(memoryview(content))
    except TypeError:
        raise TypeError(f"{what} is bytes, not {type(content).__name__}") from None


cdef object packed(str form, str names, tuple values):
    """Pack the fields of a payload; name the one that does not fit."""
    for name, letter, value in zip(names.split(), form.lstrip("<"), values):
        limit = 1 << 8 * struct.calcsize(letter)
        if not isinstance(value, SupportsIndex):
            raise TypeError(f"{name} is an integer, not {type(value).__name__}")
        if not 0 <= value < limit:
            raise MessageError(f"{name}={value!r} is not between 0 and {limit - 1}", field=name, value=value)
    return struct.pack(form, *values)


cdef list ids_of(int params):
    return [index for index in range(PARAMETERS_MAXIMUM) if params >> index & 1]


cdef bytes packed_values(object params, object values):
    payload = packed("<H", "params", (params,))
    for index in ids_of(params):
        if index not in values:
            raise MessageError(
                f"parameter {index} is in the bitmap {params:#06x}, but not in the map: give a value for it",
                index=index,
            )
        payload += bytes_of(values[index], f"the value of parameter {index}")
    if len(payload) > PAYLOAD_MAXIMUM:
        raise MessageError(
            f"the values of the bitmap {params:#06x} take {len(payload)} bytes, a payload has at most"
            f" {PAYLOAD_MAXIMUM}: send them by several messages",
            code=ErrorCode.BUFFER_OVERFLOW, size=len(payload),
        )
    return payload


cdef object fields(Message message, int code, str form):
    """Unpack a payload that must be of this type and have this form."""
    expect(message, code, struct.calcsize(form))
    return struct.unpack(form, message.payload)


cdef object expect(Message message, int code, Py_ssize_t size):
    if message.code != code:
        raise MessageError(
            f"a {message.type.name} message was read as {TYPES[code].name}",
            code=ErrorCode.INVALID_TYPE, type=message.type,
        )
    if len(message.payload) != size:
        raise MessageError(
            f"the payload of a {message.type.name} message has {len(message.payload)} bytes, not {size}",
            code=ErrorCode.GENERIC_ERROR, type=message.type, size=len(message.payload),
        )


cdef object values(Message message, int code, object param_map):
    """Copy the values to where the map wants them; nothing where one does not fit."""
    cdef Py_ssize_t at = BITMAP_SIZE
    expect(message, code, max(BITMAP_SIZE, len(message.payload)))
    params = int.from_bytes(message.payload[:BITMAP_SIZE], "little")
    if param_map is None:
        return params, message.payload[BITMAP_SIZE:]
    unknown = [index for index in ids_of(params) if index not in param_map or param_map[index].readonly]
    if unknown:
        raise MessageError(
            f"a {message.type.name} message has parameters {unknown}, for which the map has no writable memory",
            type=message.type, params=params,
        )
    expect(message, code, BITMAP_SIZE + sum([len(param_map[index]) for index in ids_of(params)]))
    for index in ids_of(params):
        target = param_map[index]
        target[:] = message.payload[at:at + len(target)]
        at += len(target)
    return params


@cython.final
cdef class Message:
    """A message between a robot and a Smart Device. ``len`` is the number of bytes of its payload.

    Args:
        type: A `MessageType`.
        payload: At most 255 bytes.
    """

    MAX_PARAMS = PARAMETERS_MAXIMUM
    MAX_SIZE = SIZE_MAXIMUM
    MAX_ENCODING_SIZE = ENCODED_MAXIMUM
    DELIM = b"\0"
    NO_PARAMS = 0x0000
    ALL_PARAMS = 0xFFFF

    def __init__(self, type, payload=b""):
        if type not in TYPES:
            raise MessageError(f"{type!r} is no type of a message", code=ErrorCode.INVALID_TYPE, type=type)
        self.code = type
        self.payload = bytes_of(payload, "a payload")
        if len(self.payload) > PAYLOAD_MAXIMUM:
            raise MessageError(
                f"a payload of {len(self.payload)} bytes is longer than {PAYLOAD_MAXIMUM}",
                code=ErrorCode.BUFFER_OVERFLOW, size=len(self.payload),
            )

    @property
    def type(self):
        """The `MessageType`."""
        return TYPES[self.code]

    def __len__(self):
        return len(self.payload)

    def __bool__(self):
        return True

    def __eq__(self, other):
        if not isinstance(other, Message):
            return NotImplemented
        return self.code == (<Message>other).code and self.payload == (<Message>other).payload

    def __hash__(self):
        return hash((self.code, self.payload))

    def __repr__(self):
        return f"<Message {self.type.name} {self.payload.hex(' ') or 'without payload'}>"

    def __reduce__(self):
        return Message, (self.type, self.payload)

    # -- bytes -----------------------------------------------------------------------------------------------

    def encode(self):
        """Return the bytes that go on the wire between two delimiters.

        Raises:
            MissingDependency: The package ``cobs`` is not installed.
        """
        cdef unsigned char[SIZE_MAXIMUM] packet
        cdef Py_ssize_t length = PyBytes_GET_SIZE(self.payload)
        packet[0] = <unsigned char>self.code
        packet[1] = <unsigned char>length
        memcpy(packet + HEADER_SIZE, PyBytes_AS_STRING(self.payload), length)
        packet[HEADER_SIZE + length] = checksum_of(packet, HEADER_SIZE + length)
        content = PyBytes_FromStringAndSize(<char*>packet, HEADER_SIZE + length + CHECKSUM_SIZE)
        return import_cobs().encode(content)

    @staticmethod
    def decode(frame):
        """Return the message of a frame, without the delimiters around it.

        Raises:
            MessageError: The bytes are no message; ``context["code"]`` says in which way.
            MissingDependency: The package ``cobs`` is not installed.
        """
        cdef bytes content
        cdef const unsigned char* packet
        cdef Py_ssize_t size
        module = import_cobs()
        try:
            content = module.decode(frame)
        except module.DecodeError as error:
            raise MessageError(
                f"{len(frame)} bytes are no frame: {error}", code=ErrorCode.UNEXPECTED_DELIMITER, size=len(frame)
            ) from None
        packet = <const unsigned char*>PyBytes_AS_STRING(content)
        size = PyBytes_GET_SIZE(content)
        if size < HEADER_SIZE + CHECKSUM_SIZE:
            refuse("the shortest has 3", ErrorCode.GENERIC_ERROR, size)
        if size > SIZE_MAXIMUM:
            refuse(f"the longest has {SIZE_MAXIMUM}", ErrorCode.BUFFER_OVERFLOW, size)
        if size != HEADER_SIZE + packet[1] + CHECKSUM_SIZE:
            refuse(f"they announce a payload of {packet[1]} bytes", ErrorCode.GENERIC_ERROR, size)
        # The checksum is the XOR of all before it, so that of all is zero.
        if checksum_of(packet, size) != 0:
            refuse("the checksum is wrong", ErrorCode.BAD_CHECKSUM, size)
        if packet[0] not in TYPES:
            refuse(f"there is no type {packet[0]:#04x}", ErrorCode.INVALID_TYPE, size)
        return make_message(packet[0], content[HEADER_SIZE:size - CHECKSUM_SIZE])

    # -- making ----------------------------------------------------------------------------------------------

    @staticmethod
    def make_ping():
        """Ask a device who it is."""
        return make_message(MessageType.PING, b"")

    @staticmethod
    def make_sub_req(params, interval):
        """Subscribe to the parameters of a bitmap, at an interval in milliseconds; 0 is none."""
        return make_message(SUB_REQ, packed("<HH", "params interval", (params, interval)))

    @staticmethod
    def make_unsubscribe():
        """End every subscription."""
        return Message.make_sub_req(0, 0)

    @staticmethod
    def make_sub_res(params, interval, device_id, year, random):
        """Say what the subscription is, in milliseconds, and who the device is."""
        names = "params interval device_id year random"
        return make_message(SUB_RES, packed("<HHHBQ", names, (params, interval, device_id, year, random)))

    @staticmethod
    def make_dev_read(params):
        """Ask for the values of the parameters of a bitmap."""
        return make_message(DEV_READ, packed("<H", "params", (params,)))

    @staticmethod
    def make_dev_write(params, param_map):
        """Set the parameters of a bitmap to values from a `ParameterMap`, or any mapping of ids to bytes."""
        return make_message(DEV_WRITE, packed_values(params, param_map))

    @staticmethod
    def make_dev_data(params, param_map):
        """Give the values of the parameters of a bitmap from a `ParameterMap`, or any mapping of ids to bytes."""
        return make_message(DEV_DATA, packed_values(params, param_map))

    @staticmethod
    def make_dev_disable():
        """Make a device safe at once."""
        return make_message(MessageType.DEV_DISABLE, b"")

    @staticmethod
    def make_hb_req(id):
        """Ask whether the other side is there, under a number."""
        return make_message(HB_REQ, packed("<B", "id", (id,)))

    @staticmethod
    def make_hb_res(id):
        """Answer a heartbeat request by its number."""
        return make_message(HB_RES, packed("<B", "id", (id,)))

    @staticmethod
    def make_error(code):
        """Say why the last message was refused, by an `ErrorCode`."""
        return make_message(MessageType.ERROR, packed("<B", "code", (code,)))

    # -- reading ---------------------------------------------------------------------------------------------

    def read_ping(self):
        """Check that this is a ping."""
        expect(self, MessageType.PING, 0)

    def read_sub_req(self):
        """Return the bitmap and the interval in milliseconds."""
        return fields(self, SUB_REQ, "<HH")

    def read_unsubscribe(self):
        """Check that this ends every subscription."""
        if self.read_sub_req() != (0, 0):
            raise MessageError("a SUB_REQ message that subscribes was read as one that unsubscribes", type=self.type)

    def read_sub_res(self):
        """Return the bitmap, the interval in milliseconds, and the identity: device id, year, random bits."""
        params, interval, *identity = fields(self, SUB_RES, "<HHHBQ")
        return params, interval, tuple(identity)

    def read_dev_read(self):
        """Return the bitmap of the parameters that are asked for."""
        return fields(self, DEV_READ, "<H")[0]

    def read_dev_write(self, param_map=None):
        """Store the values where a `ParameterMap` says; return their bitmap, without a map also the bytes."""
        return values(self, DEV_WRITE, param_map)

    def read_dev_data(self, param_map=None):
        """Store the values where a `ParameterMap` says; return their bitmap, without a map also the bytes."""
        return values(self, DEV_DATA, param_map)

    def read_dev_disable(self):
        """Check that this makes a device safe."""
        expect(self, MessageType.DEV_DISABLE, 0)

    def read_hb_req(self):
        """Return the number of the request."""
        return fields(self, HB_REQ, "<B")[0]

    def read_hb_res(self):
        """Return the number of the request that is answered."""
        return fields(self, HB_RES, "<B")[0]

    def read_error(self):
        """Return the `ErrorCode`, or its number where none has it."""
        code = fields(self, MessageType.ERROR, "<B")[0]
        return ErrorCode(code) if code in ErrorCode._value2member_map_ else code
