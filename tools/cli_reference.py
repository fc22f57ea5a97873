"""Write what ``--help`` says of each subcommand into ``docs/reference/cli.md``.

python tools/cli_reference.py          # say whether it is current: exit status 1 where not
python tools/cli_reference.py --write  # make it so
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from unittest import mock

from memlane.cli import SUBCOMMANDS, parser_for

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "cli.md"
BEGIN = "<!-- by tools/cli_reference.py -->\n"
END = "<!-- end of tools/cli_reference.py -->\n"


def help_of(name: str) -> str:
    """Return the help of a subcommand as an 80-column terminal shows it."""
    parser = parser_for([name])
    choices = next(action.choices for action in parser._actions if isinstance(action.choices, dict))  # noqa: SLF001
    with mock.patch.dict(os.environ, COLUMNS="80"):
        text: str = choices[name].format_help()
    return text


def section() -> str:
    """Return the part of the page that is written here."""
    parts = [f"### memlane {name}\n\n```text\n{help_of(name)}```\n" for name in SUBCOMMANDS]
    return "\n".join(parts)


def current(page: str) -> str:
    """Return the page with its part as it should be."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{section()}\n{END}{after}"


def main(arguments: list[str]) -> int:
    """Write the page, or compare it."""
    page = PAGE.read_text(encoding="utf-8")
    should = current(page)
    if "--write" in arguments:
        PAGE.write_text(should, encoding="utf-8")
        return 0
    if page != should:
        print(f"{PAGE} is not what --help says: python tools/cli_reference.py --write")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
