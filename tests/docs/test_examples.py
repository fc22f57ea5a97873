"""The code in README.md and docs/ runs and prints what the page says."""

from __future__ import annotations

import doctest
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sybil.document import Document
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser

from tests.compiler import compile_program
from tests.docs import pages

if TYPE_CHECKING:
    from sybil import Example

# What the marks of fenced blocks mean. A mark that is not here would be code that nobody runs.
MARKS = {
    "python": "run, with the answers to >>> compared",
    "console": "lines after $ are run by a shell, and what they print is compared",
    "bash": "one of the README's two terminals, see test_two_terminals.py",
    "c": "compiled, linked and run",
    "cpp": "the same, as C++17",
    "text": "no code",
    "{c:function}": "of the page made from the headers, for Sphinx",
    "{c:macro}": "the same",
    "{c:type}": "the same",
    "{eval-rst}": "where the docstrings go, for Sphinx",
    "sh": "changes the machine or takes minutes: installations, mounts, containers, checks of the project",
}

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
CONSOLE_PATIENCE_SECONDS = 30


def environment() -> dict[str, str]:
    """Return the variables of a shell in which ``python`` is the one that runs the tests."""
    first = str(Path(sys.executable).parent)
    return {**os.environ, "PATH": f"{first}{os.pathsep}{os.environ['PATH']}", "PYTHONUNBUFFERED": "1"}


def run_command(command: str) -> str:
    """Run one line as a shell at a terminal would, and return what it prints."""
    finished = subprocess.run(
        ["bash", "-c", command],
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=CONSOLE_PATIENCE_SECONDS,
        check=False,
    )
    killed = finished.returncode in {-signal.SIGKILL, 128 + signal.SIGKILL}
    return finished.stdout + ("Killed\n" if killed else "")


def run_console(example: Example) -> str | None:
    """Evaluate a ``console`` block: each command, and the lines up to the next one."""
    for part in ("\n" + example.parsed).split("\n$ ")[1:]:
        command, _, expected = part.partition("\n")
        expected = expected.rstrip() + "\n" if expected.strip() else ""
        printed = run_command(command)
        if not doctest.OutputChecker().check_output(expected, printed, FLAGS):
            return f"$ {command}\nthe page says:\n{expected}it prints:\n{printed}"
    return None


def run_c(example: Example) -> str | None:
    """Evaluate a ``c`` block: a whole program that ends with status 0."""
    return run_program(example.parsed, "c")


def run_cpp(example: Example) -> str | None:
    """Evaluate a ``cpp`` block: a whole program that ends with status 0."""
    return run_program(example.parsed, "cpp")


def run_program(text: str, language: str) -> str | None:
    """Compile, link and run a program; return what it said if that failed."""
    with tempfile.TemporaryDirectory() as directory:
        try:
            program = compile_program(text, Path(directory), "example", language)
            subprocess.run([program], capture_output=True, text=True, check=True, timeout=CONSOLE_PATIENCE_SECONDS)
        except subprocess.CalledProcessError as error:
            return f"{error.cmd[0]} ended with {error.returncode}:\n{error.stdout}{error.stderr}"
    return None


PARSERS = (
    PythonCodeBlockParser(doctest_optionflags=FLAGS),
    CodeBlockParser(language="console", evaluator=run_console),
    CodeBlockParser(language="c", evaluator=run_c),
    CodeBlockParser(language="cpp", evaluator=run_cpp),
)


def with_examples() -> list[str]:
    """Name the pages that have something to run."""
    marks = {"python", "console", "c", "cpp"}
    return [page for page in pages.all_pages() if marks & {fence.language for fence in pages.fences(page)}]


@pytest.mark.slow
@pytest.mark.timeout(140)
@pytest.mark.usefixtures("namespace")
@pytest.mark.parametrize("page", sorted(set(with_examples()) - pages.OF_OTHERS))
def test_examples_of_the_page_run_and_print_what_it_says(page: str) -> None:
    """An example that fails costs a reader more than no example."""
    document = Document.parse(str(pages.REPOSITORY / page), *PARSERS)

    for example in list(document.examples()):
        example.evaluate()

    document.namespace.clear()  # endpoints that the page leaves open end here, as at the end of a program


@pytest.mark.parametrize("page", pages.all_pages())
def test_every_fenced_block_says_what_it_is(page: str) -> None:
    """A block with a mark that nobody knows would be an example that nobody runs."""
    unknown = {fence.language for fence in pages.fences(page)} - MARKS.keys()

    assert unknown == set()


def test_readme_has_the_two_commands() -> None:
    """They are what a newcomer types first, and the second one is what the project's own check runs."""
    commands = [fence.text.strip() for fence in pages.fences("README.md") if fence.language == "sh"]

    assert commands == ['pip install ".[demo]" && memlane demo', 'pip install -e ".[test]" && pytest']
