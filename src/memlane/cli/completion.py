"""``memlane completion``: what a shell needs to complete subcommands, options and names of objects."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from memlane import inspect
from memlane.cli.place import say
from memlane.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Sequence

_SCRIPTS = {
    "bash": """_memlane() {
    local IFS=$'\\n'
    COMPREPLY=($(compgen -W "$(memlane completion --of -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)" \
-- "${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _memlane memlane""",
    "zsh": """#compdef memlane
_memlane() {
    local -a found
    found=("${(@f)$(memlane completion --of -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    compadd -a found
}
compdef _memlane memlane""",
    "fish": """function __memlane
    set -l words (commandline -opc)[2..-1] (commandline -ct)
    memlane completion --of -- $words 2>/dev/null
end
complete -c memlane -f -a "(__memlane)\"""",
}
TAKES_NAMES = ("call", "get", "ls", "rm", "set", "show", "tail", "watch", "who")
"""Subcommands whose first argument is a name; of rm all are."""
_KINDS = {
    "call": ("function",),
    "tail": ("channel",),
    "set": ("variable", "share"),
    "watch": ("variable", "share", "buffer"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what ``memlane completion`` takes."""
    parser.add_argument("words", nargs="*", metavar="SHELL", help=f"{', '.join(sorted(_SCRIPTS))} (default: bash)")
    parser.add_argument("--of", action="store_true", help=argparse.SUPPRESS)


def run(arguments: argparse.Namespace) -> int:
    """Print the script, or, for it, what the last of some words may become."""
    if arguments.of:
        for candidate in candidates(arguments.words or [""]):
            say(candidate)
        return 0
    shell = arguments.words[0] if arguments.words else "bash"
    if shell not in _SCRIPTS:
        raise InvalidArgument(f"there is no script for the shell {shell!r}; there are: {', '.join(sorted(_SCRIPTS))}")
    say(_SCRIPTS[shell])
    return 0


def candidates(words: Sequence[str]) -> list[str]:
    """Return what the last word may become, given those before it."""
    from memlane.cli import SUBCOMMANDS, parser_for  # noqa: PLC0415  (it imports this module)

    *before, last = words
    if not before:
        return [name for name in SUBCOMMANDS if name.startswith(last)]
    subcommand = before[0]
    if last.startswith("-"):
        return [option for option in options_of(parser_for([subcommand]), subcommand) if option.startswith(last)]
    takes_one = subcommand in TAKES_NAMES and (subcommand == "rm" or all(word.startswith("-") for word in before[1:]))
    return names(subcommand, last, before) if takes_one else []


def options_of(parser: argparse.ArgumentParser, subcommand: str) -> list[str]:
    """Return the options of a subcommand."""
    for action in parser._actions:  # noqa: SLF001  (argparse shows them nowhere else)
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            found = action.choices.get(subcommand)
            return sorted(found._option_string_actions) if found else []  # noqa: SLF001
    return []


def names(subcommand: str, beginning: str, before: Sequence[str]) -> list[str]:
    """Return the names of objects of the kinds that a subcommand takes."""
    if subcommand not in _KINDS:
        return [name for name in inspect.names() if name.startswith(beginning) and name not in before]
    return [
        item.name for item in inspect.objects() if item.kind in _KINDS[subcommand] and item.name.startswith(beginning)
    ]
