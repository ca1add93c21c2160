import threading
import time

import pytest

from kirie._overlap import Room, each, overlap
from kirie.errors import BadInput, OutOfMemory


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


@pytest.mark.parametrize("count", [0, 1, 7, 60])
@pytest.mark.parametrize("workers", [1, 3])
def test_each_is_in_order_and_complete(count, workers):
    def work(index, x):
        time.sleep(0.002 * (x % 3))
        return index, x * 2

    got = list(each(range(count), work, workers=workers, errors="raise"))
    assert got == [(n, 2 * n) for n in range(count)]


def test_each_names_what_fails_and_reads_little_ahead():
    got = list(each(range(6), lambda _, x: refuse(x), workers=2, errors="return"))
    assert [isinstance(x, BadInput) for x in got] == [False, True, False, False, False, True]
    read = []
    answers = each(
        (read.append(n) or n for n in range(1000)), lambda _, x: x, workers=2, errors="raise"
    )
    next(answers)
    answers.close()
    assert len(read) <= 6
    with pytest.raises(BadInput):
        list(each(range(6), lambda _, x: refuse(x), workers=2, errors="raise"))


@pytest.mark.parametrize("error", [MemoryError(), OutOfMemory("the GPU is full")])
def test_batches_are_halved_where_memory_runs_out_and_stay_small(error):
    sizes = []

    def middle(xs):
        sizes.append(len(xs))
        if len(xs) > 3:
            raise error
        return [x * 10 for x in xs]

    got = list(run(range(20), middle=middle, size=8))
    assert got == [(n, 10 * n) for n in range(20)]
    assert sizes[:4] == [8, 4, 2, 2]
    assert max(sizes[7:]) <= 3


def test_one_that_never_fits_fails_alone():
    def middle(xs):
        if 5 in xs:
            raise MemoryError
        return xs

    got = list(run(range(9), middle=middle, size=4, errors="return"))
    assert isinstance(got[5], OutOfMemory)
    assert [x for x in got if not isinstance(x, OutOfMemory)] == [
        (n, n) for n in range(9) if n != 5
    ]


def test_memory_that_comes_back_is_tried_again():
    tried = []

    def before(x):
        tried.append(x)
        if x == 3 and tried.count(3) < 2:
            raise MemoryError
        return x

    assert list(run(range(6), before=before)) == [(n, n) for n in range(6)]
    tried.clear()
    assert list(each(range(6), lambda _, x: before(x), workers=2, errors="raise")) == list(range(6))


def test_room_is_never_more_than_there_is_but_for_one_alone():
    room, inside, most = Room(10), [], []

    def enter(index, amount):
        with room.of(amount):
            inside.append(amount)
            most.append(sum(inside))
            time.sleep(0.002)
            inside.remove(amount)
        return amount

    amounts = [3, 4, 12, 2, 9, 1, 5] * 6
    assert list(each(amounts, enter, workers=6, errors="raise")) == amounts
    assert max(total for total in most if total != 12) <= 10
