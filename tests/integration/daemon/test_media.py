"""Handing over media: resumed at the byte, checked, bounded, published, and removed when it is over."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import queue
import random
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from io import FileIO
from pathlib import Path
from typing import Any

import grpc
import pytest

from medusa import MedusaCore
from medusa.adapters.platforms.fake.server import FakePlatform
from medusa.config import BoundSettings, DaemonSettings, MediaSettings, TokenSettings
from medusa.daemon import media_store, receiving
from medusa.daemon.pb import medusa_pb2 as pb
from medusa.daemon.pb.medusa_pb2_grpc import MedusaServiceStub
from medusa.daemon.tokens import hashed
from medusa.domain.failures import Failure, FailureKind
from tests.integration.conftest import SAMPLE
from tests.integration.daemon.conftest import WITHIN_S, Serving
from tests.integration.daemon.process import Medusad

BYTES = Path(SAMPLE).read_bytes()
HALF = len(BYTES) // 2
CODES = grpc.StatusCode


def header(content: bytes = BYTES, **changed: Any) -> pb.MediaHeader:
    about = {
        "media_id": str(uuid.uuid4()),
        "file_name": "Tech Talk.mp4",
        "size_bytes": len(content),
        "sha256": hashlib.sha256(content).digest(),
        **changed,
    }
    return pb.MediaHeader(**about)


def at(about: pb.MediaHeader, offset: int) -> pb.MediaHeader:
    changed = pb.MediaHeader()
    changed.CopyFrom(about)
    changed.offset = offset
    return changed


def parts(about: pb.MediaHeader, content: bytes = BYTES, block: int = 4000) -> Iterator[pb.UploadMediaRequest]:
    yield pb.UploadMediaRequest(header=about)
    for start in range(about.offset, len(content), block):
        yield pb.UploadMediaRequest(chunk=content[start : start + block])


def upload(stub: MedusaServiceStub, about: pb.MediaHeader, content: bytes = BYTES) -> pb.UploadedMedia:
    return stub.UploadMedia(parts(about, content), timeout=WITHIN_S).media


def stands(stub: MedusaServiceStub, about: pb.MediaHeader) -> pb.UploadedMedia:
    return stub.GetMedia(pb.GetMediaRequest(media_id=about.media_id)).media


def refusal(stub: MedusaServiceStub, messages: Iterator[pb.UploadMediaRequest]) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as refused:
        stub.UploadMedia(messages, timeout=WITHIN_S)
    return refused.value.code(), refused.value.details() or ""


def request(about: pb.MediaHeader, **more: Any) -> pb.PublishRequest:
    asked = pb.PublishRequest(media_id=about.media_id, targets=["fake"], **more)
    asked.metadata.update({"fake": {"title": "Talk", "privacy": "public"}})
    return asked


def ended(stub: MedusaServiceStub, task_id: str) -> pb.Task:
    *_, last = stub.WatchTask(pb.WatchTaskRequest(task_id=task_id), timeout=WITHIN_S)
    return last.task


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "media"


@pytest.fixture
def settings(folder: Path) -> DaemonSettings:
    return DaemonSettings(media=MediaSettings(folder))


@pytest.fixture
def serving(core: MedusaCore, tmp_path: Path, settings: DaemonSettings) -> Iterator[Serving]:
    with Serving(core, f"unix:{tmp_path}/medusa.sock", settings) as serving:
        yield serving


@pytest.fixture
def stub(serving: Serving) -> Iterator[MedusaServiceStub]:
    with grpc.insecure_channel(serving.address) as channel:
        yield MedusaServiceStub(channel)


class Line:
    """An upload whose messages a test sends one by one."""

    def __init__(self, stub: MedusaServiceStub) -> None:
        self._messages: queue.SimpleQueue[pb.UploadMediaRequest | None] = queue.SimpleQueue()
        self.call = stub.UploadMedia.future(iter(self._messages.get, None), timeout=WITHIN_S)

    def send(self, **part: Any) -> None:
        self._messages.put(pb.UploadMediaRequest(**part))

    def half_close(self) -> pb.UploadedMedia:
        self._messages.put(None)
        return self.call.result().media

    def cut(self) -> None:
        self.call.cancel()
        self._messages.put(None)


def until_stored(stub: MedusaServiceStub, about: pb.MediaHeader, offset: int) -> None:
    """Asks until so many bytes are stored; each answer takes the daemon a turn, so that it gets on."""
    for _ in range(10_000):
        try:
            if stands(stub, about).offset == offset:
                return
        except grpc.RpcError:
            continue  # it has not begun
    pytest.fail(f"never stood at {offset}")


# ---------------------------------------------------------------- from bytes to a publication


def test_what_is_handed_over_is_published_under_its_name_and_removed(
    stub: MedusaServiceStub, serving: Serving, platform: FakePlatform, folder: Path
) -> None:
    about = header()
    media = upload(stub, about)
    assert (media.complete, media.offset, media.file_name) == (True, len(BYTES), "Tech Talk.mp4")
    task = ended(stub, stub.Publish(request(about)).task.id)
    assert task.state == pb.TASK_STATE_COMPLETED
    assert task.media.name == "Tech Talk.mp4"
    assert platform.videos[0].size == len(BYTES)
    serving.sweep()
    assert list(folder.iterdir()) == []
    with pytest.raises(grpc.RpcError) as gone:
        stands(stub, about)
    assert gone.value.code() is CODES.NOT_FOUND


def test_a_task_that_failed_keeps_its_media_for_a_retry(
    stub: MedusaServiceStub, serving: Serving, platform: FakePlatform
) -> None:
    about = header()
    upload(stub, about)
    platform.fail("session.create", Failure(FailureKind.REJECTED, "not today", no_effect=True))
    task = ended(stub, stub.Publish(request(about)).task.id)
    assert task.state == pb.TASK_STATE_FAILED
    serving.sweep()
    stub.RetryTask(pb.RetryTaskRequest(task_id=task.id))
    assert ended(stub, task.id).state == pb.TASK_STATE_COMPLETED


def test_what_is_not_complete_or_not_there_is_not_published(stub: MedusaServiceStub) -> None:
    about = header()
    for code, part in ((CODES.NOT_FOUND, BYTES[:HALF]), (CODES.FAILED_PRECONDITION, BYTES)):
        for call, message in (
            (stub.Publish, request(about)),
            (stub.Validate, pb.ValidateRequest(request=request(about))),
        ):
            with pytest.raises(grpc.RpcError) as refused:
                call(message)
            assert refused.value.code() is code
        upload(stub, at(about, 0 if code is CODES.NOT_FOUND else HALF), part)
    assert list(stub.Validate(pb.ValidateRequest(request=request(about))).problems) == []


def test_validations_that_wait_for_a_platform_hold_up_nothing_else(
    stub: MedusaServiceStub, platform: FakePlatform
) -> None:
    asked = pb.ValidateRequest(request=pb.PublishRequest(targets=["news"]), online=True)
    asked.request.metadata.update({"news": {"message": "hi"}})
    held = [platform.hold("account") for _ in range(12)]
    waiting = [stub.Validate.future(asked, timeout=WITHIN_S) for _ in held]
    assert held[3].arrived.wait(WITHIN_S)
    about = header()
    assert upload(stub, about).complete
    assert stub.Publish(request(about)).task.id
    for one in held:
        one.release()
    assert all(list(each.result().problems) == [] for each in waiting)


# ---------------------------------------------------------------- resumed


def test_an_upload_whose_line_was_cut_goes_on_at_the_byte(stub: MedusaServiceStub) -> None:
    about, line = header(), Line(stub)
    line.send(header=about)
    line.send(chunk=BYTES[:1000])
    until_stored(stub, about, 1000)
    line.cut()
    assert upload(stub, at(about, 1000)).complete


def test_an_upload_that_is_cut_again_and_again_is_whole(stub: MedusaServiceStub, folder: Path) -> None:
    content = random.Random(1).randbytes(2 * 1024**2)
    about, begun = header(content), 0
    upload(stub, about, content[:1])
    while (offset := stands(stub, about).offset) < len(content):
        line, begun = Line(stub), begun + 1
        line.send(header=at(about, offset))
        for start in range(offset, offset + 5 * 20_000, 20_000):
            line.send(chunk=content[start : min(start + 20_000, len(content))])
        if begun % 3:
            line.cut()  # at whatever it is just doing
        else:
            with suppress(grpc.RpcError):  # another stream may still have been at it when the offset was asked for
                line.half_close()
    assert upload(stub, at(about, len(content)), content).complete
    assert [file.read_bytes() for file in folder.glob("*/file/*")] == [content]


def test_an_upload_that_was_half_closed_early_says_where_it_stands(stub: MedusaServiceStub) -> None:
    about, line = header(), Line(stub)
    line.send(header=about)
    line.send(chunk=BYTES[:HALF])
    media = line.half_close()
    assert (media.offset, media.complete) == (HALF, False)
    assert upload(stub, at(about, HALF)).complete


def test_an_upload_goes_on_after_a_restart(core: MedusaCore, tmp_path: Path, settings: DaemonSettings) -> None:
    about, done = header(), header()
    for part, complete in ((BYTES[:HALF], False), (BYTES, True)):
        with (
            Serving(core, f"unix:{tmp_path}/m.sock", settings) as serving,
            grpc.insecure_channel(serving.address, (("grpc.use_local_subchannel_pool", 1),)) as channel,
        ):
            stub = MedusaServiceStub(channel)
            if not complete:
                upload(stub, done)
            assert upload(stub, at(about, stands(stub, about).offset if complete else 0), part).complete is complete
            assert stands(stub, done).complete


def test_an_upload_goes_on_after_a_kill(tmp_path: Path) -> None:
    config, about = tmp_path / "medusa_config.json", header()
    config.write_text(json.dumps({"medusa": {"engine": {"path": "tasks.db"}}}))
    with Medusad(config, f"unix:{tmp_path}/m.sock") as medusad:
        with grpc.insecure_channel(f"unix:{tmp_path}/m.sock") as channel:
            line = Line(MedusaServiceStub(channel))
            line.send(header=about)
            line.send(chunk=BYTES[:HALF])
            until_stored(MedusaServiceStub(channel), about, HALF)
            medusad.kill()
            with pytest.raises(grpc.RpcError) as lost:
                line.call.result()
            assert lost.value.code() is CODES.UNAVAILABLE
            line.cut()
        medusad.start()
        with grpc.insecure_channel(f"unix:{tmp_path}/m.sock") as channel:
            stub = MedusaServiceStub(channel)
            assert upload(stub, at(about, stands(stub, about).offset)).complete
    assert [file.read_bytes() for file in tmp_path.glob("media/*/file/*")] == [BYTES]


def test_a_complete_upload_may_be_completed_again(stub: MedusaServiceStub) -> None:
    about = header()
    upload(stub, about)
    assert upload(stub, at(about, len(BYTES))).complete
    code, says = refusal(stub, parts(about))
    assert (code, says) == (CODES.FAILED_PRECONDITION, f"the upload stands at byte {len(BYTES)}, not 0: go on there")


def test_of_two_writers_the_later_one_goes_on_and_the_other_is_told(stub: MedusaServiceStub) -> None:
    about, first = header(), Line(stub)
    first.send(header=about)
    first.send(chunk=BYTES[:1000])
    until_stored(stub, about, 1000)
    second = Line(stub)
    second.send(header=at(about, 1000))
    second.send(chunk=BYTES[1000:HALF])
    until_stored(stub, about, HALF)
    first.send(chunk=BYTES[1000:2000])
    with pytest.raises(grpc.RpcError) as refused:
        first.call.result()
    assert refused.value.code() is CODES.FAILED_PRECONDITION
    assert "another stream has taken this upload over" in refused.value.details()
    first.cut()
    second.send(chunk=BYTES[HALF:])
    assert second.half_close().complete


# ---------------------------------------------------------------- wrong


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"media_id": "x"}, "media_id"),
        ({"media_id": "../" * 11}, "media_id"),
        ({"media_id": ""}, "media_id"),
        ({"file_name": ""}, "file_name"),
        ({"file_name": "../../etc/passwd"}, "file_name"),
        ({"file_name": ".."}, "file_name"),
        ({"file_name": "a\0b"}, "file_name"),
        ({"file_name": "é" * 128}, "file_name"),
        ({"size_bytes": 0}, "size_bytes"),
        ({"size_bytes": -1}, "size_bytes"),
        ({"sha256": b"short"}, "sha256"),
        ({"offset": -1}, "offset"),
        ({"offset": len(BYTES) + 1}, "offset"),
    ],
)
def test_a_header_that_is_wrong_is_refused_by_field(
    stub: MedusaServiceStub, folder: Path, changed: dict[str, Any], field: str
) -> None:
    code, says = refusal(stub, parts(header(**changed)))
    assert code is CODES.INVALID_ARGUMENT
    assert says.startswith(f"header.{field}: ")
    assert not folder.exists()


def test_a_stream_is_one_header_and_then_chunks(stub: MedusaServiceStub) -> None:
    about, chunk = pb.UploadMediaRequest(header=header()), pb.UploadMediaRequest(chunk=b"x")
    for messages in ([], [chunk], [about, about], [pb.UploadMediaRequest()], [about, pb.UploadMediaRequest()]):
        assert refusal(stub, iter(messages))[0] is CODES.INVALID_ARGUMENT


def test_bytes_of_another_checksum_are_dropped(stub: MedusaServiceStub) -> None:
    about, wrong = header(), bytes([BYTES[0] ^ 1]) + BYTES[1:]
    code, says = refusal(stub, parts(about, wrong))
    assert code is CODES.INVALID_ARGUMENT
    assert says.startswith("header.sha256: is not that of the bytes")
    assert (stands(stub, about).offset, stands(stub, about).complete) == (0, False)
    assert upload(stub, about).complete


def test_the_checksum_is_of_all_bytes_also_when_they_came_in_parts(stub: MedusaServiceStub) -> None:
    about, wrong = header(), bytes([BYTES[0] ^ 1]) + BYTES[1:]
    upload(stub, about, wrong[:HALF])
    assert refusal(stub, parts(at(about, HALF), wrong))[0] is CODES.INVALID_ARGUMENT
    assert stands(stub, about).offset == 0


def test_without_a_checksum_any_bytes_will_do(stub: MedusaServiceStub) -> None:
    assert upload(stub, header(sha256=b"")).complete


def test_more_bytes_than_were_said_are_refused(stub: MedusaServiceStub) -> None:
    about = header(BYTES[:HALF])
    code, says = refusal(stub, parts(about, BYTES))
    assert (code, says) == (CODES.INVALID_ARGUMENT, f"chunk: goes beyond the {HALF} bytes of the header")
    assert stands(stub, about).offset <= HALF


def test_an_upload_is_of_one_file(stub: MedusaServiceStub) -> None:
    about = header()
    upload(stub, about, BYTES[:HALF])
    for other in ({"file_name": "other.mp4"}, {"size_bytes": len(BYTES) + 1}, {"sha256": bytes(32)}):
        changed = header(media_id=about.media_id, offset=HALF, **other)
        assert refusal(stub, parts(changed))[0] is CODES.FAILED_PRECONDITION
    assert refusal(stub, parts(about))[1] == f"the upload stands at byte {HALF}, not 0: go on there"
    assert refusal(stub, parts(header(offset=5)))[1] == "the upload stands at byte 0, not 5: go on there"


# ---------------------------------------------------------------- whose it is, and how much


def test_only_who_handed_it_over_sees_it(core: MedusaCore, settings: DaemonSettings) -> None:
    tokens = tuple(TokenSettings(name, hashed(name), ("publish",)) for name in ("one", "other"))
    with (
        Serving(core, "127.0.0.1:0", replace(settings, tokens=tokens)) as serving,
        grpc.insecure_channel(serving.address) as channel,
    ):
        stub, about = MedusaServiceStub(channel), header()
        mine, others = ([("authorization", f"Bearer {name}")] for name in ("one", "other"))
        stub.UploadMedia(parts(about), metadata=mine)
        for call, message in (
            (stub.GetMedia, pb.GetMediaRequest(media_id=about.media_id)),
            (stub.Publish, request(about)),
        ):
            with pytest.raises(grpc.RpcError) as refused:
                call(message, metadata=others)
            assert refused.value.code() is CODES.NOT_FOUND
        again = stub.UploadMedia(parts(header(BYTES[:HALF], media_id=about.media_id), BYTES[:HALF]), metadata=others)
        assert again.media.complete, "an id is its caller's own"
        task = stub.Publish(request(about), metadata=mine).task
        assert task.media.name == "Tech Talk.mp4"


@pytest.mark.parametrize("bound", ["caller", "store"])
def test_there_is_room_for_so_much_and_no_more(core: MedusaCore, folder: Path, tmp_path: Path, bound: str) -> None:
    room = 2 * media_store.LEAST_COST
    settings = DaemonSettings(
        media=MediaSettings(folder, quota_bytes=room if bound == "store" else 10 * room),
        bounds=BoundSettings(upload_bytes=room if bound == "caller" else 10 * room),
    )
    with (
        Serving(core, f"unix:{tmp_path}/m.sock", settings) as serving,
        grpc.insecure_channel(serving.address) as channel,
    ):
        stub = MedusaServiceStub(channel)
        kept = [header(), header()]
        for about in kept:
            upload(stub, about)
        assert refusal(stub, parts(header()))[0] is CODES.RESOURCE_EXHAUSTED
        ended(stub, stub.Publish(request(kept[0])).task.id)
        serving.sweep()
        assert upload(stub, header()).complete, "what is over makes room"


def test_a_file_that_the_disk_cannot_hold_is_refused_at_once(stub: MedusaServiceStub) -> None:
    assert refusal(stub, parts(header(size_bytes=2**50)))[0] is CODES.RESOURCE_EXHAUSTED


class FullDisk(FileIO):
    """A file on a disk that takes `room` bytes more."""

    room = 1000

    def write(self, block: Any, /) -> int:
        if not FullDisk.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        count = super().write(block[: FullDisk.room])
        FullDisk.room -= count
        return count


def test_on_a_full_disk_an_upload_waits_at_its_byte(stub: MedusaServiceStub, monkeypatch: pytest.MonkeyPatch) -> None:
    about = header()
    with monkeypatch.context() as patched:
        patched.setattr(receiving, "FileIO", FullDisk)
        patched.setattr(FullDisk, "room", 1000)
        code, says = refusal(stub, parts(about))
    assert (code, says) == (CODES.RESOURCE_EXHAUSTED, "the media store is full")
    assert stands(stub, about).offset == 1000
    assert upload(stub, at(about, 1000)).complete


def test_a_caller_has_so_many_unfinished_tasks_and_no_more_also_after_a_restart(
    core: MedusaCore, tmp_path: Path
) -> None:
    settings = DaemonSettings(bounds=BoundSettings(tasks=2))
    asked = pb.PublishRequest(targets=["news"])
    asked.metadata.update({"news": {"message": "hi"}})
    core._engine.submit = lambda task_id: None  # type: ignore[method-assign]  # nothing gets on
    begun: list[str] = []
    for place, room in (("one", 2), ("other", 0)):
        with (
            Serving(core, f"unix:{tmp_path}/{place}.sock", settings) as serving,
            grpc.insecure_channel(serving.address) as channel,
        ):
            stub = MedusaServiceStub(channel)
            begun += [stub.Publish(asked).task.id for _ in range(room)]
            with pytest.raises(grpc.RpcError) as refused:
                stub.Publish(asked)
            assert refused.value.code() is CODES.RESOURCE_EXHAUSTED
            if not room:
                del core._engine.submit
                stub.CancelTask(pb.CancelTaskRequest(task_id=begun[0]))
                ended(stub, begun[0])
                assert stub.Publish(asked).task.id not in begun
