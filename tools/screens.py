"""Run every subcommand in a terminal beside the demo under chaos; write the screens to ``docs/reference/screens.md``.

python tools/screens.py          # say which subcommands have no screen on the page: exit status 1 where one has none
python tools/screens.py --write  # take them all anew, in tmux; needs all extras, and a minute and a half
"""

from __future__ import annotations

import contextlib
import glob
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from memlane import HostFunctionDispatcher, HostVariable, RWSharedMMap, inspect, unlink
from memlane.cli import SUBCOMMANDS

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "screens.md"
BEGIN = "<!-- by tools/screens.py -->\n"
END = "<!-- end of tools/screens.py -->\n"
SOCKET = "memlane-screens"
COLUMNS, LINES = 80, 24
DEMO = "memlane demo --chaos --seconds 60"
PATIENCE_SECONDS = 60.0
LOOK_SECONDS = 0.1
MOMENT_SECONDS = 2.5
"""How long a subcommand that goes on by itself may show what it has to show, before Ctrl-C."""
DIRECTORIES = "/dev/shm/memlane-demo-*"  # noqa: S108  (where the demo makes its own)
MEMORY = "/dev/shm"  # noqa: S108  (where the replay makes its own)


class Screen(NamedTuple):
    """What a user types, and why."""

    subcommand: str
    typed: str
    said: str
    endless: bool = False
    """Whether it goes on until Ctrl-C."""


SCREENS = (
    Screen("ls", "memlane ls", "A line for each object; who died in it is counted until the next one cleans up."),
    Screen("top", "memlane top", "The rates of all objects, and below what went wrong.", endless=True),
    Screen("show", "memlane show pose", "All about a variable with the format of a struct."),
    Screen("show", "memlane show segment", "A function: who calls, who serves, and what was counted."),
    Screen("get", "memlane get command", "A struct, decoded by the schema that lies with it."),
    Screen("get", "memlane get frame", "A large array within a struct; the schema has its length, and not its shape."),
    Screen("get", "NO_COLOR=1 memlane get stereo_pair", "An image is a small picture, in colours where there are any."),
    Screen("get", "memlane get tarqet", "A name that was mistyped."),
    Screen("watch", "memlane watch command --count 2", "Each new value."),
    Screen("tail", "memlane tail telemetry", "The lines that pass through a channel.", endless=True),
    Screen("who", "memlane who", "Every process with all that it has open."),
    Screen("who", "memlane who --leaks", "Only who holds something now, or died."),
    Screen("call", "memlane call divide 3 right=2", "A function of another process; arguments are JSON, or text."),
    Screen("call", "memlane call divide 3 0", "What it raises is told, and the status is 1."),
    Screen("set", "memlane set target '{\"x\": 1.5}'", "A new value, and its version."),
    Screen("rm", "memlane rm target", "What somebody has open is not removed without `--force`."),
    Screen("gc", "memlane gc", "What was made to go with its last user, and stayed because that one died."),
    Screen("record", "memlane record -o run.mcap --seconds 2", "Everything that passes, for two seconds."),
    Screen("info", "memlane info run.mcap", "What was recorded, and what passed between two looks."),
    Screen(
        "replay", "memlane replay run.mcap --directory again", "The same values once more, in a place of their own."
    ),
    Screen("metrics", "memlane metrics --once | grep pose", "What Prometheus is told of a variable."),
    Screen("metrics", "memlane metrics", "And where it can ask.", endless=True),
    Screen(
        "monitor",
        "memlane monitor",
        "The page is in [watch in a browser](../how-to/watch-in-a-browser.md).",
        endless=True,
    ),
    Screen("doctor", "memlane doctor", "What is right and wrong with the machine."),
    Screen("config", "memlane config --help", "For compilers."),
    Screen("compat", "memlane compat --help", "For interpreters where nothing can be installed."),
    Screen("devices", "memlane devices --help", "For serial lines."),
    Screen("completion", "memlane completion fish", "For `eval` in the shell's own script."),
)
ALONE = (
    Screen("bench", "memlane bench", "When the demo has ended: it measures the machine, and leaves nothing behind."),
)


class Terminal:
    """A shell in a window of tmux."""

    def __init__(self, name: str, environment: dict[str, str], folder: str = os.curdir) -> None:
        self._name = name
        channel = f"{SOCKET}-{name}"
        settings = {"PS1": "$ ", "PROMPT_COMMAND": f"tmux -L {SOCKET} wait-for -S {channel}", **environment}
        shell = ["env", *(f"{name}={value}" for name, value in settings.items()), "bash", "--noprofile", "--norc"]
        self._channel = channel
        tmux("new-session", "-d", "-s", name, "-c", folder, "-x", str(COLUMNS), "-y", str(LINES), *shell)
        self.wait()

    def type(self, line: str) -> None:
        """Type a line on an empty screen."""
        tmux("send-keys", "-t", self._name, "C-l")
        tmux("clear-history", "-t", self._name)
        tmux("send-keys", "-t", self._name, "-l", line)
        tmux("send-keys", "-t", self._name, "Enter")

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        tmux("send-keys", "-t", self._name, "C-c")

    def wait(self) -> None:
        """Wait for the next prompt."""
        tmux("wait-for", self._channel)

    def text(self, *, whole: bool = True) -> str:
        """Return what is on the screen, and, of the whole, what left it upwards; without the name of the kernel."""
        lines = tmux("capture-pane", "-p", *(["-S", "-"] if whole else []), "-t", self._name).splitlines()
        return "\n".join(line.rstrip() for line in lines).rstrip().replace(platform.release(), "...")


def tmux(*words: str) -> str:
    """Ask tmux, which knows nothing of this user's own."""
    command = ["tmux", "-L", SOCKET, "-f", os.devnull, *words]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=PATIENCE_SECONDS).stdout


def taken(terminal: Terminal, screen: Screen) -> str:
    """Return what a subcommand shows."""
    terminal.type(screen.typed)
    if screen.endless:
        time.sleep(MOMENT_SECONDS)
        text = terminal.text(whole=False)
        terminal.interrupt()
        terminal.wait()
    else:
        terminal.wait()
        text = terminal.text().removesuffix("\n$")
    typed = f"$ {screen.typed}"
    return text if text.startswith(typed) else f"{typed}\n{text}"  # who clears the screen clears that too


@contextlib.contextmanager
def running_demo(environment: dict[str, str]) -> Iterator[tuple[Terminal, str]]:
    """Let the demo run in a window of its own; give it and its namespace directory."""
    before = set(glob.glob(DIRECTORIES))
    terminal = Terminal("demo", environment)
    terminal.type(DEMO)
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        for directory in set(glob.glob(DIRECTORIES)) - before:
            if any(item.name == "labels" and item.version for item in sound(directory)):
                yield terminal, directory
                return
        time.sleep(LOOK_SECONDS)
    raise TimeoutError(f"the demo did not begin within {PATIENCE_SECONDS:g} s:\n{terminal.text()}")


def sound(directory: str) -> list[inspect.Object]:
    """Return the objects that are not damaged."""
    return [item for item in inspect.objects(directory) if isinstance(item, inspect.Object)]


@contextlib.contextmanager
def program_beside(directory: str) -> Iterator[None]:
    """Serve a function, hold a variable and a lock, and leave something behind, as programs do."""
    orphan = os.fork()
    if orphan == 0:
        _scratch = HostVariable("scratch", persistent=False, directory=directory)
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(orphan, 0)
    with (
        HostFunctionDispatcher(directory=directory) as dispatcher,
        HostVariable("target", directory=directory) as target,
        RWSharedMMap("map", 4096, directory=directory) as shared,
    ):
        dispatcher.add("divide", lambda left, right: left / right)
        dispatcher.start()
        with shared.lock_write():
            yield
        target.unlink()
        shared.unlink()
    unlink("divide", directory=directory)


def screens() -> list[tuple[str, str, str]]:
    """Return subcommand, what is to be said, and screen of everything."""
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "TERM": "screen-256color",
        "MEMLANE_DIR": "",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    try:
        with running_demo(environment) as (demo, directory), tempfile.TemporaryDirectory(dir=MEMORY) as folder:
            terminal = Terminal("tools", environment | {"MEMLANE_DIR": directory}, folder)
            with program_beside(directory):
                time.sleep(MOMENT_SECONDS)
                running = ("demo", "Under chaos, in another window all the time.", demo.text())
                others = [(screen.subcommand, screen.said, taken(terminal, screen)) for screen in SCREENS]
            demo.wait()
            ended = ("demo", "And its end.", demo.text().removesuffix("\n$"))
        alone = [(screen.subcommand, screen.said, taken(demo, screen)) for screen in ALONE]
    finally:
        with contextlib.suppress(subprocess.CalledProcessError):
            tmux("kill-server")
    return [running, ended, *others, *alone]


def section() -> str:
    """Return the part of the page that is written here."""
    parts, former = [], ""
    for subcommand, said, text in screens():
        heading = "" if subcommand == former else f"## memlane {subcommand}\n\n"
        parts.append(f"{heading}{said}\n\n```text\n{text}\n```\n")
        former = subcommand
    return "\n".join(parts)


def shown(page: str) -> set[str]:
    """Return the subcommands that a page has screens of."""
    return {line.removeprefix("## memlane ") for line in page.splitlines() if line.startswith("## memlane ")}


def main(arguments: list[str]) -> int:
    """Write the page, or say what it lacks."""
    page = PAGE.read_text(encoding="utf-8")
    if "--write" in arguments:
        before, _, rest = page.partition(BEGIN)
        _, _, after = rest.partition(END)
        PAGE.write_text(f"{before}{BEGIN}\n{section()}\n{END}{after}", encoding="utf-8")
        return 0
    missing = SUBCOMMANDS.keys() - shown(page)
    if missing:
        print(f"{PAGE} has no screen of {', '.join(sorted(missing))}: python tools/screens.py --write")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
