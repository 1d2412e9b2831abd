"""The configuration: what is accepted, what is refused and in which words."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import pytest

from medusa.adapters import registry
from medusa.config import EngineSettings, Settings, concerns, load, read, schema, survey
from medusa.domain.bandwidth import UNLIMITED, Timetable
from medusa.domain.failures import ConfigError
from medusa.domain.platform import Platform
from medusa.domain.policy import Patience, QuotaWait, Ready, RetryPolicy
from medusa.domain.request import Target
from medusa.domain.values import Problem
from tests.support import require

EXAMPLE = Path(__file__).parents[2] / "medusa_config.example.json"
SECRET = "EAAB-very-secret"


def is_no_object(content: Any) -> str:
    return "" if isinstance(content, dict) else "holds no object"


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Hosts."""

    api: str = field(default="https://api.example", metadata={"form": "url"})
    """The API's host."""


@dataclass(frozen=True, slots=True)
class TubeAccount:
    """A channel."""

    credentials_file: Path = field(metadata={"made_by": "log in: medusa auth login {target}", "flaw": is_no_object})
    """Where the login is kept."""
    kind: Literal["personal", "brand"] = "personal"
    chunk_size: int = 0
    speed: float = 1.0
    tags: tuple[str, ...] = ()
    nickname: str | None = None
    loud: bool = False
    endpoints: Endpoints = field(default_factory=Endpoints)
    """Where it is."""

    def __post_init__(self) -> None:
        if self.chunk_size % 2:
            raise ValueError("chunk_size must be even")


@dataclass(frozen=True, slots=True)
class PageAccount:
    """A page."""

    page_id: str
    access_token: str = field(repr=False)
    """A token."""


def described(name: str, display: str, account: type, login: str = "") -> Platform:
    return Platform(name, display, account, no_rules, "", lambda _: (), lambda _: "", login)


def no_rules(account: Any, ready: Ready) -> Any:
    raise AssertionError("the configuration needs no rules")


PLATFORMS: Mapping[str, Platform] = {
    "tube": described("tube", "Tube", TubeAccount, login="somewhere:login"),
    "page": described("page", "Page", PageAccount),
}
TUBE = {"credentials_file": "/secrets/tube.json"}
PAGE = {"page_id": "123", "access_token": SECRET}


def problems(source: Mapping[str, Any] | Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(source, PLATFORMS)
    assert SECRET not in f"{caught.value!r} {caught.value} {caught.value.__context__!r}"
    return [str(problem) for problem in caught.value.problems]


def settings(**blocks: Any) -> Settings:
    return load(blocks, PLATFORMS)


# ---------------------------------------------------------------- what is accepted


def test_an_empty_configuration_has_the_defaults() -> None:
    assert settings() == Settings(Ready(), 1000, EngineSettings("local"), 8, retry=RetryPolicy(), targets={})


def test_a_target_named_after_its_platform() -> None:
    page = settings(page=PAGE).targets["page"]
    assert page.target == Target("page", "page", "Page")
    assert page.account == PageAccount("123", SECRET)
    assert page.retry == RetryPolicy()


def test_two_accounts_of_one_platform_are_two_targets() -> None:
    targets = settings(tube=TUBE, gaming={"platform": "tube", "credentials_file": "/g.json"}).targets
    assert [one.target.display for one in targets.values()] == ["Tube", "Tube (gaming)"]
    assert targets["gaming"].account == TubeAccount(Path("/g.json"))


def test_a_block_may_name_the_platform_that_its_key_names() -> None:
    assert settings(page={"platform": "page", **PAGE}).targets["page"].target.platform == "page"


def test_every_type_of_an_account() -> None:
    block = {
        **TUBE,
        "kind": "brand",
        "chunk_size": 4,
        "speed": 2,
        "tags": ["a", "b"],
        "nickname": "n",
        "loud": True,
        "endpoints": {"api": "http://127.0.0.1:1"},
    }
    expected = TubeAccount(
        Path("/secrets/tube.json"), "brand", 4, 2.0, ("a", "b"), "n", True, Endpoints("http://127.0.0.1:1")
    )
    assert settings(tube=block).targets["tube"].account == expected


def test_null_where_nothing_is_allowed() -> None:
    assert settings(tube={**TUBE, "nickname": None}).targets["tube"].account.nickname is None


def test_an_id_without_its_quotes_is_taken_by_its_digits() -> None:
    page = load({"page": {**PAGE, "page_id": 102938475610293847561}}, PLATFORMS).targets["page"]
    assert page.account.page_id == "102938475610293847561"


def test_paths_are_relative_to_the_files_folder(tmp_path: Path) -> None:
    file = tmp_path / "medusa_config.json"
    file.write_text('{"tube": {"credentials_file": "secrets/tube.json"}}')
    assert load(file, PLATFORMS).targets["tube"].account.credentials_file == tmp_path / "secrets/tube.json"


def test_paths_of_a_mapping_are_relative_to_the_base(tmp_path: Path) -> None:
    found = load({"tube": {"credentials_file": Path("tube.json")}}, PLATFORMS, base=tmp_path)
    assert found.targets["tube"].account.credentials_file == tmp_path / "tube.json"


def test_paths_of_a_mapping_are_else_relative_to_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert settings(tube={"credentials_file": "t"}).targets["tube"].account.credentials_file == tmp_path / "t"


def test_the_tilde_is_the_users_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert settings(tube={"credentials_file": "~/t"}).targets["tube"].account.credentials_file == tmp_path / "t"


def test_medusas_own_settings() -> None:
    own = {"ready": {"wait": True, "at_most_s": 60}, "keep_tasks": 1, "engine": {"kind": "local"}, "concurrency": 2}
    found = settings(medusa=own)
    assert (found.ready, found.keep_tasks, found.concurrency) == (Ready(True, 60.0), 1, 2)


def test_a_byte_order_mark_is_no_error(tmp_path: Path) -> None:
    file = tmp_path / "c.json"
    file.write_bytes(b"\xef\xbb\xbf{}")
    assert load(file, PLATFORMS).targets == {}


# ---------------------------------------------------------------- retry


@pytest.mark.parametrize(
    ("general", "own", "expected"),
    [
        (None, None, RetryPolicy()),
        (False, None, RetryPolicy.off()),
        (None, False, RetryPolicy.off()),
        (False, True, RetryPolicy()),
        ({"attempts": 3}, None, RetryPolicy(attempts=3)),
        ({"attempts": 3}, True, RetryPolicy(attempts=3)),
        ({"attempts": 3}, {"cap_s": 9}, RetryPolicy(attempts=3, cap_s=9.0)),
        (False, {"cap_s": 9}, RetryPolicy(cap_s=9.0)),
        ({"quota": {"wait": True}}, None, RetryPolicy(quota=QuotaWait(wait=True))),
        (
            {"rate_limited": {"attempts": 9}},
            {"rate_limited": {"cap_s": 300}, "transient": {"attempts": 2}},
            RetryPolicy(rate_limited=Patience(9, cap_s=300.0), transient=Patience(2)),
        ),
    ],
)
def test_a_targets_retry_refines_the_general_one(general: Any, own: Any, expected: RetryPolicy) -> None:
    source: dict[str, Any] = {"page": {**PAGE}, "medusa": {}}
    if general is not None:
        source["medusa"]["retry"] = general
    if own is not None:
        source["page"]["retry"] = own
    assert load(source, PLATFORMS).targets["page"].retry == expected


def test_a_target_may_have_a_concurrency_of_its_own() -> None:
    found = load({"page": {**PAGE, "concurrency": 2}, "tube": TUBE}, PLATFORMS).targets
    assert (found["page"].concurrency, found["tube"].concurrency) == (2, None)


# ---------------------------------------------------------------- what is refused

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"pag": PAGE}, 'pag: unknown key; did you mean page? (a target of another name says "platform": "...")'),
    ({"medsua": {}}, 'medsua: unknown key; did you mean medusa? (a target of another name says "platform": "...")'),
    ({"x": {}}, 'x: unknown key; known: medusa, page, tube (a target of another name says "platform": "...")'),
    ({"x": "str"}, 'x: a target is an object such as {"platform": "...", ...}, not text'),
    (
        {"pgae": SECRET},
        'pgae: a target is an object such as {"platform": "...", ...}, not text; did you mean page?',
    ),
    ({"x": {"platform": "tubes"}}, "x.platform: unknown platform; did you mean tube?"),
    ({"x": {"platform": 1}}, "x.platform: unknown platform; known: page, tube"),
    ({"page": {**PAGE, "platform": "tube"}}, 'page.platform: must be "page", or the target needs another name'),
    ({"Bad": {**PAGE, "platform": "page"}}, "Bad: a target's name is of a-z, 0-9 and _, and begins with a letter"),
    ({"1x": {**PAGE, "platform": "page"}}, "1x: a target's name is of a-z, 0-9 and _, and begins with a letter"),
    ({"page": []}, "page: must be an object, not a list"),
    ({"page": None}, "page: must be an object, not null"),
    ({"page": {"access_token": SECRET}}, "page.page_id: is missing"),
    ({"page": {**PAGE, "page_idd": 1}}, "page.page_idd: unknown key; did you mean page_id?"),
    ({"page": {**PAGE, "platfrm": 1}}, "page.platfrm: unknown key; did you mean platform?"),
    ({"page": {**PAGE, "retries": False}}, "page.retries: unknown key; did you mean retry?"),
    ({"page": {**PAGE, "page_id": 1.5}}, "page.page_id: must be text in quotes"),
    ({"page": {**PAGE, "page_id": True}}, "page.page_id: must be text in quotes"),
    ({"page": {**PAGE, "page_id": ""}}, "page.page_id: is empty"),
    ({"page": {**PAGE, "access_token": [SECRET]}}, "page.access_token: must be text in quotes"),
    ({"page": {**PAGE, "access_token": f" {SECRET}"}}, "page.access_token: has spaces around it"),
    (
        {"page": {**PAGE, "access_token": f"{SECRET}\n"}},
        "page.access_token: holds a line break or another character that cannot be printed",
    ),
    (
        {"page": {**PAGE, "access_token": f"{SECRET}\ud800"}},
        "page.access_token: holds a line break or another character that cannot be printed",
    ),
    ({"page": {**PAGE, "retry": 3}}, "page.retry: must be false or an object, not a number"),
    ({"page": {**PAGE, "concurrency": 0}}, "page.concurrency: must be 1 or more"),
    ({"page": {**PAGE, "concurrency": "many"}}, "page.concurrency: must be a whole number"),
    ({"page": {**PAGE, "concurrency": True}}, "page.concurrency: must be a whole number"),
    ({"page": {**PAGE, "retry": {"attempts": 0}}}, "page.retry.attempts: must be 1 or more"),
    ({"page": {**PAGE, "retry": {"attempt": 2}}}, "page.retry.attempt: unknown key; did you mean attempts?"),
    ({"tube": {"credentials_file": 3}}, "tube.credentials_file: must be text in quotes"),
    (
        {"tube": {"credentials_file": "~nobody-of-this-name/t"}},
        "tube.credentials_file: names a home folder that is not known: ~nobody-of-this-name/t",
    ),
    ({"tube": {**TUBE, "kind": "royal"}}, "tube.kind: must be 'personal' or 'brand'"),
    ({"tube": {**TUBE, "chunk_size": 1.5}}, "tube.chunk_size: must be a whole number"),
    ({"tube": {**TUBE, "chunk_size": "2"}}, "tube.chunk_size: must be a whole number"),
    ({"tube": {**TUBE, "chunk_size": 3}}, "tube: chunk_size must be even"),
    ({"tube": {**TUBE, "speed": "fast"}}, "tube.speed: must be a number"),
    ({"tube": {**TUBE, "speed": float("nan")}}, "tube.speed: is not a finite number"),
    ({"tube": {**TUBE, "loud": "yes"}}, "tube.loud: must be true or false"),
    ({"tube": {**TUBE, "tags": "a"}}, "tube.tags: must be a list"),
    ({"tube": {**TUBE, "tags": ["a", None]}}, "tube.tags[1]: must be text in quotes"),
    ({"tube": {**TUBE, "tags": {"a": 1}}}, "tube.tags: must be a list"),
    ({"tube": {**TUBE, "nickname": object()}}, "tube.nickname: cannot be a Python object"),
    ({"tube": {**TUBE, "endpoints": "http://x"}}, "tube.endpoints: must be an object"),
    (
        {"tube": {**TUBE, "endpoints": {"api": "notaurl"}}},
        "tube.endpoints.api: must be an http(s) URL with a host, such as https://api.example.com",
    ),
    ({"tube": {**TUBE, "endpoints": {"api": " http://x"}}}, "tube.endpoints.api: has spaces around it"),
    ({"tube": {**TUBE, "endpoints": {"apii": "x"}}}, "tube.endpoints.apii: unknown key; did you mean api?"),
    ({"medusa": 3}, "medusa: must be an object, not a number"),
    ({"medusa": {"retri": False}}, "medusa.retri: unknown key; did you mean retry?"),
    ({"medusa": {"concurrency": 0}}, "medusa.concurrency: must be 1 or more"),
    ({"medusa": {"keep_tasks": -1}}, "medusa.keep_tasks: must be 1 or more"),
    ({"medusa": {"keep_tasks": 0}}, "medusa.keep_tasks: must be 1 or more"),
    ({"medusa": {"engine": {"keep_days": 0}}}, "medusa.engine.keep_days: must be 1 or more"),
    ({"medusa": {"ready": {"at_most_s": -1}}}, "medusa.ready.at_most_s: must be 0 or more"),
    ({"medusa": {"ready": {"wait": 1}}}, "medusa.ready.wait: must be true or false"),
    ({"medusa": {"engine": {"kind": "remote"}}}, "medusa.engine.kind: must be 'local'"),
]


@pytest.mark.parametrize(("source", "says"), REFUSED, ids=[says for _, says in REFUSED])
def test_what_is_wrong_is_said_with_its_place(source: dict[str, Any], says: str) -> None:
    assert problems(source) == [says]


def test_all_problems_are_told_at_once() -> None:
    found = problems(
        {
            "page": {"page_id": [], "access_token": 5.5, "retry": {"cap_s": -1, "base": 1}},
            "tube": {"endpoints": {"x": 1}, "tags": [1.5]},
            "medusa": {"concurrency": 0, "ready": {"wait": 1}},
            "other": 1,
        }
    )
    assert [line.partition(":")[0] for line in found] == [
        "medusa.ready.wait",
        "medusa.concurrency",
        "page.page_id",
        "page.access_token",
        "page.retry.cap_s",
        "page.retry.base",
        "tube.endpoints.x",
        "tube.credentials_file",
        "tube.tags[0]",
        "other",
    ]


def test_no_repr_shows_a_secret() -> None:
    found = settings(page=PAGE)
    assert SECRET not in repr(found)
    assert "123" in repr(found)


# ---------------------------------------------------------------- files that cannot be read


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b'{"page": {\n  "page_id": "1",\n}}', "is not valid JSON: line 3, column 1: "),
        (b"", "the file is empty"),
        (b" \n", "the file is empty"),
        (b'{"page": "\xff"}', "is not UTF-8 text (byte 10)"),
        (b"[1]", "must hold an object, not a list"),
        (b"null", "must hold an object, not null"),
        (b"[" * 200_000, "is nested too deeply"),
    ],
)
def test_a_file_that_is_no_configuration(tmp_path: Path, content: bytes, says: str) -> None:
    file = tmp_path / "c.json"
    file.write_bytes(content)
    (found,) = problems(file)
    assert found.startswith(f"{file}: {says}")


def test_a_missing_file(tmp_path: Path) -> None:
    assert problems(tmp_path / "c.json") == [f"{tmp_path}/c.json: cannot be read: No such file or directory"]


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    assert problems(tmp_path) == [f"{tmp_path}: cannot be read: Is a directory"]


def test_keys_given_twice_are_found_at_any_depth(tmp_path: Path) -> None:
    file = tmp_path / "c.json"
    file.write_text('{"a": {"b": [{"c": 1, "c": 2}]}, "a": {"b": [{}, {"c": 1, "d": 3, "c": 2}]}}')
    value, found = read(file)
    assert value == {"a": {"b": [{}, {"c": 2, "d": 3}]}}
    assert found == (Problem("a", "is given twice"), Problem("a.b[1].c", "is given twice"))


def test_a_key_given_twice_is_refused_together_with_the_rest(tmp_path: Path) -> None:
    file = tmp_path / "c.json"
    file.write_text('{"page": {"page_id": "1", "page_id": "2"}}')
    assert problems(file) == ["page.page_id: is given twice", "page.access_token: is missing"]


# ---------------------------------------------------------------- what to mind


def test_files_that_others_may_read(tmp_path: Path) -> None:
    require(os.name == "posix", "file modes need a POSIX system")
    file, secret = tmp_path / "c.json", tmp_path / "tube.json"
    file.write_text(json.dumps({"page": PAGE, "tube": {"credentials_file": "tube.json"}}))
    secret.write_text("{}")
    file.chmod(0o640)
    secret.chmod(0o604)
    assert concerns(load(file, PLATFORMS), file) == (
        Problem(str(file), f"others may read it (mode 0640): chmod 600 {file}"),
        Problem("tube.credentials_file", f"others may read it (mode 0604): chmod 600 {secret}"),
    )
    file.chmod(0o600)
    secret.chmod(0o400)
    assert concerns(load(file, PLATFORMS), file) == ()


def test_a_configuration_without_secrets_may_be_read_by_all(tmp_path: Path) -> None:
    file = tmp_path / "c.json"
    file.write_text("{}")
    file.chmod(0o644)
    assert concerns(load(file, PLATFORMS), file) == ()


def test_a_file_that_is_not_there_yet(tmp_path: Path) -> None:
    found = load({"gaming": {"platform": "tube", "credentials_file": "t.json"}}, PLATFORMS, base=tmp_path)
    assert [str(concern) for concern in concerns(found)] == [
        f"gaming.credentials_file: there is no file {tmp_path}/t.json; log in: medusa auth login gaming",
    ]


@pytest.mark.parametrize(("content", "says"), [("[1]", "holds no object"), ("", "the file is empty")])
def test_a_file_that_is_no_use(tmp_path: Path, content: str, says: str) -> None:
    file = tmp_path / "t.json"
    file.touch(mode=0o600)
    file.write_text(content)
    found = load({"tube": {"credentials_file": str(file)}}, PLATFORMS)
    told = f"tube.credentials_file: {file}: {says}; log in: medusa auth login tube"
    assert [str(concern) for concern in concerns(found)] == [told]


def test_what_is_right_is_kept_beside_what_is_wrong() -> None:
    found, wrong = survey({"tube": TUBE, "page": {}, "medusa": {"concurrency": 2}}, PLATFORMS)
    assert (list(found.targets), found.concurrency) == (["tube"], 2)
    assert [problem.path for problem in wrong] == ["page.page_id", "page.access_token"]


# ---------------------------------------------------------------- bandwidth


def test_bandwidth_for_all_and_for_one_target() -> None:
    found = settings(
        medusa={"bandwidth": {"08:00-18:00": "2 MiB/s", "else": "unlimited"}},
        page={**PAGE, "bandwidth": "500 kB/s"},
        tube=TUBE,
    )
    assert [found.bandwidth.rate(minute) for minute in (8 * 60, 18 * 60)] == [2 * 2**20, UNLIMITED]
    assert found.targets["page"].bandwidth == Timetable(otherwise=500_000.0)
    assert found.targets["tube"].bandwidth == Timetable()


def test_what_is_wrong_with_bandwidth_is_told_with_its_place() -> None:
    assert problems(
        {"medusa": {"bandwidth": {"8-18": "2 MiB/s", "else": "fast"}}, "page": {**PAGE, "bandwidth": 2}}
    ) == [
        'medusa.bandwidth.8-18: hours are like "08:00-18:00", the rest of the day is "else"',
        'medusa.bandwidth.else: must be like "2 MiB/s", "10 Mbit/s"'
        ' (units: B, kB, MB, GB, KiB, MiB, GiB, kbit, Mbit, Gbit) or "unlimited"',
        'page.bandwidth: must be text such as "2 MiB/s", not a number',
    ]


# ---------------------------------------------------------------- the example and the schema


def test_the_example_loads() -> None:
    found = load(EXAMPLE, registry.ALL)
    assert {one.target.platform for one in found.targets.values()} == set(registry.PLATFORMS)
    assert found.targets["facebook"].retry == RetryPolicy.off()
    assert (found.ready, found.keep_tasks, found.concurrency) == (Ready(), 1000, 8)


def test_the_example_has_every_setting_of_medusas_own() -> None:
    known = schema(registry.ALL)["properties"]["medusa"]["properties"]
    assert set(json.loads(EXAMPLE.read_text())["medusa"]) == set(known)


def test_the_schema_has_the_docstrings_of_the_fields() -> None:
    tube = schema(PLATFORMS)["properties"]["tube"]["properties"]
    assert tube["credentials_file"]["description"] == "Where the login is kept."


def schema_errors(source: object, platforms: Mapping[str, Platform]) -> list[str]:
    require(find_spec("jsonschema"), "pip install jsonschema")
    import jsonschema

    validator = jsonschema.Draft202012Validator(schema(platforms))
    validator.check_schema(validator.schema)
    return [error.message for error in validator.iter_errors(source)]


def test_the_example_is_valid_by_the_schema() -> None:
    assert schema_errors(json.loads(EXAMPLE.read_text()), registry.ALL) == []


@pytest.mark.parametrize(
    "source",
    [
        {"page": {"page_id": "1"}},
        {"page": {**PAGE, "x": 1}},
        {"page": {**PAGE, "platform": "tube"}},
        {"page": {**PAGE, "retry": {"attempt": 1}}},
        {"tube": {**TUBE, "endpoints": {"x": 1}}},
        {"gaming": {}},
        {"gaming": {"platform": "tube"}},
        {"gaming": {"platform": "tubes"}},
        {"Gaming": {"platform": "tube", **TUBE}},
        {"medusa": {"x": 1}},
        {"medusa": {"engine": {"kind": "remote"}}},
    ],
)
def test_the_schema_refuses_what_load_refuses(source: dict[str, Any]) -> None:
    assert schema_errors(source, PLATFORMS)
    assert problems(source)


def test_the_schema_accepts_what_load_accepts() -> None:
    source = {
        "page": {**PAGE, "retry": False},
        "gaming": {"platform": "tube", **TUBE, "retry": {"attempts": 3}, "nickname": None},
        "medusa": {"retry": True, "ready": {"wait": None}},
    }
    assert schema_errors(source, PLATFORMS) == []
    assert load(source, PLATFORMS).targets.keys() == {"page", "gaming"}
