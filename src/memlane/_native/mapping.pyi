"""mmap.mmap whose exports are asked for."""

import mmap

class Mapping(mmap.mmap):
    """mmap.mmap whose exports of memory `_export` allows and `_exported` is told the end of."""

    def _address(self, /) -> int:
        """Return where the memory is."""
