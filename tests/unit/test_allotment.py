"""How many unfinished tasks a caller has, when many of its calls come at once."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from medusa.daemon.allotment import Allotment
from medusa.daemon.errors import Refused

WEB = "web"


def test_a_task_that_begins_while_others_are_counted_is_counted_too() -> None:
    running = {"first", "second"}
    bound = Allotment(2, lambda task_id: task_id not in running, lambda: [])
    with bound.one_more(WEB) as begun:
        begun("first")
    with ExitStack() as another:
        late = another.enter_context(bound.one_more(WEB))
        with pytest.raises(Refused):
            another.enter_context(bound.one_more(WEB))  # looks which of the first ones are over
        late("second")
    with pytest.raises(Refused), bound.one_more(WEB):
        pass
    running.clear()
    with bound.one_more(WEB) as begun:
        begun("third")
