"""Send lines through a channel: python channel_sender.py, beside python channel_receiver.py; either may be first."""

from __future__ import annotations

from memlane import CHAN_W, open_channel


def main() -> None:
    """Send a thousand lines; the receiver may be killed and started again meanwhile."""
    with open_channel(b"example", CHAN_W, 1024) as channel:
        channel.print_status()
        for number in range(1000):
            channel.write(b"line %d\n" % number)


if __name__ == "__main__":
    main()
