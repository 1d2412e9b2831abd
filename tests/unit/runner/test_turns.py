"""Whose turn it is: tasks in a round, targets in a round, and a bound for each target."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medusa.runner.turns import Turn, Turns
from medusa.runner.workers import Workers


def many(target: str) -> int:
    return 99


async def served(turns: Turns, asked: Iterable[tuple[str, str]], first: int) -> list[Turn]:
    """The first turns of those that are asked for, in the order in which they are granted, each given back at once."""
    holding = turns.ask("before", "before")
    waiting = [turns.ask(task, target) for task, target in asked]
    turns.give_back(holding)
    order: list[Turn] = []
    while len(order) < first:
        turn = next(turn for turn in waiting if turn.granted.done())
        waiting.remove(turn)
        order.append(turn)
        turns.give_back(turn)
    return order


def tasks(asked: Iterable[tuple[str, str]], first: int) -> list[str]:
    async def order() -> list[str]:
        return [turn.task for turn in await served(Turns(1, many), asked, first)]

    return asyncio.run(order())


def test_a_task_with_many_uploads_takes_turns_with_another() -> None:
    asked = [("large", f"channel{n}") for n in range(20)] + [("small", "vimeo")] * 3
    assert tasks(asked, 8) == ["large", "small"] * 3 + ["large"] * 2


def test_a_task_with_many_uploads_takes_turns_with_another_on_one_of_its_targets() -> None:
    asked = [("large", f"channel{n}") for n in range(20)] + [("small", "channel0")] * 3
    assert tasks(asked, 6).count("small") == 3


def test_five_hundred_tasks_of_one_target_do_not_hold_up_a_task_of_another() -> None:
    asked = [(f"many{n}", "youtube") for n in range(500)] + [("late", "vimeo")] * 3
    assert [place for place, task in enumerate(tasks(asked, 10)) if task == "late"] == [1, 3, 5]


def test_tasks_of_one_target_go_in_their_order_and_then_round() -> None:
    asked = [("a", "youtube"), ("b", "youtube"), ("c", "youtube"), ("a", "youtube"), ("b", "youtube")]
    assert tasks(asked, 5) == ["a", "b", "c", "a", "b"]


def test_a_task_that_has_rested_has_its_place_still() -> None:
    async def order() -> list[str]:
        turns = Turns(1, many)
        turns.give_back(turns.ask("rested", "youtube"))
        for name in ("b", "c"):
            turns.give_back(turns.ask(name, "youtube"))
        holding = turns.ask("d", "youtube")
        asked = [turns.ask(name, "youtube") for name in ("c", "b", "rested")]
        turns.give_back(holding)
        found = []
        while asked:
            turn = next(turn for turn in asked if turn.granted.done())
            asked.remove(turn)
            found.append(turn.task)
            turns.give_back(turn)
        return found

    assert asyncio.run(order()) == ["rested", "b", "c"]


def test_a_target_that_hangs_leaves_threads_to_the_others() -> None:
    async def hang() -> tuple[list[bool], bool]:
        workers = Workers(bulk=1, calls=8, limits={"slow": None, "quick": None})
        try:
            slow = [workers.ask(f"task{n}", "slow") for n in range(20)]
            return [turn.granted.done() for turn in slow], workers.ask("other", "quick").granted.done()
        finally:
            workers.close()

    granted, other = asyncio.run(hang())
    assert granted == [True] * 6 + [False] * 14
    assert other


@pytest.mark.parametrize(
    ("limits", "most"),
    [({"a": None}, 8), ({"a": None, "b": None}, 6), ({"a": 2, "b": None}, 2), ({"a": 50, "b": None}, 8), ({}, 8)],
)
def test_the_bound_of_a_target(limits: dict[str, int | None], most: int) -> None:
    async def granted() -> int:
        workers = Workers(bulk=8, calls=1, limits=limits)
        try:
            return sum(workers.ask(f"task{n}", "a", bulk=True).granted.done() for n in range(20))
        finally:
            workers.close()

    assert asyncio.run(granted()) == most


def test_what_is_urgent_goes_first() -> None:
    async def order() -> bool:
        turns = Turns(1, many)
        holding = turns.ask("a", "youtube")
        turns.ask("b", "vimeo")
        urgent = turns.ask("a", "youtube", urgent=True)
        turns.give_back(holding)
        return urgent.granted.done()

    assert asyncio.run(order())


@pytest.mark.parametrize("leave", [Turns.call_off, Turns.give_back])
def test_who_waits_no_longer_gets_no_turn(leave: Callable[[Turns, Turn], None]) -> None:
    async def order() -> tuple[bool, bool]:
        turns = Turns(1, many)
        holding, leaving, staying = (turns.ask(name, "youtube") for name in "abc")
        leave(turns, leaving)
        leave(turns, leaving)
        turns.give_back(holding)
        turns.give_back(leaving)
        return staying.granted.done(), turns.ask("d", "youtube").granted.done()

    assert asyncio.run(order()) == (True, False)


def test_a_wait_that_is_cancelled_takes_no_turn() -> None:
    async def order() -> bool:
        turns = Turns(1, many)
        holding, leaving, staying = (turns.ask(name, "youtube") for name in "abc")

        async def wait() -> None:
            try:
                await leaving.granted
            finally:
                turns.give_back(leaving)

        waiter = asyncio.ensure_future(wait())
        await asyncio.sleep(0)
        waiter.cancel()
        turns.give_back(holding)
        with suppress(asyncio.CancelledError):
            await waiter
        return staying.granted.done()

    assert asyncio.run(order())


ASKED = st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from("xyz"), st.booleans()), max_size=30)


@given(ASKED, st.integers(1, 4), st.integers(1, 3), st.randoms(use_true_random=False))
def test_everyone_has_a_turn_and_never_too_many_at_once(
    asked: list[tuple[str, str, bool]], slots: int, most: int, random: object
) -> None:
    async def run() -> None:
        turns = Turns(slots, lambda target: most)
        waiting = [turns.ask(task, target, urgent=urgent) for task, target, urgent in asked]
        while waiting:
            used = [turn for turn in waiting if turn.granted.done()]
            assert 1 <= len(used) <= slots
            for target in "xyz":
                assert sum(turn.target == target for turn in used) <= most
            over = random.choice(used)  # type: ignore[attr-defined]
            waiting.remove(over)
            turns.give_back(over)

    asyncio.run(run())
