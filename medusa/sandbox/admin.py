"""The sandbox's own doors, under /_sandbox: log, state, faults, clock, options, what the page needs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

from aiohttp import web

from medusa.sandbox import page

if TYPE_CHECKING:
    from medusa.sandbox.running import Running

TICK_S = 1.0
"""How often an open page looks for what time alone has changed: processing done, a schedule come due."""


class Admin:
    """Routes over a running sandbox. Requests here are neither logged nor touched by faults."""

    def __init__(self, running: Running) -> None:
        self._running = running
        self._world = running.world

    def add_to(self, app: web.Application) -> None:
        """Register all routes."""
        base = "/_sandbox"
        app.add_routes(
            [
                web.get("/", self._page),
                web.get(f"{base}/feed", self._feed),
                web.get(f"{base}/events", self._events),
                web.get(f"{base}/media/{{name}}", self._media),
                web.get(f"{base}/log", self._get(self._world.log.listed)),
                web.get(f"{base}/state", self._get(self._running.state)),
                web.get(f"{base}/faults", self._get(self._world.faults.listed)),
                web.post(f"{base}/faults", self._post(lambda spec: {"id": self._world.faults.add(spec)})),
                web.delete(f"{base}/faults", self._clear_faults),
                web.get(f"{base}/clock", self._get(self._clock)),
                web.post(f"{base}/clock", self._post(self._move)),
                web.get(f"{base}/options", self._get(self._world.options.listed)),
                web.post(f"{base}/options", self._post(self._set)),
                web.post(f"{base}/reset", self._post(self._reset)),
            ]
        )

    def _get(self, read: Callable[[], object]) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def answer(_: web.Request) -> web.Response:
            return web.json_response(read())

        return answer

    def _post(self, act: Callable[[Mapping[str, object]], object]) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def answer(request: web.Request) -> web.Response:
            try:
                return web.json_response(act(_object(await request.text())))
            except ValueError as problem:
                return web.json_response({"error": str(problem)}, status=400)

        return answer

    async def _clear_faults(self, _: web.Request) -> web.Response:
        self._world.faults.clear()
        return web.json_response([])

    def _clock(self) -> dict[str, float]:
        return {"now": self._world.clock.now(), "ahead_s": self._world.clock.ahead}

    def _move(self, asked: Mapping[str, object]) -> object:
        seconds = asked.get("move_s")
        if not isinstance(seconds, int | float) or isinstance(seconds, bool) or len(asked) != 1:
            raise ValueError('say how far: {"move_s": seconds}')
        self._world.clock.move(seconds)
        self._world.changed()
        return self._clock()

    def _set(self, asked: Mapping[str, object]) -> object:
        self._world.options.set(**asked)
        self._world.changed()
        return self._world.options.listed()

    def _reset(self, asked: Mapping[str, object]) -> object:
        if asked:
            raise ValueError("a reset takes no fields")
        self._running.reset()
        return {}

    async def _page(self, request: web.Request) -> web.Response:
        html = page.whole(self._running.published(_origin(request)), self._world.clock.ahead)
        return web.Response(text=html, content_type="text/html", headers=page.headers())

    async def _feed(self, request: web.Request) -> web.Response:
        return web.Response(text=self._shown(request), content_type="text/html", headers=page.headers())

    async def _events(self, request: web.Request) -> web.StreamResponse:
        """Server-sent events: "changed" whenever the feed would look different."""
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        await response.prepare(request)
        shown = None
        while not self._world.closing.is_set():
            current = self._shown(request)
            try:
                await response.write(b": alive\n\n" if current == shown else b"event: changed\ndata: {}\n\n")
            except ConnectionError:
                break
            shown = current
            await self._pause()
        return response

    def _shown(self, request: web.Request) -> str:
        return page.feed(self._running.published(_origin(request)), self._world.clock.ahead)

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(TICK_S):
                await self._world.next_change()
        except TimeoutError:
            pass

    async def _media(self, request: web.Request) -> web.StreamResponse:
        found = self._world.media(request.match_info["name"])
        if found is None or not found[0].exists():
            raise web.HTTPNotFound
        path, content_type = found
        safe = content_type if content_type.startswith(("video/", "image/")) else "application/octet-stream"
        headers = {
            "Content-Type": safe,
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "sandbox",
        }
        return web.FileResponse(path, headers=headers)


def _object(text: str) -> Mapping[str, object]:
    document = json.loads(text or "{}")
    if not isinstance(document, dict):
        raise ValueError("the body must be a JSON object")  # noqa: TRY004  # what the caller answers with 400
    return document


def _origin(request: web.Request) -> str:
    return f"{request.scheme}://{request.host}"
