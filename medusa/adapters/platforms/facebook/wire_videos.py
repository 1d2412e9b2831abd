"""What Facebook says of a video on its way: windows of the phased upload, and the status of its phases. No I/O."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from medusa.adapters.http import Reply
from medusa.adapters.platforms.facebook.errors import UPLOAD_OFFSET, graph_error
from medusa.adapters.platforms.facebook.wire import full_id, permalink, text_of
from medusa.domain.values import Json, Receipt, Span

STATUS_FIELDS: Final = "status,published,post_id,permalink_url"
_ENDED: Final = ("complete", "completed")
"""Both are seen (facts: Meta 2.4)."""
_OUT: Final = ("published", "scheduled")
_NOT_UPLOADED: Final = ("upload_failed", "expired")


def window(document: Json) -> Span | None:
    """The bytes that Facebook wants next: [start, stop); empty when it has all. Offsets are texts or numbers."""
    try:
        start, stop = int(document["start_offset"]), int(document["end_offset"])
    except (KeyError, TypeError, ValueError):
        return None
    return Span(start, stop) if 0 <= start <= stop else None


def corrected(reply: Reply) -> Span | None:
    """The window that an error names because another one was sent; None when it is no such error."""
    error = graph_error(reply)
    if error is None or error.subcode != UPLOAD_OFFSET:
        return None
    return window(error.details)


@dataclass(frozen=True, slots=True)
class VideoStatus:
    """Where a video stands (facts: Meta 2.4)."""

    received: int
    """Bytes of the upload."""
    uploaded: bool
    processing: bool
    published: bool
    """It is out, or on the list of what goes out by itself."""
    not_uploaded: str
    """Facebook's own words if the upload has failed or its time is over."""
    not_processed: str
    """The same of what follows the upload."""
    post_id: str
    permalink: str

    @property
    def failed(self) -> str:
        """Facebook's own words if anything has failed."""
        return self.not_uploaded or self.not_processed

    def receipt(self, video: str, page: str, url: str = "") -> Receipt:
        """The proof of a video's post; `url` if Facebook names none."""
        told = f"Facebook could not process the video: {self.not_processed}"
        warnings = (told,) if self.not_processed else ()
        return video_receipt(video, self.post_id, page, self.permalink or url, warnings)


def video_receipt(video: str, post_id: str, page: str, url: str, warnings: tuple[str, ...] = ()) -> Receipt:
    """By the video's id, which is certain from the start; the post's own id comes late, if ever (facts: Meta 2.4)."""
    extra = {"post_id": full_id(post_id, page)} if post_id else {}
    return Receipt(video, url or None, extra, warnings=warnings)


def video_status(document: Json) -> VideoStatus | None:
    """The status in a reply to GET /{video_id}; None when there is none."""
    status = document.get("status")
    if not isinstance(status, Mapping):
        return None
    uploading, processing, publishing = (_phase(status, name) for name in ("uploading", "processing", "publishing"))
    return VideoStatus(
        received=_received(uploading),
        uploaded=uploading.get("status") in _ENDED,
        processing=processing.get("status") == "in_progress",
        published=document.get("published") is True or _is_out(publishing),
        not_uploaded=_failure(status, _NOT_UPLOADED, uploading),
        not_processed=_failure(status, ("error",), processing, publishing),
        post_id=text_of(document, "post_id"),
        permalink=permalink(document),
    )


def _phase(status: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    phase = status.get(f"{name}_phase")
    return phase if isinstance(phase, Mapping) else {}


def _received(uploading: Mapping[str, Any]) -> int:
    """The guide and the SDK spell it differently (facts: Meta 2.4)."""
    for key in ("bytes_transfered", "bytes_transferred"):
        try:
            return int(uploading[key])
        except (KeyError, TypeError, ValueError):
            continue
    return 0


def _is_out(publishing: Mapping[str, Any]) -> bool:
    """ "ready" alone is not "published" (facts: Meta 2.4)."""
    state = publishing.get("publish_status")
    return state in _OUT or (state is None and publishing.get("status") in _ENDED)


def _failure(status: Mapping[str, Any], states: tuple[str, ...], *phases: Mapping[str, Any]) -> str:
    state = status.get("video_status")
    if state not in states and not any(phase.get("status") == "error" for phase in phases):
        return ""
    told = [words for phase in phases for words in _words(phase)]
    return "; ".join(told) or f"the video's status is {state!r}"


def _words(phase: Mapping[str, Any]) -> Iterator[str]:
    """The guide has `error`, the SDK a list of `errors` (facts: Meta 2.4)."""
    listed = phase.get("errors")
    for error in [phase.get("error"), *(listed if isinstance(listed, list) else ())]:
        if isinstance(error, Mapping) and error.get("message"):
            yield str(error["message"])
