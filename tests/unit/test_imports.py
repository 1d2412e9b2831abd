"""What importing Medusa costs: nothing is loaded before it is needed."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import medusa

HEAVY = {
    "requests",
    "urllib3",
    "googleapiclient",
    "google_auth_oauthlib",
    "google",
    "dependency_injector",
    "pydantic",
    "rich",
    "click",
    "pymediainfo",
    "aiohttp",
    "grpc",
    "sqlite3",
}


def loaded_by(statement: str) -> set[str]:
    """The top-level modules that `statement` loads in a new interpreter, beyond those of its start."""
    source = (
        "import sys; before = set(sys.modules)\n"
        f"{statement}\n"
        "import json; print(json.dumps(sorted({name.partition('.')[0] for name in set(sys.modules) - before})))"
    )
    # -S would hide our own package where it is installed in site-packages
    ran = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True, timeout=60)
    return set(json.loads(ran.stdout))


def test_import_medusa_loads_no_other_package() -> None:
    loaded = loaded_by("import medusa")
    assert {name for name in loaded if name not in sys.stdlib_module_names} == {"medusa"}


def test_naming_the_core_loads_no_client_library() -> None:
    loaded = loaded_by("from medusa import MedusaCore")
    assert "medusa" in loaded
    assert not loaded & HEAVY


def test_the_commands_load_grpc_only_to_ask_a_daemon() -> None:
    assert "grpc" not in loaded_by("from medusa.cli import app, faces, publish, tasks")
    assert "grpc" in loaded_by("from medusa.cli import faces; faces.opened(faces.DaemonAt('unix:/nobody', True))")


ROUTE = """
import os
for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
    del os.environ[name]
os.environ["{variable}"] = "http://127.0.0.1:1"
from medusa.adapters.http.route import is_direct
assert is_direct("https://127.0.0.1/") is {direct}
"""


@pytest.mark.parametrize(("variable", "direct"), [("NO_PROXY", True), ("HTTPS_PROXY", False)])
def test_requests_is_loaded_for_proxies_alone(variable: str, direct: bool) -> None:
    loaded = loaded_by(ROUTE.format(variable=variable, direct=direct))
    assert ("requests" in loaded) is not direct


@pytest.mark.parametrize("name", medusa.__all__)
def test_every_public_name_resolves(name: str) -> None:
    assert getattr(medusa, name).__name__ == name
    assert name in dir(medusa)


def test_the_public_names_are_the_known_ones() -> None:
    assert sorted(medusa._HOMES) == medusa.__all__


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Medusa'"):
        getattr(medusa, "Medusa")  # noqa: B009 - a type checker knows that it is not there
