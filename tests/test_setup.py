"""What `make run` does before it runs, on machines where something is missing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ("bash", "dirname", "cmp", "cat", "cp", "mkdir", "env")


def equip(folder: Path) -> Path:
    (folder / ".ci").mkdir()
    shutil.copy(ROOT / ".ci/setup", folder / ".ci/setup")
    (folder / "requirements.txt").write_text("# nothing\n")
    (folder / "bin").mkdir()
    for tool in TOOLS:
        (folder / "bin" / tool).symlink_to(str(shutil.which(tool)))
    return folder


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A folder with the setup script, a requirements file that wants nothing, and a PATH without Python."""
    return equip(tmp_path)


@dataclass(frozen=True)
class Made:
    """A machine on which the setup has run once, and what it said."""

    machine: Path
    first: subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Making a .venv takes seconds, copying it does not."""
    machine = equip(tmp_path_factory.mktemp("made"))
    real_python(machine)
    return Made(machine, setup(machine))


@pytest.fixture
def finished(machine: Path, made: Made) -> Path:
    """A machine of one's own on which the setup has run."""
    real_python(machine)
    shutil.copytree(made.machine / ".venv", machine / ".venv", symlinks=True)
    return machine


def put_python(machine: Path, script: str, name: str = "python3") -> None:
    (machine / "bin" / name).write_text(f"#!/bin/sh\n{script}\n")
    (machine / "bin" / name).chmod(0o755)


def setup(machine: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": str(machine / "bin"), "HOME": str(machine / "home")} | environ
    return subprocess.run(
        [".ci/setup", "requirements.txt"], cwd=machine, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def real_python(machine: Path) -> None:
    put_python(machine, f'exec {os.path.realpath(sys.executable)} "$@"')


def test_without_python_it_says_which_is_needed(machine: Path) -> None:
    done = setup(machine)

    assert done.returncode == 1
    assert "Python 3.11 or newer is needed" in done.stderr
    assert "apt install" in done.stderr


def test_an_old_python_is_none(machine: Path) -> None:
    put_python(machine, "exit 1")

    assert "Python 3.11 or newer is needed" in setup(machine).stderr


def test_without_the_venv_module_it_says_what_to_install(machine: Path) -> None:
    put_python(machine, 'case "$2" in *venv*) exit 1;; esac')

    done = setup(machine)

    assert done.returncode == 1
    assert "apt install python3-venv" in done.stderr


def test_a_python_of_ones_own_choice_comes_first(machine: Path) -> None:
    real_python(machine)
    put_python(machine, 'case "$2" in *venv*) exit 1;; esac', "chosen")

    assert "chosen comes without its venv module" in setup(machine, PYTHON="chosen").stderr


def test_the_environment_is_made_once(made: Made) -> None:
    second = setup(made.machine)

    assert made.first.returncode == 0, made.first.stderr
    assert "making .venv" in made.first.stderr
    assert (second.returncode, second.stderr) == (0, "")


def test_changed_requirements_are_installed_again(finished: Path) -> None:
    (finished / "requirements.txt").write_text("# still nothing\n")

    again = setup(finished)

    assert again.returncode == 0
    assert "installing" in again.stderr
    assert "making .venv" not in again.stderr


def test_an_environment_that_was_left_half_made_is_made_anew(finished: Path) -> None:
    (finished / ".venv/bin/python").unlink()
    put_python(finished, 'echo "$@"; case "$1" in -m) exit 1;; esac')

    assert "-m venv --clear .venv" in setup(finished).stdout


def test_a_folder_that_is_no_environment_is_left_alone(machine: Path) -> None:
    real_python(machine)
    (machine / ".venv").mkdir()
    (machine / ".venv/thesis.txt").write_text("all of it")

    done = setup(machine)

    assert "remove it" in done.stderr
    assert (machine / ".venv/thesis.txt").exists()


def test_requirements_that_cannot_be_installed_are_not_taken_for_installed(finished: Path) -> None:
    (finished / "requirements.txt").write_text("-r missing.txt\n")

    first, second = setup(finished), setup(finished)

    assert (first.returncode, second.returncode) == (1, 1)


def system(machine: Path, *pairs: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": str(machine / "bin")}
    return subprocess.run([ROOT / ".ci/system", *pairs], env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_packages_of_the_system_that_are_there_are_left_alone(machine: Path) -> None:
    done = system(machine, "cat:coreutils", "mkdir:coreutils")

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_machine_that_is_not_debian_is_told_what_to_install(machine: Path) -> None:
    (machine / "bin/id").symlink_to(str(shutil.which("id")))

    done = system(machine, "cat:coreutils", "no-such-browser:chromium", "no-such-store:redis-server")

    assert (done.returncode, done.stderr) == (1, "wce: please install: chromium redis-server\n")
