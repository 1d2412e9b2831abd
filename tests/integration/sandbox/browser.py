"""Headless Chromium, driven over its DevTools protocol: just enough to look at a page."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from tests.support import require

FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --mute-audio --remote-debugging-port=0"
)


class Page:
    """One tab. `complaints` are its console errors and uncaught exceptions."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._sent = 0
        self.complaints: list[str] = []

    async def command(self, method: str, **params: object) -> dict[str, Any]:
        """One DevTools command; its result."""
        self._sent += 1
        await self._socket.send_json({"id": self._sent, "method": method, "params": params})
        while True:
            message = await self._socket.receive_json(timeout=20)
            if message.get("id") == self._sent:
                result: dict[str, Any] = message.get("result", message)
                return result
            if message.get("method") in ("Runtime.exceptionThrown", "Log.entryAdded"):
                self.complaints.append(str(message["params"]))

    async def run(self, script: str) -> Any:
        """The value of a JavaScript expression; a promise is awaited."""
        asked = {"expression": script, "awaitPromise": True, "returnByValue": True, "userGesture": True}
        reply = await self.command("Runtime.evaluate", **asked)
        assert "exceptionDetails" not in reply, reply
        return reply["result"].get("value")

    async def until(self, script: str) -> None:
        """Return as soon as a JavaScript condition holds."""
        async with asyncio.timeout(15):
            while not await self.run(script):  # noqa: ASYNC110  # the condition is in another process
                await asyncio.sleep(0.02)


@asynccontextmanager
async def opened(url: str, directory: Path) -> AsyncIterator[Page]:
    """A tab with this page in a browser of its own."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    require(chromium, "install chromium (apt-get install chromium) to look at the page in a browser")
    assert chromium
    arguments = [*FLAGS.split(), f"--user-data-dir={directory}", "about:blank"]
    quiet = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(chromium, *arguments, stdout=quiet, stderr=asyncio.subprocess.PIPE)
    try:
        async with aiohttp.ClientSession() as session:
            port = await _port(process)
            tabs = await (await session.get(f"http://127.0.0.1:{port}/json")).json()
            address = next(tab["webSocketDebuggerUrl"] for tab in tabs if tab["type"] == "page")
            async with session.ws_connect(address, max_msg_size=0) as socket:
                page = Page(socket)
                for domain in ("Page", "Runtime", "Log"):
                    await page.command(f"{domain}.enable")
                await page.command("Page.navigate", url=url)
                await page.until(f"location.href.startsWith('{url}') && document.readyState == 'complete'")
                yield page
    finally:
        process.terminate()
        await process.communicate()


async def _port(process: asyncio.subprocess.Process) -> int:
    assert process.stderr is not None
    async with asyncio.timeout(30):
        while line := (await process.stderr.readline()).decode():
            if "DevTools listening on ws://" in line:
                return int(line.split("127.0.0.1:")[1].split("/")[0])
    raise AssertionError("the browser ended before it could be reached")
