"""Every model of sequences: a distribution, causal, and the same when cached."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from brute_force import naive_sequences, perturbed

from keras_gen import CharRNN, Images, Points, Text, Tokens, Transformer, WaveNet

VOCABULARY = "abcdefgh"


def char_rnn(num_tokens, length, num_classes=None, **options):
    return CharRNN(VOCABULARY[:num_tokens], length, units=7, embedding_dim=3, **options)


def wavenet(num_tokens, length, num_classes=None, **options):
    options = {"num_blocks": 2, "layers_per_block": 3} | options
    sizes = {"filters": 6, "skip_filters": 7}
    return WaveNet(length, 8000, levels=num_tokens, num_classes=num_classes, **sizes, **options)


def transformer(num_tokens, length, num_classes=None, **options):
    sizes = {"model_dim": 8, "num_heads": 2, "num_blocks": 2}
    options = {"num_classes": num_classes} | sizes | options
    return Transformer(Tokens(num_tokens), length, **options)


MODELS = {
    "lstm": (char_rnn, {}),
    "gru": (char_rnn, {"cell": "gru"}),
    "wavenet": (wavenet, {}),
    # Dilations longer than a row are read from a history.
    "long wavenet": (wavenet, {"num_blocks": 2, "layers_per_block": 7}),
    "vocoder": (
        wavenet,
        {"num_blocks": 1, "layers_per_block": 6, "local_channels": 2, "hop": 5},
    ),
    "learned": (transformer, {}),
    "rotary": (transformer, {"positions": "rotary"}),
}
CONDITIONAL = ("wavenet", "long wavenet", "vocoder", "learned", "rotary")


@pytest.fixture(params=MODELS)
def name(request):
    return request.param


def build(name, num_tokens, length, num_classes=None):
    make, options = MODELS[name]
    classes = num_classes if name in CONDITIONAL else None
    return perturbed(make(num_tokens, length, classes, **options), 0.3)


def conditions_of(model, num=None):
    """The conditions of each of `num` sequences; without, what serves for all."""
    conditions = {}
    if model.num_classes is not None:
        conditions["labels"] = np.arange(num or 1, dtype=np.int32) % 3
    if getattr(model, "local_channels", 0):
        shape = (num or 1, model.num_frames(model.length), model.local_channels)
        conditions["local"] = np.random.default_rng(1).standard_normal(shape, np.float32)
    return conditions if num else {name: value[0] for name, value in conditions.items()}


def stored(model, tokens):
    return model.format.from_tokens(tf.constant(tokens, tf.int32)).numpy()


def test_probabilities_of_all_sequences_sum_to_one(name):
    model = build(name, 2, 4, num_classes=3)
    x = stored(model, list(itertools.product(range(2), repeat=4)))
    log_probs = model.log_prob(x, **conditions_of(model))
    assert np.exp(log_probs).sum() == pytest.approx(1.0, abs=1e-5)
    assert log_probs.std() > 0.1


def test_conditionals_sum_to_the_whole(name):
    model = build(name, 5, 12)
    x = stored(model, np.random.default_rng(0).integers(0, 5, (4, 12)))
    conditions = conditions_of(model, 4)
    each = model.log_prob(x, per_dimension=True, **conditions)
    np.testing.assert_allclose(each.sum(axis=1), model.log_prob(x, **conditions), rtol=1e-5)


def influence(model, length):
    """Which tokens' logits (columns) a change of each token (rows) moves: bool [length, length]."""
    tokens = np.random.default_rng(0).integers(0, 5, (1, length))
    changed = np.repeat(tokens, length, axis=0)
    changed[np.arange(length), np.arange(length)] = (tokens[0] + 2) % 5
    # In batches alike, so that each row is multiplied alike, to the bit.
    conditions = conditions_of(model, length)
    before, after = (
        model._parameters(tf.constant(stored(model, x)), conditions).numpy()
        for x in (np.repeat(tokens, length, axis=0), changed)
    )
    return (before != after).any(axis=2)


def test_strictly_causal_and_reaches_back(name):
    model = build(name, 5, 30)
    at = np.arange(30)
    reach = getattr(model, "receptive_field", 30)
    distance = at[None] - at[:, None]
    expected = (distance > 0) & (distance <= reach)
    np.testing.assert_array_equal(influence(model, 30), expected)


def test_the_receptive_field_is_exact():
    model = perturbed(wavenet(5, 40, num_blocks=2, layers_per_block=4), 0.5)
    assert model.dilations == [1, 2, 4, 8] * 2
    assert model.receptive_field == 31
    assert model.context_milliseconds == pytest.approx(31 / 8)
    last = influence(model, 40)[:, -1]
    np.testing.assert_array_equal(last, [False] * 8 + [True] * 31 + [False])


def test_local_conditions_begin_as_lines_between_frames():
    model = wavenet(5, 40, local_channels=2, hop=5)
    frames = conditions_of(model, 3)["local"]
    expected = [
        [np.interp(np.arange(40) / 5, np.arange(8), channel) for channel in example.T]
        for example in frames
    ]
    np.testing.assert_allclose(
        model.upsampling(frames), np.transpose(expected, [0, 2, 1]), atol=1e-6
    )


def test_a_frame_reaches_what_it_should():
    model = build("vocoder", 5, 60)  # 12 frames of 5 samples, seen 64 samples long
    x = tf.constant(stored(model, np.random.default_rng(0).integers(0, 5, (12, 60))))
    frames = np.repeat(conditions_of(model, 1)["local"], 12, axis=0)
    x = tf.repeat(x[:1], 12, axis=0)
    before = model._parameters(x, {"local": frames}).numpy()
    moved = np.zeros((12, 60), bool)
    for change in (-2.0, 2.0, 5.0):  # several, since a rectifier that is closed at one hides it
        changed = frames.copy()
        changed[np.arange(12), np.arange(12)] += change
        moved |= (before != model._parameters(x, {"local": changed}).numpy()).any(axis=2)
    # From the frame before, which leads to it.
    first = np.maximum((np.arange(12) - 1) * 5, 0)
    np.testing.assert_array_equal(moved, np.arange(60) >= first[:, None])


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        ({}, r"local must be given: floats \[n, 8, 2\]"),
        (
            {"local": np.zeros((3, 7, 2))},
            r"local must have shape \[n, 8, 2\], received \[3, 7, 2\]",
        ),
        ({"local": np.zeros((8, 2)), "pitch": 1}, "pitch must not be given: the inputs are seeds"),
    ],
    ids=["missing", "shape", "unknown"],
)
def test_local_conditions_are_checked(conditions, message):
    model = build("vocoder", 5, 40)
    with pytest.raises(ValueError, match=message):
        model.sample(3, **conditions)
    if "local" not in conditions:
        model.compile()
        with pytest.raises(ValueError, match=r"local must be given: a batch of WaveNet must be"):
            model.fit(np.zeros((3, 40), np.float32), verbose=0)
        # Frames that do not fit the sound's length.
        with pytest.raises(ValueError, match="local must have"):
            model.log_prob(np.zeros((3, 40), np.float32), local=np.zeros((3, 7, 2), np.float32))
        with pytest.raises(ValueError, match="local must have"):
            model.fit(
                np.zeros((3, 40), np.float32),
                {"local": np.zeros((3, 7, 2), np.float32)},
                verbose=0,
            )
    with pytest.raises(ValueError, match="local must not be given"):
        build("wavenet", 5, 40).sample(1, local=np.zeros((40, 2)))


@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_cached_sampling_equals_naive(name, temperature):
    # Several rows, the last of them not full.
    model = build(name, 6, 75, num_classes=3)
    conditions = conditions_of(model, 3)
    cached = model.sample(3, seed=5, temperature=temperature, **conditions)
    naive = naive_sequences(model, 3, 5, conditions, temperature)
    np.testing.assert_array_equal(cached, naive)
    assert len(np.unique(cached)) > 1


def test_a_transformer_of_images_samples_as_the_naive_loop_does():
    model = perturbed(Transformer(Images((4, 3, 3), 4), model_dim=8, num_heads=2, num_blocks=2))
    assert model.row_length == 9
    np.testing.assert_array_equal(model.sample(3, seed=5), naive_sequences(model, 3, 5))


def test_samples_follow_the_distribution(name):
    model = build(name, 2, 4)
    num, conditions = 20_000, conditions_of(model)
    x = stored(model, list(itertools.product(range(2), repeat=4)))
    drawn = model.format.to_tokens(model.sample(num, seed=0, **conditions)).numpy()
    observed = np.bincount(drawn @ [8, 4, 2, 1], minlength=16) / num
    assert np.abs(observed - np.exp(model.log_prob(x, **conditions))).max() < 5 * np.sqrt(
        0.25 / num
    )


def test_completing(name):
    model = build(name, 6, 40)
    x = stored(model, np.random.default_rng(0).integers(0, 6, (4, 40)))
    conditions = conditions_of(model, 4)
    np.testing.assert_array_equal(model.complete(x, np.ones((4, 40), bool), **conditions), x)
    nothing = np.zeros((4, 40), bool)
    # Noise of its own: not that of samples, and the same for a completion of a completion.
    drawn = model.complete(x, nothing, seed=3, **conditions)
    assert (drawn != model.sample(4, seed=3, **conditions)).any()
    again = model.complete(drawn, np.arange(40) < 20, seed=3, **conditions)
    np.testing.assert_array_equal(again, drawn)
    mask = np.random.default_rng(1).random(x.shape) < 0.5
    completed = model.complete(x, mask, seed=0, **conditions)
    np.testing.assert_array_equal(completed[mask], x[mask])
    assert (completed[~mask] != x[~mask]).any()


def test_top_k_takes_no_more_where_logits_are_equal():
    model = transformer(6, 40)
    model.set_weights([np.zeros_like(weight) for weight in model.get_weights()])
    drawn = model.sample(4, seed=0, top_k=[1, 2, 5, 6])
    assert [len(np.unique(each)) for each in drawn] == [1, 2, 5, 6]


def test_top_k_where_some_tokens_can_not_be():
    model = transformer(6, 40)
    model.set_weights([np.zeros_like(weight) for weight in model.get_weights()])
    step, barred = model._step, tf.constant([0.0, -np.inf, 0.0, 0.0, -np.inf, -np.inf])

    def with_impossible(*inputs):
        logits, *rest = step(*inputs)
        return logits + barred, *rest

    model._step = with_impossible
    drawn = model.sample(2, seed=0, top_k=[2, 5])
    assert [np.unique(each).tolist() for each in drawn] == [[0, 2], [0, 2, 3]]


def test_top_k():
    model = build("lstm", 6, 30)
    nothing, x = np.zeros((50, 30), bool), np.full((50, 30), ord("a"), np.int32)
    likeliest = model.complete(x, nothing, seed=0, temperature=0.0)
    np.testing.assert_array_equal(model.complete(x, nothing, seed=1, top_k=1), likeliest)
    drawn = model.complete(x, nothing, seed=2, top_k=2)
    logits = model._parameters(tf.constant(drawn), {}).numpy()
    tokens = model.format.to_tokens(drawn).numpy()[..., None]
    rank = (logits > np.take_along_axis(logits, tokens, axis=2)).sum(axis=2)
    assert set(np.unique(rank)) == {0, 1}
    np.testing.assert_array_equal(
        model.complete(x, nothing, seed=2, top_k=6), model.complete(x, nothing, seed=2)
    )
    with pytest.raises(ValueError, match=r"top_k must be integers \[n\] in \[1, 6\], received"):
        model.complete(x, nothing, top_k=7)
    # A setting of each sample: it may differ between them, and samples have it too.
    mixed = model.sample(4, seed=0, top_k=[1, 6, 6, 1])
    least, all_of_them = model.sample(4, seed=0, top_k=1), model.sample(4, seed=0)
    expected = np.stack([least[0], all_of_them[1], all_of_them[2], least[3]])
    np.testing.assert_array_equal(mixed, expected)


class TestGenerate:
    model = build("gru", 6, 25)

    def test_goes_on_from_the_prompt(self):
        text = self.model.generate("abba", length=10, seed=0)
        assert text.startswith("abba")
        assert len(text) == 14
        assert len(self.model.generate(seed=0)) == 25

    def test_prompts_of_any_length(self):
        texts = self.model.generate(["", "fade", "ab"], length=10, seed=0, temperature=0.0)
        assert [len(text) for text in texts] == [10, 14, 12]
        # At temperature 0 noise does not matter, and neither do the other prompts.
        for prompt, text in zip(("", "fade", "ab"), texts, strict=True):
            assert self.model.generate(prompt, length=10, temperature=0.0) == text

    def test_what_cannot_be(self):
        with pytest.raises(ValueError, match="text must be in the vocabulary, 'abcdef', received"):
            self.model.generate("abz")
        with pytest.raises(
            ValueError, match="generate needs a model of text, this one is of audio"
        ):
            build("wavenet", 6, 20).generate("a")


def test_truncation_cuts_the_gradient_but_carries_the_state():
    x = np.random.default_rng(0).choice([97, 98, 99], (8, 24)).astype(np.int32)

    def trained(truncation, x):
        import keras

        keras.utils.set_random_seed(0)
        model = char_rnn(3, 10, truncation=truncation)
        model.compile(keras.optimizers.SGD(0.0))
        return model.fit(x, verbose=0).history["nll"][0]

    # With a learning rate of zero, the state alone is left: the pieces add up to the whole.
    whole = trained(24, x)
    assert trained(7, x) == pytest.approx(whole, rel=1e-5)
    model = char_rnn(3, 10, truncation=7)
    model.compile()
    model.fit(x, batch_size=8, verbose=0)
    assert int(model.optimizer.iterations) == 4  # a step for each piece
    assert int(model.steps.value) == 1  # and one for the batch


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_keras_layers_and_our_steps_agree(cell):
    model = perturbed(char_rnn(6, 10, cell=cell, num_layers=3))
    x = tf.constant(model.sample(4, seed=0))
    np.testing.assert_allclose(
        model._parameters(x, {}, training=True), model._parameters(x, {}), atol=1e-5
    )


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: CharRNN("a"), "vocabulary must be a str of at least two characters"),
        (lambda: CharRNN("ab", cell="rnn"), "cell must be one of lstm, gru, received 'rnn'"),
        (lambda: CharRNN("ab", truncation=0), "truncation must be at least 1, received 0"),
        (lambda: WaveNet(layers_per_block=0), "layers_per_block must be 1 to 16, received 0"),
        (lambda: WaveNet(levels=300), "levels must be 2 to 256, received 300"),
        (lambda: CharRNN("ab", num_classes=3), "num_classes must be None: CharRNN has no use for"),
        (lambda: Transformer(Tokens(4)), "length must be given"),
        (lambda: Transformer("abc"), "format must be one that has tokens, .* received 'abc'"),
        (lambda: Transformer(Points(2)), "format must be one that has tokens, such as Text"),
        (lambda: Transformer(Images((None, None, 1)), 5), "format must have no free sides"),
        (lambda: Transformer(Images((2, 2, 1)), 5), "length must be 4, as the format has it"),
        (
            lambda: Transformer(Tokens(4), 8, model_dim=6, num_heads=4),
            "model_dim must be a multiple of 4, for its heads, received 6",
        ),
        (lambda: Transformer(Tokens(4), 8, positions="none"), "positions must be one of learned,"),
        (
            lambda: Transformer(Tokens(4), 8, model_dim=8).log_prob(np.zeros((1, 9), int)),
            "x must have at most 8 tokens, received 9",
        ),
    ],
    ids=range(14),
)
def test_bad_arguments(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_text_in_text_out_survives_saving(tmp_path):
    import keras

    model = perturbed(Transformer(Text(VOCABULARY), 30, model_dim=8, num_blocks=1))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.generate("abc", 20, seed=0) == model.generate("abc", 20, seed=0)
    # As long as it may be, by default.
    assert len(model.generate("abc", seed=0)) == 30


@pytest.mark.parametrize("name", ["text", "images", *CONDITIONAL])
def test_stepping_through_gives_each_tokens_distribution(name):
    if name == "text":
        model = build("lstm", 6, 40)
    elif name == "images":
        model = perturbed(Transformer(Images((3, 4, 2), 4), model_dim=8, num_blocks=1), 0.3)
    else:
        model = build(name, 6, 40, num_classes=3)
    conditions = conditions_of(model, 3)
    tokens = np.random.default_rng(0).integers(0, 4, (3, model.length))
    turns, total = iter(tokens.T), np.zeros(3)

    def choose(logits):
        chosen = next(turns)
        total[:] += model.likelihood.log_prob(tf.constant(logits), tf.constant(chosen)).numpy()
        return chosen

    x = model.step_through(choose, 3, **conditions)
    assert next(turns, None) is None
    np.testing.assert_array_equal(x, stored(model, tokens))
    np.testing.assert_allclose(total, model.log_prob(x, **conditions), rtol=1e-4)


def test_graphs_for_one_batch_size_draw_the_same(name):
    model = build(name, 6, 40, num_classes=3)
    for signature in model.signatures().values():
        signature.graph(batch_size=2).get_concrete_function()
    conditions = conditions_of(model, 2)
    signature = model.signatures()["sample"]
    inputs = signature.check({"seeds": [1, 2], **conditions})
    samples = signature.graph(batch_size=2)(*map(tf.constant, inputs.values()))["samples"]
    expected = model.run("sample", seeds=[1, 2], **conditions)["samples"]
    np.testing.assert_array_equal(samples, expected)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_is_measured_too(name, policy):
    make, options = MODELS[name]
    model = make(5, 20, 3 if name in CONDITIONAL else None, dtype=policy, **options)
    x = stored(model, np.random.default_rng(0).integers(0, 5, (4, 20)))
    conditions = conditions_of(model, 4)
    twin = model.in_float32()
    log_probs = (each.log_prob(x, **conditions) for each in (model, twin))
    np.testing.assert_allclose(*log_probs, rtol=0.02)
    np.testing.assert_allclose(
        model({"x": x, **conditions}), twin({"x": x, **conditions}), rtol=0.02
    )
    model.compile()
    assert np.isfinite(model.evaluate(x, conditions or None, verbose=0)).all()


def test_a_transformer_takes_any_format_of_tokens():
    assert Transformer.options_for(Text("abc"), 20) == {"format": Text("abc"), "length": 20}
    images = Images((2, 2, 1), 3)
    assert Transformer.options_for(images) == {"format": images}
    with pytest.raises(ValueError, match="data must be of a kind that Transformer models, rec"):
        Transformer.options_for(Points(2))


def test_a_short_transformer_exports(tmp_path):
    model = perturbed(Transformer(Tokens(4), 5, model_dim=8, num_heads=2, num_blocks=1))
    manifest = model.export(tmp_path / "a", format="onnx", verbose=False)
    assert manifest["signatures"]["log_prob"]["inputs"]["tokens"]["longest"] == 5
