"""What all three platforms are sent in a rich publish is judged by the platforms' own documents.

Google's ships in its Python client. MEDUSA_SPECS names a folder with the others: facebook/specs (api_specs/specs of
facebook/facebook-business-sdk-codegen) and vimeo/api.json (vimeo/openapi, as JSON).
"""

from __future__ import annotations

import json
import os
import re
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import pytest
import requests

from medusa import MedusaCore
from medusa.adapters.http import Http, Reply, Request
from medusa.domain.ports import Call
from medusa.sandbox import Sandbox
from medusa.sandbox.picture import placeholder
from tests.interop.judges import Google, Meta, Sent, Verdict, Vimeo
from tests.support import require

SAMPLE = Path(__file__).parents[2] / "medusa/sandbox/sample.mp4"
WITHIN_S = 60
NOT_IN_METAS_SPECS: Final = {
    "photos": frozenset({"source"}),  # "Page Photos" in Meta's guide: the picture's bytes as a multipart file
}
WRONG_IN_VIMEOS_DESCRIPTION: Final = (
    r"POST /me/videos: body upload/size: \d+ is not of type 'string'",  # Vimeo's own client sends a number,
    r"POST /me/videos: answered 200, not one of 201, .*",  # and takes nothing but 200 for an answer
)
_HOSTS_OF_BYTES: Final = ("/files/", "/pictures/", "/texttracks/")
"""Vimeo's upload links are of no API; its description does not know them."""


@dataclass(frozen=True)
class Traffic:
    """What went over the wire, by platform, and the JSON that came back."""

    records: list[dict[str, Any]]
    replies: list[tuple[Request, Reply]]

    def sent(self, platform: str) -> list[Sent]:
        return [Sent.of(record) for record in self.records if record["platform"] == platform]


@pytest.fixture(scope="module")
def traffic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traffic]:
    directory = tmp_path_factory.mktemp("publish")
    replies: list[tuple[Request, Reply]] = []
    with pytest.MonkeyPatch.context() as patch, Sandbox(options={"processing_s": 0.05}) as sandbox:
        send = Http.exchange

        def exchange(self: Http, call: Call, request: Request) -> Reply:
            reply = send(self, call, request)
            replies.append((request, reply))
            return reply

        patch.setattr(Http, "exchange", exchange)
        publish_richly(sandbox, directory)
        yield Traffic(sandbox.log(), replies)


def publish_richly(sandbox: Sandbox, directory: Path) -> None:
    """Everything that a request may hold, so far as the platforms take it together."""
    config = sandbox.config(directory / "config")
    cover, captions = directory / "cover.png", directory / "en.vtt"
    cover.write_bytes(placeholder("cover"))
    captions.write_text("WEBVTT\n\n00:00.000 --> 00:01.000\nHello\n")
    youtube = {
        "title": "Tech Talk",
        "description": "Slides: https://example.com",
        "tags": ["demo", "two words"],
        "privacy": "unlisted",
        "category": 28,
        "language": "en",
        "audio_language": "en-GB",
        "made_for_kids": False,
        "license": "creativeCommon",
        "embeddable": True,
        "public_stats": False,
        "synthetic_media": False,
        "notify_subscribers": False,
        "recording_date": "2026-11-01",
        "localizations": {"de": {"title": "Vortrag", "description": "Folien"}},
        "thumbnail": str(cover),
        "captions": [{"file": str(captions), "language": "en", "name": "English"}],
        "playlists": [playlist(sandbox, Path(config["youtube"]["credentials_file"]))],
    }
    vimeo = {
        "title": "Tech Talk",
        "description": "About slides",
        "privacy": "unlisted",
        "tags": ["demo", "test"],
        "thumbnail": str(cover),
        "texttracks": [{"file": str(captions), "language": "en"}],
    }
    later = int(sandbox.clock.now()) + 7200
    upright = upright_copy(directory)
    attached = {"attach_media": True}
    with MedusaCore(config=config) as medusa:

        def publish(media: Path | None, **metadata: Mapping[str, Any]) -> None:
            told = medusa.wait(medusa.publish_async(media, list(metadata), metadata), WITHIN_S)
            assert told["status"] == "completed", told
            assert "warnings" not in told, told

        publish(SAMPLE, youtube=youtube, vimeo=vimeo, facebook={"message": "See {youtube_url} and {vimeo_url}"})
        publish(SAMPLE, youtube={"publish_at": "2030-01-01T09:00:00+01:00"})
        publish(None, facebook={"link": "https://example.com/a", "message": "Later", "scheduled_publish_time": later})
        publish(cover, facebook={"message": "A picture", "alt_text": "A cover", **attached})
        publish(cover, facebook={"message": "Tomorrow's", "scheduled_publish_time": later, **attached})
        publish(SAMPLE, facebook={"message": "A film", "title": "Talk", **attached})
        publish(SAMPLE, facebook={"message": "A film later", "scheduled_publish_time": later, **attached})
        publish(upright, facebook={"message": "A reel", "title": "Short", "as": "reel", **attached})
        publish(upright, facebook={"message": "Later", "as": "reel", "scheduled_publish_time": later, **attached})


def playlist(sandbox: Sandbox, credentials: Path) -> str:
    """The id of a new playlist."""
    token = json.loads(credentials.read_text())["token"]
    reply = requests.post(
        f"{sandbox.url}/youtube/v3/playlists?part=snippet",
        json={"snippet": {"title": "Talks"}},
        headers={"Authorization": f"Bearer {token}"},
        timeout=WITHIN_S,
    )
    assert reply.ok, reply.text
    return str(reply.json()["id"])


def upright_copy(directory: Path) -> Path:
    """The sample turned by 90 degrees, as a phone would store an upright film (ISO 14496-12: tkhd, matrix)."""
    content = bytearray(SAMPLE.read_bytes())
    matrix = content.find(b"tkhd") + 44
    content[matrix : matrix + 36] = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, 720 << 16, 0, 1 << 30)
    path = directory / "upright.mp4"
    path.write_bytes(content)
    return path


def specs(below: str) -> Path:
    """A file or folder of the platforms' documents."""
    place = Path(os.environ.get("MEDUSA_SPECS", "")) / below
    what = f"set MEDUSA_SPECS to the folder that holds {below} (tests/interop/test_spec_judge.py says where it is from)"
    require("MEDUSA_SPECS" in os.environ and place.exists(), what)
    return place


def judged(judge: Callable[[Sent], Verdict | None], sent: list[Sent], forgiven: tuple[str, ...] = ()) -> set[str]:
    """The operations that were seen; fails with everything that the judge has against them, and with what is forgiven
    in vain.
    """
    verdicts = [(one, judge(one)) for one in sent]
    assert [f"{one.method} {one.path}" for one, verdict in verdicts if verdict is None] == []
    found = [verdict for _, verdict in verdicts if verdict]
    against = {f"{verdict.operation}: {line}" for verdict in found for line in verdict.against}
    assert {line for line in against if not any(re.fullmatch(pattern, line) for pattern in forgiven)} == set()
    assert [pattern for pattern in forgiven if not any(re.fullmatch(pattern, line) for line in against)] == []
    return {verdict.operation for verdict in found}


# ---------------------------------------------------------------- Google


def test_youtube_is_sent_what_googles_document_describes(traffic: Traffic) -> None:
    assert judged(Google("youtube.v3").judge, traffic.sent("youtube")) == {
        "youtube.channels.list",
        "youtube.videos.insert",
        "youtube.videos.list",
        "youtube.thumbnails.set",
        "youtube.captions.insert",
        "youtube.playlists.insert",
        "youtube.playlistItems.insert",
    }


def test_the_sandboxs_youtube_answers_what_googles_document_describes(traffic: Traffic) -> None:
    google, seen = Google("youtube.v3"), set()
    for request, reply in traffic.replies:
        document = reply.json()
        verdict = google.judge_reply(as_sent(request), document) if reply.ok and document else None
        if verdict:
            assert verdict.against == (), verdict.operation
            seen.add(verdict.operation)
    assert {"youtube.videos.insert", "youtube.videos.list", "youtube.channels.list"} <= seen


def as_sent(request: Request) -> Sent:
    """A request of ours as the log would show it."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    path = "/" + request.url.split("/", 3)[3]
    return Sent.of({"method": request.method, "path": path, "headers": headers, "body": None, "status": 200})


@pytest.mark.parametrize(
    ("change", "against"),
    [
        ({"body": '{"snippet": {"titel": "x"}}'}, "'titel' was unexpected"),
        ({"body": '{"status": {"privacyStatus": "secret"}}'}, "'secret' is not one of"),
        ({"body": '{"snippet": {"tags": "x"}}'}, "'x' is not of type 'array'"),
        ({"body": '{"status": {"publishAt": "tomorrow"}}'}, "'tomorrow' does not match"),
        ({"query": {"uploadType": ["resumable"]}}, "missing parameter part"),
        ({"query": {"part": ["snippet"], "prat": ["x"]}}, "unknown parameter prat"),
    ],
)
def test_googles_judge_can_say_no(traffic: Traffic, change: dict[str, Any], against: str) -> None:
    upload = "/upload/youtube/v3/videos"
    good = next(one for one in traffic.sent("youtube") if (one.method, one.path) == ("POST", upload))
    verdict = Google("youtube.v3").judge(replace(good, **change))
    assert verdict
    assert against in "; ".join(verdict.against)


# ---------------------------------------------------------------- Meta


def test_facebook_is_sent_what_metas_specs_describe(traffic: Traffic) -> None:
    meta = Meta(specs("facebook/specs"), NOT_IN_METAS_SPECS)
    posts = [one for one in traffic.sent("facebook") if one.method == "POST" and "/video-upload/" not in one.path]
    assert judged(meta.judge, posts) == {"Page.feed", "Page.photos", "Page.videos", "Page.video_reels"}


def test_the_exceptions_are_still_needed(traffic: Traffic) -> None:
    meta = Meta(specs("facebook/specs"), {})
    against = {line for one in traffic.sent("facebook") if (verdict := meta.judge(one)) for line in verdict.against}
    assert against == {"unknown parameter source"}


@pytest.mark.parametrize(
    ("change", "against"),
    [
        ({"body": "mesage=x"}, "unknown parameter mesage"),
        ({"body": "message=x&published=perhaps"}, "published=perhaps: is no bool"),
        ({"body": "message=x&scheduled_publish_time=soon"}, "scheduled_publish_time=soon: is no datetime"),
        ({"body": "attached_media=1"}, "attached_media=1: is no list<Object>"),
        ({"body": "targeting=DE"}, "targeting=DE: is no Object"),
    ],
)
def test_metas_judge_can_say_no(traffic: Traffic, change: dict[str, Any], against: str) -> None:
    meta = Meta(specs("facebook/specs"), NOT_IN_METAS_SPECS)
    good = next(one for one in traffic.sent("facebook") if one.path.endswith("/feed"))
    verdict = meta.judge(replace(good, **change))
    assert verdict
    assert verdict.against == (against,)


# ---------------------------------------------------------------- Vimeo


def test_vimeo_is_sent_and_answers_what_its_description_says(traffic: Traffic) -> None:
    vimeo = Vimeo(specs("vimeo/api.json"))
    calls = [one for one in traffic.sent("vimeo") if not one.path.startswith(_HOSTS_OF_BYTES)]
    assert judged(vimeo.judge, calls, WRONG_IN_VIMEOS_DESCRIPTION) >= {
        "POST /me/videos",
        "PATCH /videos/{video_id}",
        "POST /videos/{video_id}/pictures",
        "PATCH /videos/{video_id}/pictures/{picture_id}",
        "POST /videos/{video_id}/texttracks",
        "PATCH /videos/{video_id}/texttracks/{texttrack_id}",
        "PUT /videos/{video_id}/tags",
    }


@pytest.mark.parametrize(
    ("change", "against"),
    [
        ({"body": '{"upload": {"approach": "tus", "size": 1}, "titel": "x"}'}, "'titel' was unexpected"),
        (
            {"body": '{"upload": {"approach": "tus", "size": 1}, "privacy": {"view": "secret"}}'},
            "'secret' is not one of",
        ),
        ({"status": 418}, "answered 418"),
    ],
)
def test_vimeos_judge_can_say_no(traffic: Traffic, change: dict[str, Any], against: str) -> None:
    vimeo = Vimeo(specs("vimeo/api.json"))
    good = next(one for one in traffic.sent("vimeo") if (one.method, one.path) == ("POST", "/me/videos"))
    verdict = vimeo.judge(replace(good, **change))
    assert verdict
    assert against in "; ".join(verdict.against)
