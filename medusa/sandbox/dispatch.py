"""One request's way: log record, operation, faults, the platform's handler, the reply."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import struct
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from weakref import WeakKeyDictionary

from aiohttp import web

from medusa.sandbox.exchange import Cut, MalformedBody, Platform, Received, Reply, Route, World
from medusa.sandbox.faults import Fault
from medusa.sandbox.log import Record

logger = logging.getLogger(__name__)
HTML_502 = Reply(
    502,
    "<!DOCTYPE html>\n<html lang=en><title>Error 502 (Server Error)!!1</title>"
    "<p><b>502.</b> <ins>That's an error.</ins><p>The server encountered a temporary error and could not complete "
    "your request. <ins>That's all we know.</ins></html>\n",
    {"Content-Type": "text/html; charset=UTF-8"},
)


class Dispatcher:
    """Carries requests to platforms and replies back, with whatever the faults want in between."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._connections: WeakKeyDictionary[asyncio.Transport, int] = WeakKeyDictionary()
        self._numbers = count(1)

    async def respond(self, request: web.Request, platform: Platform, route: Route) -> web.StreamResponse:
        """Answer a request on one of the platform's routes."""
        record = self._open(request, platform.name)
        received = Received(request, self._world, platform.name, record)
        try:
            reply = await self._reply(received, platform, route, record)
        except Cut:
            _reset(request)
            return web.Response()  # goes nowhere: the connection is gone
        except Exception:
            logger.exception("the sandbox failed on %s %s", request.method, record.operation)
            reply = Reply(500, "the sandbox itself failed here; see its log\n")
        record.status = reply.status
        return as_response(reply)

    def turn_away(self, request: web.Request) -> web.StreamResponse:
        """404 for a path that is no platform's; it is in the log like all others."""
        self._open(request, "").status = 404
        return web.Response(status=404, text="no platform of this sandbox has such a path\n")

    def _open(self, request: web.Request, platform: str) -> Record:
        return self._world.log.open(
            at=self._world.clock.now(),
            platform=platform,
            method=request.method,
            path=request.path_qs,
            headers=request.headers,
            connection=self._connection(request.transport),
        )

    def _connection(self, transport: asyncio.Transport | None) -> int:
        if transport is None:
            return 0  # it went before its request could be looked at
        if transport not in self._connections:
            self._connections[transport] = next(self._numbers)
        return self._connections[transport]

    async def _reply(self, received: Received, platform: Platform, route: Route, record: Record) -> Reply:
        try:
            named = route.operation
            received.operation = named if isinstance(named, str) else await named(received)
            self._world.log.name(record, received.operation)
            received.faults = self._world.faults.take(platform.name, received.operation)
            record.fault = ",".join(fault.kind for fault in received.faults) or None
            reply = await self._with_faults(received, platform, route)
        except MalformedBody as problem:
            reply = platform.malformed(received, str(problem))
        if delay := received.fault("delay"):
            await asyncio.sleep(delay.seconds)
        return reply

    async def _with_faults(self, received: Received, platform: Platform, route: Route) -> Reply:
        await received.struck()
        instead, committed, early = _instead(received, platform)
        if instead is not None and not committed:
            if not early:
                await received.drain()
            return instead
        reply = await route.handle(received)
        if received.fault("cut") or received.fault("stall"):
            await received.drain()  # a handler that refuses does not read, but the line breaks all the same
        if received.fault("lost_reply"):
            raise Cut
        if received.fault("truncated"):
            return _truncated(reply)
        return instead or reply


def _instead(received: Received, platform: Platform) -> tuple[Reply | None, bool, bool]:
    """The reply that a fault puts in the place of the platform's; whether the platform acts; whether at once."""
    for fault in received.faults:
        match fault.kind:
            case "status":
                return _status(fault, received, platform), fault.committed, fault.early
            case "html":
                return HTML_502, fault.committed, False
            case "empty":
                return Reply(200), fault.committed, False
            case "rate_limit":
                return platform.rate_limited(received), False, False
            case "token_revoked":
                return platform.unauthorized(received), False, False
    return None, False, False


def _status(fault: Fault, received: Received, platform: Platform) -> Reply:
    usual = platform.error(received, fault.code)
    body = usual.body if fault.body is None else fault.body
    return Reply(fault.code, body, {**usual.headers, **fault.headers})


def _truncated(reply: Reply) -> Reply:
    content, content_type = _encoded(reply.body)
    return Reply(reply.status, content[: len(content) // 2], {"Content-Type": content_type, **reply.headers})


def _reset(request: web.Request) -> None:
    """Drop the connection with a TCP reset instead of an orderly end."""
    transport = request.transport
    if transport is None or transport.is_closing():
        return
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


def as_response(reply: Reply) -> web.StreamResponse:
    """The reply as aiohttp sends it."""
    if isinstance(reply.body, Path):
        return web.FileResponse(reply.body, status=reply.status, headers=reply.headers)
    content, content_type = _encoded(reply.body)
    headers: Mapping[str, str] = reply.headers
    if content and not any(name.lower() == "content-type" for name in headers):
        headers = {"Content-Type": content_type, **headers}
    return web.Response(status=reply.status, body=content, headers=headers)


def _encoded(body: object) -> tuple[bytes, str]:
    match body:
        case None:
            return b"", ""
        case bytes():
            return body, "application/octet-stream"
        case str():
            return body.encode(), "text/plain; charset=UTF-8"
        case _:
            return json.dumps(body, ensure_ascii=False, indent=1).encode(), "application/json; charset=UTF-8"
