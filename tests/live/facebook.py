"""What the Facebook adapter is built on. Everything is unpublished, so that no visitor of the Page sees it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from typing import Any

from tests.live.visit import Answer, Visit

FACTS: Mapping[str, str] = {
    "facebook.page": "GET /{page} with the Page's token answers with its id and name",
    "facebook.bad_token": "a bad token is answered with error.code 190",
    "facebook.post": "POST /{page}/feed with fields=id,permalink_url answers with an id PAGE_POST and the permalink",
    "facebook.post_read": "an unpublished post can be read with its message",
    "facebook.post_deleted": "DELETE of a post answers success: true",
    "facebook.lists": "GET /{page}/published_posts answers with a list of at most `limit` posts",
    "facebook.start": "upload_phase=start names video_id, upload_session_id and the first window",
    "facebook.transfer": "upload_phase=transfer answers with the next window, empty once all bytes are there",
    "facebook.misplaced": "bytes at a stale start_offset are refused with error_subcode 1363037 and the right offsets",
    "facebook.finish": "upload_phase=finish answers success: true",
    "facebook.status": "GET /{video}?fields=status has video_status and the three phases, in words that we know",
    "facebook.video_deleted": "DELETE of a video answers success: true",
}
STATES = ("uploading", "upload_complete", "processing", "ready", "error", "expired")
PHASES = ("uploading_phase", "processing_phase", "publishing_phase")
PHASE_STATES = ("not_started", "in_progress", "complete", "completed", "error")
MESSAGE = "Medusa live check"


def run(visit: Visit, block: Mapping[str, Any], clip: bytes) -> None:
    """Look at all facts; the post and the video are deleted in the end."""
    facebook = _Facebook(visit, block)
    facebook.page()
    post = facebook.post()
    with visit.cleanup(partial(facebook.delete, "facebook.post_deleted", post)):
        facebook.read_post(post)
    video, session = facebook.start(len(clip))
    with visit.cleanup(partial(facebook.delete, "facebook.video_deleted", video)):
        facebook.send_bytes(session, clip)
        facebook.read_video(video)


class _Facebook:
    def __init__(self, visit: Visit, block: Mapping[str, Any]) -> None:
        self._visit = visit
        graph = block.get("endpoints", {}).get("graph", "https://graph.facebook.com").rstrip("/")
        self._graph = f"{graph}/{block.get('api_version', 'v26.0')}"
        self._page, self._token = str(block["page_id"]), block["access_token"]
        visit.secret(self._token)

    def call(self, method: str, path: str, token: str = "", **body: Any) -> Answer:
        headers = {"Authorization": f"Bearer {token or self._token}"}
        return self._visit.send(method, f"{self._graph}/{path}", headers, **body)

    def page(self) -> None:
        page = self.call("GET", self._page, params={"fields": "id,name"})
        self._visit.need("facebook.page", page.at("id") == self._page and page.at("name"), page)
        refused = self.call("GET", self._page, token="EAAmedusa")
        self._visit.fact("facebook.bad_token", refused.at("error", "code") == 190, refused)
        listed = self.call("GET", f"{self._page}/published_posts", params={"fields": "id,created_time", "limit": "2"})
        posts = listed.at("data")
        self._visit.fact("facebook.lists", isinstance(posts, list) and len(posts) <= 2, listed)

    def post(self) -> str:
        form = {"message": MESSAGE, "published": "false"}
        made = self.call("POST", f"{self._page}/feed", params={"fields": "id,permalink_url"}, data=form)
        number = str(made.at("id") or "")
        self._visit.need("facebook.post", number, made)
        shaped = number.startswith(f"{self._page}_") and made.at("permalink_url")
        self._visit.fact("facebook.post", shaped, made)
        return number

    def read_post(self, post: str) -> None:
        look = partial(self.call, "GET", post, params={"fields": "id,message"})
        shown = self._visit.later(look, lambda answer: answer.ok, tries=5)
        self._visit.fact("facebook.post_read", shown.at("message") == MESSAGE, shown)

    def start(self, size: int) -> tuple[str, str]:
        begun = self._phase("start", file_size=str(size))
        video, session, window = begun.at("video_id"), begun.at("upload_session_id"), _window(begun)
        self._visit.secret(session)
        named = video and session and window is not None and window[0] == 0 < window[1] <= size
        if video and not named:
            self.call("DELETE", str(video))
        self._visit.need("facebook.start", named, begun)
        return str(video), str(session)

    def send_bytes(self, session: str, clip: bytes) -> None:
        window: tuple[int, int] | None = (0, len(clip))
        while window is not None and window[0] < window[1]:
            sent = self._transfer(session, window[0], clip[window[0] : window[1]])
            after = _window(sent)
            self._visit.need("facebook.transfer", after is not None and after[0] > window[0], sent)
            window = after
        stale = self._transfer(session, 0, clip[:1024])
        truth = stale.at("error", "error_data")
        truth = json.loads(truth) if isinstance(truth, str) else truth
        right = isinstance(truth, dict) and str(truth.get("start_offset")) == str(len(clip))
        told = stale.at("error", "error_subcode") == 1363037 and right
        self._visit.fact("facebook.misplaced", told, stale)
        finished = self._phase("finish", upload_session_id=session, published="false", title=MESSAGE)
        self._visit.need("facebook.finish", finished.at("success") is True, finished)

    def read_video(self, video: str) -> None:
        look = partial(self.call, "GET", video, params={"fields": "status,published"})
        shown = self._visit.later(look, lambda answer: answer.ok, tries=5)
        phases = [shown.at("status", name, "status") for name in PHASES]
        known = shown.at("status", "video_status") in STATES and all(phase in PHASE_STATES for phase in phases)
        self._visit.fact("facebook.status", known, shown)

    def delete(self, fact: str, thing: str) -> None:
        deleted = self.call("DELETE", thing)
        self._visit.fact(fact, deleted.at("success") is True, deleted)

    def _phase(self, phase: str, **form: str) -> Answer:
        return self.call("POST", f"{self._page}/videos", data={"upload_phase": phase, **form})

    def _transfer(self, session: str, offset: int, content: bytes) -> Answer:
        form = {"upload_phase": "transfer", "upload_session_id": session, "start_offset": str(offset)}
        part = {"video_file_chunk": ("chunk.mp4", content, "application/octet-stream")}
        return self.call("POST", f"{self._page}/videos", data=form, files=part)


def _window(answer: Answer) -> tuple[int, int] | None:
    try:
        return int(answer.at("start_offset")), int(answer.at("end_offset"))
    except (TypeError, ValueError):
        return None
