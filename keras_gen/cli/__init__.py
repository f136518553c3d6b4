"""The command `keras-gen`: train, measure, look, ship. A file holds a group of its commands."""

# The commands register themselves, in the order in which `keras-gen --help` lists them.
from keras_gen.cli import models, train, measure, look, pictures, ship  # isort: skip
from keras_gen.cli.app import main

__all__ = ["look", "main", "measure", "models", "pictures", "ship", "train"]
