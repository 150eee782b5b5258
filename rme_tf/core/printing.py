"""Lines on the console."""

import keras
from absl import logging


def print_line(line: str) -> None:
    """Prints a line, or writes it to absl's log, by Keras's setting."""
    if keras.config.is_interactive_logging_enabled():
        print(line, flush=True)
    else:
        logging.info(line)
