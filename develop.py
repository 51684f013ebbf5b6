"""Sets the project up in .venv beside this file and then shows or tests it; needs Python 3.11 to 3.13 and nothing else.

    python3 develop.py demo     watch a personalization program go wrong and be caught
    python3 develop.py test     ruff, mypy, import contracts, then the tests
    python3 develop.py setup    only set up

What follows demo or test is handed on: `python3 develop.py test tests/streams -k merge`.
It is written so that an older Python can still say what is wrong.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
OLDEST, NEWEST = (3, 11), (3, 13)


def main(arguments: list[str]) -> int:
    """Run one verb; return the exit code of what it ran."""
    verbs = {"demo": demo, "test": test, "setup": setup}
    if not arguments or arguments[0] not in verbs:
        print(__doc__.strip() if __doc__ else "", file=sys.stderr)
        return 0 if arguments[:1] in (["-h"], ["--help"]) else 2
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        return with_another_python(arguments)
    try:
        return verbs[arguments[0]](arguments[1:])
    except KeyboardInterrupt:
        return 130
    except subprocess.CalledProcessError as error:
        print(f"\nset-up failed at: {' '.join(map(str, error.cmd))}", file=sys.stderr)
        return 1


def with_another_python(arguments: list[str]) -> int:
    """Run this file again with a Python that fits, or say which ones do."""
    for minor in range(NEWEST[1], OLDEST[1] - 1, -1):
        found = shutil.which(f"python3.{minor}")
        if found and subprocess.call([found, "-c", ""], stderr=subprocess.DEVNULL) == 0:
            return subprocess.call([found, str(Path(__file__).resolve()), *arguments])
    print(f"Python 3.11, 3.12 or 3.13 is needed; this is {sys.version.split()[0]} and none of those is on the path.", file=sys.stderr)
    return 2


def setup(_: list[str]) -> int:
    """Install pmon and what tests it into .venv."""
    install(".[dev]")
    return 0


def demo(arguments: list[str]) -> int:
    """Install pmon and run its demo."""
    install(".")
    return subprocess.call([str(BIN / "pmon"), "demo", *arguments], cwd=ROOT)


def test(arguments: list[str]) -> int:
    """Run every check and the tests, in this order; 0 only if all of them are content."""
    install(".[dev]")
    checks = {
        "ruff": [str(PYTHON), "-m", "ruff", "check", "."],
        "mypy": [str(PYTHON), "-m", "mypy"],
        "import contracts": [str(BIN / "lint-imports")],
        "tests": [str(PYTHON), "-m", "pytest", "-n", str(max(2, os.cpu_count() or 2)), *arguments],
    }
    unhappy = []
    for name, command in checks.items():
        print(f"\n== {name}", flush=True)
        if subprocess.call(command, cwd=ROOT) != 0:
            unhappy.append(name)
    if unhappy:
        print(f"not content: {', '.join(unhappy)}", file=sys.stderr)
    return 1 if unhappy else 0


def install(what: str) -> None:
    """Put `what` of this checkout into .venv with the pinned versions; quick where that is done already."""
    stamp = VENV / ("installed-test" if "dev" in what else "installed-run")
    wanted = fingerprint()
    if stamp.exists() and stamp.read_text() == wanted and PYTHON.exists():
        return
    print(f"Setting up {VENV.relative_to(ROOT)} (once; a minute or two)", file=sys.stderr, flush=True)
    python = make_venv()
    options = ["--disable-pip-version-check", "--progress-bar=off", "-q"]
    subprocess.check_call([*python, "install", *options, "-c", "constraints.txt", "-e", what], cwd=ROOT)
    stamp.write_text(wanted)


def make_venv() -> list[str]:
    """Create .venv where it is missing or broken; return the pip command that installs into it."""
    pip_inside = importlib.util.find_spec("ensurepip") is not None
    if not PYTHON.exists() or subprocess.call([str(PYTHON), "-c", ""], stderr=subprocess.DEVNULL) != 0:
        subprocess.check_call([sys.executable, "-m", "venv", "--clear", *([] if pip_inside else ["--without-pip"]), str(VENV)])
    if pip_inside:
        return [str(PYTHON), "-m", "pip"]
    if importlib.util.find_spec("pip") is None:  # Debian takes both out of its Python
        print("This Python has neither ensurepip nor pip. On Debian or Ubuntu: apt-get install python3-venv", file=sys.stderr)
        sys.exit(2)
    return [sys.executable, "-m", "pip", "--python", str(PYTHON)]


def fingerprint() -> str:
    """What an installation depends on; another value means install again."""
    parts = [sys.version.encode(), (ROOT / "pyproject.toml").read_bytes(), (ROOT / "constraints.txt").read_bytes()]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
