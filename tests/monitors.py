"""A running ``memlane monitor``, and requests to it as no browser would make them."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import TracebackType

    from typing_extensions import Self

PATIENCE_SECONDS = 30


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Monitor:
    """The command in a process of its own, on the namespace of the test; ended when the ``with`` block is."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "memlane", "monitor", "--port", "0", *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()
        parts = urlsplit(self.url)
        assert parts.port is not None
        self.port, self.prefix = parts.port, parts.path

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def ask(
        self,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        prefix: str | None = None,
        body: object = None,
        content: str | None = None,
    ) -> Answer:
        """Make one request, a POST where it has a body or the content of one, and return the answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_SECONDS)
        try:
            target = (self.prefix if prefix is None else prefix) + path + (f"?{urlencode(query)}" if query else "")
            content = content if body is None else json.dumps(body)
            connection.request("GET" if content is None else "POST", target, content, dict(headers or {}))
            response = connection.getresponse()
            return Answer(response.status, dict(response.getheaders()), response.read())
        finally:
            connection.close()

    def events(self, query: Mapping[str, str] | None = None) -> Iterator[tuple[str, Any]]:
        """Yield what the stream tells: the kind of each event, and what it says."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_SECONDS)
        try:
            connection.request("GET", f"{self.prefix}events" + (f"?{urlencode(query)}" if query else ""))
            response = connection.getresponse()
            kind = ""
            for line in response:
                name, _, value = line.decode().rstrip("\n").partition(": ")
                if name == "event":
                    kind = value
                elif name == "data":
                    yield kind, json.loads(value)
        finally:
            connection.close()

    def page_of(self, name: str) -> Any:
        """Return what the page of an object is told first."""
        return next(told for kind, told in self.events({"name": name}) if kind == "object")
