"""The page: what got published, as a person would see it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, cast

import pytest
import requests

from medusa.sandbox import Sandbox, page
from medusa.sandbox.exchange import Platform, Published
from medusa.sandbox.markup import linked, safe_url, tag
from medusa.sandbox.page import human_size
from tests.integration.sandbox.browser import opened
from tests.integration.sandbox.conftest import PNG, YouTubeClient, youtube_client

SAMPLE = Path(page.__file__).parent / "sample.mp4"
EVIL = "</h3><script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>\"'&"


class Stage:
    """A platform that shows what it is given, and knows links of the form https://stage.example/ID."""

    name = "stage"
    display_name = "Stage"

    def recognise(self, url: str) -> str | None:
        return url.removeprefix("https://stage.example/") if url.startswith("https://stage.example/") else None


def feed(*items: Published) -> str:
    stage = cast("Platform", Stage())
    return page.feed([(stage, item) for item in items], 0)


class Tags(HTMLParser):
    """The elements and the text of a piece of HTML; fails on anything left open."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in ("img", "meta", "link"):
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for found, attributes in self.found if found == name]


def test_an_empty_sandbox_says_so(sandbox: Sandbox, http: requests.Session) -> None:
    reply = http.get(sandbox.url)
    assert reply.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "Nothing published yet" in reply.text
    assert "<article" not in reply.text


def test_a_video_with_its_thumbnail(youtube: YouTubeClient) -> None:
    body = {
        "snippet": {"title": "Tech Talk", "description": "Slides: https://example.com/s.", "tags": ["a", "b"]},
        "status": {"privacyStatus": "unlisted"},
    }
    video = youtube.upload(b"film", body=body)["id"]
    path = f"/upload/youtube/v3/thumbnails/set?videoId={video}"
    assert youtube.call("POST", path, data=PNG, headers={"Content-Type": "image/png"}).ok
    seen = Tags(youtube.http.get(youtube.sandbox.url).text)
    assert f"youtube-video-{video}" in [card["id"] for card in seen.all("article")]
    (picture,) = seen.all("img")
    served = youtube.http.get(str(picture["src"]))
    assert (served.content, served.headers["Content-Type"]) == (PNG, "image/png")
    for words in ("Tech Talk", "YouTube", "Sandbox Channel", "Unlisted", "a, b", "4 bytes", "Processing"):
        assert words in seen.text
    assert "https://example.com/s" in [link.get("href") for link in seen.all("a")]
    youtube.sandbox.clock.move(5)
    assert "Processing" not in youtube.http.get(youtube.sandbox.url).text


def test_a_stored_video_plays(http: requests.Session, tmp_path: Path) -> None:
    with Sandbox(keep=tmp_path / "kept") as sandbox:
        youtube_client(sandbox, http, tmp_path).upload(bytes(range(256)))
        (film,) = Tags(http.get(sandbox.url).text).all("video")
        assert "controls" in film
        url = str(film["src"])
        served = http.get(url)
        assert (served.content, served.headers["Content-Type"]) == (bytes(range(256)), "video/mp4")
        assert served.headers["Content-Security-Policy"] == "sandbox"
        part = http.get(url, headers={"Range": "bytes=10-19"})
        assert (part.status_code, part.content) == (206, bytes(range(10, 20)))
        assert http.get(f"{sandbox.url}/_sandbox/media/..%2fca.pem").status_code == 404
        for stored in (tmp_path / "kept").iterdir():
            stored.unlink()
        assert http.get(url).status_code == 404
        assert Tags(http.get(sandbox.url).text).all("video") == []


def post_on_facebook(sandbox: Sandbox, http: requests.Session, directory: Path, **fields: str) -> None:
    target: Any = sandbox.config(directory)["facebook"]
    headers = {"Authorization": f"Bearer {target['access_token']}"}
    reply = http.post(f"{sandbox.url}/v26.0/{target['page_id']}/feed", data=fields, headers=headers)
    assert reply.status_code == 200, reply.text


def test_a_post_shows_the_card_of_the_video_it_links(youtube: YouTubeClient, tmp_path: Path) -> None:
    body = {"snippet": {"title": "Tech Talk"}, "status": {"privacyStatus": "public"}}
    video = youtube.upload(body=body)["id"]
    path = f"/upload/youtube/v3/thumbnails/set?videoId={video}"
    youtube.call("POST", path, data=PNG, headers={"Content-Type": "image/png"})
    link = f"https://youtube.com/watch?v={video}"
    post_on_facebook(youtube.sandbox, youtube.http, tmp_path, message=f"My latest: {link}", link=link)
    html = youtube.http.get(youtube.sandbox.url).text
    post = re.search(r'<article id="facebook-post-.*?</article>', html, re.DOTALL)
    assert post is not None
    seen = Tags(post[0])
    assert "Tech Talk" in seen.text
    assert f"#youtube-video-{video}" in [anchor.get("href") for anchor in seen.all("a")]
    (picture,) = seen.all("img")
    assert youtube.http.get(str(picture["src"])).content == PNG


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (Published("video", "1", 0, title="The film"), "The film"),
        (Published("video", "1", 0, title="The film", privacy="unlisted"), "The film"),
        (Published("video", "1", 0, title="The film", privacy="private"), "This video is private"),
        (Published("video", "1", 0, title="The film", privacy="nobody"), "This video is private"),
        (Published("video", "2", 0, title="Another"), "Nothing in this sandbox is behind this link"),
    ],
)
def test_what_a_link_leads_to(target: Published, words: str) -> None:
    html = feed(target, Published("post", "9", 0, text="Look", link="https://stage.example/1"))
    posts = html.partition('id="posts"')[2]
    assert words in posts
    assert ("The film" in posts) == (words == "The film")


def test_a_link_to_elsewhere_is_shown_plainly() -> None:
    seen = Tags(feed(Published("post", "1", 0, text="Read", link="https://www.example.com/articles/42")))
    (card,) = (link for link in seen.all("a") if link["class"] == "link bare")
    assert card["href"] == "https://www.example.com/articles/42"
    assert "example.com" in seen.text


def test_badges() -> None:
    texts = [
        (Published("post", "1", 0, scheduled_for=1_800_000_000.0), "Goes public 15 Jan 2027 08:00 UTC"),
        (Published("video", "1", 0, status="failed: codec"), "Failed: codec"),
        (Published("video", "1", 0, status="uploading"), "Uploading"),
        (Published("video", "1", 0, privacy="nobody"), "Private"),
    ]
    for item, words in texts:
        assert words in Tags(feed(item)).text
    assert 'class="badge' not in feed(Published("video", "1", 0, privacy="anybody"))


@pytest.mark.parametrize(
    ("status", "kind"), [("uploading", "busy"), ("processing", "busy"), ("failed: codec", "trouble")]
)
def test_what_is_under_way_is_no_trouble(status: str, kind: str) -> None:
    assert f'class="badge {kind}"' in feed(Published("video", "1", 0, status=status))


@pytest.mark.parametrize(("size", "status", "plays"), [(9, "", 1), (None, "", 1), (0, "", 0), (9, "uploading", 0)])
def test_only_what_is_there_plays(size: int | None, status: str, plays: int) -> None:
    item = Published("video", "1", 0, title="t", video="http://x/film.mp4", size=size, status=status)
    assert len(Tags(feed(item)).all("video")) == plays


EVERYWHERE = Published(
    kind="post",
    id=EVIL,
    at=0,
    title=EVIL,
    text=f"{EVIL} https://example.com/{EVIL}",
    url="javascript:window.hacked=1",
    thumbnail="javascript:window.hacked=1",
    video="data:text/html,<script>1</script>",
    link="javascript:window.hacked=1",
    privacy=EVIL,
    status=EVIL,
    author=EVIL,
    facts={EVIL: EVIL},
    comments=(EVIL,),
)


@pytest.mark.parametrize("kind", ["post", "video"])
def test_whatever_is_published_stays_text(kind: str) -> None:
    evil = replace(EVERYWHERE, kind=kind)
    seen = Tags(feed(evil, Published("post", "x", 0, link="https://stage.example/" + EVIL)))
    assert seen.all("script") == seen.all("img") == seen.all("video") == []
    assert seen.text.count("window.hacked = 1") >= 8
    for name, attributes in seen.found:
        assert not [key for key in attributes if key.startswith("on")], name
        for key in ("href", "src", "poster"):
            value = attributes.get(key)
            assert value is None or value.startswith(("http://", "https://", "#")), value


def test_the_element_builder_escapes() -> None:
    assert tag("b", "<&>", title='"<').text == '<b title="&quot;&lt;">&lt;&amp;&gt;</b>'
    assert tag("img", alt="", src=None, hidden=True).text == '<img alt="" hidden>'
    assert tag("i", tag("b", "x"), None, aria_label="a").text == '<i aria-label="a"><b>x</b></i>'
    assert linked("see (https://a.example/x?y=1&z), <b>").text == (
        'see (<a href="https://a.example/x?y=1&amp;z" rel="noopener">https://a.example/x?y=1&amp;z</a>), &lt;b&gt;'
    )
    assert [safe_url(url) for url in ("HTTPS://x", "javascript:x", "//x", "", None)] == [
        "HTTPS://x",
        *[None] * 4,
    ]
    assert [human_size(size) for size in (0, 999, 181_084, 2_100_000, 5_000_000_000)] == [
        "0 bytes",
        "999 bytes",
        "181.1 kB",
        "2.1 MB",
        "5.0 GB",
    ]


def test_the_page_is_one_file_that_may_load_nothing_from_outside(sandbox: Sandbox, http: requests.Session) -> None:
    reply = http.get(sandbox.url)
    policy = reply.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    for element in ("script", "style"):
        (content,) = re.findall(rf"<{element}>(.*?)</{element}>", reply.text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{element}-src 'sha256-{digest}'" in policy
    seen = Tags(reply.text)
    assert [script for script in seen.all("script") if script] == []
    outside = re.findall(r'(?:src|href)="(?!data:|#|/_sandbox/)[^"]*"', reply.text)
    assert outside == []
    assert "innerHTML" not in reply.text


def events(url: str, http: requests.Session) -> Iterator[float]:
    """When each "changed" event arrives."""
    with http.get(f"{url}/_sandbox/events", stream=True, timeout=10) as reply:
        assert reply.headers["Content-Type"] == "text/event-stream"
        for line in reply.iter_lines(chunk_size=1):
            if line == b"event: changed":
                yield time.monotonic()


def test_changes_are_told_at_once_and_by_time(youtube: YouTubeClient) -> None:
    with requests.Session() as listening:
        changes = events(youtube.sandbox.url, listening)
        next(changes)  # what is there already
        youtube.sandbox.set(processing_s=0.2)
        began = time.monotonic()
        youtube.upload()
        assert next(changes) - began < 0.9  # told, not found by the next look
        next(changes)  # processing is over, which nobody tells
        assert "Processing" not in youtube.http.get(f"{youtube.sandbox.url}/_sandbox/feed").text
        changes.close()  # type: ignore[attr-defined]  # a generator


def test_in_a_browser(http: requests.Session, tmp_path: Path) -> None:
    """Live, nothing hacked, no complaint on the console, and a film goes on playing while others arrive."""

    async def look() -> None:
        async with opened(sandbox.url, tmp_path / "profile") as tab:
            await tab.until("document.getElementById('live').textContent == 'Live'")
            youtube.upload(SAMPLE.read_bytes())
            await tab.until("document.querySelectorAll('.card').length == 1")
            await tab.until("document.querySelector('.length')?.textContent == '0:06'")
            await tab.until("!document.querySelector('.busy')")
            await tab.run("document.querySelector('.play').click()")
            await tab.until("document.querySelector('video').currentTime > 0.1")
            await tab.run("window.film = document.querySelector('video')")
            post_on_facebook(sandbox, http, tmp_path, message=EVIL)
            youtube.upload(SAMPLE.read_bytes())
            await tab.until("document.querySelectorAll('.card').length == 3")
            assert await tab.run("film.isConnected && !film.paused && film.currentTime > 0.1")
            assert EVIL in await tab.run("document.querySelector('#posts .message').textContent")
            assert await tab.run("window.hacked === undefined")
            sandbox.clock.move(90_000)
            await tab.until("document.getElementById('clock').textContent == 'Its clock is 25 hours ahead'")
            sandbox.reset()
            await tab.until("document.getElementById('feed').className == 'empty'")
            assert tab.complaints == []

    with Sandbox(keep=tmp_path / "kept", options={"processing_s": 0.1}) as sandbox:
        youtube = youtube_client(sandbox, http, tmp_path)
        asyncio.run(look())
