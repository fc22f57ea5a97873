"""What is in shared memory, without the cooperation of the programs that use it.

Objects are opened and mapped for reading only. No place for an endpoint is taken, no lock, and nobody is asked or held
up; what is told is of a moment ago. A damaged object is listed as such, with the reason.

>>> from memlane import HostVariable, inspect, unlink
>>> with HostVariable("inspected") as pose:
...     pose.data = {"x": 1.5}
...     found = inspect.look("inspected")
>>> found.kind, found.version, found.counters["writes"]
('variable', 1, 1)
>>> inspect.read("inspected").value
{'x': 1.5}
>>> unlink("inspected")
"""

from memlane.inspect.disassembly import Pickled
from memlane.inspect.look import look, names, objects
from memlane.inspect.observer import Observation, Observer, Rates, Trouble, rates
from memlane.inspect.records import Damaged, Object, Participant
from memlane.inspect.values import Value, bytes_of, peek, read
from memlane.settings import directory_path

__all__ = [
    "Damaged",
    "Object",
    "Observation",
    "Observer",
    "Participant",
    "Pickled",
    "Rates",
    "Trouble",
    "Value",
    "bytes_of",
    "directory_path",
    "look",
    "names",
    "objects",
    "peek",
    "rates",
    "read",
]
