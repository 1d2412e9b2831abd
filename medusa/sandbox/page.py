"""The page at /: what got published, as a person would see it.

Everything is escaped by construction (`markup`), and page.html holds the one script and the one style sheet, whose
hashes are all that the Content-Security-Policy lets run.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from medusa.sandbox.markup import Html, Node, fragment, linked, safe_url, tag

if TYPE_CHECKING:
    from medusa.sandbox.exchange import Platform, Published

VISIBLE = frozenset({"public", "anybody", "PUBLISHED", ""})
"""Privacy words that need no badge."""
_PRIVACY = {"nobody": "private", "disable": "hidden", "unlisted_link": "unlisted"}


@dataclass(frozen=True, slots=True)
class Shown:
    """One published thing with the platform it is on."""

    platform: Platform
    item: Published

    @property
    def anchor(self) -> str:
        """Its id on the page."""
        return f"{self.platform.name}-{self.item.kind}-{self.item.id}"


def whole(published: Sequence[tuple[Platform, Published]], ahead: float) -> str:
    """The page with everything on it. `ahead`: seconds by which the sandbox's clock is ahead."""
    return _shell().replace("<!-- feed -->", feed(published, ahead))


def headers() -> dict[str, str]:
    """The page may run its own script and style and load from its own origin; nothing else."""
    script, style = (_digest(name) for name in ("script", "style"))
    policy = (
        f"default-src 'none'; script-src '{script}'; style-src '{style}'; img-src 'self' data:; media-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }


def feed(published: Sequence[tuple[Platform, Published]], ahead: float) -> str:
    """The part of the page that changes."""
    everything = [Shown(platform, item) for platform, item in published]
    films = [one for one in everything if one.item.kind in ("video", "reel")]
    posts = [one for one in everything if one.item.kind not in ("video", "reel")]
    columns = [
        _column("videos", "Videos", [_film(one) for one in films]),
        _column("posts", "Posts", [_post(one, everything) for one in posts]),
    ]
    body = columns if everything else [_nothing()]
    return tag("main", *body, id="feed", data_ahead=f"{ahead:.0f}", class_=None if everything else "empty").text


def _column(name: str, title: str, cards: Sequence[Html]) -> Html:
    count = tag("span", str(len(cards)), class_="count")
    heading = tag("h2", title, " ", count, id=f"{name}-title")
    shelf = tag("div", *cards, class_="cards")
    none = tag("p", f"No {name} yet.", class_="none")
    return tag("section", heading, shelf, none, id=name, aria_labelledby=f"{name}-title")


def _nothing() -> Html:
    return tag(
        "div",
        tag("div", class_="art", aria_hidden="true"),
        tag("h2", "Nothing published yet"),
        tag("p", "Whatever is published to this sandbox appears here at once, the way people would see it."),
        tag("pre", tag("code", "medusa publish film.mp4 --to youtube,vimeo,facebook")),
    )


def _card(shown: Shown, *children: Node, class_: str) -> Html:
    body = fragment(children)
    version = hashlib.sha1(body.text.encode()).hexdigest()[:12]
    return tag(
        "article",
        body,
        id=shown.anchor,
        class_=f"card {class_}",
        data_version=version,
        data_platform=shown.platform.name,
        aria_label=f"{shown.item.kind.capitalize()} on {shown.platform.display_name}: {_name(shown.item)}",
    )


def _film(shown: Shown) -> Html:
    item = shown.item
    return _card(
        shown,
        tag("div", _screen(item), _badges(item), class_="screen"),
        tag(
            "div",
            tag("h3", _name(item)),
            tag("p", item.author, class_="author") if item.author else None,
            _byline(shown),
            _prose(item.text, "description"),
            _facts(item),
            _comments(item),
            class_="body",
        ),
        class_="film",
    )


def _post(shown: Shown, everything: Sequence[Shown]) -> Html:
    item = shown.item
    author = item.author or shown.platform.display_name
    return _card(
        shown,
        tag(
            "header",
            tag("span", author[:1].upper(), class_="avatar", aria_hidden="true"),
            tag("div", tag("strong", author), _byline(shown)),
            _badges(item),
        ),
        _prose(item.text, "message"),
        tag("div", _screen(item), class_="attached") if item.thumbnail or item.video else None,
        _link_card(item.link, everything) if item.link else None,
        _facts(item),
        _comments(item),
        class_="post",
    )


def _screen(item: Published) -> Html:
    """The film if it is stored, else its picture, else a plain stand-in."""
    picture = safe_url(item.thumbnail)
    if (film := safe_url(item.video)) and item.size != 0 and item.status != "uploading":
        return tag(
            "video",
            tag("a", "Play the video", href=film),
            src=film,
            poster=picture,
            controls=True,
            playsinline=True,
            preload="metadata",
            aria_label=_name(item),
        )
    if picture:
        alt = "" if item.kind in ("video", "reel") else f"Picture of the {item.kind}"
        return tag("img", src=picture, alt=alt, loading="lazy")
    return _stand_in(item)


def _stand_in(item: Published) -> Html:
    tone = int(hashlib.sha256(item.id.encode()).hexdigest(), 16) % 6
    return tag("div", tag("span", _name(item)), class_=f"stand-in tone-{tone}", aria_hidden="true")


def _byline(shown: Shown) -> Html:
    item = shown.item
    pieces = [tag("span", shown.platform.display_name, class_="platform"), _time(item.at)]
    if item.size:
        pieces.append(tag("span", human_size(item.size)))
    return tag("p", *pieces, class_="byline")


def _badges(item: Published) -> Html | None:
    badges = []
    if item.scheduled_for is not None:
        badges.append(tag("span", "Goes public ", _time(item.scheduled_for), class_="badge scheduled"))
    elif item.privacy not in VISIBLE:
        badges.append(tag("span", _PRIVACY.get(item.privacy, item.privacy).capitalize(), class_="badge privacy"))
    if item.status and item.status != "scheduled":
        kind = "busy" if item.status in ("uploading", "processing") else "trouble"
        badges.append(tag("span", item.status.capitalize(), class_=f"badge {kind}"))
    return tag("p", *badges, class_="badges") if badges else None


def _time(at: float) -> Html:
    moment = datetime.fromtimestamp(at, UTC)
    return tag("time", moment.strftime("%d %b %Y %H:%M UTC"), datetime=moment.isoformat(timespec="seconds"))


def _facts(item: Published) -> Html | None:
    if not item.facts:
        return None
    rows = (tag("div", tag("dt", name), tag("dd", text)) for name, text in item.facts.items())
    return tag("dl", *rows, class_="facts")


def _comments(item: Published) -> Html | None:
    if not item.comments:
        return None
    return tag("ul", *(tag("li", linked(text)) for text in item.comments), class_="comments", aria_label="Comments")


def _link_card(link: str, everything: Sequence[Shown]) -> Html:
    """The card under a post: what the link leads to, if that is in this sandbox and open to all."""
    target, known = _target(link, everything)
    host = (urlsplit(link).hostname or link).removeprefix("www.")
    where = tag("span", host, class_="host")
    if target is None:
        words = "Nothing in this sandbox is behind this link." if known else link
        body = tag("div", where, tag("span", words, class_="words"), class_="about")
        return tag("a", body, class_="link bare", href=safe_url(link), rel="noopener")
    hidden = target.item.privacy not in VISIBLE | {"unlisted", "unlisted_link"}
    title = "This video is private" if hidden else _name(target.item)
    words = "People who follow the link cannot watch it." if hidden else _short(target.item.text)
    about = tag("div", where, tag("strong", title), tag("span", words, class_="words"), class_="about")
    picture = tag("div", _still(target.item, hidden=hidden), class_="still shut" if hidden else "still")
    return tag("a", picture, about, class_="link", href=f"#{target.anchor}")


def _still(item: Published, *, hidden: bool) -> Html:
    if hidden:
        return tag("div", class_="stand-in locked", aria_hidden="true")
    if picture := safe_url(item.thumbnail):
        return tag("img", src=picture, alt="", loading="lazy")
    if film := safe_url(item.video):
        return tag("video", src=f"{film}#t=0.1", preload="metadata", muted=True, tabindex="-1", aria_hidden="true")
    return _stand_in(item)


def _target(link: str, everything: Sequence[Shown]) -> tuple[Shown | None, bool]:
    """What the link shows, and whether it is a link to one of these platforms at all."""
    known = False
    for shown in everything:
        found = shown.platform.recognise(link)
        known = known or found is not None
        if found == shown.item.id and shown.item.kind in ("video", "reel"):
            return shown, True
    return None, known


def _prose(text: str, class_: str) -> Html | None:
    return tag("p", linked(text), class_=class_) if text else None


def human_size(size: int) -> str:
    """Bytes as people write them: "2.1 MB"."""
    amount = float(size)
    for unit in ("bytes", "kB", "MB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "bytes" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} GB"


def _name(item: Published) -> str:
    return item.title or _short(item.text) or f"Untitled {item.kind}"


def _short(text: str, limit: int = 120) -> str:
    line = " ".join(text.split())
    return line if len(line) <= limit else f"{line[: limit - 1].rstrip()}…"


@cache
def _shell() -> str:
    return (files("medusa.sandbox") / "page.html").read_text(encoding="utf-8")


@cache
def _digest(element: str) -> str:
    """The hash source of the one inline <script> or <style>."""
    found = re.search(rf"<{element}>(.*?)</{element}>", _shell(), re.DOTALL)
    assert found is not None
    return "sha256-" + base64.b64encode(hashlib.sha256(found[1].encode()).digest()).decode()
