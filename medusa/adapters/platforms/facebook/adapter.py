"""A Facebook Page as UploaderPort and PublisherPort: hands each step to the object that knows it."""

from __future__ import annotations

from collections.abc import Mapping

from medusa.adapters.http import Http
from medusa.adapters.platforms.facebook import posts
from medusa.adapters.platforms.facebook.account import FacebookAccount
from medusa.adapters.platforms.facebook.api import Api
from medusa.adapters.platforms.facebook.posts import FeedPost, VideoPost, Visible
from medusa.adapters.platforms.facebook.reads import Permalink, Preflight
from medusa.adapters.platforms.facebook.rules import Form
from medusa.adapters.platforms.facebook.uploads import Invisible, PhasedVideo, PhotoUpload, ReelUpload
from medusa.domain.ports import AccountsPort, Call
from medusa.domain.task import PREFLIGHT_STEP
from medusa.domain.values import Checkpoint, Intent, LookAgain, Receipt, StepSpec, Verdict


class FacebookPublisher:
    """One Page. Its token cannot be renewed without the user, so it is no RenewablePort."""

    def __init__(self, account: FacebookAccount, http: Http, _accounts: AccountsPort) -> None:
        api = Api(account, http)
        feed, video = FeedPost(api, account.resend_if_not_found), VideoPost(api)
        self._reads: Mapping[str, Invisible] = {PREFLIGHT_STEP: Preflight(api), "permalink": Permalink(api)}
        self._uploads: Mapping[Form, Invisible] = {
            Form.PHOTO: PhotoUpload(api),
            Form.VIDEO: PhasedVideo(api),
            Form.REEL: ReelUpload(api),
        }
        self._posts: Mapping[Form, Visible] = {
            Form.FEED: feed,
            Form.PHOTO: feed,
            Form.VIDEO: video,
            Form.REEL: video,
        }

    def open(self, call: Call, spec: StepSpec, made: Mapping[str, Receipt]) -> Checkpoint:
        return self._invisible(spec).open(call, spec, made)

    def advance(self, call: Call, spec: StepSpec, at: Checkpoint) -> Checkpoint | Receipt:
        return self._invisible(spec).advance(call, spec, at)

    def ask(self, call: Call, spec: StepSpec, at: Checkpoint) -> Checkpoint | Receipt:
        return self._invisible(spec).ask(call, spec, at)

    def abandon(self, call: Call, at: Checkpoint) -> None:
        """Only an upload's checkpoint says what it is of; the other steps leave nothing behind."""
        if form := at.cursor.get("form"):
            self._uploads[Form(form)].abandon(call, at)

    def intend(self, spec: StepSpec, made: Mapping[str, Receipt], now: float) -> Intent:
        return posts.intent(spec, made, now)

    def publish(self, call: Call, intent: Intent) -> Receipt | LookAgain:
        return self._posts[Form(intent.fields["form"])].publish(call, intent)

    def find(self, call: Call, intent: Intent, looks: int) -> Receipt | LookAgain | Verdict:
        return self._posts[Form(intent.fields["form"])].find(call, intent, looks)

    def _invisible(self, spec: StepSpec) -> Invisible:
        """A step that moves bytes says what they become; the others are known by their names."""
        return self._reads.get(spec.name) or self._uploads[Form(spec.fields["form"])]
