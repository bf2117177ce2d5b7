"""The filter of system calls, as the kernel would read it, for both kinds of processors."""

from __future__ import annotations

import errno

import pytest

from wce.sandbox.limits import own_sizes
from wce.sandbox.seccomp import AARCH64, X86_64, Machine, Step, program

ALLOWED, REFUSED, KILLED = 0x7FFF0000, 0x00050000 | errno.EPERM, 0x80000000
PID = 4_711


def decide(steps: list[Step], arch: int, number: int, arguments: tuple[int, ...]) -> int:
    """What the kernel does with a call: the few instructions of BPF that the filter is made of."""
    data = {0: number, 4: arch} | {16 + 8 * index: value & 0xFFFFFFFF for index, value in enumerate(arguments)}
    place = loaded = 0
    while True:
        code, yes, no, value = steps[place]
        if code == 0x06:
            return value
        if code == 0x20:
            loaded = data.get(value, 0)
            place += 1
            continue
        passed = {0x15: loaded == value, 0x35: loaded >= value, 0x45: bool(loaded & value)}[code]
        place += 1 + (yes if passed else no)


@pytest.mark.parametrize("machine", [X86_64, AARCH64])
def test_threads_may_be_started_and_processes_not(machine: Machine) -> None:
    steps = program(machine, PID)

    assert decide(steps, machine.arch, machine.clone, (0x3D0F00,)) == ALLOWED
    assert decide(steps, machine.arch, machine.clone, (0x11,)) == REFUSED
    assert decide(steps, machine.arch, machine.clone3, ()) == 0x00050000 | errno.ENOSYS


@pytest.mark.parametrize("machine", [X86_64, AARCH64])
def test_only_its_own_threads_may_be_signalled(machine: Machine) -> None:
    steps = program(machine, PID)

    assert decide(steps, machine.arch, machine.tgkill, (PID, PID, 23)) == ALLOWED
    assert decide(steps, machine.arch, machine.tgkill, (1, 1, 9)) == REFUSED


@pytest.mark.parametrize("machine", [X86_64, AARCH64])
def test_memory_may_be_mapped_but_not_to_be_executed(machine: Machine) -> None:
    steps = program(machine, PID)

    for number in (machine.mmap, machine.mprotect):
        assert decide(steps, machine.arch, number, (0, 4096, 3)) == ALLOWED
        assert decide(steps, machine.arch, number, (0, 4096, 7)) == REFUSED


@pytest.mark.parametrize(
    ("machine", "numbers"),
    [  # open openat socket connect fork execve kill ptrace process_vm_readv io_uring_setup bpf prctl setrlimit prlimit64 fcntl ioctl
        (X86_64, (2, 257, 41, 42, 57, 58, 59, 62, 101, 310, 425, 321, 157, 160, 302, 72, 16, 200, 129)),
        (AARCH64, (56, 198, 203, 221, 129, 117, 270, 425, 280, 167, 164, 261, 25, 29, 130, 138)),
    ],
)
def test_whatever_reaches_out_is_refused(machine: Machine, numbers: tuple[int, ...]) -> None:
    steps = program(machine, PID)

    assert {decide(steps, machine.arch, number, ()) for number in numbers} == {REFUSED}


@pytest.mark.parametrize("machine", [X86_64, AARCH64])
def test_where_nobody_else_may_it_sets_its_own_memory_and_processor_time_and_nothing_more(machine: Machine) -> None:
    steps = program(machine, PID, limits=True)

    def limit(pid: int, which: int) -> int:
        return decide(steps, machine.arch, machine.prlimit64, (pid, which))

    assert {limit(0, 0), limit(0, 2), limit(0, 9)} == {ALLOWED}
    assert {limit(0, which) for which in (1, 3, 4, 6, 7, 8, 10, 11, 13)} | {limit(1, which) for which in (0, 2, 9)} == {REFUSED}


def test_calls_of_another_kind_of_processor_end_the_worker() -> None:
    assert decide(program(X86_64, PID), 0x40000003, 1, ()) == KILLED
    assert decide(program(X86_64, PID), X86_64.arch, 0x40000001, ()) == KILLED


def test_the_sizes_of_a_process_are_read_in_bytes() -> None:
    sizes = own_sizes()

    assert 1 << 20 < sizes.data_bytes < sizes.space_bytes
