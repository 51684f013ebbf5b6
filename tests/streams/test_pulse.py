"""A process that was frozen for too long ends before it writes; one that runs does not."""

import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
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
