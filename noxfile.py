"""Every check of the project, each a session: ``nox -s <session>``, long forms ``nox -s <session> -- --long``."""

from __future__ import annotations

import itertools
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import nox

PYTHONS = ("3.10", "3.11", "3.12", "3.13")
# The others run the unit tests that take less than a quarter of a second: what differs between them is the language,
# not the memory, nor other processes, but for those that they fork. Nor is speed, so their build is not optimised.
FULL_PYTHON = "{}.{}".format(*sys.version_info)
NOT_SLOW = ("-m", "not slow")
OF_OTHERS = (*NOT_SLOW, "-o", "testpaths=tests/unit tests/processes/test_fork.py")
# Python above the public surface: what it does in C, other tests do.
TOOLS = tuple(f"--ignore-glob=*/test_{tool}*.py" for tool in ("bench", "cli", "metrics", "monitor", "recording"))
CLANG = "clang-14"
C_KINDS = ("c", "h", "cpp", "hpp")
NO_COMPILE = "--no-compile"  # of the demo's large packages: most of their modules are never imported
ROOT = Path(__file__).resolve().parent
PROJECT = nox.project.load_toml("pyproject.toml")

nox.needs_version = ">=2024.10.9"
nox.options.default_venv_backend = "virtualenv"  # comes with nox; venv takes 4 s of a processor for each
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


def configure_core(session: nox.Session, name: str, *definitions: str, compiler: str | None = None) -> Path:
    """Prepare a build of the core in a folder of this session and return the folder."""
    install_group(session, "core")
    folder = Path(session.create_tmp()) / name
    plus_plus = compiler.replace("clang", "clang++") if compiler else ""
    choice = [f"-DCMAKE_C_COMPILER={compiler}", f"-DCMAKE_CXX_COMPILER={plus_plus}"] if compiler else []
    session.run("cmake", "-S", "core", "-B", str(folder), "--log-level=WARNING", *choice, *definitions)
    return folder


def build_core(session: nox.Session, name: str, *definitions: str, compiler: str | None = None) -> Path:
    """Build the core with its tests in a folder of this session and return the folder."""
    folder = configure_core(session, name, *definitions, compiler=compiler)
    session.run("cmake", "--build", str(folder), silent=True)
    return folder


def run_c_tests(session: nox.Session, folder: Path) -> None:
    """Run the C tests of a build; none at all is a failure."""
    session.run("ctest", "--test-dir", str(folder), "--output-on-failure", "--no-tests=error")


# -- Python -------------------------------------------------------------------------------------------------


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run the whole suite on nox's own Python, and unit tests on the others (``--long``: all of it on all)."""
    whole = is_long(session) or session.python == FULL_PYTHON
    session.install(NO_COMPILE, *([] if whole else ["--config-settings=cmake.build-type=Debug"]), ".[test]")
    arguments = [argument for argument in session.posargs if argument != "--long"]
    session.run("pytest", *(() if whole else OF_OTHERS), *arguments)


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


@nox.session
def browser(session: nox.Session) -> None:
    """Try the page of ``memlane monitor`` in headless chromium (needs Debian's `chromium`)."""
    install_group(session, "browser")
    session.install(NO_COMPILE, ".[monitor]")
    session.run("pytest", "tests/browser", *session.posargs)


# -- C ------------------------------------------------------------------------------------------------------


@nox.session
def c_lint(session: nox.Session) -> None:
    """Check layout and habits of C."""
    install_group(session, "c-lint")
    folders = [folder for folder in ("core", "examples", "src", "tests") if Path(folder).is_dir()]
    sources = sorted(str(path) for folder in folders for kind in C_KINDS for path in Path(folder).rglob(f"*.{kind}"))
    session.run("clang-format", "--dry-run", "-Werror", *sources)
    definitions = ("-DMEMLANE_BUILD_TESTS=ON", "-DMEMLANE_BUILD_CPP_TESTS=ON", "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON")
    folder = configure_core(session, "tidy", *definitions)
    # Headers are seen through what includes them.
    in_core = [source for source in sources if source.startswith("core/") and "/fuzz/" not in source]
    compiled = [source for source in in_core if source.endswith((".c", ".cpp"))]
    session.run("clang-tidy", "--quiet", "-p", str(folder), *compiled)


@nox.session
def core(session: nox.Session) -> None:
    """Build the core alone, run its tests, and check what it exports; the C++ headers by clang too, if it is there."""
    folder = build_core(session, "release", "-DMEMLANE_BUILD_TESTS=ON", "-DMEMLANE_BUILD_CPP_TESTS=ON")
    run_c_tests(session, folder)
    session.run("python", "tools/check_exports.py", str(folder / "libmemlane.so"))
    if runs(CLANG):
        run_c_tests(session, build_core(session, "clang", "-DMEMLANE_BUILD_CPP_TESTS=ON", compiler=CLANG))
    else:
        session.log(f"skipped: no {CLANG} on PATH; the C++ headers were compiled by the default compiler alone")


@nox.session
def sanitize(session: nox.Session) -> None:
    """Run the C tests and the Python suite under clang's sanitizers (``--long``: slow ones and those of tools too)."""
    tests = ("-DMEMLANE_BUILD_TESTS=ON", "-DMEMLANE_BUILD_CPP_TESTS=ON")
    # Not optimised: these sanitizers make compiling four times as long as that, and running no shorter.
    address = ("-DMEMLANE_SANITIZE=address;undefined", "-DMEMLANE_BUILD_PROGRAMS=OFF", "-DCMAKE_BUILD_TYPE=Debug")
    run_c_tests(session, build_core(session, "address", *address, *tests, compiler=CLANG))
    thread = ("-DMEMLANE_SANITIZE=thread", "-DCMAKE_BUILD_TYPE=RelWithDebInfo")
    folder = build_core(session, "thread", *thread, *tests, compiler=CLANG)
    run_c_tests(session, folder)
    session.run(str(folder / "stress"))  # threads in place of processes, over one mapping
    install_sanitized(session)
    session.run(
        "pytest",
        *(() if is_long(session) else (*NOT_SLOW, "--ignore=tests/docs", *TOOLS)),
        env={
            "LD_PRELOAD": runtime_of_the_address_sanitizer(),
            # The interpreter itself leaks by design; leaks of ours are what tests/leaks.py looks for.
            "ASAN_OPTIONS": "detect_leaks=0",
            # Objects come from malloc, so that an overrun of one is seen.
            "PYTHONMALLOC": "malloc",
        },
    )


def install_sanitized(session: nox.Session) -> None:
    """Install memlane with an instrumented core and binding, not optimised, and what its tests need."""
    options = {"cmake.define.MEMLANE_SANITIZE": "address;undefined", "cmake.build-type": "Debug"}
    settings = [f"--config-settings={name}={value}" for name, value in options.items()]
    session.install(NO_COMPILE, *settings, ".[test]", env={"CC": CLANG})


def runtime_of_the_address_sanitizer() -> str:
    """Return the library that has to be loaded before an interpreter that knows nothing of it."""
    library = f"libclang_rt.asan-{platform.machine()}.so"
    command = [CLANG, f"-print-file-name={library}"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@nox.session
def docs(session: nox.Session) -> None:
    """Build the site from docs/: a name without a page, a broken link or a wrong docstring ends it."""
    install_group(session, "docs")
    session.install(NO_COMPILE, ".")
    session.run(
        "sphinx-build", "-n", "-W", "--keep-going", "-q", "-E", "docs", str(Path(session.create_tmp()) / "site")
    )


# -- other machines ---------------------------------------------------------------------------------------


class Machine(NamedTuple):
    """A machine that this one can build for and run."""

    definitions: tuple[str, ...] = ()  # for CMake
    compiler: tuple[str, ...] = ("gcc",)  # what has to build a program ...
    runner: tuple[str, ...] = ()  # ... that this runs
    without: str = "^$"  # tests, by a regular expression

    def works(self, folder: Path) -> bool:
        """Tell whether a program for the machine can be built and run here."""
        program = folder / "nothing"
        build = [*self.compiler, "-x", "c", "-", "-o", str(program)]
        if not shutil.which(self.compiler[0]):
            return False
        source = b'#include <stdio.h>\nint main(void) { return puts("it runs") < 0; }'
        if subprocess.run(build, check=False, input=source, capture_output=True).returncode != 0:
            return False
        return shutil.which((*self.runner, "env")[0]) is not None and not subprocess.call(
            [*self.runner, str(program)], stdout=subprocess.DEVNULL
        )


MACHINES = {
    "native": Machine(),
    "i386": Machine(("-DCMAKE_C_FLAGS=-m32",), ("gcc", "-m32")),
    "aarch64": Machine(
        (f"--toolchain={ROOT / 'core' / 'aarch64.cmake'}",),
        (CLANG, "--target=aarch64-linux-gnu", "-fuse-ld=lld-14"),
        ("qemu-aarch64", "-L", "/usr/aarch64-linux-gnu"),
        # qemu-user knows no subreaper, cannot end a process' first thread alone, names processes after itself, and
        # aborts where the forked child of a process with threads starts one.
        "test_(fork|loan|participant|watch)",
    ),
}


@nox.session
def cross(session: nox.Session) -> None:
    """Run the C tests as i386 and aarch64, offsets of the layout among them, and share one variable with both."""
    install_group(session, "core")
    programs = {}
    for name, machine in MACHINES.items():
        if machine.works(Path(session.create_tmp())):
            programs[name] = [*machine.runner, str(build_for(session, name, machine))]
        else:
            session.log(f"skipped: no program for {name} can be built and run here ({' '.join(machine.compiler)})")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as namespace:
        for writer, reader in itertools.product(programs, repeat=2):
            text = f"from {writer} to {reader}"
            session.run(*programs[writer], "shared", text, env={"MEMLANE_DIR": namespace}, external=True)
            said = session.run(*programs[reader], "shared", env={"MEMLANE_DIR": namespace}, external=True, silent=True)
            if said != f"{text}\n":
                session.error(f"{writer} wrote {text!r}, {reader} read {said!r}")


def build_for(session: nox.Session, name: str, machine: Machine) -> Path:
    """Build, test and install the core for a machine; build a program by find_package against it and return it."""
    folder = Path(session.create_tmp()) / name
    if machine.definitions:  # what is native is tested by the session `core`
        build_core(session, name, "-DMEMLANE_BUILD_TESTS=ON", "-DMEMLANE_BUILD_PROGRAMS=OFF", *machine.definitions)
        patience = {"MEMLANE_WATCHDOG_SECONDS": "600"} if machine.runner else {}
        tests = ("--output-on-failure", "--no-tests=error", "-E", machine.without)
        session.run("ctest", "--test-dir", str(folder), *tests, env=patience)
    else:
        build_core(session, name)
    session.run("cmake", "--install", str(folder), "--prefix", str(folder / "installed"), silent=True)
    package = f"-Dmemlane_DIR={folder / 'installed' / 'lib' / 'cmake' / 'memlane'}"
    project, program = str(ROOT / "tests" / "packaging"), folder / "program"
    session.run("cmake", "-S", project, "-B", str(program), "--log-level=WARNING", package, *machine.definitions)
    session.run("cmake", "--build", str(program), silent=True)
    return program / "greeting"


# -- packages ---------------------------------------------------------------------------------------------


@nox.session
def wheel(session: nox.Session) -> None:
    """Build sdist and wheel, audit them, and use the wheel as a stranger would: without a compiler, then from C."""
    install_group(session, "wheel")
    folder = Path(session.create_tmp()) / "packages"
    shutil.rmtree(folder, ignore_errors=True)
    session.run("python", "-m", "build", "--outdir", str(folder), silent=True)  # the wheel is built from the sdist
    (sdist,), (built,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    session.run("auditwheel", "repair", "--only-plat", "--wheel-dir", str(folder / "audited"), str(built))
    (audited,) = folder.glob("audited/*.whl")
    session.run("python", "tools/check_wheel.py", str(sdist), str(audited))
    python = use_as_a_stranger(session, folder / "stranger", audited, sys.executable)
    session.run(
        python, "-m", "pip", "install", "-q", *nox.project.dependency_groups(PROJECT, "wheel-tests"), external=True
    )
    session.run(python, "-m", "pytest", "-p", "no:cacheprovider", "tests/packaging", external=True)
    try_without_the_global_lock(session, folder, sdist)


def use_as_a_stranger(session: nox.Session, folder: Path, package: Path, interpreter: str) -> str:
    """Install a wheel into a fresh environment with nothing else on PATH, use it there, return that Python."""
    session.run(interpreter, "-m", "venv", str(folder), external=True)
    # env, because nox adds its own environment's commands to PATH, and cmake is among them.
    alone = ("env", "-i", f"PATH={folder / 'bin'}", f"HOME={folder}", "LANG=C.UTF-8")
    python = str(folder / "bin" / "python")
    install = ("-m", "pip", "install", "-q", "--no-index", "--no-deps", str(package.resolve()))
    for arguments in (install, (str(ROOT / "tests" / "packaging" / "stranger.py"),)):
        session.run(*alone, python, *arguments, external=True)
    return python


def try_without_the_global_lock(session: nox.Session, folder: Path, sdist: Path) -> None:
    """Build and use the package on a free-threaded interpreter, where there is one."""
    interpreter = "python3.13t"
    if not runs(interpreter):
        session.log(f"skipped: no {interpreter} on PATH; the package is not tried without the global lock")
        return
    session.run(
        interpreter, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(folder / "free"), str(sdist), external=True
    )
    (package,) = folder.glob("free/*.whl")
    use_as_a_stranger(session, folder / "stranger-free", package, interpreter)


# -- proofs -------------------------------------------------------------------------------------------------


@nox.session(venv_backend="none")
def models(session: nox.Session) -> None:
    """Search the Spin models and their mutants (``--long``: with larger bounds too)."""
    session.run(sys.executable, "core/models/run.py", *session.posargs)


@nox.session
def instructions(session: nox.Session) -> None:
    """Count the instructions of the hot operations and compare them with their budgets (needs valgrind)."""
    if not runs("valgrind"):
        session.skip("no valgrind on PATH, which counts instructions")
    folder = configure_core(session, "release", "-DMEMLANE_BUILD_TESTS=ON")
    session.run("cmake", "--build", str(folder), "--target", "operations", silent=True)
    session.run("python", "tools/check_instructions.py", str(folder / "operations"), *session.posargs)


@nox.session
def crash(session: nox.Session) -> None:
    """Kill and stop every operation of the core at every instruction, once and twice (``--long``: every pair)."""
    folder = build_core(session, "release", "-DMEMLANE_BUILD_TESTS=ON")
    session.run(str(folder / "crash"), "--jobs", str(os.cpu_count() or 1), *session.posargs)
    session.run(str(folder / "crash_calls"))


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
    packages = Path(session.create_tmp()) / "packages"
    shutil.rmtree(packages, ignore_errors=True)
    session.run("python", "-m", "tests.interop.packages", str(packages))
    session.run("python", "-m", "tests.interop.matrix", "--packages", str(packages), *session.posargs)


@nox.session
def ros(session: nox.Session) -> None:
    """Run the example of a ROS node with Debian's ROS, which this installs: real messages, a model that is killed."""
    debian = ("ros-core", "python3-rospy", "python3-rosbag", "python3-sensor-msgs", "python3-numpy")
    session.run("apt-get", "install", "-y", "-q", "--no-install-recommends", *debian, external=True)
    session.install(".", "numpy", "scikit-learn", "scikit-image", "pooch")
    folder, example = Path(session.create_tmp()) / "ros", "examples/ros_segmentation"
    session.run("python", "-m", "memlane", "compat", "--to", str(folder))
    session.run("python", f"{example}/cloud.py", str(folder / "cloud.npy"))
    local = {"ROS_MASTER_URI": "http://localhost:11311", "ROS_HOSTNAME": "localhost"}
    arguments = ("/usr/bin/python3", str(folder / "cloud.npy"), str(folder), *(session.posargs or ["100"]))
    with tempfile.TemporaryDirectory(dir="/dev/shm") as namespace:
        session.run("python", f"{example}/run_with_ros.py", *arguments, env={**local, "MEMLANE_DIR": namespace})


@nox.session
def promtool(session: nox.Session) -> None:
    """Let Prometheus' own tool judge our metrics; takes it out of Debian's package, which would install much more."""
    folder = Path(session.create_tmp())
    with session.chdir(folder):
        session.run("apt-get", "download", "-q", "prometheus", external=True)
        (package,) = Path().glob("prometheus_*.deb")
        session.run("dpkg-deb", "--extract", str(package), ".", external=True)
    session.install(NO_COMPILE, ".[test]")
    path = os.pathsep.join([str(folder / "usr" / "bin"), os.environ["PATH"]])
    session.run("pytest", "-k", "promtool", "tests/unit/test_metrics.py", env={"PATH": path})


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
    """Give hostile bytes to the core under ASan and UBSan: 10 seconds for each target (``--long``: an hour)."""
    options = ("-DMEMLANE_BUILD_FUZZERS=ON", "-DCMAKE_BUILD_TYPE=RelWithDebInfo")
    folder = build_core(session, "fuzz", *options, compiler=CLANG)
    limits = (f"-max_total_time={3600 if is_long(session) else 10}", "-timeout=10", "-print_final_stats=1")
    for source in sorted(Path("core/fuzz").glob("*.c")):
        corpus = folder / "corpus" / source.stem
        corpus.mkdir(parents=True, exist_ok=True)
        session.run(str(folder / source.stem), *limits, f"-artifact_prefix={folder}/", str(corpus))


@nox.session
def mutants(session: nox.Session) -> None:
    """Build the core with each deliberate mistake: the tools that docs/design/proof.md names must fail."""
    install_group(session, "core")
    session.run("python", "tools/check_mutants.py", session.create_tmp(), *session.posargs)
