"""The numbers of the Smart Device protocol."""

from __future__ import annotations

import enum


class MessageType(enum.IntEnum):
    """What a message is for; its first byte."""

    PING = 0x10
    """Asks a device who it is: it answers `SUB_RES`."""
    SUB_REQ = 0x11
    """Subscribes to parameters, at an interval."""
    SUB_RES = 0x12
    """What a device's subscription and identity are."""
    DEV_READ = 0x13
    """Asks for the values of parameters: a device answers `DEV_DATA`."""
    DEV_WRITE = 0x14
    """Sets parameters: a device answers `DEV_DATA` of those that can be read."""
    DEV_DATA = 0x15
    """The values of parameters."""
    DEV_DISABLE = 0x16
    """Makes a device safe at once."""
    HB_REQ = 0x17
    """Asks whether the other side is there."""
    HB_RES = 0x18
    """Answers `HB_REQ` with its number."""
    ERROR = 0xFF
    """The last message was refused; an `ErrorCode` says why."""


class ErrorCode(enum.IntEnum):
    """Why a message was refused."""

    OK = 0
    BACKOFF = 0xFA
    """Too many messages at once."""
    INVALID_TYPE = 0xFB
    BUFFER_OVERFLOW = 0xFC
    """Longer than a message can be."""
    UNEXPECTED_DELIMITER = 0xFD
    """A zero byte inside a frame, or a frame that ends inside a block."""
    UNEXPECTED_DELIMETER = 0xFD
    """The older spelling."""
    BAD_CHECKSUM = 0xFE
    GENERIC_ERROR = 0xFF
