"""What a standby worker rehearses leaves nothing behind, and makes nobody wait. In a process of its own: it patches libraries."""

from __future__ import annotations

import subprocess
import sys

_PREPARED = """
import os, resource, signal, socket, sys
import numpy
from safe_codeact import Policy
from safe_codeact.guest import rehearsal, worker
from safe_codeact.guest.channel import Channel
from safe_codeact.guest.deadline import Deadline

sys.stdout = open(os.dup(1), "w")  # what we say; 1 is /dev/null, as in a worker
os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
equipment = worker.Equipment.load(Policy.load("strict"))
resource.prlimit(0, resource.RLIMIT_DATA, (1 << 32, 1 << 33))
host, ours = socket.socketpair()
channel = Channel(ours, Deadline())
rehearsed = []
perform = worker._Rehearsed.perform
worker._Rehearsed.perform = lambda action: (perform(action), rehearsed.append(action))
"""


def run_prepared(program: str) -> str:
    """What the program prints, after a zygote's preparation in the same process."""
    done = subprocess.run([sys.executable, "-c", _PREPARED + program], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_streams_limits_timers_and_descriptors_are_as_they_were_and_no_hook_is_installed() -> None:
    said = run_prepared(
        """
def seen():
    return (sys.stdout, sys.stderr, resource.prlimit(0, resource.RLIMIT_DATA), signal.getitimer(signal.ITIMER_REAL),
            os.listdir("/proc/self/fd"), os.getcwd())
before = seen()
worker._rehearse(equipment, channel)
assert seen() == before, (before, seen())
assert len(rehearsed) == 1
open("/etc/passwd").close()             # the audit hook would refuse both
sys.addaudithook(lambda event, args: None)
host.setblocking(False)
try:
    host.recv(1)
except BlockingIOError:
    print("nothing was sent")
"""
    )
    assert said == "nothing was sent\n"


def test_a_rehearsal_runs_a_whole_action_to_its_end() -> None:
    said = run_prepared(
        """
finished = []
send = rehearsal.Unheard.send
rehearsal.Unheard.send = lambda channel, message: (send(channel, message), finished.append(message))
worker._rehearse(equipment, channel)
print(type(finished[-1]).__name__, finished[-1].ended, finished[-1].value)
"""
    )
    assert said == "Finished completed 2\n"


def test_nothing_is_rehearsed_while_a_request_waits_or_after_the_host_has_hung_up() -> None:
    assert run_prepared("host.send(b'x'); worker._rehearse(equipment, channel); print(len(rehearsed))") == "0\n"
    assert run_prepared("host.close(); worker._rehearse(equipment, channel); print(len(rehearsed))") == "0\n"


def test_numpy_s_generator_starts_elsewhere_in_each_worker() -> None:
    said = run_prepared(
        """
import numpy
from safe_codeact.guest.modules import importer
importer._reseed(); one = numpy.random.rand(3).tolist()
importer._reseed(); other = numpy.random.rand(3).tolist()
numpy.random.seed(1); first = numpy.random.rand()
numpy.random.seed(1); print(one != other, first == numpy.random.rand())
"""
    )
    assert said == "True True\n"
