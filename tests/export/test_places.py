"""Places that cannot be written: an export blames its own for what happens there, and only that."""

import errno
import os
from pathlib import Path

import pytest
import tensorflow as tf

from keras_gen import files
from keras_gen_export import places
from keras_gen_export.places import UnwritableError, of_the_disk
from keras_gen_export.staging import staging_folder


def failed(code: int, path: Path | str | None = None) -> OSError:
    return OSError(code, os.strerror(code), *([str(path)] if path else []))


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


def test_what_others_import_is_still_there():
    for name in ("UnwritableError", "made", "of_the_disk", "reason"):
        assert getattr(files, name) is getattr(places, name)


# What happens while an artefact is written, and what is blamed on its place; {} is the folder.
BLAMED = {
    "a write": lambda folder: failed(errno.ENOSPC),
    "a file in it": lambda folder: failed(errno.EACCES, folder / "a"),
    "words": lambda folder: tf.errors.UnknownError(None, None, f"{folder}/a; File too large"),
    "a cause": lambda folder: caused(RuntimeError("not closed"), failed(errno.EDQUOT)),
}
NOT_BLAMED = {
    "a file elsewhere": lambda folder: failed(errno.EACCES, "/elsewhere/lib.py"),
    "one beside it": lambda folder: failed(errno.EIO, f"{folder}-other/a"),
    "one that is missing": lambda folder: failed(errno.ENOENT, folder / "a"),
    "a connection": lambda folder: failed(errno.ECONNRESET),
    "words": lambda folder: tf.errors.PermissionDeniedError(None, None, "/a; Permission denied"),
    "a library": lambda folder: OSError("lib.so: cannot open: Permission denied"),
    "a cause": lambda folder: caused(RuntimeError("no"), failed(errno.EACCES, "/elsewhere")),
    "no such matter": lambda folder: ValueError(f"{folder} is too green"),
}


def write_and_fail(target, error_in):
    with staging_folder(target) as folder:
        raise error_in(folder)


@pytest.mark.parametrize("error_in", BLAMED.values(), ids=BLAMED)
def test_an_error_of_the_place_blames_it(error_in, tmp_path):
    with pytest.raises(UnwritableError, match=r"^filepath must be a place .* received .*/a: "):
        write_and_fail(tmp_path / "a", error_in)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("error_in", NOT_BLAMED.values(), ids=NOT_BLAMED)
def test_an_error_of_something_else_is_given_as_it_is(error_in, tmp_path):
    with pytest.raises(Exception) as caught:
        write_and_fail(tmp_path / "a", error_in)
    assert not isinstance(caught.value, UnwritableError)
    assert type(caught.value) is type(error_in(tmp_path))
    assert not any(tmp_path.iterdir())


def test_a_relative_place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnwritableError, match="received a: Permission denied"):
        write_and_fail(Path("a"), lambda folder: failed(errno.EACCES, folder / "b"))


def test_a_folder_that_cannot_be_made_blames_the_place(tmp_path):
    with (
        pytest.raises(UnwritableError, match=r"filepath must be .*: File name too long"),
        staging_folder(tmp_path / ("a" * 255)),
    ):
        pass


def test_any_place_counts_where_none_is_named(tmp_path):
    assert of_the_disk(failed(errno.ENOENT, "/elsewhere")) == "No such file or directory"


@pytest.mark.parametrize(
    ("said", "reason"),
    [("", "RuntimeError"), (" \n", "RuntimeError"), ("why.\nand more", "why")],
    ids=["nothing", "blanks", "lines"],
)
def test_a_reason_is_one_line(said, reason):
    assert places.reason(RuntimeError(said)) == reason
