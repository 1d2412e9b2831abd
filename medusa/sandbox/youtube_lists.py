"""The channel itself, playlists and comments: the methods of the imitated API (facts: google, 3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from medusa.sandbox.exchange import Received, Reply
from medusa.sandbox.google_document import Method
from medusa.sandbox.google_errors import GoogleError
from medusa.sandbox.youtube_channel import Channel, Comment, Playlist, PlaylistItem, named_parts, some_filter
from medusa.sandbox.youtube_video import etag, listing, new_id, timestamp

OPTIONS: Mapping[str, object] = {
    "youtube_duplicate_item": "refuse",  # (unverified) a video twice in a playlist: "refuse" or "allow"
}
COMMENT_LIMIT = 10_000
"""Characters of a comment (unverified)."""


class ListMethods:
    """What can be done with playlists, comments and the channel. Methods raise GoogleError to refuse."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._world = channel.world

    async def list_channels(self, received: Received, _: Method) -> Reply:
        """channels.list with mine=true, or by id: at most the one channel that there is."""
        parts = named_parts(received.query, "Channel")
        some_filter(received.query, ("id", "mine"))
        mine = received.query.get("mine") == "true" or self._channel.id in received.query.get("id", "").split(",")
        items = [self._channel_resource(parts)] if mine and self._world.options.flag("youtube_has_channel") else []
        return Reply(200, listing("youtube#channelListResponse", items, len(items)))

    async def insert_playlist(self, received: Received, method: Method) -> Reply:
        """playlists.insert: a title is required."""
        body = method.check_body(await received.json())
        parts = named_parts(received.query, "Playlist")
        snippet = body.get("snippet") or {}
        if not (snippet.get("title") or "").strip() or "snippet" not in parts:
            message = "Required"
            raise GoogleError(400, "playlistTitleRequired", message, domain="youtube.playlist")
        privacy = (body.get("status") or {}).get("privacyStatus", "public")
        playlist = Playlist(new_id("PL", 32), snippet, privacy, self._world.clock.now())
        self._channel.playlists[playlist.id] = playlist
        return Reply(200, self._playlist_resource(playlist, parts))

    async def list_playlists(self, received: Received, _: Method) -> Reply:
        """playlists.list with mine=true, by id or channelId."""
        parts = named_parts(received.query, "Playlist")
        some_filter(received.query, ("channelId", "id", "mine"))
        ids = received.query.get("id")
        found = [
            playlist for playlist in self._channel.playlists.values() if ids is None or playlist.id in ids.split(",")
        ]
        return self._paged(
            received, "youtube#playlistListResponse", [self._playlist_resource(one, parts) for one in found]
        )

    async def insert_item(self, received: Received, method: Method) -> Reply:
        """playlistItems.insert: 404 for what does not exist, 409 for a video that is there already."""
        body = method.check_body(await received.json())
        parts = named_parts(received.query, "PlaylistItem")
        snippet = body.get("snippet") or {}
        resource = snippet.get("resourceId") or {}
        if not snippet.get("playlistId"):
            raise _item_error(400, "playlistIdRequired", "The request does not specify a playlist.")
        if resource.get("kind") != "youtube#video" or not resource.get("videoId"):
            raise _item_error(400, "resourceIdRequired", "The request must contain a resource id.")
        playlist = self._playlist(snippet["playlistId"])
        video = self._channel.video(resource["videoId"])
        twice = any(item.video_id == video.id for item in playlist.items)
        if twice and self._world.options.text("youtube_duplicate_item") == "refuse":
            raise _item_error(409, "videoAlreadyInPlaylist", "The video is already in the playlist.")
        item = PlaylistItem(new_id("UExm", 48), video.id, self._world.clock.now())
        position = snippet.get("position", len(playlist.items))
        if not 0 <= position <= len(playlist.items):
            raise _item_error(400, "invalidPlaylistItemPosition", "The request tries to set an invalid position.")
        playlist.items.insert(position, item)
        self._world.changed()
        return Reply(200, self._item_resource(playlist.id, item, position, parts))

    async def list_items(self, received: Received, _: Method) -> Reply:
        """playlistItems.list of a playlist, the channel's uploads included; videoId narrows it down."""
        parts = named_parts(received.query, "PlaylistItem")
        some_filter(received.query, ("id", "playlistId"))
        playlist_id = received.query.get("playlistId", "")
        items = self._uploads() if playlist_id == self._channel.uploads_playlist else self._playlist(playlist_id).items
        video_id = received.query.get("videoId")
        shown = [
            self._item_resource(playlist_id, item, position, parts)
            for position, item in enumerate(items)
            if video_id in (None, item.video_id) and self._channel.listed(item.at)
        ]
        return self._paged(received, "youtube#playlistItemListResponse", shown)

    async def insert_comment(self, received: Received, method: Method) -> Reply:
        """commentThreads.insert: a top-level comment on a video."""
        body = method.check_body(await received.json())
        parts = named_parts(received.query, "CommentThread")
        snippet = body.get("snippet") or {}
        top = (snippet.get("topLevelComment") or {}).get("snippet") or {}
        text = (top.get("textOriginal") or "").strip()
        if not text:
            raise _comment_error(400, "commentTextRequired", "The comment must contain text.")
        if len(text) > COMMENT_LIMIT:
            raise _comment_error(400, "commentTextTooLong", "The comment is too long.")
        video = self._channel.video(snippet.get("videoId") or "")
        now = self._world.clock.now()
        if video.privacy(now) == "private":
            raise _comment_error(
                403, "forbidden", "The comment thread could not be created due to insufficient rights."
            )
        comment = Comment(new_id("Ugw", 23), video.id, text, now)
        self._channel.comments[comment.id] = comment
        self._world.changed()
        return Reply(200, self._thread_resource(comment, parts))

    async def list_comments(self, received: Received, _: Method) -> Reply:
        """commentThreads.list of a video, newest first."""
        parts = named_parts(received.query, "CommentThread")
        some_filter(received.query, ("id", "videoId"))
        ids, video_id = received.query.get("id"), received.query.get("videoId")
        found = [
            self._thread_resource(comment, parts)
            for comment in reversed(self._channel.comments.values())
            if (comment.video_id == video_id or comment.id in (ids or "").split(","))
            and self._channel.listed(comment.at)
        ]
        return self._paged(received, "youtube#commentThreadListResponse", found)

    def _uploads(self) -> list[PlaylistItem]:
        videos = sorted(self._channel.videos.values(), key=lambda video: video.at, reverse=True)
        return [PlaylistItem(f"VVU{video.id}", video.id, video.at) for video in videos]

    def _playlist(self, playlist_id: str) -> Playlist:
        if playlist_id not in self._channel.playlists:
            message = "The playlist identified with the request's playlistId parameter cannot be found."
            raise _item_error(404, "playlistNotFound", message)
        return self._channel.playlists[playlist_id]

    def _paged(self, received: Received, kind: str, items: list[dict[str, object]]) -> Reply:
        """maxResults (5 if not said) of the items, and how to go on."""
        size = int(received.query.get("maxResults", "5"))
        token = received.query.get("pageToken", "0")
        if not token.isdigit() or int(token) > len(items):
            message = "The request specifies an invalid page token."
            raise GoogleError(400, "invalidPageToken", message, domain="youtube.parameter")
        start = int(token)
        more = {"nextPageToken": str(start + size)} if start + size < len(items) else {}
        return Reply(200, listing(kind, items[start : start + size], len(items), **more))

    def _channel_resource(self, parts: list[str]) -> dict[str, object]:
        known: dict[str, object] = {
            "snippet": {"title": self._channel.title, "description": "", "customUrl": "@sandbox"},
            "contentDetails": {"relatedPlaylists": {"likes": "", "uploads": self._channel.uploads_playlist}},
            "status": {
                "privacyStatus": "public",
                "isLinked": True,
                "longUploadsStatus": self._world.options.text("youtube_long_uploads"),
            },
            "statistics": {"viewCount": "0", "videoCount": str(len(self._channel.videos))},
        }
        return _resource("channel", self._channel.id, known, parts)

    def _playlist_resource(self, playlist: Playlist, parts: list[str]) -> dict[str, object]:
        known: dict[str, object] = {
            "snippet": {"publishedAt": timestamp(playlist.at), "channelId": self._channel.id, **playlist.snippet},
            "status": {"privacyStatus": playlist.privacy},
            "contentDetails": {"itemCount": len(playlist.items)},
        }
        return _resource("playlist", playlist.id, known, parts)

    def _item_resource(
        self, playlist_id: str, item: PlaylistItem, position: int, parts: list[str]
    ) -> dict[str, object]:
        video = self._channel.videos.get(item.video_id)
        known: dict[str, object] = {
            "snippet": {
                "publishedAt": timestamp(item.at),
                "channelId": self._channel.id,
                "channelTitle": self._channel.title,
                "title": video.title if video else "Deleted video",
                "description": video.parts.get("snippet", {}).get("description", "") if video else "",
                "playlistId": playlist_id,
                "position": position,
                "resourceId": {"kind": "youtube#video", "videoId": item.video_id},
            },
            "contentDetails": {"videoId": item.video_id},
            "status": {"privacyStatus": video.privacy(self._world.clock.now()) if video else "private"},
        }
        return _resource("playlistItem", item.id, known, parts)

    def _thread_resource(self, comment: Comment, parts: list[str]) -> dict[str, object]:
        at = timestamp(comment.at)
        snippet = {
            "channelId": self._channel.id,
            "videoId": comment.video_id,
            "textDisplay": comment.text,
            "textOriginal": comment.text,
            "authorDisplayName": self._channel.title,
            "authorChannelId": {"value": self._channel.id},
            "publishedAt": at,
            "updatedAt": at,
        }
        top: dict[str, Any] = {"kind": "youtube#comment", "etag": etag(snippet), "id": comment.id}
        known: dict[str, object] = {
            "snippet": {
                "channelId": self._channel.id,
                "videoId": comment.video_id,
                "topLevelComment": {**top, "snippet": snippet},
                "canReply": True,
                "totalReplyCount": 0,
                "isPublic": True,
            }
        }
        return _resource("commentThread", comment.id, known, parts)


def _resource(kind: str, key: str, known: Mapping[str, object], parts: list[str]) -> dict[str, object]:
    shown = {part: known[part] for part in parts if part in known}
    return {"kind": f"youtube#{kind}", "etag": etag(shown), "id": key, **shown}


def _item_error(status: int, reason: str, message: str) -> GoogleError:
    return GoogleError(status, reason, message, domain="youtube.playlistItem")


def _comment_error(status: int, reason: str, message: str) -> GoogleError:
    return GoogleError(status, reason, message, domain="youtube.commentThread")
