"""docs/benchmarks.md and its plot, from what was measured."""

from __future__ import annotations

import os
import platform
import ssl
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from OpenSSL import SSL

from bench.upload.measure import BASE, Row

DOCS = Path(__file__).parents[2] / "docs"


@dataclass
class Report:
    """Grows as figures come in."""

    parts: list[str] = field(default_factory=list)

    def say(self, *paragraphs: str) -> None:
        """Add text, and show it."""
        for paragraph in paragraphs:
            self.parts.append(paragraph)
            print(f"{paragraph}\n", flush=True)

    def table(self, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Add a table; all its columns but the first are numbers."""
        rule = ["---", *["---:"] * (len(heads) - 1)]
        self.say("\n".join(f"| {' | '.join(cells)} |" for cells in (heads, rule, *rows)))

    def compared(self, rows: Sequence[Row], *more: tuple[str, str, str]) -> None:
        """Add the table of a comparison. `more`: columns of their own (head, figure of a sample, format)."""
        heads = ["", "MB/s", f"x {BASE}", "middle half", "CPU s/GiB", f"x {BASE}", "middle half", *(m[0] for m in more)]
        self.table(heads, [_cells(row) + [format(row.median(what), how) for _, what, how in more] for row in rows])

    def write(self) -> None:
        """Into docs/."""
        (DOCS / "benchmarks.md").write_text("\n\n".join(self.parts) + "\n")


def _cells(row: Row) -> list[str]:
    rate = [f"{row.median('rate'):.0f}", f"{row.ratio('rate'):.2f}", row.spread("rate")]
    return [row.name, *rate, f"{row.median('cpu'):.2f}", f"{row.ratio('cpu'):.2f}", row.spread("cpu")]


def machine() -> str:
    """What it ran on, and how busy that was with other things before."""
    model = next(
        (line.partition(":")[2] for line in _read("/proc/cpuinfo") if line.startswith("model name")), ""
    ).strip()
    curl = subprocess.run(["curl", "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
    own, load = SSL.OpenSSL_version(SSL.OPENSSL_VERSION).decode(), os.getloadavg()[0]
    return (
        f"{os.cpu_count()} x {model}, Linux {platform.release()}, Python {platform.python_version()}, "
        f"{ssl.OPENSSL_VERSION} in Python, {own} in Medusa, curl {curl}; the load average at the start was {load:.1f}."
    )


def _read(path: str) -> list[str]:
    return Path(path).read_text().splitlines()


def plot(name: str, panels: Sequence[tuple[str, Sequence[tuple[str, float, float, float]]]]) -> None:
    """Bars, an SVG in docs/. A panel: title, and its bars (name, value, and the middle half's ends)."""
    width, left, bar, gap = 860, 220, 18, 8
    drawn, y = [], 10
    for title, bars in panels:
        most = max(high for _, _, _, high in bars)
        scale = (width - left - 70) / most
        drawn.append(f'<text x="10" y="{y + 16}" font-weight="bold">{escape(title)}</text>')
        y += 30
        one = left + scale
        drawn.append(
            f'<line x1="{one:.0f}" x2="{one:.0f}" y1="{y - 4}" y2="{y + len(bars) * (bar + gap)}" stroke="#888"/>'
        )
        for label, value, low, high in bars:
            colour = "#1769aa" if "Medusa" in label else "#9db8c9"
            middle = y + bar / 2
            ends = f'x1="{left + low * scale:.0f}" x2="{left + high * scale:.0f}" y1="{middle}" y2="{middle}"'
            drawn += [
                f'<text x="{left - 8}" y="{y + 14}" text-anchor="end">{escape(label)}</text>',
                f'<rect x="{left}" y="{y}" width="{value * scale:.0f}" height="{bar}" fill="{colour}"/>',
                f'<line {ends} stroke="#222"/>',
                f'<text x="{left + high * scale + 6:.0f}" y="{y + 14}">{value:.2f}</text>',
            ]
            y += bar + gap
        y += 16
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {y}" font-family="sans-serif" font-size="13">'
    ground = f'<rect width="{width}" height="{y}" fill="#fff"/>'
    (DOCS / name).write_text("\n".join([head, ground, *drawn, "</svg>"]) + "\n")
