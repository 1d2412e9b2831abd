"""The core: clock, sink, multipart, log, configuration, life cycle, admin."""

from __future__ import annotations

import asyncio
import hashlib
import json
import stat
import subprocess
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from medusa.sandbox import Sandbox, server
from medusa.sandbox.clock import Clock
from medusa.sandbox.multipart import MalformedBody, MultipartReader
from medusa.sandbox.sink import GRANULE, Sink
from tests.integration.sandbox.conftest import YouTubeClient, until, youtube_client


def test_the_clock_runs_and_moves_forward_only() -> None:
    clock = Clock()
    before = clock.now()
    clock.move(3600)
    assert clock.now() - before >= 3600
    assert clock.ahead == 3600
    for wrong in (-1, float("nan")):
        with pytest.raises(ValueError, match="forward"):
            clock.move(wrong)


def test_ctrl_c_ends_a_sandbox_that_is_about_to_serve(monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted(Future[None]):
        """Ctrl-C comes while the caller waits for it."""

        def result(self, timeout: float | None = None) -> None:
            raise KeyboardInterrupt

    def start() -> None:
        with pytest.raises(KeyboardInterrupt):
            Sandbox().start()

    monkeypatch.setattr(server, "Future", Interrupted)
    starting = threading.Thread(target=start, daemon=True)
    starting.start()
    starting.join(20.0)
    assert not starting.is_alive()
    assert "medusa-sandbox" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.parametrize("stored", [False, True])
def test_an_interrupted_request_leaves_whole_granules(tmp_path: Path, stored: bool) -> None:
    path = tmp_path / "film" if stored else None
    sink = Sink(path)
    content = bytes(range(256)) * 4096  # 1 MiB
    sink.begin()
    for start in range(0, 700_000, 100_000):
        sink.write(content[start : start + 100_000])
    assert (sink.size, sink.settled) == (700_000, 2 * GRANULE)
    sink.interrupted()
    assert sink.size == 2 * GRANULE
    assert sink.sha256 == hashlib.sha256(content[: 2 * GRANULE]).hexdigest()
    sink.begin()
    sink.write(content[2 * GRANULE :] + b"tail")
    sink.complete()
    assert sink.sha256 == hashlib.sha256(content + b"tail").hexdigest()
    if path:
        assert path.read_bytes() == content + b"tail"


def test_a_larger_unit_keeps_less_but_never_less_than_was_there() -> None:
    sink = Sink()
    sink.begin()
    sink.write(bytes(300_000))
    sink.complete()
    sink.begin(1024 * 1024)
    sink.write(bytes(700_000))
    sink.interrupted()
    assert sink.size == 300_000
    sink.begin(1024 * 1024)
    sink.write(bytes(1_000_000))
    sink.interrupted()
    assert sink.size == 1024 * 1024


def read_parts(body: bytes, cuts: list[int], content_type: str) -> list[tuple[str, str | None, bytes]]:
    """Parse a body that arrives in blocks cut at these places."""
    edges = sorted({0, len(body), *(cut % (len(body) + 1) for cut in cuts)})
    blocks = [body[a:b] for a, b in pairwise(edges)]

    async def read() -> bytes:
        return blocks.pop(0) if blocks else b""

    async def collect() -> list[tuple[str, str | None, bytes]]:
        reader = MultipartReader(read, content_type)
        return [(part.name, part.filename, await part.read()) async for part in reader.parts()]

    return asyncio.run(collect())


@given(
    contents=st.lists(st.binary(max_size=60) | st.just(b"\r\n--x") | st.just(b"\r\n--") | st.just(b"\n")),
    cuts=st.lists(st.integers(0, 10_000), max_size=30),
    end=st.sampled_from([b"\r\n", b"\n"]),
)
def test_multipart_is_read_the_same_however_it_is_cut(contents: list[bytes], cuts: list[int], end: bytes) -> None:
    contents = [content.rstrip(b"\r") for content in contents if b"--boundary" not in content]
    body = b""
    for number, content in enumerate(contents):
        head = f'Content-Disposition: form-data; name="n{number}"; filename="f"'.encode()
        body += b"--boundary" + end + head + end + end + content + end
    body += b"--boundary--" + end
    parts = read_parts(body, cuts, "multipart/form-data; boundary=boundary")
    assert parts == [(f"n{number}", "f", content) for number, content in enumerate(contents)]


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"--b\r\n\r\nno end", "multipart/form-data; boundary=b"),
        (b"", "multipart/form-data; boundary=b"),
        (b"--b--", "multipart/form-data"),
        (b"--b\r\n" + b"x" * 40_000, "multipart/form-data; boundary=b"),
    ],
)
def test_malformed_multipart_is_refused(body: bytes, content_type: str) -> None:
    with pytest.raises(MalformedBody):
        read_parts(body, [], content_type)


def test_configuration_points_every_target_at_the_sandbox(sandbox: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "medusa_config.json"
    sandbox.write_config(path)
    config = json.loads(path.read_text())
    assert set(config) == {"youtube", "vimeo", "facebook"}
    for target in config.values():
        assert all(url.startswith(sandbox.url) for url in target["endpoints"].values())
    files = [path, *(Path(config["youtube"][key]) for key in ("client_secrets_file", "credentials_file"))]
    for file in files:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    user = json.loads(files[2].read_text())
    assert {"token", "refresh_token", "token_uri", "client_id", "client_secret", "scopes", "expiry"} <= set(user)
    assert set(json.loads(files[1].read_text())) == {"installed"}


def test_files_beside_the_configuration_are_left_alone(sandbox: Sandbox, tmp_path: Path) -> None:
    real = {name: tmp_path / name for name in ("youtube_client_secrets.json", "youtube_credentials.json")}
    for file in real.values():
        file.write_text("a real token")
    path = tmp_path / "rehearsal.json"
    sandbox.write_config(path)
    assert [file.read_text() for file in real.values()] == ["a real token"] * 2
    secrets = tmp_path / "rehearsal.secrets"
    assert {file.name for file in secrets.iterdir()} == set(real)
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o700
    sandbox.write_config(path)  # its own may be replaced
    assert json.loads(path.read_text())["youtube"]["credentials_file"].startswith(str(secrets.resolve()))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "no configuration that can be read"),
        ("{", "no configuration that can be read"),
        ("[]", "it has no target"),
        ('{"medusa": {}}', "it has no target"),
        ('{"vimeo": {"access_token": "real"}}', 'target "vimeo" is not on this machine'),
        ('{"vimeo": {"endpoints": {}}}', 'target "vimeo" is not on this machine'),
        ('{"vimeo": {"endpoints": {"api": "https://api.vimeo.com"}}}', 'target "vimeo" is not on this machine'),
        (
            '{"a": {"endpoints": {"api": "http://127.0.0.1:1"}}, "b": {"endpoints": {"api": "http://[::2"}}}',
            'target "b" is not on this machine',
        ),
    ],
)
def test_a_real_configuration_is_not_replaced(sandbox: Sandbox, tmp_path: Path, content: str, why: str) -> None:
    path = tmp_path / "medusa_config.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=why):
        sandbox.write_config(path)
    assert path.read_text() == content
    assert list(tmp_path.iterdir()) == [path]


def test_every_mistake_of_a_fault_is_told(sandbox: Sandbox) -> None:
    with pytest.raises(ValueError, match=r"no platform 'tiktok' .*; unknown kind of fault 'boom'"):
        sandbox.fault(platform="tiktok", kind="boom")
    with pytest.raises(ValueError, match=r"has no field 'x', 'y'.*needs the field 'code'.*'times' .* cannot be '2'"):
        sandbox.fault(kind="status", x=1, y=2, times="2")


def test_every_sandbox_makes_tokens_of_its_own(tmp_path: Path) -> None:
    seen = []
    for name in ("one", "two"):
        with Sandbox() as running:
            running.write_config(tmp_path / name / "config.json")
        seen.append((tmp_path / name / "config.secrets/youtube_credentials.json").read_text())
    first, second = (json.loads(text) for text in seen)
    for key in ("token", "refresh_token", "client_id", "client_secret"):
        assert first[key] != second[key]


def test_no_secret_is_in_the_log(youtube: YouTubeClient, http: requests.Session) -> None:
    sandbox = youtube.sandbox
    session = youtube.session(size=4)
    youtube.put(session, b"film")
    form = {
        "grant_type": "refresh_token",
        **{key: youtube.credentials[key] for key in ("refresh_token", "client_id", "client_secret")},
    }
    new = http.post(f"{sandbox.url}/token", data=form).json()
    http.post(f"{sandbox.url}/token", json={"refresh_token": 'unknown"quoted', "client_secret": "guess-guess"})
    http.get(f"{sandbox.url}/youtube/v3/videos?part=id&id=x&access_token={new['access_token']}")
    http.get(f"{sandbox.url}/youtube/v3/videos", headers={"Authorization": "Bearer unknown-token"})
    text = json.dumps(sandbox.log()) + http.get(f"{sandbox.url}/_sandbox/log").text
    text += json.dumps(sandbox.state()) + http.get(f"{sandbox.url}/").text
    secrets = [youtube.credentials[key] for key in ("token", "refresh_token", "client_secret")]
    secrets += [new["access_token"], session.rpartition("upload_id=")[2], "guess-guess", "unknown-token", "quoted"]
    assert [secret for secret in secrets if secret in text] == []
    assert "upload_id=***" in text
    assert "Bearer ***" in text


def test_the_log_tells_each_request_as_it_came(youtube: YouTubeClient) -> None:
    youtube.put(youtube.session(), b"film bytes")
    started, sent = youtube.sandbox.log()
    assert (started["n"], started["platform"], started["operation"]) == (1, "youtube", "videos.insert")
    assert started["method"] == "POST"
    assert str(started["path"]).startswith("/upload/youtube/v3/videos?uploadType=resumable&part=snippet,status")
    assert json.loads(started["body"])["snippet"]["title"] == "Film"
    assert started["headers"]["x-upload-content-type"] == "video/mp4"
    assert (sent["operation"], sent["body"], sent["received"]) == ("video.bytes", {"size": 10}, 10)
    assert (sent["status"], sent["fault"]) == (200, None)
    assert sent["connection"] == started["connection"]


def test_connections_are_numbered(sandbox: Sandbox) -> None:
    for _ in range(2):
        with requests.Session() as session:
            session.get(f"{sandbox.url}/youtube/v3/videos")
            session.get(f"{sandbox.url}/youtube/v3/videos")
    numbers = [record["connection"] for record in sandbox.log()]
    assert numbers == [1, 1, 2, 2]


def test_unknown_paths_are_the_platforms_own(sandbox: Sandbox, http: requests.Session) -> None:
    reply = http.get(f"{sandbox.url}/youtube/v3/nothing")
    assert (reply.status_code, reply.json()["error"]["errors"][0]["reason"]) == (404, "notFound")
    assert sandbox.log()[-1]["operation"] == "unknown"
    assert http.patch(f"{sandbox.url}/youtube/v3/videos").status_code == 404
    stranger = http.get(f"{sandbox.url}/favicon.ico")
    assert (stranger.status_code, stranger.text) == (404, "no platform of this sandbox has such a path\n")
    assert [sandbox.log()[-1][key] for key in ("platform", "path", "status")] == ["", "/favicon.ico", 404]


def test_urls_in_replies_follow_the_host_header(youtube: YouTubeClient) -> None:
    port = youtube.sandbox.url.rpartition(":")[2]
    reply = youtube.start(headers={"Host": f"localhost:{port}"})
    assert reply.headers["Location"].startswith(f"http://localhost:{port}/upload/")


def test_tls_is_trusted_by_the_certificate_it_made(http: requests.Session, tmp_path: Path) -> None:
    with Sandbox(tls=True) as sandbox:
        assert sandbox.url.startswith("https://127.0.0.1:")
        http.verify = str(sandbox.ca_file)
        youtube = youtube_client(sandbox, http, tmp_path)
        location = youtube.session()
        assert location.startswith("https://")
        assert youtube.put(location, b"film").status_code == 200
        with requests.Session() as stranger, pytest.raises(requests.exceptions.SSLError):
            stranger.get(sandbox.url)


def test_close_frees_the_port_and_drops_what_hangs(http: requests.Session) -> None:
    with Sandbox() as sandbox:
        port = int(sandbox.url.rpartition(":")[2])
        sandbox.fault(kind="stall", platform="youtube", operation="token")
        with ThreadPoolExecutor(1) as pool:
            hanging = pool.submit(requests.post, f"{sandbox.url}/token", timeout=20)
            until(lambda: any(record["fault"] for record in sandbox.log()))
            sandbox.close()
            with pytest.raises(requests.exceptions.ConnectionError):
                hanging.result()
    with Sandbox(port=port) as again:
        assert http.get(again.url).status_code == 200
    with pytest.raises(RuntimeError, match="not running"):
        again.log()


def test_a_port_that_is_taken_is_an_error(sandbox: Sandbox) -> None:
    with pytest.raises(OSError, match="address already in use"):
        Sandbox(port=int(sandbox.url.rpartition(":")[2])).start()
    with pytest.raises(RuntimeError, match="already running"):
        sandbox.start()


def test_reset_forgets_everything_but_the_tokens(youtube: YouTubeClient) -> None:
    sandbox = youtube.sandbox
    video = youtube.upload()
    sandbox.set(youtube_long_uploads="eligible")
    sandbox.fault(kind="html")
    sandbox.clock.move(100)
    sandbox.reset()
    assert sandbox.log() == []
    assert sandbox.clock.ahead == 0
    assert youtube.state()["videos"] == []
    assert youtube.call("GET", f"videos?part=id&id={video['id']}").json()["items"] == []
    (channel,) = youtube.call("GET", "channels?part=status&mine=true").json()["items"]
    assert channel["status"]["longUploadsStatus"] == "allowed"


def test_admin_has_the_same_power_from_outside(youtube: YouTubeClient, http: requests.Session) -> None:
    base = f"{youtube.sandbox.url}/_sandbox"

    def read(name: str) -> Any:
        return http.get(f"{base}/{name}").json()

    assert http.post(f"{base}/faults", json={"kind": "html", "platform": "youtube"}).json() == {"id": 1}
    assert [(fault["id"], fault["kind"], fault["times"]) for fault in read("faults")] == [(1, "html", 1)]
    assert http.delete(f"{base}/faults").json() == []
    assert read("faults") == []
    assert http.post(f"{base}/clock", json={"move_s": 60}).json()["ahead_s"] == 60
    assert youtube.sandbox.clock.ahead == 60
    assert http.post(f"{base}/options", json={"hash": False}).json()["hash"] is False
    youtube.upload()
    assert read("state")["youtube"]["videos"][0]["sha256"] is None
    assert [record["operation"] for record in read("log")] == ["videos.insert", "video.bytes"]
    assert http.post(f"{base}/reset", json={}).json() == {}
    assert read("log") == []


@pytest.mark.parametrize(
    ("door", "asked", "said"),
    [
        ("faults", {"kind": "melt"}, "unknown kind of fault 'melt'"),
        ("faults", {"kind": "status"}, "needs the field 'code'"),
        ("faults", {"kind": "cut", "after": "9"}, "cannot be '9'"),
        ("faults", {"kind": "cut", "aftr": 9}, "has no field 'aftr'"),
        ("faults", {"kind": "cut", "times": True}, "cannot be True"),
        ("faults", {"kind": "cut", "platform": "myspace"}, "no platform 'myspace'"),
        ("faults", {"kind": "cut", "platform": "youtube", "operation": "video.byte"}, "'video.byte'"),
        ("faults", {"kind": "cut", "operation": "processing"}, "does not act on"),
        ("faults", {"kind": "processing_stuck", "operation": "token"}, "acts on the operation 'processing' only"),
        ("faults", [], "must be a JSON object"),
        ("clock", {"move_s": -1}, "forward only"),
        ("clock", {"move": 1}, "say how far"),
        ("options", {"hash": 1}, "'hash' cannot be 1"),
        ("options", {"hsh": True}, "unknown option 'hsh'"),
        ("options", {"youtube_quota_units": 1.5}, "cannot be 1.5"),
        ("reset", {"all": True}, "takes no fields"),
    ],
)
def test_admin_refuses_in_words(sandbox: Sandbox, http: requests.Session, door: str, asked: object, said: str) -> None:
    reply = http.post(f"{sandbox.url}/_sandbox/{door}", json=asked)
    assert reply.status_code == 400
    assert said in reply.json()["error"]


def test_wrong_faults_and_options_end_the_start() -> None:
    with pytest.raises(ValueError, match="unknown kind"):
        Sandbox(faults=[{"kind": "melt"}]).start()
    with pytest.raises(ValueError, match="unknown option"):
        Sandbox(options={"hsh": True}).start()


def test_keep_stores_what_was_uploaded(http: requests.Session, tmp_path: Path) -> None:
    content = bytes(range(256)) * 3000
    with Sandbox(keep=tmp_path / "kept") as sandbox:
        youtube_client(sandbox, http, tmp_path / "config").upload(content)
        (film,) = (tmp_path / "kept").iterdir()
        assert film.read_bytes() == content
        assert stat.S_IMODE(film.stat().st_mode) == 0o600


def test_without_keep_nothing_is_stored(youtube: YouTubeClient, http: requests.Session) -> None:
    youtube.upload(bytes(100_000))
    assert "<video" not in http.get(youtube.sandbox.url).text


def test_many_at_once(youtube: YouTubeClient) -> None:
    contents = [bytes([number]) * (600_000 + number) for number in range(16)]

    def upload(content: bytes) -> None:
        with requests.Session() as session:
            YouTubeClient(youtube.sandbox, session, youtube.credentials).upload(content)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(upload, contents))
    hashes = {video["sha256"] for video in youtube.state()["videos"]}
    assert hashes == {hashlib.sha256(content).hexdigest() for content in contents}


def test_a_missing_extra_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['aiohttp'] = None\n"
        "import medusa.sandbox\n"
        "try: medusa.sandbox.Sandbox\n"
        "except ImportError as problem: sys.exit('medusa-media[sandbox]' not in str(problem))\n"
        "sys.exit('it was there')"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_importing_the_package_loads_no_server() -> None:
    code = "import sys, medusa.sandbox; sys.exit('aiohttp' in sys.modules or 'trustme' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
