"""``memlane metrics``: counters for Prometheus."""

from __future__ import annotations

import time
from importlib import resources
from typing import TYPE_CHECKING

from memlane.cli.given import port, positive
from memlane.cli.place import add_place, say, say_error
from memlane.cli.serving import OWN_NAMES, cannot_serve, own_hosts
from memlane.interruption import interruption

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment  # wsgiref.types is of 3.11

_PORT = 9753
_LOOK_SECONDS = 0.1
DASHBOARD = "grafana-dashboard.json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what ``memlane metrics`` takes."""
    parser.add_argument("--port", type=port, default=_PORT, help="port to serve at; 0: any (default: %(default)s)")
    parser.add_argument("--address", default="127.0.0.1", help="address to serve at (default: this machine alone)")
    parser.add_argument(
        "--limit", type=positive, default=1000, metavar="N", help="objects to tell of (default: %(default)s)"
    )
    parser.add_argument("--once", action="store_true", help="print the metrics instead, and end")
    parser.add_argument("--dashboard", action="store_true", help="print a dashboard for Grafana instead, and end")
    add_place(parser)


def run(arguments: argparse.Namespace) -> int:
    """Answer whoever asks, until Ctrl-C. Each answer is a look at that moment."""
    from memlane.metrics import Collector  # noqa: PLC0415  (of the extra)

    if arguments.dashboard:
        say(resources.files("memlane").joinpath(DASHBOARD).read_text().rstrip())
        return 0
    collector = Collector(arguments.directory, limit=arguments.limit)
    from prometheus_client import CollectorRegistry, generate_latest, make_wsgi_app, start_http_server  # noqa: PLC0415

    registry = CollectorRegistry()
    registry.register(collector)
    if arguments.once:
        say(generate_latest(registry).decode().rstrip())
        return 0
    with interruption() as interrupted:
        try:
            # It serves at once, and until its port is known there is no guard: nothing, therefore.
            server, thread = start_http_server(arguments.port, arguments.address, CollectorRegistry())
        except OSError as error:
            raise cannot_serve(error, arguments.address, arguments.port) from error
        app = make_wsgi_app(registry)
        is_guarded = arguments.address in OWN_NAMES
        server.set_app(_guarded(app, own_hosts(server.server_port)) if is_guarded else app)
        say_error(f"memlane metrics: http://{arguments.address}:{server.server_port}/metrics; Ctrl-C ends it")
        while not interrupted.is_asked:
            time.sleep(_LOOK_SECONDS)
        server.shutdown()
        server.server_close()
        thread.join()
    return 0


def _guarded(app: WSGIApplication, hosts: frozenset[str]) -> WSGIApplication:
    """Return an application that answers those who ask for one of the *hosts*, and tells no page of another site."""

    def answer(environment: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environment.get("HTTP_HOST") in hosts:
            return app(environment, start_response)
        start_response("403 Forbidden", [("Content-Type", "text/plain; charset=utf-8")])
        told = f"refused: ask for {' or '.join(sorted(hosts))}; --address serves other machines, by any name\n"
        return [told.encode()]

    return answer
