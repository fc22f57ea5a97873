"""Every check of the project, each a session: ``nox -s <session>``, long forms ``nox -s <session> -- --long``."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import nox

PYTHONS = ("3.10", "3.11", "3.12", "3.13")
# The others run what takes less than a quarter of a second: what differs between them is the language, not the memory.
FULL_PYTHON = "{}.{}".format(*sys.version_info)
CLANG = "clang-14"
NO_COMPILE = "--no-compile"  # of the demo's large packages: most of their modules are never imported
ROOT = Path(__file__).resolve().parent
PROJECT = nox.project.load_toml("pyproject.toml")

nox.needs_version = ">=2024.10.9"
nox.options.default_venv_backend = "venv"
nox.options.download_python = "never"
nox.options.reuse_existing_virtualenvs = True
os.environ["CMAKE_GENERATOR"] = "Ninja"  # comes with pip; make may not be there


def runs(command: str) -> bool:
    """Tell whether PATH has the command and it starts; a version manager's stand-in exists and does not."""
    if not shutil.which(command):
        return False
    return subprocess.run([command, "--version"], check=False, capture_output=True).returncode == 0


def find_interpreters() -> None:
    """Where PATH lacks a Python, look for its prefix beside the prefix of ours."""
    for version in PYTHONS:
        if not runs(f"python{version}"):
            beside = sorted(Path(sys.base_prefix).parent.glob(f"{version}*/bin"))[-1:]
            os.environ["PATH"] = os.pathsep.join([*map(str, beside), os.environ["PATH"]])


find_interpreters()


def is_long(session: nox.Session) -> bool:
    """Tell whether the long form was asked for."""
    return "--long" in session.posargs


def install_group(session: nox.Session, group: str) -> None:
    """Install one of pyproject's dependency groups."""
    session.install(*nox.project.dependency_groups(PROJECT, group))


def build_core(session: nox.Session, name: str, *definitions: str, compiler: str | None = None) -> Path:
    """Build the core with its tests in a folder of this session and return the folder."""
    install_group(session, "core")
    folder = Path(session.create_tmp()) / name
    choice = [f"-DCMAKE_C_COMPILER={compiler}"] if compiler else []
    session.run("cmake", "-S", "core", "-B", str(folder), "--log-level=WARNING", *choice, *definitions)
    session.run("cmake", "--build", str(folder), silent=True)
    return folder


def run_c_tests(session: nox.Session, folder: Path) -> None:
    """Run the C tests of a build; none at all is a failure."""
    session.run("ctest", "--test-dir", str(folder), "--output-on-failure", "--no-tests=error")


# -- Python -------------------------------------------------------------------------------------------------


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run the whole suite on nox's own Python, and what is not slow on the others (``--long``: all of it on all)."""
    session.install(NO_COMPILE, ".[test]")
    whole = is_long(session) or session.python == FULL_PYTHON
    arguments = [argument for argument in session.posargs if argument != "--long"]
    session.run("pytest", *([] if whole else ["-m", "not slow"]), *arguments)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and spelling of Python, Cython and prose."""
    install_group(session, "lint")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("cython-lint", "src")
    session.run("codespell")


@nox.session
def types(session: nox.Session) -> None:
    """Check types, and that the stubs of compiled modules say what the modules are."""
    install_group(session, "types")
    session.install(NO_COMPILE, ".[test]")
    session.run("mypy")
    compiled = [".".join(stub.relative_to("src").with_suffix("").parts) for stub in Path("src").rglob("*.pyi")]
    # Disjoint bases are marked in the language from 3.15 on.
    options = ("--ignore-unused-allowlist", "--ignore-disjoint-bases", "--mypy-config-file=pyproject.toml")
    session.run("stubtest", "--allowlist=tools/stubtest.allow", *options, *sorted(compiled))


@nox.session
def layers(session: nox.Session) -> None:
    """Check that no layer knows a higher one, in Python, Cython and C."""
    install_group(session, "layers")
    session.run("lint-imports", env={"PYTHONPATH": "src"})
    session.run("python", "tools/check_layers.py")


# -- C ------------------------------------------------------------------------------------------------------


@nox.session
def c_lint(session: nox.Session) -> None:
    """Check layout and habits of C."""
    install_group(session, "c-lint")
    sources = sorted(str(path) for path in Path("core").rglob("*.[ch]"))
    session.run("clang-format", "--dry-run", "-Werror", *sources)
    folder = build_core(session, "tidy", "-DMEMLANE_BUILD_TESTS=ON", "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON")
    compiled = [source for source in sources if source.endswith(".c") and "/fuzz/" not in source]
    session.run("clang-tidy", "--quiet", "-p", str(folder), *compiled)


@nox.session
def core(session: nox.Session) -> None:
    """Build the core alone, run its tests, and check what it exports."""
    folder = build_core(session, "release", "-DMEMLANE_BUILD_TESTS=ON")
    run_c_tests(session, folder)
    session.run("python", "tools/check_exports.py", str(folder / "libmemlane.so"))


@nox.session
def sanitize(session: nox.Session) -> None:
    """Run the C tests and the Python suite under clang's sanitizers (``--long``: slow Python tests too)."""
    debug = ("-DMEMLANE_BUILD_TESTS=ON", "-DCMAKE_BUILD_TYPE=RelWithDebInfo")
    for name, sanitizers in (("address", "address;undefined"), ("thread", "thread")):
        folder = build_core(session, name, f"-DMEMLANE_SANITIZE={sanitizers}", *debug, compiler=CLANG)
        run_c_tests(session, folder)
    session.run(str(folder / "stress"))  # of the last build: threads in place of processes, over one mapping
    install_sanitized(session)
    session.run(
        "pytest",
        *([] if is_long(session) else ["-m", "not slow"]),
        env={
            "LD_PRELOAD": runtime_of_the_address_sanitizer(),
            # The interpreter itself leaks by design; leaks of ours are what tests/leaks.py looks for.
            "ASAN_OPTIONS": "detect_leaks=0",
            # Objects come from malloc, so that an overrun of one is seen.
            "PYTHONMALLOC": "malloc",
        },
    )


def install_sanitized(session: nox.Session) -> None:
    """Install memlane with an instrumented core and binding, and what its tests need."""
    options = {"cmake.define.MEMLANE_SANITIZE": "address;undefined", "cmake.build-type": "RelWithDebInfo"}
    settings = [f"--config-settings={name}={value}" for name, value in options.items()]
    session.install(NO_COMPILE, *settings, ".[test]", env={"CC": CLANG})


def runtime_of_the_address_sanitizer() -> str:
    """Return the library that has to be loaded before an interpreter that knows nothing of it."""
    library = f"libclang_rt.asan-{platform.machine()}.so"
    command = [CLANG, f"-print-file-name={library}"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


# -- proofs -------------------------------------------------------------------------------------------------


@nox.session(venv_backend="none")
def models(session: nox.Session) -> None:
    """Search the Spin models and their mutants (``--long``: with larger bounds too)."""
    session.run(sys.executable, "core/models/run.py", *session.posargs)


@nox.session
def crash(session: nox.Session) -> None:
    """Kill and stop every operation of the core at every instruction, once and twice (``--long``: every pair)."""
    folder = build_core(session, "release", "-DMEMLANE_BUILD_TESTS=ON")
    session.run(str(folder / "crash"), "--jobs", str(os.cpu_count() or 1), *session.posargs)


@nox.session
def hazards(session: nox.Session) -> None:
    """Run the tests of every hazard and accept no skip, on a machine that has everything."""
    session.install(NO_COMPILE, ".[test]")
    folder = build_core(session, "release", "-DMEMLANE_BUILD_TESTS=ON")
    session.run("python", "tools/check_hazards.py", str(folder))


@nox.session
def interop(session: nox.Session) -> None:
    """Exchange values between every two of Python 2.7 to the newest, PyPy and C; fails when one is missing."""
    session.install(".", "numpy>=1.24")
    session.run("python", "-m", "tests.interop.matrix", *session.posargs)


@nox.session
def soak(session: nox.Session) -> None:
    """Kill and stop real processes at random moments: 2,000 kills (``--long``: 20,000)."""
    folder = build_core(session, "release", "-DMEMLANE_BUILD_TESTS=ON")
    session.run(str(folder / "soak"), *(["--kills", "20000"] if is_long(session) else session.posargs))


@nox.session
def scribble(session: nox.Session) -> None:
    """Damage and truncate memory under a process that uses it: a minute (``--long``: an hour)."""
    folder = build_core(session, "release", "-DMEMLANE_BUILD_TESTS=ON")
    session.run(str(folder / "scribble"), *(["--seconds", "3600"] if is_long(session) else session.posargs))


@nox.session
def fuzz(session: nox.Session) -> None:
    """Give hostile bytes to the core under ASan and UBSan: a minute for each target (``--long``: an hour)."""
    options = ("-DMEMLANE_BUILD_FUZZERS=ON", "-DCMAKE_BUILD_TYPE=RelWithDebInfo")
    folder = build_core(session, "fuzz", *options, compiler=CLANG)
    limits = (f"-max_total_time={3600 if is_long(session) else 60}", "-timeout=10", "-print_final_stats=1")
    for source in sorted(Path("core/fuzz").glob("*.c")):
        corpus = folder / "corpus" / source.stem
        corpus.mkdir(parents=True, exist_ok=True)
        session.run(str(folder / source.stem), *limits, f"-artifact_prefix={folder}/", str(corpus))


@nox.session
def mutants(session: nox.Session) -> None:
    """Build the core with each deliberate mistake: the tools that docs/design/proof.md names must fail."""
    install_group(session, "core")
    session.run("python", "tools/check_mutants.py", session.create_tmp(), *session.posargs)
