"""SIGINT and SIGTERM that wait until the work has been saved."""

import signal
import sys
import threading
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(KeyboardInterrupt, SystemExit):
    """The end of a program by a signal, with its work saved.

    It is a `KeyboardInterrupt` for code that catches one. Uncaught, it ends the program without a traceback, with the
    usual exit status: 130 for SIGINT, 143 for SIGTERM.

    Args:
        number: number of the signal.
    """

    def __init__(self, number: int):
        super().__init__(number)
        self.code = 128 + number


class HeldSignals:
    """A context in which SIGINT and SIGTERM are noted, and end nothing.

    The second signal ends the program at once. In other threads than the main one, and for signals that the program
    ignores, nothing changes.

    Attributes:
        number: number of the first signal; None before one.
    """

    def __init__(self):
        self.number: int | None = None
        self._before: dict[int, Any] = {}

    @property
    def name(self) -> str:
        """Name of the signal that came, such as "SIGTERM"."""
        return "" if self.number is None else signal.Signals(self.number).name

    def __enter__(self):
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                before = signal.getsignal(number)
                if before not in (None, signal.SIG_IGN):
                    self._before[number] = before
                    signal.signal(number, self._note)
        return self

    def __exit__(self, *_):
        for number, before in self._before.items():
            signal.signal(number, before)
        self._before = {}

    def _note(self, number, frame) -> None:
        """Notes the first signal; ends the program at the second one."""
        del frame
        if self.number is not None:
            self.end()
        self.number = number

    def end(self) -> None:
        """Leaves the context, and ends the program as the signal would.

        A handler that the program had set for the signal is called first.

        Raises:
            Interrupted: always; in an interactive session a `KeyboardInterrupt`, which leaves the session open.
        """
        number = signal.SIGINT if self.number is None else self.number
        before = self._before.get(number)
        self.__exit__()
        ours = isinstance(getattr(before, "__self__", None), HeldSignals)
        if callable(before) and before is not signal.default_int_handler and not ours:
            before(number, None)
        if hasattr(sys, "ps1") or ("IPython" in sys.modules and _in_notebook()):
            raise KeyboardInterrupt
        raise Interrupted(number)


class EndingSignals(HeldSignals):
    """A context in which signals print a line and end the program.

    Args:
        line: what follows the name of the signal.
    """

    def __init__(self, line: str):
        super().__init__()
        self.line = line

    def _note(self, number, frame) -> None:
        """Prints the line, and ends the program."""
        del frame
        self.number = number
        print(f"{self.name}: {self.line}", file=sys.stderr, flush=True)
        self.end()


def _in_notebook() -> bool:
    """Returns whether the program runs in a session of IPython."""
    return sys.modules["IPython"].get_ipython() is not None
