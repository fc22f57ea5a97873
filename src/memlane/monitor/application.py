"""What the monitor answers: its page, the stream of what it sees, pictures, and writes where they were allowed."""

from __future__ import annotations

import json
import os
import struct
from typing import TYPE_CHECKING, Any, NamedTuple

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from memlane import inspect
from memlane.cli.given import parse
from memlane.errors import Error
from memlane.monitor.content import Page, page
from memlane.monitor.lookout import Lookout
from memlane.monitor.pictures import part_of, pixels, points
from memlane.monitor.writing import request_parameter, write_value

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Hashable

    from starlette.requests import Request

    from memlane.monitor.lookout import View
    from memlane.monitor.panel import Catalog

_STATIC = os.path.join(os.path.dirname(__file__), "static")
_LARGEST_WRITE = 1 << 20
_WRONG = (Error, OSError, LookupError, ValueError, TypeError, RecursionError)
"""What a request may be wrong about: the answer says it."""


class Options(NamedTuple):
    """What the command was told."""

    directory: str | os.PathLike[str] | None
    catalog: Catalog
    allow_write: bool


def make_application(options: Options, is_ending: Callable[[], bool]) -> Starlette:
    """Return the application; its guard is not a part of it.

    Args:
        options: What is shown, and what may be written.
        is_ending: Whether the server is about to end, and streams have to end with it.
    """
    application = _Application(options, is_ending)
    routes = [
        Route("/events", application.events),
        Route("/pixels", application.pixels),
        Route("/points", application.points),
        Route("/write", application.write, methods=["POST"]),
        Mount("/", StaticFiles(directory=_STATIC, html=True)),
    ]
    return Starlette(routes=routes)


class _Application:
    """Answers each path by a method."""

    def __init__(self, options: Options, is_ending: Callable[[], bool]) -> None:
        self._options = options
        self._is_ending = is_ending
        self._lookout = Lookout(options.directory)

    async def events(self, request: Request) -> Response:
        """Stream what each look shows, and with ``?name=`` what an object's page shows."""
        return StreamingResponse(self._stream(request.query_params.get("name")), media_type="text/event-stream")

    async def _stream(self, name: str | None) -> AsyncIterator[str]:
        yield _event("hello", json.dumps({"write": self._options.allow_write}))
        number, stamp = 0, None
        while not self._is_ending():
            view = await self._lookout.view_after(number)
            number = view.number
            yield _event("look", view.text)
            if name is not None:
                told, stamp = await run_in_threadpool(self._page, view, name, stamp)
                yield _event("object", json.dumps(told))

    def _page(self, view: View, name: str, stamp: Hashable) -> Page:
        if name not in view.objects:
            return Page({"item": None}, None)
        return page(view.objects[name], view.rates.get(name), stamp, self._options.directory, self._options.catalog)

    async def pixels(self, request: Request) -> Response:
        """Return an image: width and height as 32-bit integers, then red, green, blue and alpha of each pixel."""
        shape = request.query_params.get("shape")
        return await self._picture(request, lambda array: _image(array, shape))

    async def points(self, request: Request) -> Response:
        """Return a cloud: four 32-bit floats for each point."""
        return await self._picture(request, points)

    async def _picture(self, request: Request, draw: Callable[[Any], bytes]) -> Response:
        def work() -> bytes:
            value = inspect.read(request.query_params["name"], directory=self._options.directory).value
            return draw(part_of(value, json.loads(request.query_params.get("path", "[]"))))

        try:
            return Response(await run_in_threadpool(work), media_type="application/octet-stream")
        except _WRONG as error:
            return _refusal(error)

    async def write(self, request: Request) -> Response:
        """Write a value, or request a parameter of a device."""
        if not self._options.allow_write:
            return PlainTextResponse("read-only: start `memlane monitor` with --allow-write\n", status_code=403)
        try:
            asked = json.loads(await _body(request))
            return JSONResponse({"done": await run_in_threadpool(self._write, asked)})
        except _WRONG as error:
            return _refusal(error)

    def _write(self, asked: dict[str, Any]) -> str:
        value, directory = parse(asked["value"]), self._options.directory
        if "parameter" in asked:
            return request_parameter(asked["name"], asked["parameter"], value, directory, self._options.catalog)
        return write_value(asked["name"], value, directory)


def _event(kind: str, data: str) -> str:
    return f"event: {kind}\ndata: {data}\n\n"


def _image(array: Any, shape: str | None) -> bytes:
    width, height, content = pixels(array, [int(length) for length in shape.split("x")] if shape else None)
    return struct.pack("<II", width, height) + content


def _refusal(error: BaseException) -> Response:
    return PlainTextResponse(f"{type(error).__name__}: {error}\n", status_code=400)


async def _body(request: Request) -> bytes:
    """Take a body to its end, so that its sender gets to the answer, and keep no more of it than fits."""
    content, size = bytearray(), 0
    async for piece in request.stream():
        size += len(piece)
        content += piece[: _LARGEST_WRITE - len(content)]
    if size > _LARGEST_WRITE:
        raise ValueError(f"a value from here has {_LARGEST_WRITE} bytes at most")
    return bytes(content)
