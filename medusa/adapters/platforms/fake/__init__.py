"""A platform that exists in memory only: hosts videos and takes posts.

It is here for Medusa's own exams and for anyone who tests code of theirs against Medusa without a network: the adapter
is a whole one, written as that of a real platform is, and `FakePlatform` (in `server.py`) is what it talks to, handed
in where a real adapter is handed the `Http` that sends its requests:

    platform = FakePlatform()
    platform.fail("post.create", Failure(FailureKind.TRANSIENT, "the reply was lost"), after=True)
    adapter = FakePublisher(FakeAccount(), platform, accounts)

It is in no configuration's list of platforms.
"""

from __future__ import annotations

from medusa.adapters.platforms.fake.rules import FakeAccount, FakeRules
from medusa.domain.platform import Platform

PLATFORM = Platform(
    name="fake",
    display="Fake",
    account=FakeAccount,
    rules=FakeRules,
    adapter="medusa.adapters.platforms.fake.adapter:FakePublisher",
    scopes=lambda account: (f"fake:{account.name}",),
    site=lambda account: f"the studio {account.name}",
    abilities=("video", "thumbnail", "post", "comment"),
    limits={"title": "100 characters", "message": "280 characters"},
    gives="post_id",
)
