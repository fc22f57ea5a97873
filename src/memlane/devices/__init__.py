"""The serial side of device buffers: what speaks with Smart Devices, and what plays them.

`DeviceServer` finds devices on serial ports, fills their buffers and sends what others request. `EmulatedDevice` plays
a device on a pseudo-terminal, so that all of it runs without hardware. Both are written on asyncio; the command
``memlane devices`` runs them.
"""

from memlane.devices.emulator import EmulatedDevice
from memlane.devices.line import Line, LineCounters
from memlane.devices.server import DeviceServer

__all__ = ["DeviceServer", "EmulatedDevice", "Line", "LineCounters"]
