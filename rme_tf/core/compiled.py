"""Cache of compiled functions of a model."""

import functools
import weakref

import tensorflow as tf

MOST = 16  # functions of a model, each with a graph in memory

_COMPILED: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()  # model -> functions, which must not refer to it


def compiled(function, model, *options, signature=None):
    """Returns `function(model, *tensors, *options)` as a `tf.function` of the tensors.

    Equal arguments give the same `tf.function`, as long as the model exists. The last `MOST` functions of a model are
    cached.

    Args:
        function: function of the model, the tensors and the options; graph code.
        model: Keras model, whose weights may change between calls.
        *options: hashable Python values.
        signature: `tf.TensorSpec` of each tensor, the same in every call; None infers it from the tensors.
    """
    functions = _COMPILED.setdefault(model, {})
    key = (function, options)
    if key not in functions:
        # A partial, not a nested function: TensorFlow counts the tracings of a code object, which all models would
        # share, and warns of many.
        call = functools.partial(_call, function, weakref.ref(model), options)
        functions[key] = tf.function(
            call, input_signature=signature, reduce_retracing=signature is None, autograph=False
        )
        if len(functions) > MOST:
            del functions[next(iter(functions))]  # the oldest
    return functions[key]


def _call(function, reference, options, *tensors):
    return function(reference(), *tensors, *options)
