"""Host functions: calls into other processes of the host."""

from memlane._native.caller import PendingCall
from memlane.function.caller import FunctionStatistics, HostFunctionCaller
from memlane.function.dispatcher import HostFunctionDispatcher
from memlane.function.remote import RemoteTraceback

__all__ = ["FunctionStatistics", "HostFunctionCaller", "HostFunctionDispatcher", "PendingCall", "RemoteTraceback"]
