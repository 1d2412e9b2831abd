"""What is generated and kept in the repository: `make check` compares, `make format` writes it anew."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from medusa.adapters.registry import ALL

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
BEGIN = "<!-- platforms: generated from the registry by `make format` -->\n"
END = "<!-- /platforms -->\n"
STUBS = Path("medusa/daemon/pb")


def table() -> str:
    """The README's table of platforms."""
    rows = ["| Platform | Key | Can | Limits | Gives |", "|---|---|---|---|---|"]
    for platform in ALL.values():
        limits = "; ".join(f"{what}: {limit}" for what, limit in platform.limits.items())
        can = ", ".join(platform.abilities)
        gives = f"`{{{platform.name}_{platform.gives}}}`"
        rows.append(f"| {platform.display} | `{platform.name}` | {can} | {limits} | {gives} |")
    return "\n".join(rows) + "\n"


def written_anew(text: str) -> str:
    """The README with the present table."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + BEGIN + table() + END + after


def stubs() -> dict[Path, str]:
    """The Python stubs of the daemon's API."""
    plugins = {**os.environ, "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])}
    with tempfile.TemporaryDirectory() as out:
        # the mapped folder makes protoc write package imports
        inputs = [f"-I{STUBS}={ROOT / 'proto/medusa/v1'}", str(STUBS / "medusa.proto")]
        wanted = ["--python_out", "--grpc_python_out", "--mypy_out=quiet:", "--mypy_grpc_out=quiet:"]
        outputs = [f"{flag}{out}" if flag.endswith(":") else f"{flag}={out}" for flag in wanted]
        subprocess.run([sys.executable, "-m", "grpc_tools.protoc", *inputs, *outputs], env=plugins, check=True)
        made = sorted((Path(out) / STUBS).iterdir())
        return {ROOT / STUBS / file.name: file.read_text(encoding="utf-8") for file in made}


def drifted(fresh: Mapping[Path, str]) -> list[Path]:
    """The files that are not as they would be made now."""
    return [file for file, text in fresh.items() if not file.is_file() or file.read_text(encoding="utf-8") != text]


def main() -> int:
    """0 when nothing has drifted, or after `--write`."""
    fresh = {README: written_anew(README.read_text(encoding="utf-8")), **stubs()}
    if "--write" in sys.argv:
        for file in drifted(fresh):
            file.write_text(fresh[file], encoding="utf-8")
        return 0
    for file in drifted(fresh):
        print(f"{file.relative_to(ROOT)} is not what it would be generated as now: run `make format`")
    return 1 if drifted(fresh) else 0


if __name__ == "__main__":
    sys.exit(main())
