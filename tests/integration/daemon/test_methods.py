"""Every method of the API, over a real channel."""

from __future__ import annotations

import threading
from itertools import pairwise
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from grpc_status import rpc_status

from medusa import MedusaCore
from medusa.adapters.platforms.fake.server import FakePlatform
from medusa.daemon import server
from medusa.daemon.pb import medusa_pb2 as pb
from medusa.daemon.pb.medusa_pb2_grpc import MedusaServiceStub
from medusa.domain.failures import Failure, FailureKind
from tests.integration.conftest import SAMPLE
from tests.integration.daemon.conftest import Serving

WITHIN_S = 20.0
POST: dict[str, Any] = {"platforms": ["news"], "metadata": {"news": {"message": "It is out"}}}


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


def test_platforms_and_targets_are_listed(stub: MedusaServiceStub) -> None:
    listed = stub.ListPlatforms(pb.ListPlatformsRequest())
    youtube = next(platform for platform in listed.platforms if platform.name == "youtube")
    assert (youtube.display_name, youtube.gives) == ("YouTube", "url")
    assert youtube.limits["title"] == "100 characters"
    assert [(target.key, target.platform) for target in listed.targets] == [
        ("fake", "fake"),
        ("gaming", "fake"),
        ("news", "fake"),
    ]


def limits(reply: pb.GetLimitsResponse | pb.SetLimitsResponse) -> dict[str, tuple[int, bool]]:
    return {limit.target: (limit.bytes_per_second, limit.configured) for limit in reply.limits}


def test_limits_are_set_told_and_given_back_to_the_configuration(stub: MedusaServiceStub) -> None:
    assert limits(stub.GetLimits(pb.GetLimitsRequest()))[""] == (0, True)
    wanted = [pb.BandwidthLimit(bytes_per_second=4096), pb.BandwidthLimit(target="fake", bytes_per_second=0)]
    assert limits(stub.SetLimits(pb.SetLimitsRequest(limits=wanted))) == {
        "": (4096, False),
        "fake": (0, False),
        "gaming": (0, True),
        "news": (0, True),
    }
    back = [pb.BandwidthLimit(configured=True), pb.BandwidthLimit(target="fake", configured=True)]
    stub.SetLimits(pb.SetLimitsRequest(limits=back))
    assert set(limits(stub.GetLimits(pb.GetLimitsRequest())).values()) == {(0, True)}


def test_a_wrong_limit_changes_nothing(stub: MedusaServiceStub) -> None:
    wrong = [
        pb.BandwidthLimit(bytes_per_second=4096),
        pb.BandwidthLimit(target="nowhere", bytes_per_second=4096),
        pb.BandwidthLimit(target="fake", bytes_per_second=-1),
    ]
    with pytest.raises(grpc.RpcError) as raised:
        stub.SetLimits(pb.SetLimitsRequest(limits=wrong))
    assert {field for field, _ in violations(raised.value)} == {"limits[1].target", "limits[2].bytes_per_second"}
    assert limits(stub.GetLimits(pb.GetLimitsRequest()))[""] == (0, True)


def test_tasks_are_listed_page_by_page(stub: MedusaServiceStub, core: MedusaCore) -> None:
    ids = [core.publish_async(**POST) for _ in range(5)]
    found: list[str] = []
    request = pb.ListTasksRequest(page_size=2, filter=pb.TaskFilter(target="news"))
    while True:
        page = stub.ListTasks(request)
        assert len(page.tasks) <= 2
        found += [task.id for task in page.tasks]
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    assert found == ids[::-1]


@pytest.mark.parametrize(
    ("call", "request_", "code"),
    [
        ("GetTask", pb.GetTaskRequest(task_id="nobody"), grpc.StatusCode.NOT_FOUND),
        ("CancelTask", pb.CancelTaskRequest(task_id="\x00"), grpc.StatusCode.NOT_FOUND),
        ("RetryTask", pb.RetryTaskRequest(), grpc.StatusCode.NOT_FOUND),
        ("ListTasks", pb.ListTasksRequest(page_size=-1), grpc.StatusCode.INVALID_ARGUMENT),
        ("ListTasks", pb.ListTasksRequest(page_token="nobody"), grpc.StatusCode.NOT_FOUND),
        ("ListTasks", pb.ListTasksRequest(filter=pb.TaskFilter(state=99)), grpc.StatusCode.INVALID_ARGUMENT),  # type: ignore[arg-type]
        ("ResolveTask", pb.ResolveTaskRequest(task_id="x"), grpc.StatusCode.INVALID_ARGUMENT),
        ("Publish", pb.PublishRequest(), grpc.StatusCode.INVALID_ARGUMENT),
        ("Publish", pb.PublishRequest(idempotency_key="k" * 256), grpc.StatusCode.INVALID_ARGUMENT),
    ],
)
def test_bad_input_has_a_status_of_its_own(
    stub: MedusaServiceStub, call: str, request_: Any, code: grpc.StatusCode
) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        getattr(stub, call)(request_)
    assert raised.value.code() is code
    assert any(
        detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR) for detail in rpc_status.from_call(raised.value).details
    )


def test_a_task_is_paused_cancelled_retried_and_deleted(
    stub: MedusaServiceStub, core: MedusaCore, platform: FakePlatform
) -> None:
    held = platform.hold("session.bytes")
    task_id = stub.Publish(asked()).task.id
    assert held.arrived.wait(WITHIN_S)
    again = platform.hold("session.bytes")
    assert stub.PauseTask(pb.PauseTaskRequest(task_id=task_id)).task.paused
    for snapshot in stub.WatchTask(pb.WatchTaskRequest(task_id=task_id), timeout=WITHIN_S):
        if all(step.state != pb.STEP_STATE_RUNNING for step in snapshot.task.steps):
            break
    assert stub.UnpauseTask(pb.UnpauseTaskRequest(task_id=task_id)).accepted
    assert again.arrived.wait(WITHIN_S)
    assert stub.CancelTask(pb.CancelTaskRequest(task_id=task_id)).accepted
    assert last(stub, task_id).state == pb.TASK_STATE_FAILED
    assert not stub.CancelTask(pb.CancelTaskRequest(task_id=task_id)).accepted
    assert stub.RetryTask(pb.RetryTaskRequest(task_id=task_id)).task.state != pb.TASK_STATE_FAILED
    assert last(stub, task_id).state == pb.TASK_STATE_COMPLETED
    with pytest.raises(grpc.RpcError) as nothing:
        stub.RetryTask(pb.RetryTaskRequest(task_id=task_id))
    assert nothing.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    stub.DeleteTask(pb.DeleteTaskRequest(task_id=task_id))
    with pytest.raises(grpc.RpcError) as gone:
        stub.GetTask(pb.GetTaskRequest(task_id=task_id))
    assert gone.value.code() is grpc.StatusCode.NOT_FOUND


def test_a_key_gives_its_task_again_and_other_content_is_refused(stub: MedusaServiceStub) -> None:
    first = stub.Publish(asked(idempotency_key="k")).task
    assert stub.Publish(asked(idempotency_key="k")).task.id == first.id
    other = pb.PublishRequest(targets=["news"], idempotency_key="k")
    other.metadata.update(POST["metadata"])
    with pytest.raises(grpc.RpcError) as raised:
        stub.Publish(other)
    assert raised.value.code() is grpc.StatusCode.ALREADY_EXISTS


def test_a_request_full_of_problems_still_gets_its_answer(stub: MedusaServiceStub) -> None:
    request = pb.PublishRequest(targets=["fake"])
    request.metadata.update({"fake": {f"unknown key {n} ☃" * 20: n for n in range(500)}})
    with pytest.raises(grpc.RpcError) as raised:
        stub.Publish(request)
    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert violations(raised.value)[-1][1].startswith("and ")


def test_health_says_whether_it_can_take_work(
    core: MedusaCore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "LOOK_EVERY_S", 0.01)
    works = threading.Event()
    works.set()
    address = f"unix:{tmp_path}/medusa.sock"
    with Serving(core, address, can_work=works.is_set) as serving, grpc.insecure_channel(address) as channel:
        shown = HealthStub(channel).Watch(HealthCheckRequest(service="medusa.v1.MedusaService"), timeout=WITHIN_S)
        assert next(shown).status == HealthCheckResponse.SERVING
        works.clear()
        assert next(shown).status == HealthCheckResponse.NOT_SERVING
        works.set()
        assert next(shown).status == HealthCheckResponse.SERVING
        serving.drain()
        assert next(shown).status == HealthCheckResponse.NOT_SERVING
        with pytest.raises(grpc.RpcError) as refused:
            MedusaServiceStub(channel).Publish(asked())
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
        MedusaServiceStub(channel).ListTasks(pb.ListTasksRequest())
        shown.cancel()


def test_health_and_reflection_answer(address: str) -> None:
    with grpc.insecure_channel(address) as channel:
        health = HealthStub(channel)
        for service in ("", "medusa.v1.MedusaService"):
            assert health.Check(HealthCheckRequest(service=service)).status == HealthCheckResponse.SERVING
        services = ProtoReflectionDescriptorDatabase(channel).get_services()
    assert {"medusa.v1.MedusaService", "grpc.health.v1.Health"} <= set(services)


def test_a_request_has_policies_of_its_own(stub: MedusaServiceStub, platform: FakePlatform) -> None:
    platform.fail("session.create", Failure(FailureKind.TRANSIENT, "busy", "HTTP 503", no_effect=True))
    request = pb.PublishRequest(
        media_path=SAMPLE,
        targets=["fake", "news"],
        retry=pb.RetryPolicy(attempts=1, base=Duration(nanos=5_000_000)),
        failure_policy=pb.FAILURE_POLICY_GO_ON,
    )
    request.metadata.update({"fake": {"title": "Talk"}, "news": {"message": "It is out"}})
    final = last(stub, stub.Publish(request).task.id)
    assert (final.state, final.failed_target) == (pb.TASK_STATE_FAILED, "fake")
    assert {step.max_attempts for step in final.steps} == {1}
    assert len(platform.posts) == 1
    request.retry.attempts = -1
    request.retry.cap.seconds = -1
    with pytest.raises(grpc.RpcError) as refused:
        stub.Publish(request)
    assert {field for field, _ in violations(refused.value)} == {"retry.attempts", "retry.cap"}
