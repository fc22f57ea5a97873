"""The numbers of the encoded format; ``docs/format/plain-codec.md`` describes them byte for byte."""

cdef enum:
    # How a payload is to be read. Stored beside the value, never inside it.
    CONTENT_PLAIN = 1
    CONTENT_PLAIN_BUFFERS = 2
    CONTENT_PICKLE = 3
    CONTENT_PICKLE_BUFFERS = 4

cdef enum:
    # What an encoding function found out.
    ENCODED = 0
    NOT_PLAIN = 1
    TOO_LARGE = 2

cdef enum:
    # Containers around a value. More fall to pickle, which also ends every cycle.
    DEPTH_LIMIT = 64
    # bytes objects from this size on are buffers: below, the table and the padding cost more than the
    # copy of the head to private memory that a reader makes.
    BUFFER_BYTES = 4096
    # One cache line, and what the widest vector instructions ask of an array.
    BUFFER_ALIGNMENT = 64
    # u32 head length, u32 number of buffers.
    TABLE_START = 8
    # u64 offset, u64 length.
    TABLE_ENTRY = 16
    # Copies from this size on release the GIL: below, the release costs more than the copy (D42).
    RELEASE_GIL_BYTES = 65536

cdef enum:
    # 0x00..0x7F: the integers 0..127.
    TAG_SHORT_TEXT = 0x80    # ..0xBF: str of 0..63 bytes of UTF-8
    TAG_SHORT_DICT = 0xC0    # ..0xCF: dict of 0..15 pairs
    TAG_SHORT_LIST = 0xD0    # ..0xDF: list of 0..15 values
    TAG_SHORT_TUPLE = 0xE0   # ..0xE7: tuple of 0..7 values
    TAG_NONE = 0xE8
    TAG_FALSE = 0xE9
    TAG_TRUE = 0xEA
    TAG_FLOAT = 0xEB
    TAG_UINT8 = 0xEC
    TAG_UINT16 = 0xED
    TAG_LARGE_INT = 0xEE
    TAG_TEXT = 0xEF
    TAG_INT = 0xF0           # 0xF1..0xF8: int of 1..8 bytes
    TAG_BYTES = 0xF9
    TAG_TUPLE = 0xFA
    TAG_LIST = 0xFB
    TAG_DICT = 0xFC
    TAG_BUFFER = 0xFD        # bytes whose content is the next buffer
    TAG_ARRAY = 0xFE         # ndarray whose elements are the next buffer
    # 0xFF is reserved: it is never written, and refused when read.

    SHORT_TEXT_LIMIT = 63
    SHORT_DICT_LIMIT = 15
    SHORT_LIST_LIMIT = 15
    SHORT_TUPLE_LIMIT = 7

cdef enum:
    # A count or length: one byte up to 253, else this byte and a u32 or u64.
    LENGTH_32 = 254
    LENGTH_64 = 255

cdef enum:
    # A description of a dtype begins with the length of its code ("<f8": 3), or with one of these.
    DTYPE_STRUCTURE = 0x80
    DTYPE_SUBARRAY = 0x81
    DTYPE_CODE_LIMIT = 40
    # Descriptions are bounded: what is larger is pickled.
    DTYPE_DESCRIPTION_LIMIT = 65536
    DTYPE_ALIGNED = 1
    ARRAY_DIMENSIONS_LIMIT = 64
    ARRAY_FORTRAN = 0x80
