"""Draws a terminal's text as SVG: `pytest --mlready --color=yes | python docs/picture.py > docs/report.svg`."""

from __future__ import annotations

import html
import re
import sys
import textwrap
from collections.abc import Iterator

WIDTH = 110
LINE_HEIGHT = 19
WEIGHT = ("", ' font-weight="bold"')
COLOURS = {"31": "#ff7b72", "32": "#7ee787", "33": "#e3b341", "36": "#79c0ff"}
SGR = re.compile(r"\x1b\[([\d;]*)m")
STYLE = "font: 14px ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace; white-space: pre"


def draw(text: str) -> str:
    """An SVG of `text`, whose colours and bold are ANSI SGR sequences; long plain lines wrap, coloured ones are cut."""
    lines = [part for line in text.replace("\r", "").rstrip("\n").split("\n") for part in _wrapped(line)]
    height = LINE_HEIGHT * (len(lines) + 1)
    width = 8.45 * WIDTH + 24
    title = html.escape(SGR.sub("", lines[-1]).strip(" ="))
    body = "\n".join(_line(line, number) for number, line in enumerate(lines, 1))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" role="img">\n'
        f"<title>Terminal of a readiness run: {title}</title>\n"
        f'<rect width="100%" height="100%" rx="8" fill="#0d1117"/>\n{body}\n</svg>\n'
    )


def _wrapped(line: str) -> list[str]:
    if SGR.search(line):
        return [line]
    return textwrap.wrap(line, WIDTH, subsequent_indent="    ", drop_whitespace=False) or [""]


def _line(line: str, number: int) -> str:
    spans = "".join(
        f'<tspan fill="{colour}"{WEIGHT[bold]}>{html.escape(part)}</tspan>' for part, colour, bold in _parts(line)
    )
    return f'<text x="12" y="{number * LINE_HEIGHT}" xml:space="preserve" style="{STYLE}">{spans}</text>'


def _parts(line: str) -> Iterator[tuple[str, str, bool]]:
    colour, bold, room = "#e6edf3", False, WIDTH
    for index, part in enumerate(SGR.split(line)):
        if index % 2:
            for code in part.split(";"):
                bold = code == "1" or (bold and code not in {"0", ""})
                colour = COLOURS.get(code, "#e6edf3" if code in {"0", "", "39"} else colour)
        elif part and room > 0:
            yield part[:room], colour, bold
            room -= len(part)


if __name__ == "__main__":
    sys.stdout.write(draw(sys.stdin.read()))
