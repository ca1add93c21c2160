import threading
import time

import pytest

from kirie._overlap import overlap
from kirie.errors import BadInput


def run(
    sources,
    *,
    before=lambda x: x,
    middle=lambda xs: xs,
    after=lambda i, x: (i, x),
    size=3,
    errors="raise",
):
    return overlap(sources, before, middle, after, batch_size=size, errors=errors)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7, 50])
@pytest.mark.parametrize("size", [1, 3, 8])
def test_in_order_and_complete(count, size):
    def slow(x):
        time.sleep(0.002 * (x % 3))
        return x

    assert list(run(range(count), before=slow, size=size)) == [(i, i) for i in range(count)]


def test_batches_are_whole():
    sizes = []
    list(run(range(10), middle=lambda xs: sizes.append(len(xs)) or xs, size=4))
    assert sizes == [4, 4, 2]


def refuse(x):
    if x % 4 == 1:
        raise BadInput(f"no {x}")
    return x


def test_one_bad_item_disturbs_no_other():
    got = list(run(range(6), before=refuse, errors="return"))
    assert [str(x) if isinstance(x, BadInput) else x for x in got] == [
        (0, 0),
        "no 1",
        (2, 2),
        (3, 3),
        (4, 4),
        "no 5",
    ]


def test_a_bad_item_is_raised_where_asked():
    answers = run(range(6), before=refuse)
    assert next(answers) == (0, 0)
    with pytest.raises(BadInput, match="no 1"):
        list(answers)


def test_errors_of_the_last_step_and_of_the_network():
    got = list(run(range(3), after=lambda _, x: refuse(x), errors="return"))
    assert isinstance(got[1], BadInput)

    def fail(xs):
        raise BadInput("network")

    assert all(isinstance(x, BadInput) for x in run(range(5), middle=fail, errors="return"))


def test_sources_are_read_only_a_little_ahead():
    read = []

    def endless():
        for n in range(1000):
            read.append(n)
            yield n

    answers = run(endless(), size=2)
    next(answers)
    answers.close()
    assert len(read) < 30


def test_an_unforeseen_error_comes_through_and_ends_the_threads():
    def fail(x):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(run(range(5), before=fail, errors="return"))
    assert not [t for t in threading.enumerate() if t.name.startswith("kirie")]
