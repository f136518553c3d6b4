"""TensorFlow's remarks at its start: kept back where they are unwanted, never an error's."""

import os
import subprocess
import sys

import pytest

CODE = """
import os
import importlib.util
spec = importlib.util.spec_from_file_location("start_up", {path!r})
start_up = importlib.util.module_from_spec(spec)
spec.loader.exec_module(start_up)
with start_up.without_remarks():
    os.write(2, b"a remark")
    {then}
os.write(2, b"afterwards")
"""


def stderr_of(level, then="pass"):
    import keras_gen.start_up

    code = CODE.format(path=keras_gen.start_up.__file__, then=then)
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": level}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment)
    return run.stderr.decode()


@pytest.mark.parametrize(("level", "expected"), [("0", "a remarkafterwards"), ("3", "afterwards")])
def test_remarks_are_kept_back_where_they_are_unwanted(level, expected):
    assert stderr_of(level) == expected


def test_what_an_import_that_fails_has_written_is_not_lost():
    said = stderr_of("3", then="import no_such_module")
    assert "a remark" in said
    assert "No module named 'no_such_module'" in said


def test_an_import_says_nothing():
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    code = "import keras_gen; keras_gen.MADE((2, 2, 1), 2, hidden_units=(2,)).sample(1)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment)
    assert (run.returncode, run.stdout, run.stderr) == (0, b"", b"")
