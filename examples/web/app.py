"""A web backend over medusad: takes a file and texts from the browser, and relays how it goes by server-sent events.

    pip install medusa-media fastapi python-multipart uvicorn
    MEDUSA_DAEMON=unix:/run/medusa/medusad.sock uvicorn app:app

Whoever reaches it can publish: put it behind the login of your own application.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, Form, Header, HTTPException, Request, UploadFile
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, JSONResponse, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent

from medusa import InvalidRequest, MedusaError, Task, TaskConflict, TaskNotFound
from medusa.daemon.client import AsyncMedusaClient, DaemonUnreachable
from medusa.domain.task import status_reply

PAGE = Path(__file__).with_name("page.html")
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


@asynccontextmanager
async def life(app: FastAPI) -> AsyncIterator[None]:
    """One client for all requests: its one connection carries any number of calls."""
    said = os.environ
    async with AsyncMedusaClient(
        said["MEDUSA_DAEMON"], token=said.get("MEDUSA_TOKEN"), tls_ca=said.get("MEDUSA_TLS_CA")
    ) as app.state.medusa:
        yield


async def from_our_page(request: Request, sec_fetch_site: Annotated[str, Header()] = "none") -> None:
    """Another site's page cannot publish by a visitor's browser."""
    if request.method == "POST" and sec_fetch_site not in ("same-origin", "none"):
        raise HTTPException(403, "only from its own page")


def client(request: Request) -> AsyncMedusaClient:
    medusa: AsyncMedusaClient = request.app.state.medusa
    return medusa


app = FastAPI(title="Medusa", lifespan=life, dependencies=[Depends(from_our_page)])
Medusa = Annotated[AsyncMedusaClient, Depends(client)]


@app.exception_handler(MedusaError)
async def told(_: Request, error: MedusaError) -> JSONResponse:
    """Medusa's errors as statuses of HTTP."""
    problems = [{"path": one.path, "says": one.says} for one in getattr(error, "problems", ())]
    statuses = {InvalidRequest: 422, TaskNotFound: 404, TaskConflict: 409, DaemonUnreachable: 503}
    status = next((status for kind, status in statuses.items() if isinstance(error, kind)), 502)
    return JSONResponse({"error": str(error), "problems": problems}, status)


@app.get("/")
async def page() -> FileResponse:
    return FileResponse(PAGE, headers={"Content-Security-Policy": POLICY})


@app.get("/targets")
async def targets(medusa: Medusa) -> list[dict[str, str]]:
    """Where one can publish to."""
    known = await medusa.quotas()
    return [{"key": one.key, "platform": one.platform, "name": one.display} for one in known]


@app.post("/tasks", status_code=201)
async def publish(medusa: Medusa, metadata: Annotated[str, Form()], media: UploadFile | None = None) -> dict[str, str]:
    """`metadata`: target -> what it is asked for, as JSON."""
    try:
        asked = json.loads(metadata)
    except ValueError as error:
        raise HTTPException(422, "metadata is not JSON") from error
    if not isinstance(asked, dict):
        raise HTTPException(422, "metadata is no object")
    with TemporaryDirectory() as folder:
        file = await run_in_threadpool(stored, media, Path(folder)) if media and media.filename else None
        return {"id": await medusa.publish_async(file, list(asked), asked)}


def stored(media: UploadFile, folder: Path) -> Path:
    """The file under its own name, from which its kind is known."""
    path = folder / (Path(media.filename or "").name or "media")
    with path.open("wb") as file:
        shutil.copyfileobj(media.file, file, 1024**2)
    return path


@app.get("/tasks")
async def tasks(medusa: Medusa, limit: int = 20) -> list[dict[str, Any]]:
    return [described(task) for task in await medusa.list_tasks(limit)]


async def known(medusa: Medusa, task_id: str) -> str:
    """A stream that has begun can no longer say that there is no such task."""
    return (await medusa.get_task(task_id)).id


@app.get("/tasks/{task_id}/events", response_class=EventSourceResponse)
async def events(
    medusa: Medusa, task_id: Annotated[str, Depends(known)], last_event_id: Annotated[int, Header()] = 0
) -> AsyncIterable[ServerSentEvent]:
    """Snapshots. A browser that lost its connection names the last one it saw, and goes on there."""
    async for task in medusa.watch(task_id, last_event_id):
        yield ServerSentEvent(data=described(task), id=str(task.revision))


@app.post("/tasks/{task_id}/{action}", status_code=204)
async def steer(medusa: Medusa, task_id: str, action: Literal["cancel", "pause", "unpause", "retry"]) -> Response:
    await getattr(medusa, action)(task_id)
    return Response(status_code=204)


def described(task: Task) -> dict[str, Any]:
    """What the page shows of a task."""
    return {
        "id": task.id,
        "created_at": task.created_at,
        "media": task.request.media.name if task.request.media else "",
        "message": task.message,
        "results": task.results,
        "warnings": task.warnings,
        "ended": task.ended,
        "paused": task.paused,
        **status_reply(task),
        "steps": [
            {
                "key": step.key,
                "title": f"{step.spec.verb} {task.target(step.target).display if step.target else 'the media'}",
                "state": step.state,
                "done": step.done,
                "total": step.total,
                "rate": step.rate,
                "note": step.failure.said if step.failure else step.note,
            }
            for step in task.steps
        ],
    }
