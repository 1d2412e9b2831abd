"""A Python client in a process of its own, which has uploaded once before it is measured: `worker NAME ORIGIN FOLDER`.

Each line of its input is an order, {"files": [...]}; each line of its output says what that took: CPU seconds of the
whole process and of its threads, and by how many MB its memory rose above what it was before.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from functools import partial
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from medusa import MedusaCore
    from medusa.adapters.http import Http

Uploads = Callable[[list[str]], None]


def medusa(origin: str, folder: Path) -> Uploads:
    """A running Medusa: tasks saved on disk, progress watched, cancel, retry and resume on."""
    return _medusa(origin, folder, lambda core, task: deque(core.watch(task), maxlen=0))


def unwatched(origin: str, folder: Path) -> Uploads:
    """The same with nobody who wants to know how far it is."""
    return _medusa(origin, folder, lambda core, task: core.wait(task))


def _medusa(origin: str, folder: Path, follow: Callable[[MedusaCore, str], object]) -> Uploads:
    from bench.upload.target import medusa_config
    from medusa import MedusaCore

    core = MedusaCore(config_file=medusa_config(origin, folder))

    def publish(files: list[str]) -> None:
        asked = {"youtube": {"title": "Bench", "wait_until_processed": False}}
        tasks = [core.publish_async(media_file=file, platforms=["youtube"], metadata=asked) for file in files]
        for task in tasks:
            follow(core, task)
            status = core.get_task_status(task)
            assert status["status"] == "completed", status

    return publish


def sender(origin: str, folder: Path) -> Uploads:
    """Medusa's sender alone: what is left when everything else is taken away."""
    from medusa.adapters.http import Http

    return partial(put, Http(), origin)


def put(http: Http, origin: str, files: list[str]) -> None:
    """One after another."""
    from medusa.adapters.http import Request

    for file in files:
        with Path(file).open("rb", buffering=0) as opened:
            body = _Body(_reading(opened), Path(file).stat().st_size)
            assert http.exchange(_Call(), Request("PUT", f"{origin}/put", body=body)).ok


def _reading(opened: FileIO) -> Callable[[memoryview], int]:
    return opened.readinto


class _Body:
    def __init__(self, readinto: Callable[[memoryview], int], size: int) -> None:
        self.readinto, self._size = readinto, size

    def __len__(self) -> int:
        return self._size


class _Call:
    def on_cancel(self, close: object) -> None: ...

    def in_flight(self, unsent: object) -> None: ...

    def check_in_time(self) -> None: ...


def googleapiclient(origin: str, folder: Path) -> Uploads:
    """google-api-python-client, a media upload of default chunks (100 MB)."""
    return _google(origin, {})


def googleapiclient_one_chunk(origin: str, folder: Path) -> Uploads:
    """The same in one chunk."""
    return _google(origin, {"chunksize": -1})


def _google(origin: str, options: dict[str, int]) -> Uploads:
    import httplib2
    from googleapiclient.discovery import build_from_document
    from googleapiclient.discovery_cache import get_static_doc
    from googleapiclient.http import MediaFileUpload

    http = httplib2.Http(ca_certs=os.environ["SSL_CERT_FILE"])
    http.redirect_codes = http.redirect_codes - {308}
    document = json.loads(get_static_doc("youtube", "v3"))
    youtube = build_from_document({**document, "rootUrl": f"{origin}/"}, http=http)

    def insert(files: list[str]) -> None:
        for file in files:
            media = MediaFileUpload(file, mimetype="video/mp4", resumable=True, **options)
            request = youtube.videos().insert(part="snippet", body={"snippet": {"title": "Bench"}}, media_body=media)
            done = None
            while done is None:
                _, done = request.next_chunk()

    return insert


def pyvimeo(origin: str, folder: Path) -> Uploads:
    """PyVimeo, with its defaults."""
    import vimeo

    client = vimeo.VimeoClient(token="t")
    client.API_ROOT = origin

    def upload(files: list[str]) -> None:
        for file in files:
            client.upload(file)

    return upload


def tuspy(origin: str, folder: Path) -> Uploads:
    """tuspy, with its defaults."""
    from tusclient.client import TusClient

    client = TusClient(f"{origin}/tus")

    def upload(files: list[str]) -> None:
        for file in files:
            client.uploader(file).upload()

    return upload


def fastest(origin: str, folder: Path) -> Uploads:
    """Nothing but the bytes: libcurl with a buffer of 2 MiB over TLS, sendfile without. What the sink can take."""
    return _libcurl(origin) if origin.startswith("https") else _sendfile(origin)


def _libcurl(origin: str) -> Uploads:
    import pycurl

    def put(files: list[str]) -> None:
        for file in files:
            with Path(file).open("rb", buffering=0) as opened:
                curl = pycurl.Curl()
                curl.setopt(curl.URL, f"{origin}/put")
                curl.setopt(curl.UPLOAD, 1)
                curl.setopt(curl.READDATA, opened)
                curl.setopt(curl.INFILESIZE_LARGE, Path(file).stat().st_size)
                curl.setopt(curl.UPLOAD_BUFFERSIZE, 2 * 1024 * 1024)
                curl.setopt(curl.CAINFO, os.environ["SSL_CERT_FILE"])
                curl.perform()
                curl.close()

    return put


def _sendfile(origin: str) -> Uploads:
    def put(files: list[str]) -> None:
        for file in files:
            address = urlsplit(origin)
            size = Path(file).stat().st_size
            with socket.create_connection((address.hostname, address.port)) as sock, Path(file).open("rb") as opened:
                sock.sendall(f"PUT /put HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n".encode())
                at = 0
                while at < size:
                    at += os.sendfile(sock.fileno(), opened.fileno(), at, size - at)
                sock.recv(4096)

    return put


CLIENTS = {
    made.__name__: made
    for made in (medusa, unwatched, sender, googleapiclient, googleapiclient_one_chunk, pyvimeo, tuspy, fastest)
}


def memory_mb(field: str) -> float:
    """VmRSS, or VmHWM: its peak since `forget_peak`."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition(f"{field}:")[2].split()[0]) / 1024


def forget_peak() -> None:
    """Let VmHWM begin anew."""
    Path("/proc/self/clear_refs").write_text("5")


def thread_cpu_s() -> Counter[str]:
    """CPU seconds of the threads that live, by their names without numbers."""
    spent: Counter[str] = Counter()
    for thread in threading.enumerate():
        fields = Path(f"/proc/self/task/{thread.native_id}/stat").read_text().rpartition(")")[2].split()
        spent[thread.name.rstrip("-0123456789")] += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return spent


def main() -> None:
    """Obey orders until the input ends."""
    _, name, origin, folder = sys.argv
    upload = CLIENTS[name](origin, Path(folder))
    for line in sys.stdin:
        forget_peak()
        resting, cpu, threads = memory_mb("VmRSS"), time.process_time(), thread_cpu_s()
        upload(json.loads(line)["files"])
        taken = {
            "cpu_s": time.process_time() - cpu,
            "rise_mb": memory_mb("VmHWM") - resting,
            "resting_mb": resting,
            "threads": thread_cpu_s() - threads,
        }
        print(json.dumps(taken), flush=True)
