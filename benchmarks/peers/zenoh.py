"""eclipse-zenoh: two peers over a unix socket, without discovery; every put is delivered."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from benchmarks.ways import Messages

if TYPE_CHECKING:
    from collections.abc import Iterator


class Sessions:
    """A key each way."""

    def __init__(self, address: str) -> None:
        self.address = f"unixsock-stream/{address}/zenoh"

    @contextmanager
    def open(self, role: int) -> Iterator[Messages]:
        """Listen or connect; put under one key, subscribe to the other."""
        import zenoh  # noqa: PLC0415

        config = zenoh.Config()
        config.insert_json5("mode", '"peer"')
        config.insert_json5("scouting/multicast/enabled", "false")
        config.insert_json5("listen/endpoints", json.dumps([self.address] if role == 0 else []))
        config.insert_json5("connect/endpoints", json.dumps([] if role == 0 else [self.address]))
        out, into = ("there", "back") if role == 0 else ("back", "there")
        with zenoh.open(config) as session:
            subscriber = session.declare_subscriber(into)
            block = zenoh.CongestionControl.BLOCK
            publisher = session.declare_publisher(out, congestion_control=block, express=True)

            met = False

            def send(data: bytes) -> None:
                nonlocal met
                while not met:  # what is put before is lost
                    time.sleep(0.001)
                    met = publisher.matching_status.matching
                publisher.put(data)

            yield Messages(send, lambda _size: subscriber.recv().payload.to_bytes())
