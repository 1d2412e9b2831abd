"""What tests of several kinds share."""

from __future__ import annotations

import os

import pytest

SOAK = os.environ.get("MEDUSA_SOAK") == "1"
"""Whether tests take their long forms, as `make soak` has it."""


def require(condition: object, what: str) -> None:
    """Skip the test unless `condition` holds; `what` says, in one line, what to install.

    With MEDUSA_REQUIRE_ALL=1 (as CI has it) what is missing is a failure instead.
    """
    if condition:
        return
    if os.environ.get("MEDUSA_REQUIRE_ALL") == "1":
        pytest.fail(what)
    pytest.skip(what)
