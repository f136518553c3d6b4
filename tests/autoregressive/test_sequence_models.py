"""Every model of sequences: a distribution, causal, and the same when cached."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from brute_force import naive_sequences, perturbed

from keras_gen import Characters, CharRNN, Pixels, Tokens, Transformer, WaveNet

VOCABULARY = "abcdefgh"


def char_rnn(num_tokens, length, num_classes=None, **options):
    return CharRNN(VOCABULARY[:num_tokens], length, units=7, embedding_dim=3, **options)


def wavenet(num_tokens, length, num_classes=None, **options):
    options = {"num_blocks": 2, "layers_per_block": 3} | options
    sizes = {"filters": 6, "skip_filters": 7}
    return WaveNet(length, 8000, num_tokens, num_classes=num_classes, **sizes, **options)


def transformer(num_tokens, length, num_classes=None, **options):
    sizes = {"model_dim": 8, "num_heads": 2, "num_blocks": 2}
    return Transformer(Tokens(num_tokens), length, num_classes=num_classes, **sizes, **options)


MODELS = {
    "lstm": (char_rnn, {}),
    "gru": (char_rnn, {"cell": "gru"}),
    "wavenet": (wavenet, {}),
    # Dilations longer than a block are read from a history.
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
    """What a model is told of each of `num` sequences; without, what serves for all."""
    told = {}
    if model.num_classes is not None:
        told["labels"] = np.arange(num or 1, dtype=np.int32) % 3
    if getattr(model, "local_channels", 0):
        shape = (num or 1, model.num_frames(model.length), model.local_channels)
        told["local"] = np.random.default_rng(1).standard_normal(shape, np.float32)
    return told if num else {name: value[0] for name, value in told.items()}


def stored(model, tokens):
    return model.tokenizer.decode(tf.constant(tokens, tf.int32)).numpy()


def test_probabilities_of_all_sequences_sum_to_one(name):
    model = build(name, 2, 4, num_classes=3)
    x = stored(model, list(itertools.product(range(2), repeat=4)))
    log_probs = model.log_prob(x, **conditions_of(model))
    assert np.exp(log_probs).sum() == pytest.approx(1.0, abs=1e-5)
    assert log_probs.std() > 0.1


def test_conditionals_sum_to_the_whole(name):
    model = build(name, 5, 12)
    x = stored(model, np.random.default_rng(0).integers(0, 5, (4, 12)))
    told = conditions_of(model, 4)
    each = model.log_prob(x, per_dimension=True, **told)
    np.testing.assert_allclose(each.sum(axis=1), model.log_prob(x, **told), rtol=1e-5)


def influence(model, length):
    """Which tokens' logits (columns) a change of each token (rows) moves: bool [length, length]."""
    tokens = np.random.default_rng(0).integers(0, 5, (1, length))
    changed = np.repeat(tokens, length, axis=0)
    changed[np.arange(length), np.arange(length)] = (tokens[0] + 2) % 5
    # In batches alike, so that each row is multiplied alike, to the bit.
    condition = model.condition(**conditions_of(model, length))
    before, after = (
        model(tf.constant(stored(model, x)), condition).numpy()
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
    changed = frames.copy()
    changed[np.arange(12), np.arange(12)] += 1.0
    x = tf.repeat(x[:1], 12, axis=0)
    before, after = (model(x, {"local": told}).numpy() for told in (frames, changed))
    moved = (before != after).any(axis=2)
    # From the frame before, which leads to it.
    first = np.maximum((np.arange(12) - 1) * 5, 0)
    np.testing.assert_array_equal(moved, np.arange(60) >= first[:, None])


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({}, "local is missing: local_channels is 2"),
        ({"local": np.zeros((3, 7, 2))}, r"local must have shape \[3, 8, 2\] or \[8, 2\], a frame"),
        ({"local": np.zeros((8, 2)), "pitch": 1}, "pitch must not be given: WaveNet takes none"),
    ],
    ids=["missing", "shape", "unknown"],
)
def test_what_is_told_is_checked(told, message):
    model = build("vocoder", 5, 40)
    with pytest.raises(ValueError, match=message):
        model.sample(3, **told)
    if "local" not in told:
        model.compile()
        with pytest.raises(ValueError, match=r"local is missing: .* a batch must be"):
            model.fit(np.zeros((3, 40), np.float32), verbose=0)
    with pytest.raises(ValueError, match="local must be None: this model has local_channels=0"):
        build("wavenet", 5, 40).sample(1, local=np.zeros((40, 2)))


@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_cached_sampling_equals_naive(name, temperature):
    # Several blocks, the last of them not full.
    model = build(name, 6, 75, num_classes=3)
    told = conditions_of(model, 3)
    cached = model.sample(3, seed=5, temperature=temperature, **told)
    naive = naive_sequences(model, 3, 5, model.condition(**told), temperature)
    np.testing.assert_array_equal(cached, naive)
    assert len(np.unique(cached)) > 1


def test_a_transformer_of_images_samples_as_the_naive_loop_does():
    model = perturbed(Transformer(Pixels((4, 3, 3), 4), model_dim=8, num_heads=2, num_blocks=2))
    assert model.image_shape == (4, 3, 3)
    np.testing.assert_array_equal(model.sample(3, seed=5), naive_sequences(model, 3, 5))


def test_samples_follow_the_distribution(name):
    model = build(name, 2, 4)
    num, told = 20_000, conditions_of(model)
    x = stored(model, list(itertools.product(range(2), repeat=4)))
    drawn = model.tokenizer.encode(model.sample(num, seed=0, **told)).numpy()
    observed = np.bincount(drawn @ [8, 4, 2, 1], minlength=16) / num
    assert np.abs(observed - np.exp(model.log_prob(x, **told))).max() < 5 * np.sqrt(0.25 / num)


def test_completing(name):
    model = build(name, 6, 40)
    x = stored(model, np.random.default_rng(0).integers(0, 6, (4, 40)))
    told = conditions_of(model, 4)
    np.testing.assert_array_equal(model.complete(x, np.ones((4, 40), bool), **told), x)
    nothing = np.zeros((4, 40), bool)
    sampled = model.sample(4, seed=3, **told)
    np.testing.assert_array_equal(model.complete(x, nothing, seed=3, **told), sampled)
    mask = np.random.default_rng(1).random(x.shape) < 0.5
    completed = model.complete(x, mask, seed=0, **told)
    np.testing.assert_array_equal(completed[mask], x[mask])
    assert (completed[~mask] != x[~mask]).any()


def test_top_k():
    model = build("lstm", 6, 30)
    nothing, x = np.zeros((50, 30), bool), np.full((50, 30), ord("a"), np.int32)
    likeliest = model.complete(x, nothing, seed=0, temperature=0.0)
    np.testing.assert_array_equal(model.complete(x, nothing, seed=1, top_k=1), likeliest)
    drawn = model.complete(x, nothing, seed=2, top_k=2)
    logits = model(tf.constant(drawn)).numpy()
    tokens = model.tokenizer.encode(drawn).numpy()[..., None]
    rank = (logits > np.take_along_axis(logits, tokens, axis=2)).sum(axis=2)
    assert set(np.unique(rank)) == {0, 1}
    np.testing.assert_array_equal(
        model.complete(x, nothing, seed=2, top_k=6), model.complete(x, nothing, seed=2)
    )
    with pytest.raises(ValueError, match="top_k must be 1 to 6, received 7"):
        model.complete(x, nothing, top_k=7)


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


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_keras_layers_and_our_steps_agree(cell):
    model = perturbed(char_rnn(6, 10, cell=cell, num_layers=3))
    x = tf.constant(model.sample(4, seed=0))
    np.testing.assert_allclose(model(x, training=True), model(x), atol=1e-5)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: CharRNN("a"), "vocabulary must be a str of at least two characters"),
        (lambda: CharRNN("ab", cell="rnn"), "cell must be one of lstm, gru, received 'rnn'"),
        (lambda: CharRNN("ab", truncation=0), "truncation must be at least 1, received 0"),
        (lambda: WaveNet(layers_per_block=0), "layers_per_block must be 1 to 16, received 0"),
        (lambda: WaveNet(levels=300), "levels must be 2 to 256, received 300"),
        (lambda: Transformer(Tokens(4)), "length must be given"),
        (lambda: Transformer("abc"), "tokenizer must be a Tokenizer, received 'abc'"),
        (lambda: Transformer(Pixels((2, 2, 1)), 5), "length must be 4, as the tokenizer has it"),
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
    ids=range(11),
)
def test_bad_arguments(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_text_in_text_out_survives_saving(tmp_path):
    import keras

    model = perturbed(Transformer(Characters(VOCABULARY), 30, model_dim=8, num_blocks=1))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.generate("abc", 20, seed=0) == model.generate("abc", 20, seed=0)
