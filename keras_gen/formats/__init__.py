"""Formats: what data is, how it is stored, checked, described and written to files."""

from keras_gen.formats.codes import Codes
from keras_gen.formats.format import Format, Tokenized
from keras_gen.formats.images import Grid, Images
from keras_gen.formats.points import Points
from keras_gen.formats.sound import Sound
from keras_gen.formats.text import Text
from keras_gen.formats.tokens import Tokens

__all__ = [
    "Codes",
    "Format",
    "Grid",
    "Images",
    "Points",
    "Sound",
    "Text",
    "Tokenized",
    "Tokens",
]
