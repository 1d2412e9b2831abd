"""What goes public: a post in the Page's feed, or the finish of a video or reel. Sent once, and looked for."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Final, Protocol

from medusa.adapters.platforms.facebook import limits
from medusa.adapters.platforms.facebook.account import SITE
from medusa.adapters.platforms.facebook.api import Api, Made
from medusa.adapters.platforms.facebook.asked import first_url
from medusa.adapters.platforms.facebook.errors import graph_error, not_understood
from medusa.adapters.platforms.facebook.rules import Form
from medusa.adapters.platforms.facebook.wire import (
    LISTED_FIELDS,
    LISTED_LIMIT,
    POSTED_FIELDS,
    Listed,
    listed,
    posted,
    text_of,
)
from medusa.adapters.platforms.facebook.wire_videos import video_receipt
from medusa.domain.failures import Failure, FailureKind, PlatformError
from medusa.domain.ports import Call
from medusa.domain.task import Step
from medusa.domain.values import Intent, Json, LookAgain, Receipt, StepSpec, Verdict

SEND_WITHIN_S: Final = 60.0
PROCESSING_LOOKS: Final = 60
"""Looks at a video that is being processed, PROCESSING_PAUSE_S apart, before its finish is sent once more."""
PROCESSING_PAUSE_S: Final = 10.0


def intent(spec: StepSpec, made: Made, now: float) -> Intent:
    """Exactly what will be sent: the edge and its parameters."""
    form = Form(spec.fields["form"])
    build = {Form.FEED: _feed, Form.PHOTO: _photo, Form.VIDEO: _video, Form.REEL: _reel}[form]
    edge = {Form.VIDEO: "videos", Form.REEL: "video_reels"}.get(form, "feed")
    fields = {"form": form.value, "edge": edge, "params": build(spec.fields, made)}
    fingerprint = hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()
    video = made["video"].id if form.moves else None
    return Intent(spec.key, fields, fingerprint, video, now, now + SEND_WITHIN_S)


def _feed(post: Json, _made: Made) -> dict[str, str]:
    link = post.get("link") or first_url(post.get("message", ""))
    return {**_texts(message=post.get("message"), link=link), **_when(post), **_audience(post)}


def _photo(post: Json, made: Made) -> dict[str, str]:
    attached = json.dumps([{"media_fbid": made["photo"].id}])
    params = {**_texts(message=post.get("message")), "attached_media": attached, **_when(post), **_audience(post)}
    return {**params, "unpublished_content_type": "SCHEDULED"} if "scheduled_publish_time" in params else params


def _video(post: Json, made: Made) -> dict[str, str]:
    session = made["video"].extra["session"]
    texts = _texts(title=post.get("title"), description=post.get("message"))
    return {"upload_phase": "finish", "upload_session_id": session, **texts, **_when(post), **_audience(post)}


def _reel(post: Json, made: Made) -> dict[str, str]:
    at = post.get("scheduled_publish_time")
    params = {"upload_phase": "finish", "video_id": made["video"].id or ""}
    params["video_state"] = "SCHEDULED" if at else "PUBLISHED"
    when = {"scheduled_publish_time": str(at)} if at else {}
    texts = _texts(title=post.get("title"), description=post.get("message"))
    return {**params, **texts, **when, **_audience(post)}


def _texts(**texts: str | None) -> dict[str, str]:
    return {name: text for name, text in texts.items() if text}


def _when(post: Json) -> dict[str, str]:
    at = post.get("scheduled_publish_time")
    return {"published": "false", "scheduled_publish_time": str(at)} if at else {"published": "true"}


def _audience(post: Json) -> dict[str, str]:
    return {name: json.dumps(post[name]) for name in ("targeting", "feed_targeting") if name in post}


class Visible(Protocol):
    """One form of a post: `publish` and `find` of PublisherPort."""

    def publish(self, call: Call, intent: Intent, /) -> Receipt: ...

    def find(self, call: Call, intent: Intent, looks: int, /) -> Receipt | LookAgain | Verdict: ...


class FeedPost:
    """POST /feed, with a link, a photo or neither. It has no key to find it by, so lists are searched."""

    def __init__(self, api: Api, resend_if_not_found: bool) -> None:
        self._api = api
        self._not_shown = Verdict.NOT_SHOWN if resend_if_not_found else Verdict.UNKNOWN

    def publish(self, call: Call, intent: Intent) -> Receipt:
        graph = self._api.graph
        request = graph.write(f"{graph.page}/feed", intent.fields["params"], POSTED_FIELDS, fresh=True)
        reply = self._api.reply(call, request)
        error = graph_error(reply)
        if error and error.repeats and self._repeats_another(call, intent):
            raise PlatformError(replace(self._api.failure(call, reply), no_effect=True))
        receipt = posted(self._api.read(call, reply, again=False), self._api.page)
        if receipt is None:
            raise PlatformError(not_understood(reply, again=False))
        return receipt

    def find(self, call: Call, intent: Intent, looks: int) -> Receipt | LookAgain | Verdict:
        since = intent.sent_at - limits.CLOCK_SKEW_S
        posts = self._listed(call, intent.fields["params"])
        alike = [post for post in posts if post.is_of(intent.fields["params"])]
        rivals = call.rivals() if alike else ()
        alike = [post for post in alike if not call.taken(post.receipt.id or "")]
        recent = [post for post in alike if post.created_at >= since]
        if len(recent) == 1 and not any(_may_be_of(rival, recent[0]) for rival in rivals):
            return recent[0].receipt
        if looks < len(limits.READ_LAG_S):
            return LookAgain(limits.READ_LAG_S[looks], "Looking on Facebook whether the post got through")
        if alike:  # whose it is nobody can tell; nor whether it is older, since this machine's clock may be ahead
            return Verdict.UNKNOWN
        whole = len(posts) < LISTED_LIMIT or posts[-1].created_at < since
        return self._not_shown if whole else Verdict.UNKNOWN

    def _repeats_another(self, call: Call, intent: Intent) -> bool:
        """Whether what stands there already is surely not this post: older, or known to be another step's."""
        since = intent.sent_at - limits.CLOCK_SKEW_S
        try:
            posts = self._listed(call, intent.fields["params"])
        except PlatformError:
            return False
        alike = [post for post in posts if post.is_of(intent.fields["params"])]
        return bool(alike) and all(post.created_at < since or call.taken(post.receipt.id or "") for post in alike)

    def _listed(self, call: Call, params: Json) -> list[Listed]:
        """The newest posts first; until its time has come a scheduled post is on a list of its own."""
        graph = self._api.graph
        waits = float(params.get("scheduled_publish_time", 0)) > call.now()
        edge = "scheduled_posts" if waits else "published_posts"
        request = graph.read(f"{graph.page}/{edge}", fields=LISTED_FIELDS, limit=LISTED_LIMIT)
        reply = self._api.reply(call, request)
        found = listed(self._api.read(call, reply), self._api.page)
        if found is None:
            raise PlatformError(not_understood(reply, again=True))
        return found


def _may_be_of(rival: Step, post: Listed) -> bool:
    """Whether another step, whose outcome is not known either, may have made this post."""
    sent = rival.intent
    if sent is None:  # it cannot be read, or publishes by an upload
        return rival.spec.visible
    if sent.fields.get("form") not in (Form.FEED, Form.PHOTO):  # a video, or what another platform was sent
        return False
    return post.created_at <= sent.send_by + limits.CLOCK_SKEW_S and post.is_of(sent.fields["params"])


class VideoPost:
    """The finish of an upload. The video had its id before its bytes moved, and one video is published once."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def publish(self, call: Call, intent: Intent) -> Receipt:
        graph, video = self._api.graph, intent.handle or ""
        request = graph.write(f"{graph.page}/{intent.fields['edge']}", intent.fields["params"], fresh=True)
        reply = self._api.reply(call, request)
        if not reply.ok or graph_error(reply):
            raise PlatformError(_unsure(self._api.failure(call, reply)))
        document = self._api.read(call, reply, again=False)
        if document.get("success") is not True:
            raise PlatformError(not_understood(reply, again=False))
        return video_receipt(video, text_of(document, "post_id"), self._api.page, _url(intent))

    def find(self, call: Call, intent: Intent, looks: int) -> Receipt | LookAgain | Verdict:
        status = self._api.video(call, intent.handle or "")
        if status and (status.published or status.not_processed):
            return status.receipt(intent.handle or "", self._api.page, _url(intent))
        if status and status.not_uploaded:
            return Verdict.ABSENT
        if status and status.processing and looks < PROCESSING_LOOKS:
            return LookAgain(PROCESSING_PAUSE_S, "Facebook processes the video")
        if looks < len(limits.READ_LAG_S):
            return LookAgain(limits.READ_LAG_S[looks], "Looking on Facebook whether the video got through")
        return Verdict.REPEATABLE


def _url(intent: Intent) -> str:
    """A reel's address is known beforehand (facts: Meta 2.4); a video's is not."""
    return f"{SITE}/reel/{intent.handle}" if intent.fields["form"] == Form.REEL else ""


def _unsure(failure: Failure) -> Failure:
    """A second finish may be refused because the first one worked, so a refusal is no proof that nothing happened."""
    return replace(failure, no_effect=False) if failure.kind is FailureKind.REJECTED else failure
