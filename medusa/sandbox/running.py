"""What lives in a sandbox's thread: the world, its platforms, and the routes to them."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from aiohttp import web

from medusa.sandbox.admin import Admin
from medusa.sandbox.clock import Clock
from medusa.sandbox.dispatch import Dispatcher
from medusa.sandbox.exchange import Platform, Published, Received, Reply, Route, World
from medusa.sandbox.faults import Faults
from medusa.sandbox.world import CORE_OPTIONS, Options

PLATFORMS = {"youtube": "YouTube", "vimeo": "Vimeo", "facebook": "Facebook"}
"""Module and class of each; a platform's code is imported when a sandbox starts."""


def _platform_classes() -> list[type[Platform]]:
    return [getattr(importlib.import_module(f"medusa.sandbox.{module}"), name) for module, name in PLATFORMS.items()]


class Running:
    """What lives in the sandbox's thread: the world, the platforms, the server's routes."""

    def __init__(self, clock: Clock, scratch: Path, keep: Path | None, options: Mapping[str, object]) -> None:
        classes = _platform_classes()
        known = {"*": set[str]()}
        defaults = dict(CORE_OPTIONS)
        for kind in classes:
            defaults.update(kind.options)
        self.world = World(clock, Options(defaults), Faults(partial(_knows, known)), scratch, keep)
        self.world.options.set(**options)
        self._options = self.world.options.listed()
        self.platforms = [kind(self.world) for kind in classes]
        known.update({platform.name: set(platform.operations) for platform in self.platforms})
        self._dispatcher = Dispatcher(self.world)

    def application(self) -> web.Application:
        """The routes of the admin and of all platforms; what nobody knows is the platform's own 404."""
        app = web.Application()
        Admin(self).add_to(app)
        for platform in self.platforms:
            for route in platform.routes():
                app.router.add_route(route.method, route.path, partial(self._respond, platform, route))
        app.router.add_route("*", "/{path:.*}", self._unknown)
        return app

    def state(self) -> dict[str, object]:
        """What exists, by platform."""
        return {platform.name: platform.state() for platform in self.platforms}

    def published(self, origin: str) -> list[tuple[Platform, Published]]:
        """What a person would see, newest first."""
        found = [(platform, item) for platform in self.platforms for item in platform.published(origin)]
        return sorted(found, key=lambda pair: pair[1].at, reverse=True)

    def reset(self) -> None:
        """As freshly started, but accounts and tokens stay."""
        self.world.clock.reset()
        self.world.faults.clear()
        self.world.options.set(**self._options)
        for platform in self.platforms:
            platform.reset()
        self.world.log.clear()
        self.world.changed()

    async def _respond(self, platform: Platform, route: Route, request: web.Request) -> web.StreamResponse:
        return await self._dispatcher.respond(request, platform, route)

    async def _unknown(self, request: web.Request) -> web.StreamResponse:
        for platform in self.platforms:
            if platform.owns(request.path):
                route = Route(request.method, request.path, "unknown", partial(_refuse, platform))
                return await self._dispatcher.respond(request, platform, route)
        return self._dispatcher.turn_away(request)


async def _refuse(platform: Platform, received: Received) -> Reply:
    return platform.unknown_route(received)


def _knows(known: Mapping[str, set[str]], platform: str, operation: str) -> bool:
    if platform != "*":
        return platform in known and (operation == "*" or operation in known[platform])
    return operation == "*" or any(operation in names for names in known.values())
