"""examples/web in a browser: publish from the page, and watch it happen."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from medusa.sandbox import Sandbox
from tests.integration.daemon.process import Medusad
from tests.integration.rehearsal import MIB, QUICK, SAMPLE, WITHIN_S, large, made, nothing_but
from tests.integration.sandbox.browser import Page, opened

APP = Path(__file__).parents[2] / "examples" / "web"


@pytest.fixture
def medusad(sandbox: Sandbox, tmp_path: Path) -> Iterator[Medusad]:
    own = {"retry": QUICK, "engine": {"path": str(tmp_path / "tasks.db")}}
    config = tmp_path / "config.json"
    config.write_text(json.dumps({**sandbox.config(tmp_path), "medusa": own}), encoding="utf-8")
    with Medusad(config, f"unix:{tmp_path}/medusad.sock") as running:
        yield running


@pytest.fixture
def backend(medusad: Medusad) -> Iterator[str]:
    """Its address. It is given a listening socket, so that there is nothing to wait for."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        descriptor = listening.fileno()
        command = [sys.executable, "-m", "uvicorn", "app:app", "--app-dir", str(APP), "--fd", str(descriptor)]
        env = {**os.environ, "MEDUSA_DAEMON": medusad.addresses[0]}
        process = subprocess.Popen([*command, "--log-level", "warning"], pass_fds=[descriptor], env=env)
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            process.terminate()
            process.wait(WITHIN_S)


async def fill_in(page: Page, media: Path, *targets: str) -> None:
    document = await page.command("DOM.getDocument")
    node = await page.command("DOM.querySelector", nodeId=document["root"]["nodeId"], selector="#media")
    await page.command("DOM.setFileInputFiles", nodeId=node["nodeId"], files=[str(media)])
    await page.until(f"document.querySelectorAll('#targets input').length >= {len(targets)}")
    for target in targets:
        await page.run(f"document.querySelector('#targets [value={target}]').click()")
    await page.run("document.querySelector('#title').value = 'Tech Talk'")


async def shot(page: Page, name: str) -> None:
    """For whoever wants to look: with MEDUSA_SHOTS=DIR."""
    if folder := os.environ.get("MEDUSA_SHOTS"):
        picture = await page.command("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        (Path(folder) / f"{name}.png").write_bytes(base64.b64decode(picture["data"]))


def test_publish_from_the_page_and_watch_it_happen(
    backend: str, medusad: Medusad, sandbox: Sandbox, tmp_path: Path
) -> None:
    sandbox.fault(platform="youtube", operation="video.bytes", kind="stall", after=MIB)
    film = large(tmp_path)

    async def visit() -> None:
        async with opened(f"{backend}/", tmp_path / "profile") as page:
            await fill_in(page, film, "youtube", "facebook")
            await page.run("document.querySelector('#message').value = 'See {youtube_url}'")
            await page.run("document.querySelector('#publish .main').click()")
            await page.until("document.querySelector('article progress')?.value > 0")
            assert await page.run("document.querySelector('.said').textContent") == "Uploading to YouTube..."
            await shot(page, "under-way")
            medusad.kill()
            sandbox.clear_faults()
            await asyncio.to_thread(medusad.start)
            await page.until("!!document.querySelector('.state.completed')")
            (video,) = sandbox.state()["youtube"]["videos"]
            link = await page.run("document.querySelector('article a').href")
            assert link.endswith(video["id"])
            assert await page.run("document.querySelector('article h3').textContent") == film.name
            await page.command(
                "Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}]
            )
            await shot(page, "dark")
            assert await page.run("getComputedStyle(document.body).backgroundColor") == "rgb(16, 18, 22)"
            await page.command("Page.reload")
            await page.until("document.querySelectorAll('article').length == 1")
            assert page.complaints == []

    asyncio.run(visit())
    assert made(sandbox) == nothing_but(youtube=1, facebook=1)


def test_what_is_wrong_is_shown_as_text_and_an_upload_is_cancelled(
    backend: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    sandbox.fault(platform="vimeo", operation="tus.patch", kind="stall", after=1000, times=-1)
    film = tmp_path / "<img src=x onerror=hacked()>.mp4"
    film.write_bytes(SAMPLE.read_bytes())

    async def visit() -> None:
        async with opened(f"{backend}/", tmp_path / "profile") as page:
            await fill_in(page, film, "vimeo", "facebook")
            await page.run("document.querySelector('#message').value = 'See {nowhere_url}'")
            await page.run("document.querySelector('#publish .main').click()")
            await page.until("document.querySelectorAll('#problems li').length > 0")
            assert "facebook.message" in await page.run("document.querySelector('#problems').textContent")
            assert await page.run("document.querySelectorAll('article').length") == 0
            await page.run("document.querySelector('#targets [value=facebook]').click()")
            await page.run("document.querySelector('#publish .main').click()")
            await page.until("!!document.querySelector('[data-action=cancel]')")
            assert await page.run("document.querySelector('article h3').textContent") == film.name
            assert await page.run("document.querySelectorAll('article img').length") == 0
            await page.run("document.querySelector('[data-action=cancel]').click()")
            await page.until("!!document.querySelector('.state.failed')")
            assert await page.run("document.querySelector('.said').textContent") == "Cancelled"

    asyncio.run(visit())
    assert made(sandbox)["vimeo"] == 0


def test_the_backend_says_what_medusa_says(backend: str, medusad: Medusad) -> None:
    assert requests.get(f"{backend}/tasks/nobody/events", timeout=WITHIN_S).status_code == 404
    foreign = {"Sec-Fetch-Site": "cross-site"}
    sent = {"metadata": json.dumps({"facebook": {"message": "It is out"}})}
    assert requests.post(f"{backend}/tasks", data=sent, headers=foreign, timeout=WITHIN_S).status_code == 403
    begun = requests.post(f"{backend}/tasks", data=sent, timeout=WITHIN_S)
    assert begun.status_code == 201
    events = requests.get(f"{backend}/tasks/{begun.json()['id']}/events", timeout=WITHIN_S).text
    last = json.loads(events.strip().split("data: ")[-1].partition("\n")[0])
    assert last["status"] == "completed"
    assert requests.post(f"{backend}/tasks/{last['id']}/retry", timeout=WITHIN_S).status_code == 409
    assert requests.post(f"{backend}/tasks", data={"metadata": "[]"}, timeout=WITHIN_S).status_code == 422
