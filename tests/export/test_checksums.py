"""SHA256SUMS: damage to any file of an artefact is told, in one sentence, whoever reads it."""

import hashlib
import json
import shutil
import subprocess

import numpy as np
import pytest

import keras_gen_export
from keras_gen import VAE
from keras_gen_export import checksums, runtime
from keras_gen_export import manifest as manifests

SUMS = checksums.FILE_NAME


@pytest.fixture(scope="module")
def model():
    return VAE((4, 4, 1), levels=2, latent_dim=2, filters=(4,), hidden_units=64)


@pytest.fixture(scope="module", params=["tf_saved_model", "onnx"])
def artefact(request, model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("artefacts") / request.param
    model.export(folder, format=request.param, verbose=False)
    return folder


@pytest.fixture
def copy(artefact, tmp_path):
    return shutil.copytree(artefact, tmp_path / "copy")


@pytest.fixture
def readers(artefact, model):
    """All that reads an artefact."""
    loaders = [keras_gen_export.load, lambda folder: keras_gen_export.verify(folder, {})]
    return loaders + [runtime.load] * (artefact.name == "onnx")


def refused(folder, readers, *named):
    """Each reader says in one sentence what is wrong, and in which file."""
    for reader in readers:
        with pytest.raises(ValueError) as caught:
            reader(folder)
        message = str(caught.value)
        assert str(folder) in message
        assert any(name in message for name in named), message
        assert "\n" not in message
        assert message.endswith(".")


def files_of(folder):
    return [*sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.*")), SUMS]


def test_every_file_has_its_checksum(artefact):
    lines = (artefact / SUMS).read_text().splitlines()
    listed = {line[66:]: line[:64] for line in lines}
    assert "manifest.json" in listed
    assert sorted(listed) == files_of(artefact)[:-1]
    for name, checksum in listed.items():
        assert hashlib.sha256((artefact / name).read_bytes()).hexdigest() == checksum
    if shutil.which("sha256sum"):
        subprocess.run(
            ["sha256sum", "--check", "--strict", "--quiet", SUMS], cwd=artefact, check=True
        )


def test_any_flipped_bit_is_told(artefact, copy, readers):
    rng = np.random.default_rng(0)
    for name in files_of(artefact):
        content = (artefact / name).read_bytes()
        for place in rng.integers(len(content), size=12):
            flipped = bytearray(content)
            flipped[place] ^= 1 << rng.integers(8)
            (copy / name).write_bytes(flipped)
            refused(copy, readers, name, SUMS)
        (copy / name).write_bytes(content)
    for reader in readers:  # whole again
        reader(copy)


def test_files_that_are_cut_or_gone_are_told(artefact, copy, readers):
    for name in files_of(artefact):
        content = (artefact / name).read_bytes()
        cuts = {0, len(content) // 2, len(content) - 1}
        if name == SUMS:  # at the end of each line but the last
            cuts |= {i + 1 for i, byte in enumerate(content[:-1]) if byte == ord("\n")}
        for cut in cuts:
            (copy / name).write_bytes(content[:cut])
            refused(copy, readers, name, SUMS)
        (copy / name).unlink()
        refused(copy, readers, name)
        (copy / name).write_bytes(content)


def test_what_nobody_listed_is_told_but_for_what_users_add(artefact, copy, readers):
    (copy / "assets.extra").mkdir()
    (copy / "assets.extra" / "tf_serving_warmup_requests").write_bytes(b"x")
    (copy / ".hidden").write_bytes(b"x")
    for reader in readers:
        reader(copy)
    (copy / "saved_model.pbtxt").write_text("x")
    refused(copy, readers, "saved_model.pbtxt")


@pytest.mark.parametrize("name", ["../outside", "/etc/hostname"])
def test_a_checksum_of_a_file_outside_is_no_checksum(copy, readers, name):
    (copy.parent / "outside").write_bytes(b"x")
    line = f"{hashlib.sha256(b'x').hexdigest()}  {name}\n"
    (copy / SUMS).write_text((copy / SUMS).read_text() + line)
    refused(copy, readers, SUMS)


@pytest.mark.parametrize(
    "content",
    [b"{", b"\xff\xfe", b"[]", b"{}", b"[" * 100_000, b"null"],
    ids=["cut", "no text", "a list", "empty", "deep", "null"],
)
def test_a_manifest_that_is_none_is_told(copy, readers, content):
    (copy / "manifest.json").write_bytes(content)
    checksums.write(copy)
    refused(copy, readers, "manifest.json is no manifest")


def test_an_artefact_of_another_version(copy, readers):
    manifest = json.loads((copy / "manifest.json").read_text())
    manifests.write(copy, manifest | {"format_version": 2})
    refused(copy, readers, "must have format_version 3, received 2; export the model anew")


def test_no_artefact(tmp_path):
    for reader in (keras_gen_export.load, runtime.load):
        with pytest.raises(ValueError, match=r"must hold an artefact with manifest\.json, rec"):
            reader(tmp_path)


@pytest.mark.parametrize("load", [runtime.load, keras_gen_export.load])
def test_files_that_are_opened_later_must_be_those_that_were_loaded(
    load, model, tmp_path, monkeypatch
):
    folder = tmp_path / "a"
    model.export(folder, format="onnx", verbose=False)
    monkeypatch.chdir(tmp_path)
    loaded = load("a")
    monkeypatch.chdir("/")
    before = loaded.sample(2, seed=0)
    weights = folder / "weights.bin"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:64] + bytes([whole[64] ^ 1]) + whole[65:])
    with pytest.raises(ValueError, match=r"weights.bin differs from its checksum"):
        loaded.decode(np.zeros((1, 2)))
    shutil.rmtree(folder)
    other = VAE((4, 4, 1), levels=2, latent_dim=2, filters=(4,), hidden_units=64)
    other.export(folder, format="onnx", verbose=False)
    with pytest.raises(ValueError, match="another artefact than when it was loaded: load it again"):
        loaded.decode(np.zeros((1, 2)))
    # What was opened stays.
    np.testing.assert_array_equal(loaded.sample(2, seed=0), before)


@pytest.mark.parametrize("threads", [0, -1, 1.5, "2"])
def test_threads_are_counted(threads, artefact):
    if artefact.name == "onnx":
        with pytest.raises(ValueError, match="threads must be"):
            runtime.load(artefact, threads=threads)
