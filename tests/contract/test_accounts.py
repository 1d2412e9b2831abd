"""What all tasks of an account share: the limits and the quota ledger, in memory and on disk."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from medusa.adapters.accounts import FileAccounts
from medusa.adapters.repositories.sql.accounts import SqlAccounts
from medusa.adapters.repositories.sql.sqlite import SqliteDatabase
from medusa.adapters.repositories.sql.store import Store
from medusa.domain.ports import AccountsPort
from tests.contract.repository_exam import PATIENCE_S

DAY = 86_400.0


class AccountsContract:
    @pytest.fixture
    def accounts(self) -> AccountsPort:
        raise NotImplementedError("a subclass gives it")

    def test_a_scope_is_held_back_until_the_latest_time_told(self, accounts: AccountsPort) -> None:
        assert accounts.blocked_until(["app", "page"]) == 0.0
        accounts.block("page", 100.5)
        accounts.block("page", 90.0)
        accounts.block("app", 95.0)
        assert accounts.blocked_until(["page"]) == 100.5
        assert accounts.blocked_until(["app"]) == 95.0
        assert accounts.blocked_until(["app", "page", "other"]) == 100.5
        assert accounts.blocked_until([]) == 0.0
        accounts.block("app", 200.0)
        assert accounts.blocked_until(["app", "page"]) == 200.0

    def test_what_is_spent_adds_up_within_a_period(self, accounts: AccountsPort) -> None:
        assert accounts.spent("project", "units", 1.0) == (0, 0.0)
        accounts.spend("project", "units", 100, DAY)
        accounts.spend("project", "units", 50, DAY)
        accounts.spend("project", "inserts", 1, DAY)
        accounts.spend("other", "units", 7, DAY)
        assert accounts.spent("project", "units", 1.0) == (150, DAY)
        assert accounts.spent("project", "inserts", 1.0) == (1, DAY)
        assert accounts.spent("other", "units", 1.0) == (7, DAY)

    def test_a_new_period_begins_with_nothing(self, accounts: AccountsPort) -> None:
        accounts.spend("project", "units", 100, DAY)
        assert accounts.spent("project", "units", DAY) == (0, 0.0)
        accounts.spend("project", "units", 30, 2 * DAY)
        assert accounts.spent("project", "units", DAY) == (30, 2 * DAY)

    def test_what_is_beyond_a_limit_is_not_booked(self, accounts: AccountsPort) -> None:
        assert not accounts.spend("project", "units", 101, DAY, 100)
        assert accounts.spend("project", "units", 60, DAY, 100)
        assert not accounts.spend("project", "units", 41, DAY, 100)
        assert accounts.spend("project", "units", 40, DAY, 100)
        assert accounts.spent("project", "units", 1.0) == (100, DAY)
        assert accounts.spend("project", "units", 100, 2 * DAY, 100)
        assert accounts.spend("project", "units", 1, 2 * DAY)

    def test_a_limit_set_by_hand_holds_until_it_is_taken_back(self, accounts: AccountsPort) -> None:
        assert dict(accounts.throttles()) == {}
        accounts.throttle("", 2048.0)
        accounts.throttle("youtube", 4096.0)
        accounts.throttle("youtube", float("inf"))
        assert dict(accounts.throttles()) == {"": 2048.0, "youtube": float("inf")}
        accounts.throttle("", None)
        accounts.throttle("vimeo", None)
        assert dict(accounts.throttles()) == {"youtube": float("inf")}

    def test_many_can_spend_at_once(self, accounts: AccountsPort) -> None:
        def spend() -> None:
            for _ in range(30):
                accounts.spend("project", "units", 1, DAY, 100)

        threads = [threading.Thread(target=spend) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE_S)
        assert accounts.spent("project", "units", 1.0) == (100, DAY)

    def test_credentials_are_renewed_in_their_file(self, accounts: AccountsPort, tmp_path: Path) -> None:
        file = tmp_path / "credentials.json"
        file.write_text('{"token": "old"}')
        assert accounts.renew(str(file), {"token": "old"}, lambda stale: {"token": "new"}) == {"token": "new"}
        assert json.loads(file.read_text()) == {"token": "new"}


class TestFileAccounts(AccountsContract):
    @pytest.fixture
    def accounts(self) -> AccountsPort:
        return FileAccounts()


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[[], SqlAccounts]]:
    """Opens the file once more, as another process would."""
    stores: list[Store] = []

    def open_() -> SqlAccounts:
        stores.append(Store(SqliteDatabase(tmp_path / "tasks.db")))
        return SqlAccounts(stores[-1])

    yield open_
    for store in stores:
        store.close(last=lambda connection: None)


class TestSqlAccounts(AccountsContract):
    @pytest.fixture
    def accounts(self, opened: Callable[[], SqlAccounts]) -> AccountsPort:
        return opened()

    def test_all_processes_share_them(self, opened: Callable[[], SqlAccounts]) -> None:
        ours, theirs = opened(), opened()
        ours.block("app", 100.0)
        assert theirs.blocked_until(["app"]) == 100.0
        ours.spend("project", "units", 1, DAY)
        theirs.spend("project", "units", 2, DAY)
        assert ours.spent("project", "units", 1.0) == (3, DAY)
        theirs.throttle("youtube", 2048.0)
        assert dict(ours.throttles()) == {"youtube": 2048.0}
