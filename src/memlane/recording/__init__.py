"""What passes through a namespace, in a file, and back into shared memory: needs ``memlane[record]``.

`Recorder` looks at variables, shares, channels and buffers without taking anything, and writes an MCAP file, which
`Recording` reads, `Replayer` plays, and `compare` compares. ``docs/format/recording.md`` says what is in the file.
"""

from __future__ import annotations

from memlane.recording.comparison import Comparison, compare, late_at
from memlane.recording.description import Description
from memlane.recording.recorder import Recorder
from memlane.recording.recording import Contents, Recording
from memlane.recording.replayer import Replayer
from memlane.recording.sample import Sample

__all__ = ["Comparison", "Contents", "Description", "Recorder", "Recording", "Replayer", "Sample", "compare", "late_at"]
