"""Lines on the console before the compilations of a training."""

import keras

from rme_tf.core.printing import print_line


class CompilationLines(keras.callbacks.Callback):
    """Prints a line where TensorFlow is about to compile a training step.

    That is the first step, and the first one of another phase, such as the one after the warm start.
    """

    def __init__(self):
        super().__init__()
        self._compiled: tuple[int, int] | None = None

    def on_epoch_begin(self, epoch, logs=None):
        """Compares the phase with the one of the last step."""
        phase = (self.model.active_components, self.model.phase)
        if phase != self._compiled:
            self._compiled = phase
            count = f"{phase[0]} component{'s' if phase[0] > 1 else ''}"
            print_line(f"Compiling the training step of {count}, which takes a while ...")
