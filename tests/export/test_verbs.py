"""An artefact's verbs take and give what the model's methods do, whatever runs them."""

import inspect

import numpy as np
import pytest
import tensorflow as tf

import keras_gen_export
from keras_gen import MADE, VAE, CharRNN, GatedPixelCNN, Images
from keras_gen.latent_model import LatentModel
from keras_gen.signature import Input
from keras_gen_export import runtime
from toys.double_exposure import DoubleExposure

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 3, (4, 3, 3, 1), dtype=np.uint8)
PAIRS = RNG.integers(0, 256, (2, 4, 8, 8, 1), dtype=np.uint8)
MASK = RNG.random((4, 3, 3, 1)) < 0.5
LATENTS = RNG.standard_normal((4, 2)).astype(np.float32)
NESTED = {"coarse": RNG.random((4, 3)), "fine": RNG.random((4, 2, 3)) / 2}


class Pyramid(LatentModel):
    """Latents of two levels, by name: the first row of a picture, and the others' difference."""

    has_encoder = True

    def __init__(self, **kwargs):
        super().__init__(latent_dim=3, **kwargs)
        self.format = Images((3, 3, 1), 3)
        self.finish_build()

    def latent_inputs(self):
        return {"coarse": Input((None, 3), "float32"), "fine": Input((None, 2, 3), "float32")}

    def _encode(self, x, conditions):
        rows = self.format.to_unit(x)[..., 0]
        return {"coarse": rows[:, 0], "fine": rows[:, 1:] - rows[:, :1]}

    def _decode(self, latents, conditions):
        first = latents["coarse"][:, None]
        rows = tf.concat([first, latents["fine"] + first], axis=1)
        return self.format.from_unit(rows[..., None])


# Each model, and what is asked of it.
MODELS = {
    "pixels": (
        lambda: GatedPixelCNN((3, 3, 1), 3, filters=4, num_blocks=1, num_classes=3),
        [
            ("sample", [5, 1, 7], {}),
            ("sample", [3], {"labels": [0, 1, 2], "seed": 2**63 - 1, "temperature": [0, 1, 0.5]}),
            ("complete", [IMAGES, MASK, 2, -5], {}),
            ("complete", [IMAGES, MASK[0]], {"labels": [0, 1, 2, 0], "seed": 3}),
            ("log_prob", [IMAGES, [0, 1, 2, 0]], {}),
            ("log_prob", [IMAGES.tolist()], {"labels": 0, "per_dimension": True}),
        ],
    ),
    "orders": (
        lambda: MADE((3, 3, 1), 3, hidden_units=(8,), ordering="random", num_masks=2),
        [("log_prob", [IMAGES], {}), ("complete", [IMAGES, MASK], {"seed": 1})],
    ),
    "latents": (
        lambda: VAE((3, 3, 1), 3, latent_dim=2, filters=(4,), hidden_units=8, num_classes=3),
        [
            ("sample", [3, 0], {"seed": 1, "truncation": 0.5}),
            ("encode", [IMAGES, 1], {}),
            ("reconstruct", [IMAGES, [0, 1, 2, 2]], {}),
            ("decode", [LATENTS, 2], {}),
            ("interpolate", [LATENTS[:2], LATENTS[2:], 5, [0, 2]], {}),
            ("interpolate", [LATENTS[:1], LATENTS[1:2]], {"labels": 1}),
            ("log_prob_bound", [IMAGES, [0, 1, 2, 0]], {"num_samples": 3, "batch_size": 3}),
            ("log_prob_bound", [IMAGES], {"labels": 1, "num_samples": 3, "seed": 9}),
        ],
    ),
    "pyramid": (
        Pyramid,
        [
            ("encode", [IMAGES], {}),
            ("decode", [NESTED], {}),
            ("interpolate", [NESTED, NESTED], {"num_steps": 3}),
        ],
    ),
    "text": (
        lambda: CharRNN("abc ", length=8, units=8, num_layers=1, embedding_dim=4),
        [
            ("sample", [2], {"seed": 0, "top_k": 2}),
            ("generate", ["ab", 5, 1], {}),
            ("generate", [["", "c a"]], {"seed": 4, "temperature": [0.5, 1.0]}),
            ("log_prob", [[[97, 98, 99]]], {"per_dimension": True}),
        ],
    ),
    "translations": (
        lambda: DoubleExposure(filters=4),
        [("translate", [PAIRS[0]], {"source": PAIRS[1]})],
    ),
}


@pytest.fixture(scope="module", params=MODELS)
def model(request):
    model = MODELS[request.param][0]()
    model.asked = MODELS[request.param][1]
    rng = np.random.default_rng(1)
    for weight in model.trainable_weights:
        weight.assign_add(0.3 * rng.standard_normal(weight.shape))
    return model


@pytest.fixture(scope="module", params=["tf_saved_model", "onnx"])
def artefact(request, model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("artefacts") / "artefact"
    choices = {"num_samples": 3} if hasattr(model, "log_prob_bound") else {}
    model.export(folder, format=request.param, verbose=False, **choices)
    return keras_gen_export.load(folder)


def test_same_arguments_same_result(model, artefact):
    for verb, arguments, named in model.asked:
        expected = getattr(model, verb)(*arguments, **named)
        received = getattr(artefact, verb)(*arguments, **named)
        if isinstance(expected, str | list):
            assert received == expected
            continue
        expected, received = (x if isinstance(x, dict) else {"": x} for x in (expected, received))
        assert received.keys() == expected.keys()
        for name, value in expected.items():
            assert received[name].dtype == value.dtype
            assert received[name].shape == value.shape
            if value.dtype.kind == "f":
                np.testing.assert_allclose(received[name], value, rtol=1e-4, atol=1e-4)
            else:
                # Pictures that were rounded from floats may differ by a level.
                level = verb == "translate"
                np.testing.assert_allclose(received[name].astype(int), value, rtol=0, atol=level)


def test_what_the_model_refuses_the_artefact_refuses(model, artefact):
    bad = {
        "sample": ([0], [1.5], [2, None, "x"], [2, 99]),
        "complete": ([IMAGES, MASK.astype(int)], [IMAGES, MASK[:2]], [IMAGES[0], MASK]),
        "log_prob": ([IMAGES + 0.5], [IMAGES[0]], [IMAGES + 9], [IMAGES, 99]),
        "log_prob_bound": (
            [IMAGES[0]],
            [IMAGES[:0], 0],
            [IMAGES, 0, 0],
            [IMAGES, 0, 3, 0.5],
            [IMAGES, 0, 3, 0, 0],
        ),
        "encode": ([IMAGES[0], 0], [IMAGES, 99]),
        "reconstruct": ([IMAGES[0], 0], [IMAGES, 99]),
        "decode": (
            [LATENTS[0], 0],
            [{"z": LATENTS}, 0],
            [LATENTS[:, :1], 0],
            [{"latents": LATENTS, "labels": [0] * 4}],
            [{"coarse": NESTED["coarse"]}],
        ),
        "interpolate": (
            [LATENTS, LATENTS[:1], 2, 0],
            [LATENTS, LATENTS, 1, 0],
            [LATENTS, LATENTS, 10_001, 0],
            [LATENTS, {"latents": LATENTS, "labels": [0] * 4}, 2, 0],
            [NESTED, {"coarse": NESTED["coarse"]}],
        ),
        "generate": (["aXb"], [[]], ["a", 0]),
        "translate": ([PAIRS[0, :, :5], None], [PAIRS[0], 3]),
    }
    for verb in {verb for verb, _, _ in model.asked}:
        for arguments in bad[verb]:
            begins = []
            for each in (model, artefact):
                with pytest.raises(ValueError) as caught:
                    getattr(each, verb)(*arguments)
                begins.append(str(caught.value).split()[0])
            # A message begins with the argument that it is about, or says "text" of prompts.
            assert begins[0] == begins[1], arguments
            assert begins[0] in {*inspect.signature(getattr(model, verb)).parameters, "text"}


@pytest.mark.parametrize("model", ["latents"], indirect=True)
def test_labels_of_a_bound_are_one_or_as_many_as_the_examples(model, artefact):
    message = r"labels must be one value or have shape \[4\], as many as the others, received \[2\]"
    for each in (model, artefact):
        with pytest.raises(ValueError, match=message):
            each.log_prob_bound(IMAGES, [0, 1], batch_size=2)


def test_a_verb_that_the_model_has_not(artefact, model):
    verb = "translate" if "sample" in artefact.signatures else "sample"
    has = next(iter(artefact.signatures))
    with pytest.raises(ValueError, match=f"no signature '{verb}'; it has {has}"):
        getattr(artefact, verb)(3)
    with pytest.raises(ValueError, match="no signature 'dream'"):
        artefact.run("dream")


def test_a_choice_that_was_made_at_export(tmp_path):
    model = VAE((3, 3, 1), 3, latent_dim=2, filters=(), hidden_units=4)
    model.export(tmp_path / "a", format="onnx", verbose=False, num_samples=7)
    artefact = runtime.load(tmp_path / "a")
    bound = artefact.log_prob_bound(IMAGES)
    np.testing.assert_allclose(bound, model.log_prob_bound(IMAGES, num_samples=7), rtol=1e-4)
    with pytest.raises(ValueError, match="num_samples must be 7, as it was chosen at export, rec"):
        artefact.log_prob_bound(IMAGES, num_samples=8)
