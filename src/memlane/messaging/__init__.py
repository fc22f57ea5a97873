"""Smart Device messages: what travels on the serial line between a robot and its devices.

A message is a type, a payload and a checksum, at most 258 bytes; on the wire it is COBS-encoded, with a zero byte
between frames. `memlane.buffer.DeviceBuffer` makes and digests messages by the names of parameters; here they are
bitmaps and bytes.
"""

from memlane.errors import MessageError
from memlane.messaging.codes import ErrorCode, MessageType
from memlane.messaging.message import Message
from memlane.messaging.parameters import ParameterMap

__all__ = ["ErrorCode", "Message", "MessageError", "MessageType", "ParameterMap"]
