"""The command, run in the test's own process."""

import sys

from keras_gen import cli


def keras_gen(*arguments) -> int:
    """Runs the command in this process, and gives its exit status."""
    before = sys.argv
    sys.argv = ["keras-gen", *map(str, arguments)]
    try:
        cli.main()
    except SystemExit as exit:
        return exit.code or 0
    finally:
        sys.argv = before
    return 0
