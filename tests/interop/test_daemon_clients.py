"""Clients of other languages and tools publish on the sandbox over the daemon, and watch to the end."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from medusa import MedusaCore
from medusa.sandbox import Sandbox
from tests.integration.conftest import rehearsal, sandbox
from tests.integration.daemon.conftest import Serving
from tests.integration.rehearsal import QUICK, SAMPLE, made, nothing_but
from tests.interop.npm import installed
from tests.support import require

__all__ = ["rehearsal", "sandbox"]
ROOT = Path(__file__).parents[2]
WITHIN_S = 60.0
ASKED = {
    "youtube": {"title": "Talk", "privacy": "unlisted", "tags": ["a", "b"]},
    "facebook": {"message": "{youtube_url}"},
}
WRONG = {"youtube": {"titel": "Talk"}}
GO = {"GO111MODULE": "off", "GOFLAGS": ""}
GO_NEEDS = (
    "needs Go and its packages for gRPC: apt-get install golang-go golang-google-grpc-dev "
    "golang-github-golang-protobuf-1-5-dev protoc-gen-go-1-5 protoc-gen-go-grpc protobuf-compiler"
)


@pytest.fixture
def address(sandbox: Sandbox, tmp_path: Path) -> Iterator[str]:
    config = {**sandbox.config(tmp_path), "medusa": {"retry": QUICK}}
    with MedusaCore(config=config) as core, Serving(core, f"unix:{tmp_path}/medusad.sock") as serving:
        yield serving.address


def run(*command: str | Path, cwd: Path | None = None, env: dict[str, str] | None = None) -> tuple[int, str, str]:
    ran = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=False,
    )
    return ran.returncode, ran.stdout, ran.stderr


# ---------------------------------------------------------------- Node.js


@pytest.fixture
def node_client(tmp_path: Path) -> Path:
    """examples/node/publish.mjs, beside its packages and the proto."""
    place = tmp_path / "examples" / "node"
    place.mkdir(parents=True)
    (place / "node_modules").symlink_to(installed(ROOT / "examples" / "node") / "node_modules")
    (tmp_path / "proto").symlink_to(ROOT / "proto")
    return Path(shutil.copy(ROOT / "examples" / "node" / "publish.mjs", place))


def test_node_publishes_and_watches_to_the_end(node_client: Path, address: str, sandbox: Sandbox) -> None:
    status, out, err = run("node", node_client, address, SAMPLE, json.dumps(ASKED))
    assert status == 0, err
    said = json.loads(out)
    (video,), (post,) = sandbox.state()["youtube"]["videos"], sandbox.state()["facebook"]["posts"]
    url = said["results"]["youtube_url"]
    assert said["state"] == "TASK_STATE_COMPLETED"
    assert url.endswith(video["id"])
    assert (post["id"], post["message"]) == (said["results"]["facebook_post_id"], url)
    revisions = [int(line.partition(" ")[0]) for line in err.splitlines()]
    assert revisions == sorted(set(revisions))
    assert err.endswith(" Completed\n")


def test_node_is_told_what_is_wrong(node_client: Path, address: str, sandbox: Sandbox) -> None:
    status, _, err = run("node", node_client, address, SAMPLE, json.dumps(WRONG))
    assert (status, "metadata.youtube.titel: unknown key; did you mean title?" in err) == (1, True)
    assert made(sandbox) == nothing_but()


# ---------------------------------------------------------------- Go


@pytest.fixture(scope="module")
def go_client() -> Path:
    """examples/go/publish.go, built once for each of its versions and the proto's."""
    sources = (ROOT / "examples/go/publish.go", ROOT / "proto/medusa/v1/medusa.proto")
    place = ROOT / ".cache" / f"go-{hashlib.sha256(b''.join(map(Path.read_bytes, sources))).hexdigest()[:12]}"
    if not (place / "client").exists():
        _build(place, *sources)
    return place / "client"


def _build(place: Path, program: Path, proto: Path) -> None:
    tools = ("go", "protoc", "protoc-gen-go", "protoc-gen-go-grpc")
    require(all(map(shutil.which, tools)), GO_NEEDS)
    source = place / "src"
    (source / "publish").mkdir(parents=True, exist_ok=True)
    shutil.copy(program, source / "publish")
    generate = ("protoc", f"-I{ROOT / 'proto'}", f"--go_out={source}", f"--go-grpc_out={source}", proto)
    build = ("go", "build", "-o", place / f"client.{os.getpid()}", "publish")
    for command in (generate, build):
        env = {**GO, "GOPATH": f"{place}:/usr/share/gocode", "GOCACHE": str(place / "cache")}
        status, _, err = run(*command, env=env)
        require(status == 0, f"{GO_NEEDS}: {err}")
    (place / f"client.{os.getpid()}").rename(place / "client")


def test_go_publishes_and_watches_to_the_end(go_client: Path, address: str, sandbox: Sandbox) -> None:
    status, out, err = run(go_client, address, SAMPLE, json.dumps(ASKED))
    assert status == 0, err
    (video,), (post,) = sandbox.state()["youtube"]["videos"], sandbox.state()["facebook"]["posts"]
    assert out.startswith("TASK_STATE_COMPLETED ")
    assert f"facebook_post_id:{post['id']}" in out
    assert post["message"].endswith(video["id"])
    assert err.endswith(" Completed\n")


def test_go_is_told_what_is_wrong(go_client: Path, address: str) -> None:
    status, _, err = run(go_client, address, SAMPLE, json.dumps(WRONG))
    assert (status, "metadata.youtube.titel: unknown key; did you mean title?" in err) == (1, True)


# ---------------------------------------------------------------- buf curl, by reflection alone


def curl(address: str, method: str, request: dict[str, Any]) -> list[dict[str, Any]]:
    """The replies to a call, whose messages it knows from the daemon only."""
    buf = installed(ROOT / "proto", optional=True) / "node_modules/.bin/buf"
    wire = ("--protocol", "grpc", "--http2-prior-knowledge", "--unix-socket", address.removeprefix("unix:"))
    url = f"http://localhost/{method}"
    status, out, err = run(buf, "curl", *wire, "--data", json.dumps(request), url, cwd=ROOT / "tests")
    assert status == 0, err
    decoder, replies = json.JSONDecoder(), []
    while out := out.lstrip():
        reply, end = decoder.raw_decode(out)
        replies.append(reply)
        out = out[end:]
    return replies


def test_a_tool_that_knows_the_api_by_reflection_publishes_and_watches(address: str, sandbox: Sandbox) -> None:
    request = {"media_path": str(SAMPLE), "targets": list(ASKED), "metadata": ASKED}
    (begun,) = curl(address, "medusa.v1.MedusaService/Publish", request)
    seen = curl(address, "medusa.v1.MedusaService/WatchTask", {"task_id": begun["task"]["id"]})
    assert seen[-1]["task"]["state"] == "TASK_STATE_COMPLETED"
    assert made(sandbox) == nothing_but(youtube=1, facebook=1)
    (health,) = curl(address, "grpc.health.v1.Health/Check", {"service": "medusa.v1.MedusaService"})
    assert health == {"status": "SERVING"}


def test_the_clients_are_short() -> None:
    for client in ("node/publish.mjs", "go/publish.go"):
        assert len((ROOT / "examples" / client).read_text().splitlines()) < 60, client
