"""Functions of a model, compiled once for many calls, and forgotten with the model."""

import functools
import weakref

import tensorflow as tf

MOST = 16  # of a model: each keeps a graph in memory

_COMPILED: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()  # by the model, which a function must not keep alive


def compiled(function, model, *options, signature=None):
    """Returns `function(model, *tensors, *options)` as a `tf.function` of the tensors.

    The same one for the same arguments, as long as the model lives; of each model the last `MOST` are kept.

    Args:
        function: of the model, tensors and the options; graph code.
        model: a Keras model, whose weights may change in between.
        *options: hashable.
        signature: a `tf.TensorSpec` of each tensor, the same at every call; as the tensors come unless given.
    """
    functions = _COMPILED.setdefault(model, {})
    key = (function, options)
    if key not in functions:
        # Not a function, whose code all models would share: TensorFlow counts tracings by that, and warns of many.
        call = functools.partial(_call, function, weakref.ref(model), options)
        functions[key] = tf.function(
            call, input_signature=signature, reduce_retracing=signature is None, autograph=False
        )
        if len(functions) > MOST:
            del functions[next(iter(functions))]  # the oldest
    return functions[key]


def _call(function, reference, options, *tensors):
    return function(reference(), *tensors, *options)
