"""C and C++ programs of tests, compiled against the library of the installed package."""

from __future__ import annotations

import os
import subprocess
import sysconfig
from importlib.util import find_spec
from pathlib import Path

PATIENCE_SECONDS = 30


STANDARDS = {"c": "c11", "cpp": "c++17"}


def compiler_for(language: str) -> str:
    """Return the compiler that the interpreter was built by, or what CC or CXX names."""
    variable = {"c": "CC", "cpp": "CXX"}[language]
    return os.environ.get(variable) or (sysconfig.get_config_var(variable) or "c++").split()[0]


def compile_program(source: str, directory: Path, name: str, language: str = "c") -> Path:
    """Compile the text of a program, and return its path."""
    text = directory / f"{name}.{language}"
    text.write_text(source)
    program = compile_file(text, directory / name)
    text.unlink()
    return program


def compile_file(source: Path, program: Path) -> Path:
    """Compile a program, warnings being errors, and return its path; `CalledProcessError` with what was wrong."""
    language = source.suffix[1:]
    package = Path(str(find_spec("memlane._native.variable").origin)).parent.parent  # type: ignore[union-attr]
    library = package / "lib"
    command = [
        compiler_for(language),
        f"-std={STANDARDS[language]}",
        "-Wall",
        "-Wextra",
        "-Werror",
        str(source),
        "-o",
        str(program),
    ]
    command += [f"-I{package / 'include'}", f"-L{library}", f"-Wl,-rpath,{library}", "-lmemlane"]
    command += ["-Wl,--allow-shlib-undefined"]  # a sanitized library finds its runtime in what is preloaded
    subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE_SECONDS)
    return program
