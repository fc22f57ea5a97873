"""Write docs/reference/c-functions.md from the comments of the public headers, their one source.

    python tools/c_reference.py            prints the page
    python tools/c_reference.py --write    writes it

A comment belongs to the declarations behind it, up to the next empty line. What has none stops the program. The entries
are directives of Sphinx's C domain, which other pages and the index link to; elsewhere they show as blocks of text.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).resolve().parent.parent
HEADERS = REPOSITORY / "core" / "include" / "memlane"
PAGE = REPOSITORY / "docs" / "reference" / "c-functions.md"
UMBRELLA = "memlane.h"

INTRODUCTION = """\
# C functions and types

Made from the comments of the headers by `tools/c_reference.py`; `#include <memlane/memlane.h>` brings all of them.
[C](c.md) has an example, conventions and a table.
"""

_COMMENT = re.compile(r"/\*(.*?)\*/", re.DOTALL)
# What stands at the left margin: a comment, a macro, or a declaration up to the semicolon that ends it.
_PIECE = re.compile(
    r"^/\*.*?\*/(?=\n)|^#define .*?[^\\]$|^enum \{[^}]*\};|^(?:MEMLANE_API|typedef)\b(?:[^;{]|\{.*?^\})*?;|^\n",
    re.DOTALL | re.MULTILINE,
)


class Entry(NamedTuple):
    """One public name, or some that share a comment."""

    declarations: tuple[str, ...]
    comment: str

    @property
    def names(self) -> tuple[str, ...]:
        """Return the public names."""
        return tuple(name_of(declaration) for declaration in self.declarations)


class Header(NamedTuple):
    """One header: its own comment and what it declares."""

    name: str
    comment: str
    entries: tuple[Entry, ...]


def name_of(declaration: str) -> str:
    """Return the name that a declaration brings; an enumeration without one goes by its first constant."""
    without = _COMMENT.sub("", declaration)
    if without.startswith("MEMLANE_API"):
        return str(re.search(r"(\w+)\(", without)[1])  # type: ignore[index] # each is a function
    if without.startswith("#define"):
        return without.split()[1].partition("(")[0]
    if without.startswith("enum"):
        return str(re.search(r"\{\s*(\w+)", without)[1])  # type: ignore[index] # each has constants
    return re.split(r"[\s*]+", without.rstrip(" ;\n"))[-1]


def text_of(comment: str) -> str:
    """Return the words of a comment, by paragraphs."""
    lines = _COMMENT.fullmatch(comment.strip())[1].strip().split("\n")  # type: ignore[index] # it was found as one
    return "\n".join(re.sub(r"^ \* ?", "", line).rstrip() for line in lines)


def pieces(header: str) -> Iterator[str]:
    """Split what follows the guard of a header."""
    body = header.partition('extern "C" {\n#endif\n')[2] or header.partition("_H\n\n")[2]
    yield from (found[0] for found in _PIECE.finditer(body.partition("#ifdef __cplusplus\n}")[0]))


def entries_of(name: str, header: str) -> Iterator[Entry]:
    """Find the declarations of a header with their comments."""
    comment, declarations = "", list[str]()
    for piece in [*pieces(header), "\n"]:
        if piece.startswith(("/*", "\n")) and declarations:
            yield entry_of(name, comment, declarations)
            comment, declarations = "", []
        if piece.startswith("/*"):
            comment = text_of(piece)
        elif piece == "\n":
            comment = ""
        elif is_public(piece):
            declarations.append(piece)


def is_public(declaration: str) -> bool:
    """Tell whether users see it: guards and the mark of exported functions are the headers' own."""
    return not re.match(r"#define (MEMLANE_\w+_H|MEMLANE_API)\b", declaration)


def entry_of(header: str, comment: str, declarations: list[str]) -> Entry:
    """Join declarations and their comment; a macro may have it on its own line."""
    beside = [text_of(found[0]) for declaration in declarations for found in _COMMENT.finditer(declaration)]
    if not comment and not (declarations[0].startswith("#define") and beside):
        raise SystemExit(f"{header}: {name_of(declarations[0])} has no comment")
    return Entry(tuple(declarations), comment or ", ".join(beside))


def headers() -> list[Header]:
    """Read all public headers of C."""
    found = []
    for path in sorted(HEADERS.glob("*.h")):
        text = path.read_text(encoding="utf-8")
        comment = text_of(text[: text.index("*/") + 2])
        found.append(Header(path.name, comment, tuple(entries_of(path.name, text))))
    return [header for header in found if header.name != UMBRELLA]


def prose(text: str) -> str:
    """Write a comment as Markdown: names as code, indented lines as they are."""
    paragraphs = []
    for paragraph in text.split("\n\n"):
        if paragraph.startswith("    "):
            paragraphs.append(paragraph)
        elif "\n    " in paragraph:
            paragraphs.append("\n".join(f"    {line}" for line in paragraph.split("\n")))
        else:
            paragraphs.append(
                re.sub(r"(?<![`\w*])\*?\b(memlane_\w+(?:\(\))?|MEMLANE_\w+)(?![`\w])", r"`\g<0>`", paragraph)
            )
    return "\n\n".join(re.sub(r"(?<![`\w])\*(\w+)(?![`\w])", r"`*\1`", paragraph) for paragraph in paragraphs)


def directive(entry: Entry) -> str:
    """Write one entry as a directive of the C domain."""
    first = entry.declarations[0]
    if first.startswith("MEMLANE_API"):
        signatures = [" ".join(text.removeprefix("MEMLANE_API").rstrip(";").split()) for text in entry.declarations]
        return fence("{c:function}", signatures, prose(entry.comment))
    kind = "{c:macro}" if first.startswith("#define") else "{c:type}" if first.startswith("typedef") else "{c:enum}"
    if kind == "{c:enum}":
        return f"```text\n{first}\n```\n\n{prose(entry.comment)}\n"
    body = "\n".join(f"    {line}" for text in entry.declarations for line in text.split("\n"))
    return fence(kind, list(entry.names), f"{prose(entry.comment)}\n\n{body}")


def fence(kind: str, signatures: list[str], body: str) -> str:
    """Write a fenced block; further signatures stand on lines of their own."""
    return f"```{kind} {signatures[0]}\n" + "".join(f"{more}\n" for more in signatures[1:]) + f"\n{body}\n```\n"


def page() -> str:
    """Write the whole page."""
    parts = [INTRODUCTION]
    for header in headers():
        parts.append(f"## {header.name}\n\n{prose(header.comment)}\n")
        parts += [directive(entry) for entry in header.entries]
    return "\n".join(parts)


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        PAGE.write_text(page(), encoding="utf-8")
    else:
        sys.stdout.write(page())
