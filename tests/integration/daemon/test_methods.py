"""Every method of the API, over a real channel."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from medusa.adapters.platforms.fake.server import FakePlatform
from medusa.daemon.pb import medusa_pb2 as pb
from medusa.daemon.pb.medusa_pb2_grpc import MedusaServiceStub
from tests.integration.conftest import SAMPLE

WITHIN_S = 20.0


def asked(**more: Any) -> pb.PublishRequest:
    request = pb.PublishRequest(media_path=SAMPLE, targets=["fake", "news"], **more)
    request.metadata.update({"fake": {"title": "Talk", "privacy": "public"}, "news": {"message": "See {fake_url}"}})
    return request


def last(stub: MedusaServiceStub, task_id: str) -> pb.Task:
    *_, final = stub.WatchTask(pb.WatchTaskRequest(task_id=task_id), timeout=WITHIN_S)
    return final.task


def violations(error: grpc.RpcError) -> list[tuple[str, str]]:
    status = rpc_status.from_call(error)
    bad = error_details_pb2.BadRequest()
    assert any(detail.Unpack(bad) for detail in status.details)
    return [(one.field, one.description) for one in bad.field_violations]


def test_a_task_is_published_and_watched_to_its_end(stub: MedusaServiceStub, platform: FakePlatform) -> None:
    begun = stub.Publish(asked()).task
    seen = [reply.task for reply in stub.WatchTask(pb.WatchTaskRequest(task_id=begun.id), timeout=WITHIN_S)]
    assert all(one.revision < other.revision for one, other in pairwise(seen))
    assert seen[-1].state == pb.TASK_STATE_COMPLETED
    assert seen[-1].results == {"fake_url": platform.videos[0].url, "news_post_id": platform.posts[0].id}
    assert seen[-1] == stub.GetTask(pb.GetTaskRequest(task_id=begun.id)).task


def test_every_field_that_is_wrong_is_named(stub: MedusaServiceStub) -> None:
    request = pb.PublishRequest(media_path="/nowhere.mp4", targets=["fake", "fakke"])
    request.metadata.update({"fake": {"title": "T", "colour": "red"}})
    with pytest.raises(grpc.RpcError) as raised:
        stub.Publish(request)
    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert {field for field, _ in violations(raised.value)} == {"media_path", "targets[1]", "metadata.fake.colour"}
