"""A process that was frozen for too long ends before it writes; one that runs does not."""

import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
STARTING = """
import asyncio, time
from streams.pulse import Pulse

async def main():
    pulse = Pulse(0.6)
    time.sleep(0.8)                             # the imports and settings of a slow machine
    beat = asyncio.create_task(pulse.beat())    # as streams/app.py does it, before anything is loaded
    await asyncio.sleep(0.1)
    time.sleep(0.8)                             # a large shard is taken in
    pulse.touch()
    pulse.check()                               # before its first write
    await asyncio.sleep(0.5)
    print("alive")
    beat.cancel()

asyncio.run(main())
"""
BEATING = """
import asyncio
from streams.pulse import Pulse

async def main():
    beat = asyncio.create_task(Pulse(0.6).beat())
    await asyncio.sleep(0.1)
    print("beating", flush=True)
    await asyncio.wait([beat], timeout=30)

asyncio.run(main())
"""


def test_a_frozen_process_ends_when_it_wakes() -> None:
    process = subprocess.Popen([sys.executable, "-c", BEATING], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"beating\n"
    process.send_signal(signal.SIGSTOP)
    time.sleep(1.5)  # the freeze itself
    process.send_signal(signal.SIGCONT)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 3
    assert b'"event":"frozen"' in said


def test_a_start_that_takes_long_is_no_freeze() -> None:
    """Else a worker whose shards take longer to load than its session would end before its first commit, again and again."""
    done = subprocess.run([sys.executable, "-c", STARTING], cwd=ROOT, capture_output=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, b"alive\n")
