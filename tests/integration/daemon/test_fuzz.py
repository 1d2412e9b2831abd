"""Any request, of any method, also bytes that are none: each gets a clear status, and none a secret or a path."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import MethodDescriptor
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medusa import MedusaCore
from medusa.adapters.platforms.fake.server import FakePlatform
from medusa.config import DaemonSettings, MediaSettings
from medusa.daemon.pb import medusa_pb2 as pb
from medusa.daemon.scopes import SERVICE
from tests.integration.conftest import SAMPLE
from tests.integration.daemon.conftest import Serving
from tests.integration.daemon.messages import message
from tests.support import SOAK

INPUTS = 10_000 if SOAK else 300
METHODS = list(pb.DESCRIPTOR.services_by_name["MedusaService"].methods)
SECRET = "the keys of the kingdom"
ANSWERS = 5
"""So many messages of a stream are read."""
ENDLESS_S = 0.02
"""When a stream that may have nothing to tell is left."""
BROKEN = (grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN, grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.UNAVAILABLE)
MEDIA_IDS = [f"{number:032x}" for number in range(3)]


def sound() -> dict[str, list[list[bytes]]]:
    """Requests, each a list of messages, that get somewhere; what is added to one of them replaces fields of it."""
    post, film = pb.PublishRequest(targets=["news"]), pb.PublishRequest(targets=["fake", "news"], media_path="film.mp4")
    post.metadata.update({"news": {"message": "hi"}})
    film.metadata.update({"fake": {"title": "Talk", "privacy": "public"}, "news": {"message": "{fake_url}"}})
    by_id = pb.PublishRequest(targets=["fake"], media_id=MEDIA_IDS[0], metadata=film.metadata)
    publish = [[each.SerializeToString()] for each in (post, film, by_id)]
    content = Path(SAMPLE).read_bytes()
    header = pb.MediaHeader(media_id=MEDIA_IDS[0], file_name="film.mp4", size_bytes=len(content))
    parts = [pb.UploadMediaRequest(header=header), pb.UploadMediaRequest(chunk=content)]
    upload = [each.SerializeToString() for each in parts]
    validate = [[pb.ValidateRequest(request=each, online=True).SerializeToString()] for each in (post, film)]
    return {"Publish": publish, "Validate": validate, "UploadMedia": [upload, upload[:1]]}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A media root with all that may lie in wait in one."""
    root = tmp_path / "media"
    (root / "sub").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.txt").write_text(SECRET)
    shutil.copyfile(SAMPLE, root / "film.mp4")
    (root / "link.mp4").symlink_to("../outside/secret.txt")
    (root / "link").symlink_to("../outside")
    (root / "loop").symlink_to("loop")
    os.mkfifo(root / "fifo")
    return root


@pytest.fixture
def channel(platform: FakePlatform, root: Path, tmp_path: Path) -> Iterator[grpc.Channel]:
    config = {"fake": {"name": "studio"}, "gaming": {"platform": "fake"}, "news": {"platform": "fake"}}
    daemon = DaemonSettings(media=MediaSettings(tmp_path / "media"))
    with (
        MedusaCore(config=config, media_roots=[root]) as core,
        Serving(core, f"unix:{tmp_path}/m.sock", daemon) as serving,
        grpc.insecure_channel(serving.address) as channel,
    ):
        yield channel
        for task in core.list_tasks(1000):
            core.cancel(task.id)


class Caller:
    """Sends what it is given, remembers the ids of tasks, and gives back all that it is told."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._channel = channel
        self.ids = ["nothing"]

    def call(self, method: MethodDescriptor, sent: list[bytes]) -> tuple[grpc.StatusCode, str]:
        arity = {False: "unary", True: "stream"}
        kind = f"{arity[method.client_streaming]}_{arity[method.server_streaming]}"
        name, answer = f"{SERVICE}{method.name}", _class(method.output_type)
        call = getattr(self._channel, kind)(name, response_deserializer=answer.FromString)
        try:
            answers = self._answers(method, call, iter(sent) if method.client_streaming else sent[0])
        except grpc.RpcError as error:
            return error.code(), f"{error.details()} {error.trailing_metadata()}"
        self.ids += [found.task.id for found in answers if "task" in found.DESCRIPTOR.fields_by_name and found.task.id]
        self.ids = self.ids[-50:]
        return grpc.StatusCode.OK, str(answers)

    def _answers(self, method: MethodDescriptor, call: Any, sent: Any) -> list[Any]:
        if not method.server_streaming:
            return [call(sent, timeout=60)]
        stream, found = call(sent, timeout=ENDLESS_S), []
        try:
            for answer in stream:
                found.append(answer)
                if len(found) == ANSWERS:
                    stream.cancel()
        except grpc.RpcError as error:
            if error.code() not in (grpc.StatusCode.CANCELLED, grpc.StatusCode.DEADLINE_EXCEEDED):
                raise
        return found


def _class(descriptor: Any) -> Any:
    return getattr(pb, descriptor.name)


def damaged(raw: bytes, at: int, byte: int) -> bytes:
    """One byte of it is another one, or it is cut there."""
    place = at % (len(raw) + 1)
    return raw[:place] + (bytes([byte]) + raw[place + 1 :] if byte < 256 else b"")


def test_no_request_makes_an_error_of_the_daemons_own_or_tells_a_secret(channel: grpc.Channel, tmp_path: Path) -> None:
    caller = Caller(channel)
    ids = st.integers(0, 99).map(lambda place: [*caller.ids, *MEDIA_IDS][-1 - place % (len(caller.ids) + 3)])
    sounds = sound()
    requests = {method.name: message(method.input_type, ids) for method in METHODS}

    @settings(max_examples=INPUTS, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(st.data())
    def tried(data: st.DataObject) -> None:
        method = data.draw(st.sampled_from(METHODS), label="method")
        begun = data.draw(st.sampled_from([[], *sounds.get(method.name, ())]), label="sound")
        added = data.draw(st.lists(requests[method.name], min_size=1, max_size=3), label="added")
        sent = [*begun[:-1], b"".join(begun[-1:]) + added[0].SerializeToString()]
        if method.client_streaming:
            sent += [each.SerializeToString() for each in added[1:]]
        if data.draw(st.sampled_from([False] * 9 + [True]), label="damaged"):
            sent[-1] = damaged(sent[-1], data.draw(st.integers(0, 1000)), data.draw(st.integers(0, 300)))
        code, told = caller.call(method, sent)
        assert code not in BROKEN, f"{method.name}: {code} {told}"
        for secret in (SECRET, str(tmp_path), "root:x:0"):
            assert secret not in told, f"{method.name} tells {secret}"

    tried()
