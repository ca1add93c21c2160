"""The feed: order and content depend on the running number alone."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("cv2")

from kirie.errors import BadInput  # noqa: E402
from kirie.spec import Preparation  # noqa: E402
from kirie.train.batch import NO_CLASS, Batch  # noqa: E402
from kirie.train.feed import Feed, Varied  # noqa: E402
from kirie.train.sources import Example, Examples  # noqa: E402

pytestmark = pytest.mark.torch


def examples(*sets):
    """Sets of (number of pictures, weight)."""
    files = tuple(
        Example(f"{s}-{i}", None, None, i if s else None)
        for s, (count, _) in enumerate(sets)
        for i in range(count)
    )
    return Examples(files, tuple(sets))


def make(example, rng, size):
    """A picture of noise: its first number is drawn, so that it shows which generator made it."""
    image = rng.integers(0, 256, (*size, 3), np.uint8)
    return example.name, image, image[..., 0].copy(), example.class_index


def taken(batches, size=8, given=None, **options):
    """The first batches of a feed."""
    options = {"batch": 4, "seed": 3, "workers": 2, "size": size, **options}
    with Feed(given or examples((10, 1)), make, **options) as feed:
        return [feed.batch() for _ in range(batches)]


def same(one, two):
    return (
        one.names == two.names
        and torch.equal(one.images, two.images)
        and torch.equal(one.truth, two.truth)
    )


def test_a_seed_makes_one_stream_whatever_the_workers():
    one, two = taken(6), taken(6, workers=1)
    assert all(same(a, b) for a, b in zip(one, two, strict=True))
    assert [b.first for b in one] == [0, 4, 8, 12, 16, 20]
    other = taken(6, seed=4)
    assert not any(torch.equal(a.images, b.images) for a, b in zip(one, other, strict=True))


def test_every_epoch_shows_every_picture_once_in_an_order_of_its_own():
    names = [name for batch in taken(5) for name in batch.names]  # two epochs of ten
    assert sorted(names[:10]) == sorted(names[10:]) == [f"0-{i}" for i in range(10)]
    assert names[:10] != names[10:]


def test_a_picture_differs_between_epochs():
    first, second = {}, {}
    for batch in taken(5):
        for i, name in enumerate(batch.names):
            (first if batch.first + i < 10 else second)[name] = batch.images[i]
    assert not any(torch.equal(first[name], second[name]) for name in first)


def test_a_feed_goes_on_from_a_number():
    whole = taken(7)
    rest = taken(4, first=12)
    assert all(same(a, b) for a, b in zip(whole[3:], rest, strict=True))


@pytest.mark.parametrize("ranks", [2, 4])
def test_the_parts_of_the_processes_are_the_global_batch(ranks):
    whole = taken(6)
    parts = [taken(6, rank=r, ranks=ranks) for r in range(ranks)]
    for b, batch in enumerate(whole):
        mine = [part[b] for part in parts]
        assert [name for each in mine for name in each.names] == batch.names
        assert torch.equal(torch.cat([each.images for each in mine]), batch.images)
        assert [each.first for each in mine] == [batch.first + r * 4 // ranks for r in range(ranks)]


def test_a_new_feed_of_another_size_loses_no_picture():
    plain, other = taken(3), taken(1, size=(6, 4), first=4)
    assert other[0].names == plain[1].names
    assert other[0].images.shape == (4, 6, 4, 3)


def test_varied_sizes_belong_to_the_batch():
    varied = Varied(least=32, most=128, multiple=32)
    sizes = [tuple(b.images.shape[1:3]) for b in taken(12, varied)]
    assert len(set(sizes)) > 3
    assert all(32 <= side <= 128 and side % 32 == 0 for size in sizes for side in size)
    assert tuple(taken(1, varied, first=8)[0].images.shape[1:3]) == sizes[2]
    # the processes of one batch agree on its size
    assert tuple(taken(3, varied, rank=1, ranks=2)[2].images.shape[1:3]) == sizes[2]


def test_weights_repeat_sets():
    given = examples((4, 3), (6, 0.5))
    assert len(given) == 15
    assert sum(e.name.startswith("0") for e in given) == 12
    halves = []
    for epoch in range(40):
        order = given.order(7, epoch)
        counts = np.bincount(order, minlength=10)
        assert (counts[:4] == 3).all()
        assert counts[4:].sum() == 3
        assert counts[4:].max() == 1
        halves.append(counts[4:])
    assert (np.sum(halves, 0) > 8).all()  # each picture of the half-weighted set has its turn


def test_classes_of_the_auxiliary_head():
    batches = taken(5, given=examples((5, 1), (5, 1)))
    for batch in batches:
        want = [int(n[2:]) if n.startswith("1") else NO_CLASS for n in batch.names]
        assert batch.classes is None if set(want) == {NO_CLASS} else batch.classes.tolist() == want
    assert taken(1)[0].classes is None


def test_an_error_in_a_worker_reaches_the_loop():
    def broken(example, rng, size):
        raise BadInput(f"{example.name} cannot be read.")

    with (
        Feed(examples((4, 1)), broken, batch=2, size=8, seed=0) as feed,
        pytest.raises(BadInput, match="0-"),
    ):
        feed.batch()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch": 4, "ranks": 3}, "cannot be divided among 3"),
        ({"batch": 4, "rank": 2, "ranks": 2}, "rank is 2"),
        ({"batch": 4, "workers": 0}, "workers is 0"),
    ],
)
def test_numbers_that_make_no_sense(options, message):
    with pytest.raises(BadInput, match=message):
        taken(1, **options)
    with pytest.raises(BadInput, match="no pictures"):
        Feed(Examples((), ()), make, batch=1, size=8, seed=0)


def batch_of(images, truth):
    return Batch(["x"] * len(images), torch.from_numpy(images), torch.from_numpy(truth), None, 0)


def test_inputs_are_prepared_as_for_the_network():
    from kirie.prepare import prepare

    rgb = np.random.default_rng(0).integers(0, 200, (2, 16, 24, 3), np.uint8)
    for scale in ("255", "maximum"):
        how = Preparation(size=(16, 24), scale=scale, mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.4))
        x = batch_of(rgb, rgb[..., 0].copy()).inputs(how)
        want = np.concatenate([prepare(one, how)[0] for one in rgb])
        np.testing.assert_allclose(x.numpy(), want, atol=2e-6)
        assert x.is_contiguous(memory_format=torch.channels_last)
    black = batch_of(np.zeros_like(rgb), rgb[..., 0].copy()).inputs(how)
    assert black.isfinite().all()


def test_targets_are_shares_or_labels():
    levels = np.array([[[0, 255], [51, 102]]], np.uint8)
    images = np.zeros((1, 2, 2, 3), np.uint8)
    targets = batch_of(images, levels).targets()
    assert targets.tolist() == [[[[0.0, 1.0], [pytest.approx(0.2), pytest.approx(0.4)]]]]
    labels = batch_of(images, levels.astype(np.int16)).targets()
    assert labels.dtype == torch.int64
    assert labels.tolist() == levels.tolist()
