"""The reference pages list what there is: nothing is missing, nothing is left over."""

from __future__ import annotations

import inspect
import re
from typing import Any

import pytest

import memlane
from memlane import (
    Channel,
    FunctionStatistics,
    HostFunctionCaller,
    HostFunctionDispatcher,
    HostVariable,
    NumpyShare,
    PendingCall,
    SharedAssign,
    ShareStatistics,
    VariableStatistics,
    errors,
)
from memlane.cli import SUBCOMMANDS, config
from tests.docs import pages

PYTHON = "docs/reference/python.md"
C = "docs/reference/c.md"
CPP = "docs/reference/cpp.md"
CLI = "docs/reference/cli.md"


def column(page: str, heading: str, name: str) -> list[str]:
    """Return one column of the table below a heading."""
    return [row[name] for row in pages.table(page, heading)]


def name_of(signature: str) -> str:
    """Return what stands before the arguments."""
    return signature.partition("(")[0]


def concrete_errors() -> dict[str, type[BaseException]]:
    """Return the error classes that are raised."""
    found = {
        name: kind for name, kind in vars(errors).items() if inspect.isclass(kind) and issubclass(kind, errors.Error)
    }
    return {name: kind for name, kind in found.items() if kind is not errors.Error}


def test_reference_lists_every_member_of_a_variable() -> None:
    """What is not in the reference does not exist for its readers."""
    public = {name for name in dir(HostVariable) if not name.startswith("_")}

    assert {name_of(member) for member in column(PYTHON, "### Members", "Member")} == public


def test_reference_lists_every_argument_of_a_variable() -> None:
    """Arguments are looked up more often than anything else."""
    parameters = list(inspect.signature(HostVariable).parameters)

    assert column(PYTHON, "## HostVariable", "Argument") == parameters


@pytest.mark.parametrize("kind", [SharedAssign, NumpyShare])
def test_reference_lists_every_member_of_a_share_with_its_signature(kind: type) -> None:
    """The two kinds differ in little, which is easily overlooked."""
    members = column(PYTHON, f"### Members of {kind.__name__}", "Member")
    public = {name for name in dir(kind) if not name.startswith("_")}

    assert {name_of(member) for member in members} == public
    for member in members:
        if "(" in member:
            assert member == name_of(member) + signature_of(getattr(kind, name_of(member)))


def test_reference_lists_every_argument_of_a_share_with_its_default() -> None:
    """Both kinds have the same."""
    for kind in (SharedAssign, NumpyShare):
        assert column(PYTHON, "## SharedAssign", "Argument") == list(inspect.signature(kind).parameters)
    written = re.findall(r"^`(SharedAssign\(.*?\))`$", pages.read(PYTHON), re.MULTILINE | re.DOTALL)

    assert [" ".join(text.split()) for text in written] == ["SharedAssign" + signature_of(SharedAssign)]


def test_reference_lists_every_field_of_the_statistics_of_shares() -> None:
    """A number without a meaning is noise."""
    assert column(PYTHON, "### Statistics of shares", "Field") == list(ShareStatistics._fields)


def test_signatures_in_the_reference_are_those_of_the_code() -> None:
    """A default that is wrong on the page is a bug in the reader's program."""
    written = re.findall(r"^`(HostVariable\(.*?\))`$", pages.read(PYTHON), re.MULTILINE | re.DOTALL)
    documented = [*written, *column(PYTHON, "### Members", "Member"), *column(PYTHON, "## Functions", "Function")]
    with_arguments = {name_of(text): " ".join(text.split()) for text in documented if "(" in text}

    actual = {name: name + plain_signature(name) for name in with_arguments}

    assert with_arguments == actual


def plain_signature(name: str) -> str:
    """Return the arguments of something public, without annotations and self."""
    return signature_of(getattr(memlane, name, None) or getattr(HostVariable, name))


def signature_of(found: Any) -> str:
    """Return the arguments of a function or class, without annotations and self."""
    signature = inspect.signature(found)
    kept = [
        parameter.replace(annotation=inspect.Parameter.empty, default=shown(parameter))
        for parameter in signature.parameters.values()
        if parameter.name != "self"
    ]
    return str(signature.replace(parameters=kept, return_annotation=inspect.Signature.empty)).replace("'", '"')


class Octal(int):
    """A file mode, as people write it."""

    def __repr__(self) -> str:
        return f"0o{int(self):o}"


def shown(parameter: inspect.Parameter) -> object:
    """Return a default as the page writes it."""
    return (
        Octal(parameter.default)
        if parameter.name in ("mode", "permissions") and isinstance(parameter.default, int)
        else parameter.default
    )


def test_reference_lists_every_error_with_its_built_in_bases() -> None:
    """Who catches a built-in class has to know which errors come with it."""
    documented = {row["Error"]: set(re.findall(r"\w+", row["Also a"])) for row in pages.table(PYTHON, "## Errors")}

    actual = {
        name: {base.__name__ for base in kind.__bases__ if base is not errors.Error}
        for name, kind in concrete_errors().items()
    }
    assert documented == actual


def test_reference_lists_every_field_of_the_statistics() -> None:
    """A number without a meaning is noise."""
    assert column(PYTHON, "## Statistics", "Field") == list(VariableStatistics._fields)


def test_reference_lists_every_environment_variable() -> None:
    """A switch that nobody knows cannot be turned."""
    python = [*pages.REPOSITORY.glob("src/memlane/*.py"), pages.REPOSITORY / "compat" / "memlane_compat.py"]
    sources = [*pages.CORE.glob("src/*.c"), *python]
    used = {
        name
        for source in sources
        for name in re.findall(r'environ\w*\W+(?:get\()?"?(MEMLANE_[A-Z_]+)"', source.read_text())
    }

    assert set(column(PYTHON, "## Environment variables", "Variable")) == used


def test_reference_lists_every_exported_c_function() -> None:
    """The map, the library and the page show the same functions."""
    exported = re.findall(r"^\s+(memlane_\w+);$", (pages.CORE / "memlane.map").read_text(), re.MULTILINE)

    assert sorted(column(C, "## Functions", "Function")) == sorted(exported)


def test_c_functions_are_in_the_headers_that_the_page_names() -> None:
    """The page is a map to the headers."""
    rows = pages.table(C, "## Functions")
    headers = {row["Header"]: (pages.CORE / "include" / "memlane" / row["Header"]).read_text() for row in rows}

    missing = [row["Function"] for row in rows if f"{row['Function']}(" not in headers[row["Header"]]]

    assert missing == []


def test_c_statuses_on_the_page_exist() -> None:
    """A status that does not exist cannot be handled."""
    header = (pages.CORE / "include" / "memlane" / "status.h").read_text()
    statuses = {status for row in pages.table(C, "## Functions") for status in row[list(row)[-1]].split()}

    assert {status for status in statuses if f"MEMLANE_{status} " not in header} == set()


def test_every_status_has_its_class_on_the_page_of_cpp() -> None:
    """Who knows a status finds what to catch."""
    header = (pages.CORE / "include" / "memlane" / "error.hpp").read_text()
    classes = {status: name for name, status in re.findall(r"using (\w+) = StatusError<(\w+)>", header)}

    assert {row["Status"]: row["C++"] for row in pages.table(CPP, "## Errors")} == classes


def test_names_on_the_page_of_cpp_exist() -> None:
    """A member that was renamed is found by its users, not by the page."""
    text = "".join(path.read_text() for path in (pages.CORE / "include" / "memlane").glob("*.hpp"))
    headings = ("## Variable", "## Function", "## Channel", "## Map", "## Share")
    rows = [row for heading in headings for row in column(CPP, heading, "Member")]
    members = [name_of(name) for row in rows for name in row.split(", ") if "(" in name]

    assert [name for name in members if not re.search(rf"\b{name}\(", text)] == []


def test_reference_lists_every_subcommand() -> None:
    """A command that is not listed is found by accident."""
    assert column(CLI, "# Command reference", "Subcommand") == sorted(SUBCOMMANDS)


def test_reference_lists_every_option_of_config() -> None:
    """Build files are written from this table."""
    assert column(CLI, "## memlane config", "Option") == [*(f"--{name}" for name in config.ANSWERS), "--json"]


def test_reference_lists_every_member_and_argument_of_a_channel() -> None:
    """What is not in the reference does not exist for its readers."""
    text = pages.read(PYTHON).partition("\n## Channel\n")[2].partition("\n## ")[0]
    rows = dict(re.findall(r"^\| `((\w+)[^`]*)` \|", text, re.MULTILINE))
    public = {name for name in dir(Channel) if not name.startswith("_")}
    arguments = list(inspect.signature(Channel).parameters)

    assert [name for name in rows.values() if name not in public] == arguments
    assert {name for name in rows.values() if name in public} == public
    written = {name: call for call, name in rows.items() if "(" in call}
    assert written == {name: plain_channel_signature(name) for name in written}


def plain_channel_signature(name: str) -> str:
    """Return the arguments of a channel's method, without annotations and self."""
    parameters = [
        parameter.replace(annotation=inspect.Parameter.empty)
        for parameter in inspect.signature(getattr(Channel, name)).parameters.values()
        if parameter.name != "self"
    ]
    return name + str(inspect.Signature(parameters)).replace("'", '"')


def test_reference_lists_every_argument_and_member_of_a_caller() -> None:
    """The same for functions."""
    public = {name for name in dir(HostFunctionCaller) if not name.startswith("_")} | {"__call__"}
    rows = pages.table(PYTHON, "## HostFunctionCaller")
    members = rows_with("Member of a caller", "## HostFunctionCaller")

    assert [row["Argument of a caller"] for row in rows] == list(inspect.signature(HostFunctionCaller).parameters)
    assert {name_of(member) for member in members} == public


def test_reference_names_every_member_of_a_pending_call() -> None:
    """What else could be called there would be called by somebody."""
    sentence = re.search(r"^A `PendingCall` has (.*?), which", pages.read(PYTHON), re.MULTILINE)

    assert sentence is not None
    named = {name_of(member) for member in re.findall("`([^`]+)`", sentence[1])}
    assert named == {name for name in dir(PendingCall) if not name.startswith("_")}


def test_reference_lists_every_member_of_a_dispatcher_and_its_figures() -> None:
    """The same for the serving side."""
    public = {name for name in dir(HostFunctionDispatcher) if not name.startswith("_")}

    assert {name_of(member) for member in rows_with("Member of a dispatcher", "## HostFunctionDispatcher")} == public
    figures = rows_with("Field of FunctionStatistics", "## HostFunctionDispatcher")
    assert figures == list(FunctionStatistics._fields)


def rows_with(column_name: str, heading: str) -> list[str]:
    """Return the first column of the table of that name, somewhere below a heading."""
    section = pages.read(PYTHON).partition(f"\n{heading}\n")[2].partition("\n## ")[0]
    table = section.partition(f"| {column_name} |")[2].partition("\n\n")[0]
    return re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)
