"""Processes of their own: with the library, as `rme_tf.benchmark.processes` makes them, or with TensorFlow alone.

What they import is paid for once.
"""

import atexit
import functools
import json
import os
import pathlib
import subprocess
import sys
import textwrap

from rme_tf.benchmark.processes import new_processes

# A process that can import TensorFlow alone. It forks one for each program that it reads, and says what that printed;
# where a fork is not safe, it runs the program itself.
SERVING = """
import contextlib, io, json, os, sys, traceback
for name in ("keras", "tf_keras", "tensorflow_probability", "rme_tf"):
    sys.modules[name] = None  # importing it raises
import numpy
import tensorflow

def answer(program):
    error = None
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        try:
            exec(program, {})
        except Exception:
            error = traceback.format_exc()
    print(json.dumps([printed.getvalue(), error]), flush=True)

for line in sys.stdin:
    program = json.loads(line)
    if not sys.platform.startswith("linux"):
        answer(program)
        continue
    child = os.fork()
    if not child:
        answer(program)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if status:
        print(json.dumps(["", f"it died of {status}"]), flush=True)
"""


def start(log: pathlib.Path, folder, function, *arguments):
    """Returns a new process that calls a function of a module in a folder, and adds what it prints to a file."""
    process = new_processes().Process(target=_call, args=(log, folder, function, arguments), daemon=True)
    process.start()
    return process


def finish(process, log: pathlib.Path):
    """Waits until it has ended well; returns what it printed."""
    process.join(timeout=600)
    printed = log.read_text(encoding="utf-8")
    assert process.exitcode == 0, printed[-3000:]
    return printed


def _call(log, folder, function, arguments):
    with log.open("ab") as file:
        for stream in (1, 2):  # TensorFlow's own messages, too
            os.dup2(file.fileno(), stream)
    os.chdir(folder)
    function(*arguments)


def with_tensorflow_alone(program: str) -> str:
    """Runs a program in a new process in which importing keras, TFP or this library raises; returns what it printed."""
    process = _serving()
    print(json.dumps(program), file=process.stdin, flush=True)
    printed, error = json.loads(process.stdout.readline() or '["", "the process is dead"]')
    if not sys.platform.startswith("linux"):  # it has run the program itself: the next one needs another
        _serving.cache_clear()
    assert error is None, error
    return printed


def in_each(folders, program: str) -> str:
    """Returns a program that runs another in each of several folders, one after the other."""
    lines = f"import os\nfor folder in {[str(folder) for folder in folders]}:\n    os.chdir(folder)\n"
    return lines + textwrap.indent(f"exec({program!r}, {{}})\n", "    ")


@functools.cache
def _serving():
    pipe = subprocess.PIPE
    process = subprocess.Popen([sys.executable, "-c", SERVING], stdin=pipe, stdout=pipe, text=True)
    atexit.register(process.communicate)  # which ends it
    return process
