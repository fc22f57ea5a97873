"""The version of memlane that is installed."""

from importlib.metadata import version

__version__ = version("memlane")
