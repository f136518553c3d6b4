"""The folder beside a target: what killed exports left is removed, what living ones hold stays."""

import signal
import subprocess
import sys

import pytest

from keras_gen import DCGAN
from keras_gen_export.staging import remove_leftovers, staging_folder

KILLED = """
import os, pathlib, signal, sys
from keras_gen_export.staging import staging_folder
with staging_folder(pathlib.Path(sys.argv[1])) as folder:
    (folder / "half").write_text("x")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def killed_export(target):
    process = subprocess.run([sys.executable, "-c", KILLED, str(target)])
    assert process.returncode == -signal.SIGKILL


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such locks")
def test_the_next_export_removes_what_a_killed_one_left(tmp_path):
    killed_export(tmp_path / "a")
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(".a-")
    DCGAN((8, 8, 1), filters=2, latent_dim=2).export(tmp_path / "a", verbose=False)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such locks")
def test_what_others_hold_or_made_stays(tmp_path):
    target = tmp_path / "a"
    kept = ["a", ".a-backup", ".a-12345678", ".b-12345678.part", "a-12345678.part"]
    for name in kept:
        (tmp_path / name).mkdir()
    (tmp_path / ".a-87654321.part").write_text("a file")
    killed_export(target)
    with staging_folder(target) as living:
        (living / "half").write_text("x")
        remove_leftovers(target)
        assert (living / "half").exists()
        assert len(list(tmp_path.iterdir())) == len(kept) + 2
    assert {path.name for path in tmp_path.iterdir()} == {*kept, ".a-87654321.part"}


def test_an_error_leaves_nothing(tmp_path):
    def interrupted():
        with staging_folder(tmp_path / "a") as folder:
            (folder / "half").write_text("x")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []
