"""What docs/benchmarks.md says beside its figures."""

from __future__ import annotations

INTRODUCTION = """\
Only the ratios travel. {rounds} rounds in random order where nothing else is said; every figure is a median, every
ratio is to `curl -T` in the same round, and the middle half of the ratios stands beside it. `curl -T` differs from
itself by up to 15 % on a shared machine: smaller differences are no findings.

Medusa is a *running* one: the task is saved on disk, progress is counted and watched, cancel, bandwidth limits, retry
and resume are on. The time is from an upload's first byte to its final reply, as the server sees it; the CPU is that
of the client alone (of curl and rclone the whole process, of the Python clients the upload, in a process that has
uploaded before). tuspy reads the whole file into memory before its first byte, which this time does not count. The
server is on the same machine, in C, and throws the bytes away without decrypting them. *Nothing
but the bytes* is libcurl with a buffer of 2 MiB over TLS, and `sendfile` without: what the server takes from a client
that does nothing else.

![Throughput and CPU against curl](benchmarks.svg)"""

PROFILE = """\
The CPU time of the sending thread in each of these calls, in one upload that was timed call by call. On loopback the
kernel receives in the sender's time, too. A running Medusa adds what a task costs, whatever its size: probing the
media, ten saved lines, progress. Where an aim is not reached, nearly all that is left is the kernel's and OpenSSL's."""

PROGRESS = """\
Twice a second it is read from the socket how much has arrived, smoothed to a rate and a time left, saved, and told to
who watches. The sender alone counts nothing, saves nothing and cannot be cancelled."""

MEMORY = "The peak of a Medusa that has published before, above what it held before the upload."

MANY = """\
All are submitted at once; Medusa has 8 under way at a time and queues the rest, curl (`curl -Z`) has all. *Fairness*
is Jain's index over the uploads' rates, each while it was under way: of 8 it is that of those who share the line; where
more are queued, the first and the last had it with fewer others. *Memory* is the rise of the peak. The aims are 1.5 x
and 0.9 x for 32, and 1.4 x for 128: the threads below show what stands between."""

THREADS = """\
Of the last table's uploads, by the threads of Medusa's process: *bulk* send; *call* ask the platform and look at the
media (by MediaInfo: two or three milliseconds a video); *engine* runs the tasks, *writer* saves them, *MainThread*
submits and watches. The sending alone is below curl's CPU; beside it all wait for one another at Python's lock."""

DELAY = """\
A line in user space between two network namespaces (packets of 1500 bytes, a queue of 100 ms). 3 rounds; with
*commit* the server takes 300 ms before its final reply to Medusa, and curl is answered at once."""

SMALL_FILES = """\
20 x 1 MiB at 100 Mbit/s, 8 at a time on kept connections: {share:.2f} of the line, from the first byte of the first to
the final reply to the last."""
