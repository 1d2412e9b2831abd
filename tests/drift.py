"""What is generated from the code and kept in the repository: `make check` compares, `make format` writes it anew."""

from __future__ import annotations

import sys
from pathlib import Path

from medusa.adapters.registry import ALL

README = Path(__file__).parent.parent / "README.md"
BEGIN = "<!-- platforms: generated from the registry by `make format` -->\n"
END = "<!-- /platforms -->\n"


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


def main() -> int:
    """0 when nothing has drifted, or after `--write`."""
    text = README.read_text(encoding="utf-8")
    fresh = written_anew(text)
    if "--write" in sys.argv:
        README.write_text(fresh, encoding="utf-8")
    elif fresh != text:
        print("README.md: the table of platforms is not what the registry says: run `make format`")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
