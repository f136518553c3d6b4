"""Weights of ONNX files: once in one file, wherever they are used."""

import numpy as np
import onnx
import pytest

import keras_gen_export
from keras_gen import VAE
from keras_gen_export import checksums, runtime
from keras_gen_export import manifest as manifests
from keras_gen_export.shared_weights import FILE_NAME, SharedWeights


@pytest.fixture(scope="module")
def model():
    return VAE((8, 8, 1), levels=2, latent_dim=16, filters=(8, 16), hidden_units=64)


@pytest.fixture(scope="module")
def artefact(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("artefacts") / "onnx"
    model.export(folder, format="onnx", verbose=False)
    return folder


def test_each_weight_is_stored_once(model, artefact):
    content = (artefact / FILE_NAME).read_bytes()
    large = [np.asarray(w).tobytes() for w in model.weights if np.asarray(w).nbytes >= 1024]
    assert len(large) >= 6
    stored = 0
    for weight in large:
        counts = [content.count(each) for each in _transposed(weight, model)]
        # A kernel is there as it is or in ONNX's order; in both, where a loop takes it as it is.
        assert max(counts) == 1, counts
        stored += sum(counts) * len(weight)
    assert len(content) == stored + 4 * 2**16  # beside them, the table of normal numbers
    assert all(path.stat().st_size < 100_000 for path in artefact.glob("*.onnx"))


def _transposed(weight, model):
    """The weight as it may be stored: as it is, or with its axes in ONNX's order."""
    (array,) = [np.asarray(w) for w in model.weights if np.asarray(w).tobytes() == weight]
    yield weight
    if array.ndim == 4:
        yield array.transpose(3, 2, 0, 1).tobytes()


def test_files_refer_to_it_by_its_name_alone(artefact):
    places = set()
    for path in artefact.glob("*.onnx"):
        proto = onnx.load(path, load_external_data=False)
        for tensor in proto.graph.initializer:
            if tensor.external_data:
                place = {entry.key: entry.value for entry in tensor.external_data}
                assert place["location"] == FILE_NAME
                assert int(place["offset"]) % 64 == 0
                places.add((int(place["offset"]), int(place["length"])))
            else:
                assert len(tensor.raw_data) < 1024
        onnx.checker.check_model(str(path))  # ONNX finds them too
    ends = 0
    for offset, length in sorted(places):  # none is in another
        assert ends <= offset < ends + 64
        ends = offset + length
    assert ends == (artefact / FILE_NAME).stat().st_size


def test_weights_within_a_loop_and_equal_ones(tmp_path):
    weights = SharedWeights(tmp_path)
    value = onnx.helper.make_tensor_value_info
    kind = onnx.TensorProto
    table = np.arange(512, dtype=np.float32)

    def graph(name):
        body = onnx.helper.make_graph(
            [
                onnx.helper.make_node("Add", ["a", "table"], ["b"]),
                onnx.helper.make_node("Identity", ["go"], ["on"]),
            ],
            "body",
            [value("turn", kind.INT64, []), value("go", kind.BOOL, []), value("a", 1, [512])],
            [value("on", kind.BOOL, []), value("b", 1, [512])],
            [onnx.numpy_helper.from_array(table, "table")],
        )
        return onnx.helper.make_graph(
            [onnx.helper.make_node("Loop", ["turns", "", "outer"], ["y"], body=body)],
            name,
            [],
            [value("y", 1, [512])],
            [
                onnx.numpy_helper.from_array(np.array(3), "turns"),
                onnx.numpy_helper.from_array(table, "outer"),
            ],
        )

    import onnxruntime

    opset = onnx.helper.make_opsetid("", 18)
    for name in ("one", "two"):
        proto = onnx.helper.make_model(graph(name), opset_imports=[opset], ir_version=8)
        weights.take(proto.graph)
        onnx.save(proto, tmp_path / f"{name}.onnx")
    assert (tmp_path / FILE_NAME).stat().st_size == table.nbytes
    for name in ("one", "two"):
        session = onnxruntime.InferenceSession(str(tmp_path / f"{name}.onnx"))
        np.testing.assert_array_equal(session.run(None, {})[0], 4 * table)


def test_a_place_outside_of_the_folder_is_refused(artefact, tmp_path):
    import shutil

    folder = shutil.copytree(artefact, tmp_path / "copy")
    shutil.move(folder / FILE_NAME, tmp_path / FILE_NAME)
    proto = onnx.load(folder / "decode.onnx", load_external_data=False)
    for tensor in proto.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = f"../{FILE_NAME}"
    onnx.save(proto, folder / "decode.onnx")
    checksums.write(folder)  # whoever moved it, knew of checksums
    loaded = runtime.load(folder)
    with pytest.raises(ValueError, match=r"decode.onnx cannot be loaded by ONNX Runtime: "):
        loaded.decode(np.zeros((1, 16)))


def test_a_flipped_bit_in_the_weights_is_seen_by_verification(model, artefact, tmp_path):
    import shutil

    folder = shutil.copytree(artefact, tmp_path / "copy")
    content = bytearray((folder / FILE_NAME).read_bytes())
    weight = np.asarray(model.decoder.layers[0].kernel).tobytes()
    content[content.index(weight) + 3] ^= 0x40  # an exponent
    (folder / FILE_NAME).write_bytes(content)
    checksums.write(folder)
    manifests.read(folder)
    with pytest.raises(keras_gen_export.VerificationError, match="differs from the model's"):
        keras_gen_export.verify(folder, model.signatures())
