"""The configured targets' adapters, made when they are first needed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from medusa.adapters.http import Http
from medusa.adapters.registry import ALL, adapter_class
from medusa.config import Settings
from medusa.domain.failures import InvalidRequest
from medusa.domain.ports import AccountsPort, PublisherPort, RenewablePort, RulesPort, UploaderPort
from medusa.domain.quota import Quota
from medusa.domain.request import Target
from medusa.domain.values import Problem, Receipt, StepSpec


class ConfiguredTargets:
    """AdaptersPort over the settings. A platform's client code is imported with the first call of its adapter."""

    def __init__(self, settings: Settings, http: Http, accounts: AccountsPort) -> None:
        self._settings = settings
        self._http = http
        self._accounts = accounts
        self._made: dict[str, Any] = {}
        self._lock = threading.RLock()

    def keys(self) -> Iterator[str]:
        """The configured targets, in the config's order."""
        return iter(self._settings.targets)

    def target(self, key: str) -> Target:
        """The configured target. Raises KeyError."""
        return self._settings.targets[key].target

    def rules(self, key: str) -> RulesPort:
        """The rules of the target's platform."""
        target = self._settings.targets[key]
        return ALL[target.target.platform].rules(target.account, self._settings.ready)

    def scopes(self, key: str) -> tuple[str, ...]:
        """The scopes whose limits hold this target back."""
        target = self._settings.targets[key]
        return ALL[target.target.platform].scopes(target.account)

    def quotas(self, key: str, now: float) -> tuple[Quota, ...]:
        """The target's quotas as they stand."""
        target = self._settings.targets[key]
        allowed = ALL[target.target.platform].quotas(target.account, now)
        return tuple(replace(one, spent=self._accounts.spent(one.owner, one.name, now)[0]) for one in allowed)

    def site(self, key: str) -> str:
        """Where a person sees what the target has published."""
        target = self._settings.targets[key]
        return ALL[target.target.platform].site(target.account)

    def found(self, key: str, spec: StepSpec, said: str) -> Receipt:
        """For what the target has published, by what a person says of it. Raises InvalidRequest."""
        target = self._settings.targets[key]
        platform = ALL[target.target.platform]
        try:
            number = platform.pasted(target.account, spec, said.strip())
        except ValueError as error:
            raise InvalidRequest([Problem("posted", f"{said!r} {error}")]) from None
        return Receipt(number, platform.url.format(id=number) or None)

    def shows(self, key: str) -> bool:
        """Whether its platform can be asked what there is."""
        return ALL[self._settings.targets[key].target.platform].shows

    def made(self, key: str) -> bool:
        """Whether its adapter was made already."""
        return key in self._made

    def uploader(self, key: str) -> UploaderPort:
        """The target's adapter for what nobody outside sees yet."""
        adapter: UploaderPort = self._adapter(key)
        return adapter

    def publisher(self, key: str) -> PublisherPort:
        """The target's adapter for what goes public."""
        adapter: PublisherPort = self._adapter(key)
        return adapter

    def renewable(self, key: str) -> RenewablePort | None:
        """The target's adapter, if it can renew its credentials without the user."""
        adapter = self._adapter(key)
        return adapter if hasattr(adapter, "renew") else None

    def _adapter(self, key: str) -> Any:
        with self._lock:
            if key not in self._made:
                target = self._settings.targets[key]
                made = adapter_class(ALL[target.target.platform])
                self._made[key] = made(target.account, self._http, self._accounts)
            return self._made[key]
