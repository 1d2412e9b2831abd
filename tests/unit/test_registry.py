"""The registry: every line of it leads to a platform, and nothing is imported before it is asked for."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import FrozenInstanceError, fields, is_dataclass

import pytest

from medusa.adapters import registry

HEAVY = ("requests", "googleapiclient", "google.auth", "google_auth_oauthlib", "pydantic", "aiohttp")
SECRET_WORDS = ("token", "secret", "password")


def modules_after(code: str) -> set[str]:
    """What a fresh interpreter has imported after `code`."""
    script = f"import sys\n{code}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_looking_at_the_names_imports_no_platform() -> None:
    loaded = modules_after("from medusa.adapters import registry; list(registry.ALL), len(registry.ALL)")
    assert not [name for name in loaded if name.startswith("medusa.adapters.platforms")]


@pytest.mark.parametrize("name", registry.PLATFORMS)
def test_a_platforms_description_is_light_and_its_own(name: str) -> None:
    loaded = modules_after(f"from medusa.adapters import registry; registry.platform({name!r})")
    assert not loaded & set(HEAVY)
    others = [f"medusa.adapters.platforms.{other}" for other in registry.PLATFORMS if other != name]
    assert not loaded & set(others)


@pytest.mark.parametrize("name", registry.PLATFORMS)
def test_a_platform_describes_itself(name: str) -> None:
    platform = registry.platform(name)
    assert platform.name == name
    assert re.fullmatch(r"[a-z][a-z0-9_]*", name)
    assert platform.gives in ("url", "post_id")
    assert platform.display
    assert platform.abilities
    assert platform.limits


@pytest.mark.parametrize("name", registry.PLATFORMS)
def test_an_account_is_frozen_and_hides_its_secrets(name: str) -> None:
    account = registry.platform(name).account
    assert is_dataclass(account)
    blank = account.__new__(account)
    with pytest.raises(FrozenInstanceError):
        setattr(blank, fields(account)[0].name, "x")
    secrets = [one for one in fields(account) if one.type in ("str", "str | None") and is_secret(one.name)]
    assert not [one.name for one in secrets if one.repr]


def is_secret(name: str) -> bool:
    return any(word in name for word in SECRET_WORDS)


@pytest.mark.parametrize("name", registry.PLATFORMS)
def test_an_adapter_implements_a_port(name: str) -> None:
    adapter = registry.adapter_class(registry.platform(name))
    assert hasattr(adapter, "advance") or hasattr(adapter, "publish")


def test_the_class_names_of_the_users_design() -> None:
    classes = {name: registry.adapter_class(platform).__name__ for name, platform in registry.ALL.items()}
    assert classes == {"youtube": "YouTubeUploader", "vimeo": "VimeoUploader", "facebook": "FacebookPublisher"}


@pytest.mark.parametrize("name", [name for name in registry.PLATFORMS if registry.platform(name).login])
def test_a_login_can_be_called(name: str) -> None:
    assert callable(registry.resolve(registry.platform(name).login))


def test_an_unknown_platform() -> None:
    assert "myspace" not in registry.ALL
    with pytest.raises(KeyError):
        registry.platform("myspace")
