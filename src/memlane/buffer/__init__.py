"""Device buffers: the state of a robot's peripherals as typed records in shared memory."""

from memlane.buffer.catalog import CatalogError
from memlane.buffer.identity import DeviceUID
from memlane.buffer.parameter import Parameter
from memlane.errors import DeviceBufferError

__all__ = ["CatalogError", "DeviceBufferError", "DeviceUID", "Parameter"]
