"""Choices of a recipe, by name and with options of their classes."""

from rme_tf.experiments.parts.fields import with_fields
from rme_tf.experiments.parts.part import Part
from rme_tf.experiments.parts.slots import Slot

__all__ = ["Part", "Slot", "with_fields"]
