"""Turns for a core: so many at once, and whoever came first is next."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from medusa.adapters.http.cores import Cores

WITHIN_S = 20.0


def test_no_more_at_once_than_there_are_cores() -> None:
    cores, lock, inside, most = Cores(2), threading.Lock(), 0, 0
    both = threading.Barrier(2)

    def work(_: int) -> None:
        nonlocal inside, most
        with cores:
            with lock:
                inside += 1
                most = max(most, inside)
            both.wait(WITHIN_S)  # only two together come any further
            with lock:
                inside -= 1

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(100)))
    assert (most, inside) == (2, 0)


def test_whoever_came_first_is_next() -> None:
    cores, order = Cores(1), []

    def work(name: int) -> None:
        with cores:
            order.append(name)

    with cores:
        threads = [threading.Thread(target=work, args=(name,)) for name in range(8)]
        for waiting, thread in enumerate(threads, 1):
            thread.start()
            while len(cores._waiting) < waiting:
                thread.join(0.001)
    for thread in threads:
        thread.join(WITHIN_S)
    assert order == list(range(8))


def test_a_failure_gives_the_core_back() -> None:
    cores = Cores(1)
    for _ in range(3):
        try:
            with cores:
                raise OSError
        except OSError:
            pass
    with cores:
        assert not cores._waiting
