"""Processes of their own, as `rme_tf.benchmark.keeping` makes them: the library's imports are paid for once."""

import os
import pathlib

from rme_tf.benchmark.keeping import new_processes


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
