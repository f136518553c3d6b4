"""`python -m keras_gen.cli`."""

from keras_gen.cli import main

main()
