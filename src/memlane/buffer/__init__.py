"""Device buffers: the state of a robot's peripherals as typed records in shared memory.

A catalog says which types of devices there are and what each one's parameters are; `BufferStore` opens their buffers.
Any process reads them and requests writes; who speaks for a device fills its buffer and sends what is requested.
"""

from memlane.buffer.buffer import Buffer, BufferStatistics, DeviceBuffer, NullDevice
from memlane.buffer.catalog import CatalogError
from memlane.buffer.identity import DeviceUID
from memlane.buffer.parameter import Parameter
from memlane.buffer.store import BufferStore
from memlane.errors import DeviceBufferError

__all__ = [
    "Buffer",
    "BufferStatistics",
    "BufferStore",
    "CatalogError",
    "DeviceBuffer",
    "DeviceBufferError",
    "DeviceUID",
    "NullDevice",
    "Parameter",
]
