"""Recipes by the fields that differ from the defaults, options of choices by their short names too."""

from rme_tf.experiments import ImageRecipe, TextRecipe, with_fields


def image_recipe(**fields):
    return with_fields(ImageRecipe(), fields)


def text_recipe(**fields):
    return with_fields(TextRecipe(), fields)
