"""Who is compared: one small adapter for each. A peer that is not installed is absent, which is no error."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from importlib.util import find_spec
from typing import TYPE_CHECKING

from benchmarks.peers import (
    alone,
    faster_fifo,
    iceoryx,
    lmdb,
    os_pipe,
    ours,
    ours_alone,
    ours_in_loops,
    plain,
    posix,
    programs,
    pyzmq,
    shared_array,
    shared_memory_dict,
    standard,
    ultradict,
    unix_socket,
    zenoh,
)
from benchmarks.ways import PickledCalls

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from benchmarks.ways import Way

    Make = Callable[..., Way]

MEMLANE = "memlane"


@dataclass(frozen=True)
class Peer:
    """One of those that are compared, with its way for each kind of scenario that it has one for."""

    ways: Mapping[str, Make]
    needs: tuple[str, ...] = ()
    """Modules, first the one whose distribution says the version; none: Python itself."""
    distribution: str = ""
    can_be_built: Callable[[], bool] = lambda: True

    def is_installed(self) -> bool:
        """Tell whether it can be measured."""
        return self.can_be_built() and all(find_spec(module) is not None for module in self.needs)

    def version(self) -> str:
        """Return what is measured."""
        return metadata.version(self.distribution) if self.distribution else f"Python {platform.python_version()}"


def messages(make: Make, *, framed: bool = False, **more: Make) -> dict[str, Make]:
    """Return what carries messages: calls by hand as well."""
    return {"messages": make, "calls": partial(PickledCalls, messages=make, framed=framed), **more}


def importing(statement: str) -> Make:
    """Return the way of an import."""
    return partial(alone.Import, statement=statement)


OWN: dict[str, Make] = {
    "messages": ours.Channels,
    "arrays": ours.Shares,
    "copies": ours.CopiedWithin,
    "loans": ours.LoanedShares,
    "dicts": ours.Dict,
    "structs": ours.Struct,
    "calls": ours.Function,
    "waits": ours.Waiting,
    "devices": ours_alone.Devices,
    "locks": ours_alone.Locks,
    "opening": ours_alone.Opening,
    "recovery": ours_alone.DyingHolders,
    "imports": importing("import memlane"),
    "codec": ours_alone.Codec,
    "crowd": ours_alone.Crowd,
    "callers": ours_alone.Callers,
    "sizes": ours_alone.Sizes,
    "among": ours_alone.Among,
    "trips": ours_in_loops.Channels,
    "watched": ours_alone.Watched,
}
ICEORYX_MODULES = ("iceoryx2", "flatbuffers")
PEERS: dict[str, Peer] = {
    MEMLANE: Peer(OWN, ("msgspec", "numpy"), "memlane"),
    "memlane (ctypes)": Peer({"structs": ours.CtypesStruct}, (), "memlane"),
    "memlane (first use)": Peer({"imports": importing("from memlane import HostVariable")}, (), "memlane"),
    "memlane (variable)": Peer({"trips": ours_in_loops.Variables}, (), "memlane"),
    "memlane (call)": Peer({"trips": ours_in_loops.Function}, (), "memlane"),
    "memlane (C)": Peer({"programs": programs.Programs}, (), "memlane", programs.can_be_built),
    "os.pipe": Peer(messages(os_pipe.Pipes, framed=True, trips=os_pipe.PipesInLoops)),
    "unix socket": Peer(messages(unix_socket.Sockets, framed=True)),
    "unix socket (polling)": Peer(messages(unix_socket.PollingSockets, framed=True)),
    "mp.Pipe": Peer(messages(standard.Connections, arrays=standard.ArrayConnections)),
    "mp.Queue": Peer(messages(standard.Queues, arrays=standard.ArrayQueues)),
    "mp.shared_memory": Peer(
        {
            "arrays": standard.Block,
            "loans": standard.LoanedBlock,
            "opening": alone.SharedMemory,
            "imports": importing("import multiprocessing.shared_memory"),
        }
    ),
    "mp.Array": Peer({"structs": standard.SharedArray}),
    "mp.Value": Peer({"structs": standard.SharedNumber, "devices": alone.SharedNumbers}),
    "time.sleep(0.05)": Peer({"waits": alone.Naps}),
    "mp.Lock": Peer({"locks": alone.Lock}),
    "mp.Manager": Peer({"dicts": standard.Managed, "calls": standard.ManagedFunction}),
    "ProcessPoolExecutor": Peer({"calls": standard.Pool}),
    "flock": Peer({"recovery": alone.FileLock}),
    "pickle": Peer({"codec": alone.Pickle}),
    "plain copy": Peer({"copies": plain.OnePlace}, ("numpy",), "numpy"),
    "plain copy (two places)": Peer({"copies": plain.TwoPlaces}, ("numpy",), "numpy"),
    "pyzmq": Peer(
        messages(pyzmq.Pair, arrays=pyzmq.ArrayPair, trips=pyzmq.PairInLoops, imports=importing("import zmq")),
        ("zmq",),
        "pyzmq",
    ),
    "iceoryx2": Peer(
        messages(
            iceoryx.Bytes,
            arrays=iceoryx.CopiedArrays,
            loans=iceoryx.LoanedArrays,
            structs=iceoryx.Blackboard,
            imports=importing("import iceoryx2"),
        ),
        ICEORYX_MODULES,
        "iceoryx2",
    ),
    "iceoryx2 (polling)": Peer(messages(iceoryx.PollingBytes), ICEORYX_MODULES, "iceoryx2"),
    "faster-fifo": Peer(messages(faster_fifo.Queues), ("faster_fifo",), "faster-fifo"),
    "zenoh": Peer(messages(zenoh.Sessions), ("zenoh",), "eclipse-zenoh"),
    "posix_ipc + mmap": Peer(
        messages(posix.Records, arrays=posix.CopiedArrays, loans=posix.ArraysInPlace), ("posix_ipc",), "posix_ipc"
    ),
    "SharedArray": Peer({"loans": shared_array.ArraysInPlace}, ("SharedArray", "posix_ipc"), "SharedArray"),
    "UltraDict": Peer({"dicts": ultradict.Shared}, ("UltraDict",), "UltraDict"),
    "lmdb": Peer({"dicts": lmdb.Database}, ("lmdb",), "lmdb"),
    "shared-memory-dict": Peer({"dicts": shared_memory_dict.Shared}, ("shared_memory_dict",), "shared-memory-dict"),
}
NOT_THE_SAME = frozenset({"mp.Value", "plain copy (two places)"})
"""Shown for orientation: one number instead of a struct; copies through two places. Neither is ever the best peer."""


def versions() -> dict[str, str]:
    """Return the version of each peer that is installed."""
    return {name: peer.version() for name, peer in PEERS.items() if peer.is_installed()}
