import numpy as np
import pytest

from kirie import _pieces


def drawn(*lines):
    """Alpha from a drawing: # 1, + 0.6, - 0.3, . 0."""
    levels = {"#": 1.0, "+": 0.6, "-": 0.3, ".": 0.0}
    return np.array([[levels[c] for c in line] for line in lines], np.float32)


def flooded(flags, *, corners):
    """Pieces by a plain flood fill: a set of pixels for each."""
    left = {(int(y), int(x)) for y, x in np.argwhere(flags)}
    steps = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if corners or abs(y) + abs(x) == 1]
    found = []
    while left:
        edge = [left.pop()]
        piece = set(edge)
        while edge:
            y, x = edge.pop()
            near = {(y + down, x + right) for down, right in steps} & left
            left -= near
            piece |= near
            edge += near
        found.append(frozenset(piece))
    return set(found)


@pytest.mark.parametrize("corners", [True, False])
@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_pieces_are_those_of_a_flood_fill(corners, share):
    rng = np.random.default_rng(7)
    for size in ((1, 1), (1, 9), (9, 1), (30, 40)):
        flags = rng.random(size) < share
        found = _pieces.pieces(flags, corners=corners)
        each = [found.drawn(np.arange(found.count) == n) for n in range(found.count)]
        ours = {frozenset((int(y), int(x)) for y, x in np.argwhere(one)) for one in each}
        assert ours == flooded(flags, corners=corners)
        assert found.sizes.tolist() == [int(one.sum()) for one in each]


def test_the_largest_stays_with_its_soft_rim_and_nothing_else():
    alpha = drawn(
        "-###-..-#-",
        "-###-...--",
        "..........",
        "..---.....",
    )
    kept = _pieces.keep(alpha, largest=True)
    assert (kept[:2, :5] == alpha[:2, :5]).all()
    assert kept.sum() == alpha[:2, :5].sum()


def test_small_pieces_go_by_their_number_of_pixels():
    alpha = drawn("##..#..###", "..........")
    assert (_pieces.keep(alpha, least=2) > 0).sum() == 5
    assert (_pieces.keep(alpha, least=3) > 0).sum() == 3
    assert not _pieces.keep(alpha, least=4).any()


def test_a_soft_bridge_is_cut_in_the_middle():
    alpha = drawn("####------##")
    kept = _pieces.keep(alpha, largest=True)
    assert np.flatnonzero(kept[0]).tolist() == [0, 1, 2, 3, 4, 5, 6]


def test_nothing_is_an_answer():
    empty = np.zeros((5, 6), np.float32)
    assert not _pieces.keep(empty, largest=True).any()
    assert not _pieces.fill_holes(empty).any()


def test_holes_are_filled_with_their_soft_rim_and_bays_are_not():
    alpha = drawn(
        "########",
        "#+-..-+#",
        "#+----+#",
        "########",
        "##....##",
    )
    filled = _pieces.fill_holes(alpha)
    assert (filled[:4] == 1).all()
    assert (filled[4] == alpha[4]).all()


def test_a_veil_is_no_hole():
    alpha = drawn("#####", "#+++#", "#####")
    assert (_pieces.fill_holes(alpha) == alpha).all()


def test_a_hole_is_closed_over_corners_and_a_subject_joined_over_them():
    alpha = drawn(".#.", "#.#", ".#.")
    assert _pieces.fill_holes(alpha)[1, 1] == 1
    assert _pieces.pieces(alpha >= 0.5).count == 1
