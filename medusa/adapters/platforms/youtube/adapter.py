"""YouTubeUploader: UploaderPort for YouTube, over the steps' own modules."""

from __future__ import annotations

from collections.abc import Mapping

from medusa.adapters.http import Http
from medusa.adapters.platforms.youtube.account import YouTubeAccount, scopes
from medusa.adapters.platforms.youtube.api import Api, Stage
from medusa.adapters.platforms.youtube.auth import AuthorizedUser
from medusa.adapters.platforms.youtube.errors import Caller
from medusa.adapters.platforms.youtube.extras import Captions, Playlist, Thumbnail
from medusa.adapters.platforms.youtube.found import Found
from medusa.adapters.platforms.youtube.ledger import Ledger
from medusa.adapters.platforms.youtube.preflight import Preflight
from medusa.adapters.platforms.youtube.ready import Ready
from medusa.adapters.platforms.youtube.video import VideoUpload
from medusa.domain.ports import AccountsPort, Call
from medusa.domain.task import FOUND_STEP
from medusa.domain.values import Checkpoint, Receipt, StepSpec


class YouTubeUploader:
    """One target's uploads to YouTube, with what follows them."""

    def __init__(self, account: YouTubeAccount, http: Http, accounts: AccountsPort) -> None:
        self._account = account
        self._http = http
        self._root = account.endpoints.api
        self._user = AuthorizedUser(account.credentials_file, account.endpoints.token, accounts)
        self._ledger = Ledger(account, accounts)
        self._caller = Caller("youtube", *scopes(account))
        self._stages: Mapping[str, Stage] = {
            "preflight": Preflight(),
            "video": VideoUpload(account.chunk_size),
            "thumbnail": Thumbnail(),
            "captions": Captions(),
            "playlist": Playlist(),
            "ready": Ready(),
            FOUND_STEP: Found(),
        }

    def open(self, call: Call, spec: StepSpec, made: Mapping[str, Receipt]) -> Checkpoint:
        """Where the step begins."""
        return self._stage(spec).open(self._api(call, spec), spec, made)

    def advance(self, call: Call, spec: StepSpec, at: Checkpoint) -> Checkpoint | Receipt:
        """Go on from `at`."""
        return self._stage(spec).advance(self._api(call, spec), spec, at)

    def ask(self, call: Call, spec: StepSpec, at: Checkpoint) -> Checkpoint | Receipt:
        """Where YouTube says that the step stands."""
        return self._stage(spec).ask(self._api(call, spec), spec, at)

    def abandon(self, call: Call, at: Checkpoint) -> None:
        """Nothing is left behind: a session that is never completed expires by itself."""

    def renew(self, call: Call) -> None:
        """A fresh access token."""
        self._user.renew(call, self._http, self._caller)

    def _stage(self, spec: StepSpec) -> Stage:
        return self._stages[spec.name.partition(".")[0]]

    def _api(self, call: Call, spec: StepSpec) -> Api:
        self._caller = _on_behalf_of(spec, self._account)
        return Api(call, self._http, self._user, self._caller, self._root, self._ledger)


def _on_behalf_of(spec: StepSpec, account: YouTubeAccount) -> Caller:
    """The target is known by a step's key, "task:target:name": the account does not hold it."""
    return Caller(spec.key.split(":")[-2], *scopes(account))
