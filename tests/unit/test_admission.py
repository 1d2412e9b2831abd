"""Which tasks are active: the oldest first, so many of each target, and none waits for ever."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from medusa.adapters.engines.admission import Admission, Entry


class Gate:
    """An Admission, and what it has let in."""

    def __init__(self, active: int) -> None:
        self.inside: list[str] = []
        self.admission = Admission(self.inside.append, active)

    def enter(self, task_id: str, *targets: str, since: float = 0.0) -> None:
        self.admission.enter(Entry(since, task_id, targets))

    def leave(self, task_id: str) -> None:
        self.inside.remove(task_id)
        self.admission.leave(task_id)


def test_so_many_of_a_target_are_let_in_and_the_oldest_first() -> None:
    gate = Gate(2)
    for since, name in enumerate("abcd"):
        gate.enter(name, "youtube", since=since)
    gate.enter("unpaused", "youtube", since=1.5)
    assert gate.inside == ["a", "b"]
    gate.leave("b")
    assert gate.inside == ["a", "unpaused"]
    gate.leave("a")
    assert gate.inside == ["unpaused", "c"]


def test_one_target_that_is_full_keeps_no_other_out() -> None:
    gate = Gate(1)
    for name in "abc":
        gate.enter(name, "youtube")
    gate.enter("other", "vimeo")
    assert gate.inside == ["a", "other"]


def test_a_task_of_two_targets_is_not_overtaken_for_ever_by_tasks_of_one() -> None:
    gate = Gate(1)
    gate.enter("a1", "a", since=0)
    gate.enter("b1", "b", since=1)
    gate.enter("both", "a", "b", since=2)
    gate.enter("a2", "a", since=3)
    gate.enter("b2", "b", since=4)
    gate.leave("a1")
    gate.leave("b1")
    assert gate.inside == ["both"]


def test_what_is_to_end_is_let_in_at_once_and_counts_for_nothing() -> None:
    gate = Gate(1)
    for since, name in enumerate("abc"):
        gate.enter(name, "youtube", since=since)
    gate.admission.hurry("b")
    gate.admission.hurry("b")
    gate.admission.hurry("nobody")
    assert gate.inside == ["a", "b"]
    gate.leave("b")
    assert gate.inside == ["a"]
    gate.leave("a")
    assert gate.inside == ["c"]


def test_once_it_is_closed_nobody_is_let_in() -> None:
    gate = Gate(1)
    for name in "abc":
        gate.enter(name, "youtube")
    gate.admission.close()
    gate.leave("a")
    assert gate.inside == []


TARGETS = st.sets(st.sampled_from(["a", "b", "c"]), min_size=1).map(lambda found: tuple(sorted(found)))
MOVES = st.lists(st.tuples(st.sampled_from(["enter", "leave", "hurry"]), st.integers(0, 20)), max_size=60)


@given(st.lists(TARGETS, min_size=1, max_size=12), MOVES, st.integers(1, 3))
def test_whatever_happens_all_are_let_in_once_and_never_too_many(
    tasks: list[tuple[str, ...]], moves: list[tuple[str, int]], active: int
) -> None:
    gate = Gate(active)
    waiting = list(enumerate(tasks))
    entered: list[str] = []
    hurried: set[str] = set()
    seen = 0
    for move, number in moves + [("enter", 0)] * len(tasks):
        if move == "enter" and waiting:
            place, targets = waiting.pop(0)
            entered.append(str(place))
            gate.enter(str(place), *targets, since=place)
        elif move == "leave" and gate.inside:
            gate.leave(gate.inside[number % len(gate.inside)])
            seen += 1
        elif move == "hurry" and entered:
            hurried.add(entered[number % len(entered)])
            gate.admission.hurry(entered[number % len(entered)])
        for target in "abc":
            at_it = [name for name in gate.inside if target in tasks[int(name)] and name not in hurried]
            assert len(at_it) <= active
    while gate.inside:
        assert len(set(gate.inside)) == len(gate.inside)
        gate.leave(gate.inside[0])
        seen += 1
    assert seen == len(tasks)
