"""Trouble on demand: every kind of fault, seen from the client's side."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from medusa.sandbox import Sandbox
from medusa.sandbox.faults import Faults
from medusa.sandbox.server import load_faults
from tests.integration.sandbox.conftest import (
    QUARTER_MIB,
    YouTubeClient,
    host_and_port,
    reason,
    until,
    youtube_client,
)

CHANNELS = "channels?part=id&mine=true"
LOST = requests.exceptions.ConnectionError


@contextmanager
def raw(youtube: YouTubeClient, verb: str, url: str, length: int, *headers: str) -> Iterator[socket.socket]:
    """A connection on which the head of a request has been sent, but no body yet."""
    path = url.removeprefix(youtube.sandbox.url)
    token = youtube.credentials["token"]
    head = [f"{verb} {path} HTTP/1.1", "Host: x", f"Authorization: Bearer {token}", f"Content-Length: {length}"]
    with socket.create_connection(host_and_port(youtube.sandbox.url), timeout=10) as connection:
        connection.sendall("\r\n".join([*head, *headers, "", ""]).encode())
        yield connection


def fault_of(youtube: YouTubeClient, index: int = -1) -> object:
    return youtube.sandbox.log()[index]["fault"]


def arm(youtube: YouTubeClient, kind: str, operation: str = "video.bytes", **fields: object) -> None:
    youtube.sandbox.fault(platform="youtube", operation=operation, kind=kind, **fields)


def test_a_status_so_many_times_after_so_many_requests(youtube: YouTubeClient) -> None:
    arm(youtube, "status", "channels.list", code=503, times=2, skip=1)
    codes = [youtube.call("GET", CHANNELS).status_code for _ in range(5)]
    assert codes == [200, 503, 503, 200, 200]
    assert [record["fault"] for record in youtube.sandbox.log()] == [None, "status", "status", None, None]


def test_a_status_without_end_until_cleared(youtube: YouTubeClient) -> None:
    arm(youtube, "status", "channels.list", code=500, times=-1)
    assert [youtube.call("GET", CHANNELS).status_code for _ in range(3)] == [500] * 3
    youtube.sandbox.clear_faults()
    assert youtube.call("GET", CHANNELS).status_code == 200


def test_a_status_has_the_platforms_usual_body_or_its_own(youtube: YouTubeClient) -> None:
    arm(youtube, "status", "channels.list", code=503)
    arm(youtube, "status", "channels.list", code=429, body={"odd": 1}, headers={"Retry-After": "7"})
    assert reason(youtube.call("GET", CHANNELS)) == (503, "backendError")
    reply = youtube.call("GET", CHANNELS)
    assert (reply.status_code, reply.json(), reply.headers["Retry-After"]) == (429, {"odd": 1}, "7")


def test_a_status_stores_nothing_unless_committed(youtube: YouTubeClient) -> None:
    session = youtube.session()
    arm(youtube, "status", code=503)
    arm(youtube, "status", code=503, committed=True)
    chunk = bytes(QUARTER_MIB)
    assert youtube.put(session, chunk, f"0-{QUARTER_MIB - 1}/1000000").status_code == 503
    assert "Range" not in youtube.ask(session).headers
    assert youtube.put(session, chunk, f"0-{QUARTER_MIB - 1}/1000000").status_code == 503
    assert youtube.ask(session).headers["Range"] == f"bytes=0-{QUARTER_MIB - 1}"


def test_an_early_status_comes_before_the_body(youtube: YouTubeClient) -> None:
    session = youtube.session()
    arm(youtube, "status", code=401, early=True)
    with raw(youtube, "PUT", session, 1_000_000) as connection:
        connection.sendall(b"only a few bytes")
        assert connection.recv(100).startswith(b"HTTP/1.1 401 ")
    assert youtube.sandbox.log()[-1]["status"] == 401


@pytest.mark.parametrize("after", [0, 1, 300_000, 524_288, 900_000])
def test_a_cut_resets_after_so_many_bytes(youtube: YouTubeClient, after: int) -> None:
    session = youtube.session()
    arm(youtube, "cut", after=after)
    with pytest.raises(LOST):
        youtube.put(session, bytes(1_000_000))
    record = youtube.sandbox.log()[-1]
    assert (record["received"], record["status"], record["fault"]) == (after, None, "cut")
    kept = after - after % QUARTER_MIB
    assert youtube.ask(session).headers.get("Range") == (f"bytes=0-{kept - 1}" if kept else None)


def test_a_cut_is_a_tcp_reset(youtube: YouTubeClient) -> None:
    session = youtube.session()
    arm(youtube, "cut", after=10)
    with raw(youtube, "PUT", session, 1000) as connection:
        connection.sendall(bytes(20))
        with pytest.raises(ConnectionResetError):
            connection.recv(1)


def test_a_cut_of_a_request_without_a_body(youtube: YouTubeClient) -> None:
    arm(youtube, "cut", "channels.list")
    with pytest.raises(LOST):
        youtube.call("GET", CHANNELS)


def test_a_cut_that_the_body_does_not_reach_cuts_nothing(youtube: YouTubeClient) -> None:
    arm(youtube, "cut", after=100)
    youtube.upload(b"film")


def test_a_refused_body_is_cut_all_the_same(youtube: YouTubeClient) -> None:
    arm(youtube, "cut", after=10)
    with pytest.raises(LOST):
        youtube.put(youtube.session(), bytes(1000), "5-1004/2000")


def test_a_client_that_goes_away_leaves_whole_granules(youtube: YouTubeClient) -> None:
    session = youtube.session()
    with raw(youtube, "PUT", session, 1_000_000) as connection:
        connection.sendall(bytes(600_000))
        until(lambda: youtube.sandbox.log()[-1]["received"] == 600_000)
    until(lambda: youtube.state()["sessions"][0]["received"] == 2 * QUARTER_MIB)
    assert youtube.ask(session).headers["Range"] == "bytes=0-524287"
    assert youtube.put(session, bytes(475_712), "524288-999999/1000000").status_code == 200


def test_a_stall_stops_reading_and_never_answers(youtube: YouTubeClient) -> None:
    session = youtube.session()
    arm(youtube, "stall", after=100_000)
    with raw(youtube, "PUT", session, 64_000_000) as connection:
        connection.settimeout(0.3)
        with pytest.raises(TimeoutError):
            connection.sendall(bytes(64_000_000))  # in the end the peer's window is full
        with pytest.raises(TimeoutError):
            connection.recv(1)
    assert youtube.sandbox.log()[-1]["received"] == 100_000


def test_a_stall_ends_when_the_client_goes(youtube: YouTubeClient) -> None:
    session = youtube.session()
    arm(youtube, "stall", after=300_000)
    with raw(youtube, "PUT", session, 8_000_000) as connection:
        connection.sendall(bytes(400_000))
        until(lambda: youtube.sandbox.log()[-1]["received"] == 300_000)
        assert youtube.state()["sessions"][0]["received"] == QUARTER_MIB
    until(lambda: youtube.ask(session).headers.get("Range") == "bytes=0-262143")
    youtube.put(session, bytes(1000), "262144-263143/263144")
    assert len(youtube.state()["videos"]) == 1


def test_slow_drains_at_its_pace(youtube: YouTubeClient) -> None:
    session = youtube.session()
    arm(youtube, "slow", bytes_per_s=400_000)
    began = time.monotonic()
    assert youtube.put(session, bytes(100_000)).status_code == 200
    assert time.monotonic() - began >= 0.2


def test_a_lost_reply_has_committed(youtube: YouTubeClient) -> None:
    session = youtube.session()
    arm(youtube, "lost_reply")
    with pytest.raises(LOST):
        youtube.put(session, b"film")
    assert youtube.sandbox.log()[-1]["status"] is None
    (video,) = youtube.state()["videos"]
    assert youtube.ask(session).json()["id"] == video["id"]


@pytest.mark.parametrize("committed", [False, True])
@pytest.mark.parametrize(("kind", "status"), [("html", 502), ("empty", 200)])
def test_html_and_empty(youtube: YouTubeClient, kind: str, status: int, committed: bool) -> None:
    arm(youtube, kind, committed=committed)
    reply = youtube.put(youtube.session(), b"film")
    assert reply.status_code == status
    assert ("<html" in reply.text) == (kind == "html")
    assert len(reply.text) > 0 or kind == "empty"
    assert len(youtube.state()["videos"]) == committed


def test_truncated_json_has_committed(youtube: YouTubeClient) -> None:
    arm(youtube, "truncated")
    reply = youtube.put(youtube.session(), b"film")
    assert reply.status_code == 200
    with pytest.raises(ValueError, match=r"."):
        json.loads(reply.content)
    assert len(youtube.state()["videos"]) == 1


@pytest.mark.parametrize(("retry_after", "header"), [(None, None), (30, "30")])
@pytest.mark.parametrize("status", [403, 429])
def test_rate_limit_with_its_real_reply(
    youtube: YouTubeClient, retry_after: float | None, header: str | None, status: int
) -> None:
    youtube.sandbox.set(youtube_rate_limit_status=status)
    arm(youtube, "rate_limit", "channels.list", **({"retry_after": retry_after} if retry_after else {}))
    reply = youtube.call("GET", CHANNELS)
    assert reason(reply) == (status, "rateLimitExceeded")
    assert reply.headers.get("Retry-After") == header


def test_a_revoked_token_is_refused_everywhere(youtube: YouTubeClient, http: requests.Session) -> None:
    youtube.sandbox.fault(platform="youtube", kind="token_revoked", times=-1)
    assert reason(youtube.call("GET", CHANNELS)) == (401, "authError")
    reply = http.post(f"{youtube.sandbox.url}/token", data={})
    assert (reply.status_code, reply.json()["error"]) == (400, "invalid_grant")


def test_a_delay_is_in_real_time(youtube: YouTubeClient) -> None:
    arm(youtube, "delay", "channels.list", seconds=0.2)
    began = time.monotonic()
    assert youtube.call("GET", CHANNELS).status_code == 200
    assert time.monotonic() - began >= 0.2


def test_session_gone(youtube: YouTubeClient) -> None:
    session = youtube.session()
    arm(youtube, "session_gone", "video.status")
    assert reason(youtube.ask(session)) == (404, "notFound")
    assert reason(youtube.put(session, b"film")) == (404, "notFound")


@pytest.mark.parametrize("operation", ["video.bytes", "channels.list"])
def test_an_error_in_a_200(youtube: YouTubeClient, operation: str) -> None:
    arm(youtube, "error_in_200", operation)
    uploading = operation == "video.bytes"
    reply = youtube.put(youtube.session(), b"film") if uploading else youtube.call("GET", CHANNELS)
    assert reason(reply) == (200, "backendError")
    assert youtube.state()["videos"] == []


def test_partial_stores_less_and_says_so(youtube: YouTubeClient) -> None:
    session = youtube.session(size=1_000_000)
    arm(youtube, "partial", keep=QUARTER_MIB)
    reply = youtube.put(session, bytes(1_000_000), "0-999999/1000000")
    assert (reply.status_code, reply.headers["Range"]) == (308, "bytes=0-262143")
    assert youtube.put(session, bytes(737_856), "262144-999999/1000000").status_code == 200
    assert youtube.state()["videos"][0]["size"] == 1_000_000


def test_store_unit_keeps_whole_units_of_an_interrupted_request(youtube: YouTubeClient) -> None:
    session = youtube.session()
    arm(youtube, "store_unit", bytes=1024 * 1024, times=-1)
    arm(youtube, "cut", after=1_900_000)
    with pytest.raises(LOST):
        youtube.put(session, bytes(2_000_000))
    assert fault_of(youtube) == "store_unit,cut"
    assert youtube.ask(session).headers["Range"] == "bytes=0-1048575"


@pytest.mark.parametrize(("cause", "status"), [("codec", "failed"), ("copyright", "rejected")])
def test_processing_fails(youtube: YouTubeClient, cause: str, status: str) -> None:
    arm(youtube, "processing_failed", "processing", reason=cause)
    video = youtube.upload()
    assert video["status"]["uploadStatus"] == "uploaded"
    youtube.sandbox.clock.move(60)
    seen = youtube.status(video["id"])
    assert (seen["uploadStatus"], seen["processingStatus"]) == (status, "failed")
    assert seen.get("failureReason" if status == "failed" else "rejectionReason") == cause


@pytest.mark.parametrize("operation", ["processing", "*"])
def test_processing_is_stuck(youtube: YouTubeClient, operation: str) -> None:
    arm(youtube, "processing_stuck", operation)
    video = youtube.upload()
    youtube.sandbox.clock.move(3000)
    seen = youtube.status(video["id"])
    assert (seen["uploadStatus"], seen["processingStatus"]) == ("uploaded", "processing")
    assert isinstance(seen["processingProgress"]["timeLeftMs"], str)


def test_one_decisive_fault_acts_and_the_others_combine() -> None:
    faults = Faults(lambda platform, operation: True)
    for spec in (
        {"kind": "delay", "seconds": 1, "times": -1},
        {"kind": "cut", "operation": "bytes", "skip": 1},
        {"kind": "html", "times": 2},
    ):
        faults.add(spec)
    taken = [[fault.kind for fault in faults.take("p", "bytes")] for _ in range(4)]
    assert taken == [["delay", "html"], ["delay", "cut"], ["delay", "html"], ["delay"]]
    assert [(item["kind"], item["times"]) for item in faults.listed()] == [("delay", -1)]


def test_a_fault_on_another_platform_or_operation_does_not_act(youtube: YouTubeClient) -> None:
    youtube.sandbox.fault(platform="vimeo", kind="html", times=-1)
    arm(youtube, "html", "videos.delete", times=-1)
    assert youtube.call("GET", CHANNELS).status_code == 200


def test_faults_from_a_file(http: requests.Session, tmp_path: Path) -> None:
    path = tmp_path / "faults.json"
    path.write_text('[{"platform": "youtube", "operation": "channels.list", "kind": "html"}]')
    with Sandbox(faults=load_faults(path)) as sandbox:
        assert youtube_client(sandbox, http, tmp_path).call("GET", CHANNELS).status_code == 502
    path.write_text('{"kind": "html"}')
    with pytest.raises(ValueError, match="expected a JSON list of faults"):
        load_faults(path)


def test_every_fault_of_the_table_can_be_armed(sandbox: Sandbox) -> None:
    for spec in (
        {"kind": "status", "code": 500, "early": True},
        {"kind": "cut", "after": 1},
        {"kind": "stall"},
        {"kind": "slow", "bytes_per_s": 1},
        {"kind": "lost_reply"},
        {"kind": "session_gone"},
        {"kind": "html"},
        {"kind": "empty"},
        {"kind": "truncated"},
        {"kind": "error_in_200"},
        {"kind": "token_revoked"},
        {"kind": "rate_limit", "retry_after": 2},
        {"kind": "processing_failed", "reason": "codec"},
        {"kind": "processing_stuck"},
        {"kind": "partial", "keep": 0},
        {"kind": "store_unit", "bytes": 1},
        {"kind": "delay", "seconds": 0},
    ):
        assert sandbox.fault(**spec) > 0
