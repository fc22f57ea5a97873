"""The server: on this machine's own address alone, until somebody ends it."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import uvicorn

from memlane.cli.serving import cannot_serve
from memlane.monitor.application import make_application
from memlane.monitor.guard import Guard, make_token

if TYPE_CHECKING:
    from collections.abc import Callable

    from memlane.monitor.application import Options

ADDRESS = "127.0.0.1"


def serve(options: Options, port: int, announce: Callable[[str], None]) -> None:
    """Serve the page until SIGINT or SIGTERM.

    Args:
        options: What is shown, and what may be written.
        port: Where to listen; 0: the kernel chooses.
        announce: Is given the URL when browsers can connect.
    """
    with _listen(port) as listener:
        token, chosen = make_token(), listener.getsockname()[1]
        application = make_application(options, lambda: server.should_exit)
        # No access log: it would hold the token.
        config = uvicorn.Config(
            Guard(application, token, chosen), lifespan="off", ws="none", access_log=False, log_level="warning",
            server_header=False,
        )  # fmt: skip
        server = uvicorn.Server(config)
        announce(f"http://{ADDRESS}:{chosen}/{token}/")
        server.run(sockets=[listener])


def _listen(port: int) -> socket.socket:
    try:
        return socket.create_server((ADDRESS, port))
    except OSError as error:
        raise cannot_serve(error, ADDRESS, port) from error
