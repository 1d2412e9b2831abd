"""Before anything is sent: who is logged in, and whether the channel takes the video."""

from __future__ import annotations

from medusa.adapters.http import Reply
from medusa.adapters.platforms.youtube import wire
from medusa.adapters.platforms.youtube.api import Api, Made, Repeatable
from medusa.adapters.platforms.youtube.errors import reason_of
from medusa.adapters.platforms.youtube.fields import moment
from medusa.adapters.platforms.youtube.rules import UNVERIFIED_SECONDS
from medusa.domain.failures import Failure, FailureKind, PlatformError
from medusa.domain.values import Checkpoint, Json, Receipt, StepSpec

BLIND = "insufficientPermissions"
"""The reason by which a read is refused to a token of the scope youtube.upload alone (facts: scopes)."""
_NOT_READ = (
    "the login allows uploads only, so that neither the channel was checked nor can processing be waited for; "
    "to allow more, log in again"
)
_VERIFY = "Verify the channel's phone number at https://www.youtube.com/verify for longer videos."


class Preflight(Repeatable):
    """One read of the channel. The receipt's extra: `reads`, whether the token may read; `uploads`, a playlist."""

    def open(self, _api: Api, _spec: StepSpec, _made: Made, /) -> Checkpoint:
        """Nothing is needed for it."""
        return Checkpoint()

    def advance(self, api: Api, spec: StepSpec, _at: Checkpoint, /) -> Checkpoint | Receipt:
        """Read the channel."""
        _check_schedule(spec.fields, api.now())
        if not api.user.may_upload(api.caller):
            raise _unfit(FailureKind.AUTH, "the login does not allow uploads", "scopes", api.caller.log_in)
        reply = api.send(wire.my_channel(api.root))
        if reason_of(reply) == BLIND:
            return Receipt(None, extra={"reads": False}, warnings=(_NOT_READ,))
        return _checked(api, reply, spec)


def _checked(api: Api, reply: Reply, spec: StepSpec) -> Receipt:
    found = api.listed(reply)
    if not found:
        todo = f"Create a channel for it, or log in with an account that has one: {api.caller.login}"
        raise _unfit(FailureKind.AUTH, "the logged-in account has no channel", "youtubeSignupRequired", todo)
    channel = found[0]
    duration_s = (spec.media.duration_s if spec.media else None) or 0.0
    warnings = _check_length(str(wire.value_at(channel, "status", "longUploadsStatus")), duration_s)
    uploads = wire.value_at(channel, "contentDetails", "relatedPlaylists", "uploads")
    known = uploads if isinstance(uploads, str) else ""
    return Receipt(str(channel.get("id")), extra={"reads": True, "uploads": known}, warnings=warnings)


def _check_length(long_uploads: str, duration_s: float) -> tuple[str, ...]:
    """Long videos need a verified phone number: refused where it is missing, warned of where it may be."""
    if duration_s <= UNVERIFIED_SECONDS or long_uploads not in ("disallowed", "eligible"):
        return ()
    said = f"Video too long for this channel (max {UNVERIFIED_SECONDS // 60} minutes)"
    if long_uploads == "disallowed":
        raise _unfit(FailureKind.REJECTED, said, "longUploadsStatus", _VERIFY)
    return (f"the video may be too long for this channel, which has not enabled long uploads. {_VERIFY}",)


def _check_schedule(fields: Json, now: float) -> None:
    """A time that has passed would publish the video at once (facts: status.publishAt)."""
    at = moment(fields.get("publish_at", ""))
    if at is not None and at.timestamp() <= now:
        todo = "Give a later one, or none and the privacy that you want."
        raise _unfit(FailureKind.REJECTED, f"publish_at has passed: {at.isoformat()}", "invalidPublishAt", todo)


def _unfit(kind: FailureKind, said: str, code: str, todo: str) -> PlatformError:
    return PlatformError(Failure(kind, said, code, no_effect=True, todo=todo))
