"""The daemon's log: a line a call, a line a change of a task, and nothing that forges one."""

from __future__ import annotations

import json
import logging

import grpc
import pytest

from medusa import MedusaCore
from medusa.daemon.call_log import CallLog
from medusa.daemon.logs import JsonLines, TextLines
from medusa.daemon.pb import medusa_pb2 as pb
from medusa.daemon.pb.medusa_pb2_grpc import MedusaServiceStub
from medusa.daemon.scopes import Scope
from tests.integration.daemon.conftest import Serving
from tests.integration.daemon.test_access import SETTINGS, TOKENS, bearing


def test_calls_that_change_something_are_logged_with_who_and_how(
    core: MedusaCore, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "medusa.calls")
    with (
        Serving(core, "127.0.0.1:0", SETTINGS, outer=(CallLog(),)) as serving,
        grpc.insecure_channel(serving.address) as channel,
    ):
        stub = MedusaServiceStub(channel)
        admin = bearing(TOKENS[Scope.ADMIN])
        request = pb.PublishRequest(targets=["news"])
        request.metadata.update({"news": {"message": "Hello"}})
        task_id = stub.Publish(request, metadata=admin).task.id
        stub.GetTask(pb.GetTaskRequest(task_id=task_id), metadata=admin)
        with pytest.raises(grpc.RpcError):
            stub.CancelTask(pb.CancelTaskRequest(task_id="nobody"), metadata=admin)
        with pytest.raises(grpc.RpcError):
            stub.CancelTask(pb.CancelTaskRequest(task_id=task_id))
    lines = [json.loads(JsonLines().format(record)) for record in caplog.records if record.name == "medusa.calls"]
    assert [(line["message"], line["caller"], line["code"], line.get("task")) for line in lines] == [
        ("Publish", "ADMIN", "OK", task_id),
        ("CancelTask", "ADMIN", "NOT_FOUND", None),
    ]


def test_what_is_logged_cannot_forge_a_line() -> None:
    record = logging.LogRecord("medusa", logging.INFO, "", 0, "said: %s", ("no\n2026 ERROR forged\x1b[31m",), None)
    record.task = "t1"
    assert len(TextLines().format(record).splitlines()) == 1
    assert TextLines().format(record).endswith("[task=t1]")
    assert "\x1b" not in TextLines().format(record)
    assert json.loads(JsonLines().format(record))["message"] == record.getMessage()
    assert len(JsonLines().format(record).splitlines()) == 1
