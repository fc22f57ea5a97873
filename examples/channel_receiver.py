"""Receive what channel_sender.py, or channel_sender of C, sends."""

from __future__ import annotations

import io

from memlane import CHAN_R, open_channel


def main() -> None:
    """Print how many lines came, and the last one."""
    with io.BufferedReader(open_channel(b"example", CHAN_R, 1024)) as file:  # type: ignore[type-var]
        lines = file.readlines()
    print(f"{len(lines)} lines, the last one {lines[-1].decode()!r}")


if __name__ == "__main__":
    main()
