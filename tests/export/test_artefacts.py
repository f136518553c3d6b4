"""Artefacts: complete, verified, safe from damage, and run where TensorFlow is not."""

import json
import re
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import tensorflow as tf
from typer.testing import CliRunner

import keras_gen_export
from keras_gen import DCGAN, VAE, GatedPixelCNN
from keras_gen.cli import ship
from keras_gen.signature import NUMBER, Input, Signature
from keras_gen_export import manifest as manifests
from keras_gen_export import onnx as onnx_writer
from keras_gen_export import runtime
from keras_gen_export.exporter import _in_words
from keras_gen_export.verification import free_sizes
from toys.double_exposure import DoubleExposure

FORMATS = ["tf_saved_model", "onnx"]


@pytest.fixture(scope="module")
def model():
    model = VAE((8, 8, 1), levels=2, latent_dim=3, filters=(4,), hidden_units=8, num_classes=3)
    rng = np.random.default_rng(0)
    for weight in model.weights:
        weight.assign_add(0.3 * rng.standard_normal(weight.shape))
    return model


@pytest.fixture(scope="module", params=FORMATS)
def artefact(request, model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("artefacts") / request.param
    model.export(folder, format=request.param, verbose=False)
    return folder


@pytest.fixture(scope="module")
def onnx_artefact(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("artefacts") / "onnx"
    model.export(folder, format="onnx", verbose=False)
    return folder


def test_the_manifest_says_what_there_is(model, artefact):
    manifest = manifests.read(artefact)
    assert manifest["model"]["class"] == "VAE"
    twin = VAE.from_config(manifest["model"]["config"])
    assert twin.latent_dim == 3
    assert set(manifest["signatures"]) == set(model.signatures())
    assert manifest["signatures"]["sample"]["inputs"]["labels"] == {
        "shape": [None],
        "dtype": "int32",
        "minimum": 0,
        "maximum": 2,
    }
    temperature = manifest["signatures"]["sample"]["inputs"]["temperature"]
    assert temperature["default"] == 1.0
    assert manifest["versions"]["tensorflow"] == tf.__version__
    (verified,) = manifest["verified_in"]
    module = onnxruntime if manifest["format"] == "onnx" else tf
    assert verified == {"runtime": module.__name__, "version": module.__version__}
    choices = {name: each["choices"] for name, each in manifest["signatures"].items()}
    assert choices.pop("log_prob_bound") == {"num_samples": 64}
    assert not any(choices.values())
    for measured in manifest["verification"].values():
        assert measured["batch_sizes"] == [1, 3]


def test_a_session_serves_the_default_signature(model, tmp_path):
    model.export(tmp_path / "a", verbose=False)
    with tf.compat.v1.Session(graph=tf.Graph()) as session:
        graph = tf.compat.v1.saved_model.load(session, ["serve"], str(tmp_path / "a"))
        default = graph.signature_def["serving_default"]
        inputs = {
            "seeds": runtime.spread(4, 3),
            "temperature": np.ones(3, np.float32),
            "truncation": np.ones(3, np.float32),
            "labels": np.array([0, 1, 2], np.int32),
        }
        feed = {default.inputs[name].name: value for name, value in inputs.items()}
        samples = session.run(default.outputs["samples"].name, feed)
    np.testing.assert_array_equal(samples, model.sample(3, labels=[0, 1, 2], seed=4))


def test_no_random_operation_and_nothing_custom(onnx_artefact):
    for path in onnx_artefact.glob("*.onnx"):
        proto = onnx.load(path)
        onnx_writer.check(proto)
        assert proto.opset_import[0].version >= 18
        for value in (*proto.graph.input, *proto.graph.output):
            batch, *others = value.type.tensor_type.shape.dim
            assert batch.dim_param == "batch", "one name for what is one number"
            assert all(size.dim_value or size.dim_param.startswith(value.name) for size in others)


def test_an_artefact_holds_the_variables_that_it_reads_alone(tmp_path):
    model = DCGAN((8, 8, 1), filters=2, latent_dim=2)
    model.export(tmp_path / "a", verbose=False)
    variables = tf.train.list_variables(str(tmp_path / "a" / "variables" / "variables"))
    sizes = sorted(int(np.prod(shape)) for name, shape in variables if "VARIABLE_VALUE" in name)
    read = model.generator.weights
    assert sizes == sorted(int(np.prod(weight.shape)) for weight in read)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: {"y": tf.random.normal(tf.shape(x))}, "draws its own noise"),
        (lambda x: {"y": tf.linalg.cholesky(x[:, :, None] * tf.eye(2))}, "Cholesky"),
    ],
    ids=["random", "no such operation"],
)
def test_what_does_not_convert_is_refused(function, message):
    signature = Signature(function, {"x": Input((None, 2), "float32")}, {"y": NUMBER})
    with pytest.raises(Exception, match=message):  # the checker's own errors among them
        onnx_writer.convert(signature)


def test_axes_of_data_that_may_have_any_length():
    signature = DoubleExposure(filters=2).signatures()["translate"]
    graph = onnx_writer.convert(signature).graph
    names = {
        value.name: [size.dim_param or size.dim_value for size in value.type.tensor_type.shape.dim]
        for value in (*graph.input, *graph.output)
    }
    assert names == {
        "images": ["batch", "images_1", "images_2", 1],
        "source": ["batch", "source_1", "source_2", 1],
        "translations": ["batch", "translations_1", "translations_2", 1],
    }


def test_a_choice_is_no_input(model, tmp_path):
    manifest = model.export(tmp_path / "a", format="onnx", verbose=False, num_samples=2)
    bound = manifest["signatures"]["log_prob_bound"]
    assert (bound["choices"], "num_samples" in bound["inputs"]) == ({"num_samples": 2}, False)
    keras_gen_export.verify(tmp_path / "a", model.signatures())  # as it was chosen
    for choices, message in (
        ({"num_sample": 2}, "num_sample must not be given: did you mean num_samples?"),
        ({"colour": 2}, "colour must not be given: the choices are num_samples."),
        ({"num_samples": 0}, "num_samples must be integers .* of at least 1, received values from"),
        ({"num_samples": 1.5}, "num_samples must be integers .*, received dtype float64"),
    ):
        with pytest.raises(ValueError, match=message):
            model.export(tmp_path / "b", **choices)
    with pytest.raises(ValueError, match="num_samples must not be given: there are no"):
        DCGAN((8, 8, 1), filters=2).export(tmp_path / "b", num_samples=2)
    assert not (tmp_path / "b").exists()


def test_the_command_takes_choices(model, tmp_path):
    model.save(tmp_path / "model.keras")
    folder = tmp_path / "a"
    arguments = ["export", tmp_path / "model.keras", "--output", folder, "--set", "num_samples=2"]
    result = CliRunner().invoke(ship.app, [str(argument) for argument in arguments])
    assert result.exit_code == 0
    assert manifests.read(folder)["signatures"]["log_prob_bound"]["choices"] == {"num_samples": 2}


# ---- what export says ----------------------------------------------------------------------------


def test_what_was_measured_reads_as_good_news(model, tmp_path, capsys):
    model.export(tmp_path / "a", format="onnx")
    captured = capsys.readouterr()
    first, *lines = captured.out.splitlines()
    assert first == f"Exported VAE to {tmp_path / 'a'} (onnx), verified:"
    assert lines[0] == "  sample: samples equal"
    assert any(
        re.fullmatch(r"  encode: latents within \S+ \(allowed 0\.001\d*\)", line)
        or line == "  encode: latents equal"
        for line in lines
    )
    assert captured.err == ""


def test_in_words():
    numbers = {"max_difference": 6.1e-5, "allowed": 1e-3, "unequal_share": 0.75}
    assert _in_words(numbers, {"unequal": 1.0}) == "within 6.1e-05 (allowed 0.001)"
    levels = {"max_difference": 1.0, "allowed": 1.0, "unequal_share": 0.0001}
    assert _in_words(levels, {"unequal": 0.005}) == "within 1 (allowed 1) in 0.01% (allowed 0.50%)"
    assert _in_words(levels | {"max_difference": 0.0}, {"unequal": 1.0}) == "equal"


def test_progress_is_for_terminals(model, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "400")
    model.export(tmp_path / "a", format="onnx", verbose=False)
    said = capsys.readouterr().err
    num = 2 * len(model.signatures())
    assert f"Exporting VAE to {tmp_path / 'a'}: writing sample (1 of {num})" in said
    assert f"verifying log_prob_bound ({num} of {num})" in said
    assert said.endswith("\r\033[K")  # and then nothing is left of it
    monkeypatch.setenv("COLUMNS", "40")
    model.export(tmp_path / "b", verbose=False)
    lines = capsys.readouterr().err.split("\r\033[K")
    assert max(map(len, lines)) == 39  # what wraps could not be written over
    assert f"verifying log_prob_bound ({num} of {num})" in lines[-2]


# ---- damage --------------------------------------------------------------------------------------


def flip_a_byte_of(path: Path, pattern: bytes) -> None:
    content = bytearray(path.read_bytes())
    # The exponent of a weight: a change that no tolerance hides.
    content[content.index(pattern) + 3] ^= 0x40
    path.write_bytes(content)


@pytest.mark.parametrize("format", FORMATS)
def test_a_flipped_byte_fails_the_export_and_leaves_nothing(model, tmp_path, monkeypatch, format):
    from keras_gen_export import saved_model as saved_model_writer

    writer = onnx_writer if format == "onnx" else saved_model_writer
    write = writer.write
    weight = np.asarray(model.decoder.layers[0].kernel).ravel()[:1].tobytes()

    def write_and_flip(signatures, folder, progress):
        write(signatures, folder, progress)
        name = "decode.onnx" if format == "onnx" else "variables/variables.data-00000-of-00001"
        flip_a_byte_of(folder / name, weight)

    monkeypatch.setattr(writer, "write", write_and_flip)
    with pytest.raises(keras_gen_export.VerificationError):
        model.export(tmp_path / "artefact", format=format, verbose=False)
    assert list(tmp_path.iterdir()) == []


def test_an_artefact_of_other_weights_is_told_apart(model, artefact):
    keras_gen_export.verify(artefact, model.signatures())
    other = VAE.from_config(model.get_config())
    with pytest.raises(keras_gen_export.VerificationError, match="differs from the model's by up"):
        keras_gen_export.verify(artefact, other.signatures())


def test_free_sizes_differ_at_each_turn_and_fit():
    for spec, expected in (
        (Input((None, None), "int32"), ([37], [21])),
        (Input((None, None), "int32", longest=30), ([30], [21])),
        (Input((None, None, None, 3), "uint8", multiple_of=4), ([8, 16], [16, 8])),
        (Input((None, None, None, 3), "uint8", multiple_of=12), ([12, 24], [24, 12])),
        (Input((None, 5), "float32"), ([], [])),
    ):
        assert (free_sizes(spec, 0), free_sizes(spec, 1)) == expected


def test_verification_sees_a_shape_and_a_nan(onnx_artefact, model, monkeypatch):
    import keras_gen_export.verification as verification

    signature = {"decode": model.signatures()["decode"]}
    for wrong in (lambda y: y[:0], lambda y: y.astype(np.int64)):
        decode = runtime.load(onnx_artefact).signatures["decode"]
        broken = {"decode": lambda d=decode, w=wrong, **k: {"images": w(d(**k)["images"])}}
        loaded = types.SimpleNamespace(signatures=broken)
        monkeypatch.setattr(verification, "load_as_described", lambda *_, a=loaded, **__: a)
        with pytest.raises(keras_gen_export.VerificationError, match="images must be uint8"):
            verification.verify(onnx_artefact, signature)
    numbers = {"f": Signature(lambda x: {"y": x}, {"x": Input((None,), "float32")}, {"y": NUMBER})}
    nan = types.SimpleNamespace(signatures={"f": lambda x: {"y": x * np.float32("nan")}})
    monkeypatch.setattr(verification, "load_as_described", lambda *_, **__: nan)
    with pytest.raises(keras_gen_export.VerificationError, match="y differs"):
        verification.verify(onnx_artefact, numbers)


def test_an_error_without_a_word_goes_by_its_name(artefact, model, tmp_path, monkeypatch):
    def fails(*_, **__):
        raise RuntimeError

    monkeypatch.setattr(onnxruntime, "InferenceSession", fails)
    monkeypatch.setattr(tf.compat.v1.saved_model, "load", fails)
    with pytest.raises(ValueError, match=r"cannot be loaded by \w+ ?\w+: RuntimeError\.$"):
        keras_gen_export.load(artefact).sample(1, labels=0)
    with pytest.raises(keras_gen_export.VerificationError, match=r"cannot be run: .*RuntimeError"):
        keras_gen_export.verify(artefact, model.signatures())


# ---- targets -------------------------------------------------------------------------------------


def test_a_target_that_is_not_empty_is_kept(model, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "precious").write_text("x")
    with pytest.raises(ValueError, match="filepath must be a new or empty folder"):
        model.export(tmp_path / "a")
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["precious"]


def test_a_place_that_cannot_be_written(model, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(ValueError, match="filepath must be a place that can be written"):
        model.export(tmp_path / "file" / "artefact")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    for length in (250, 300):
        with pytest.raises(ValueError, match=r"filepath must be a place .* long"):
            model.export(tmp_path / ("n" * length))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("place", ["artefact", "new/folders/artefact"])
def test_a_full_disk_leaves_nothing(model, tmp_path, monkeypatch, place):
    def full(folder, manifest):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(manifests, "write", full)
    with pytest.raises(ValueError, match=r"received .*/artefact: No space left on device"):
        model.export(tmp_path / place)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_format(model, tmp_path):
    with pytest.raises(ValueError, match="format must be one of tf_saved_model, onnx, received"):
        model.export(tmp_path / "a", format="h5")


# ---- the runtime ---------------------------------------------------------------------------------


def test_the_runtime_needs_no_tensorflow(model, onnx_artefact):
    code = """
import sys
for name in ("tensorflow", "keras", "tf_keras", "keras_gen", "tf2onnx", "onnx"):
    sys.modules[name] = None
import json
import keras_gen_export.runtime as runtime
artefact = runtime.load(sys.argv[1])
samples = artefact.sample(3, labels=[0, 1, 2], seed=4)
seeds = runtime.spread(4, 3)
again = artefact.run("sample", seeds=seeds, labels=[0, 1, 2], temperature=1)["samples"]
assert (samples == again).all()
print(json.dumps(samples.tolist()))
"""
    output = subprocess.run(
        [sys.executable, "-c", code, str(onnx_artefact)], capture_output=True, text=True, check=True
    ).stdout
    expected = model.sample(3, labels=[0, 1, 2], seed=4)
    np.testing.assert_array_equal(json.loads(output), expected)


def test_the_runtime_gives_all_signatures(model, onnx_artefact):
    artefact = runtime.load(onnx_artefact, threads=1)
    x = model.sample(4, labels=0, seed=0)
    outputs = artefact.run("encode", images=x, labels=1)
    expected = model.run("encode", images=x, labels=1)
    assert outputs.keys() == {"latents", "stddev"}
    for name, value in outputs.items():
        np.testing.assert_allclose(value, expected[name], atol=1e-5)
    with pytest.raises(ValueError, match="no signature 'complete'; it has sample, decode"):
        artefact.run("complete", images=x)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"seeds": [0.5]}, r"seeds must be integers \[n\], received dtype float64"),
        ({"labels": 3}, r"labels must be integers \[n\] in \[0, 2\], received values from 3 to 3"),
        ({"temperature": -1.0}, r"temperature must be floats \[n\] in \[0, 1e\+06\], received"),
        ({"temperature": float("inf")}, "temperature must be floats .* received values from inf"),
        ({"seeds": [[1]]}, r"seeds must have shape \[n\], received \[1, 1\]"),
        ({"seeds": [1, 2], "labels": [0, 1, 2]}, r"seeds must be one value or have shape \[3\]"),
        ({"colour": 1}, "colour must not be given: the inputs are seeds, temperature"),
        ({"temprature": 1}, "temprature must not be given: did you mean temperature?"),
        ({"seeds": None}, r"seeds must be given: integers \[n\]\."),
    ],
    ids=lambda value: str(value)[:30],
)
def test_the_runtime_checks_its_inputs(onnx_artefact, inputs, message):
    artefact = runtime.load(onnx_artefact)
    inputs = {"seeds": [1], "temperature": 1.0, "labels": 0} | inputs
    with pytest.raises(ValueError, match=message):
        artefact.run("sample", **inputs)
    with pytest.raises(ValueError, match="no signature 'dream'; it has sample, decode"):
        artefact.run("dream")


def test_what_the_runtime_does_not_load(tmp_path, model):
    model.export(tmp_path / "a", verbose=False)
    with pytest.raises(ValueError, match="must hold an onnx artefact, received tf_saved_model"):
        runtime.load(tmp_path / "a")


def test_the_runtime_uses_the_providers_that_are_there(onnx_artefact, monkeypatch):
    made = []
    session = onnxruntime.InferenceSession

    def recorded(path, options, providers):
        made.append((providers, options.intra_op_num_threads))
        return session(path, options, providers=["CPUExecutionProvider"])

    monkeypatch.setattr(onnxruntime, "InferenceSession", recorded)
    cpu, cuda = "CPUExecutionProvider", "CUDAExecutionProvider"
    cuda_of_two = (cuda, {"device_id": 1})
    for available, given, expected in (
        ([cpu], None, [cpu]),
        (["TensorrtExecutionProvider", cuda, cpu], None, [cuda, cpu]),
        ([cuda, cpu], [cpu], [cpu]),
        ([cuda, cpu], cpu, [cpu]),
        ([cuda, cpu], [cuda_of_two, cpu], [cuda_of_two, cpu]),
    ):
        monkeypatch.setattr(onnxruntime, "get_available_providers", lambda a=available: a)
        runtime.load(onnx_artefact, providers=given, threads=2).sample(1, labels=0)
        assert made.pop() == (expected, 2)
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [cpu])
    for given, message in (
        ([cuda], f"providers must be among {cpu}, received '{cuda}'."),
        ("CPU", f"providers must be among {cpu}, received 'CPU'."),
        ([], f"providers must be some of {cpu}, received none."),
        (3, "providers must be names, or pairs of a name and a dict of options, received 3."),
        ({cpu: {}}, f"options, received {{'{cpu}': {{}}}}."),
        ([3], "options, received 3."),
        ([cpu, None], "options, received None."),
        ([[cpu]], f"options, received ['{cpu}']."),
        ([()], "options, received ()."),
        ([(cpu,)], f"options, received ('{cpu}',)."),
        ([(cpu, 3)], f"options, received ('{cpu}', 3)."),
        ([(cpu, {1: 2})], f"options, received ('{cpu}', {{1: 2}})."),
        ([(cuda, {})], f"providers must be among {cpu}, received '{cuda}'."),
        ([cpu, cpu], f"providers must be named once each, received '{cpu}' again."),
    ):
        with pytest.raises(ValueError, match=re.escape(message)):
            runtime.load(onnx_artefact, providers=given)


# ---- precision -----------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_artefacts_of_mixed_precision_compute_in_float32(policy, tmp_path):
    model = GatedPixelCNN((3, 3, 1), levels=2, filters=4, num_blocks=1, dtype=policy)
    model.export(tmp_path / "a", format="onnx", verbose=False)
    twin = model.in_float32()
    assert twin.compute_dtype == "float32"
    samples = runtime.load(tmp_path / "a").sample(4, seed=1)
    np.testing.assert_array_equal(samples, twin.sample(4, seed=1))
