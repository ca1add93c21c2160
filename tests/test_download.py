"""Fetching over a network that misbehaves: a loopback server, no packet leaves the machine."""

import errno
import os
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import published
from kirie import weights
from kirie._download import redirected
from kirie.errors import FetchFailed, Offline, WeightsCorrupt
from kirie.weights import Fetch, Patience

DATA = np.random.default_rng(0).bytes(300_000)
HALF = len(DATA) // 2
QUICK = Patience(connect=2, read=0.2, tries=3, pause=0.01)


@pytest.fixture
def card(site):
    """A model whose one file lies on the server."""
    return published.card(site.put("/pub/net.onnx", DATA), DATA)


@pytest.fixture
def get(card):
    """Fetch with little patience; returns the path."""

    def get(card=card, **how):
        return weights.locate(card, (".onnx",), Fetch(**{"patience": QUICK, **how})).path

    return get


@pytest.fixture
def target(home):
    return home / "models" / "some-net" / "net.onnx"


def left(target):
    """What lies beside where the file belongs."""
    return sorted(path.name for path in target.parent.glob("*"))


def test_fetched_once_checked_and_used_from_then_on(site, get, target):
    seen, said = [], []
    path = get(watch=lambda *facts: seen.append(facts), say=said.append)
    assert path == target
    assert path.read_bytes() == DATA
    assert get() == path
    assert site.paths() == ["/pub/net.onnx"]
    assert left(target) == ["net.onnx", "net.onnx.checked"]
    assert {(file, total) for file, _, total in seen} == {("net.onnx", len(DATA))}
    counts = [have for _, have, _ in seen]
    assert counts == sorted(counts)
    assert (counts[0], counts[-1]) == (0, len(DATA))
    assert said == ["fetching net.onnx (0.3 MB) from 127.0.0.1"]


@pytest.mark.parametrize("how", ["cut", "stall"])
def test_a_broken_transfer_goes_on_where_it_stopped(site, card, get, how):
    site.trouble["/pub/net.onnx"] = [(how, HALF), (how, 1000)]
    assert get().read_bytes() == DATA
    assert site.ranges() == [None, f"bytes={HALF}-", f"bytes={HALF + 1000}-"]
    assert site.full == 0
    versions = [headers.get("If-Range") for _, headers in site.requests]
    assert versions[0] is None
    assert versions[1]
    assert versions[1] == versions[2]


def test_what_an_earlier_run_left_is_continued(site, get, target):
    site.trouble["/pub/net.onnx"] = [("cut", HALF)] + [("cut", 0)] * 2
    with pytest.raises(FetchFailed, match=r"broke off, 3 times in a row.*goes on from there"):
        get()
    assert left(target) == ["net.onnx.part", "net.onnx.part.json"]
    site.requests.clear()
    said = []
    assert get(say=said.append).read_bytes() == DATA
    assert said == ["fetching net.onnx (0.3 MB, 0.1 MB of them here) from 127.0.0.1"]
    assert site.ranges() == [f"bytes={HALF}-"]
    assert left(target) == ["net.onnx", "net.onnx.checked"]


def test_progress_makes_patience_start_again(site, monkeypatch, get):
    monkeypatch.setattr("kirie._download.PROGRESS", 1000)
    site.trouble["/pub/net.onnx"] = [("cut", 1000)] * 7
    assert get().read_bytes() == DATA
    assert len(site.requests) == 8


def test_a_server_without_ranges_sends_all_again(site, get):
    site.trouble["/pub/net.onnx"] = [("cut", HALF), "whole"]
    assert get().read_bytes() == DATA
    assert site.ranges() == [None, f"bytes={HALF}-"]
    assert site.full == 1


@pytest.mark.parametrize("trust", [False, True])
def test_halves_of_two_versions_are_never_joined(site, card, get, target, trust):
    """A new version came in between; with a hash (of the new one) and without."""
    new = DATA[::-1]
    card = published.card(site.url + "/pub/net.onnx", None if trust else new)
    site.trouble["/pub/net.onnx"] = [("cut", HALF)] + [("cut", 0)] * 2
    with pytest.raises(FetchFailed, match="broke off"):
        get(card, trust_first_use=trust)
    site.put("/pub/net.onnx", new)
    site.requests.clear()
    assert get(card, trust_first_use=trust).read_bytes() == new
    assert site.ranges() == [f"bytes={HALF}-"]  # asked for the rest, and sent the whole
    assert site.full == 1


def test_without_version_and_hash_it_starts_anew(site, get):
    card = published.card(site.url + "/pub/net.onnx", None)
    part = Path(os.environ["KIRIE_HOME"], "models/some-net/net.onnx.part")
    part.parent.mkdir(parents=True)
    part.write_bytes(b"x" * 100)
    assert get(card, trust_first_use=True).read_bytes() == DATA
    assert site.ranges() == [None]


@pytest.mark.parametrize("rest", [b"x" * 1000, b"x" * len(DATA), b"x" * (len(DATA) + 1)])
def test_a_wrong_rest_of_an_earlier_run_is_thrown_away(site, get, target, rest):
    target.parent.mkdir(parents=True)
    target.with_name("net.onnx.part").write_bytes(rest)
    assert get().read_bytes() == DATA
    assert left(target) == ["net.onnx", "net.onnx.checked"]


def test_a_file_of_unknown_length(site, get):
    site.trouble["/pub/net.onnx"] = ["unknown"]
    assert get(published.card(site.url + "/pub/net.onnx", None), trust_first_use=True)
    assert site.full == 1


def test_a_file_with_another_hash_is_not_kept(site, get, target):
    site.put("/pub/net.onnx", DATA[:-1] + b"?")
    with pytest.raises(WeightsCorrupt, match=r"has the hash sha256:.*Nothing of it was kept"):
        get()
    assert left(target) == []
    assert site.full == 1


def test_a_file_with_another_size_is_refused_before_it_comes(site, get, target):
    site.put("/pub/net.onnx", b"<html>Please log in</html>")
    with pytest.raises(FetchFailed, match=r"a file of 26 bytes .* but 300000 are expected"):
        get()
    assert not target.exists()
    assert len(site.requests) == 1


def test_more_than_announced_is_refused(site, get):
    card = published.card(site.url + "/pub/net.onnx", None)
    site.trouble["/pub/net.onnx"] = [("extra", 10)] * 3
    with pytest.raises(FetchFailed, match="broke off"):  # ten bytes never come
        get(card, trust_first_use=True)


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_an_answer_that_stays_is_not_tried_again(site, get, status):
    site.trouble["/pub/net.onnx"] = [status]
    with pytest.raises(FetchFailed, match=rf"127\.0\.0\.1 answers {status} .* for http"):
        get()
    assert len(site.requests) == 1


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_an_answer_that_may_pass_is_tried_again(site, get, status):
    site.trouble["/pub/net.onnx"] = [status, status]
    assert get().read_bytes() == DATA
    assert len(site.requests) == 3


def test_patience_ends(site, get):
    site.trouble["/pub/net.onnx"] = [503] * 9
    with pytest.raises(FetchFailed, match="503 Service Unavailable, 3 times in a row"):
        get()
    assert len(site.requests) == 3


def test_pauses_grow_and_follow_the_server(site, get, monkeypatch):
    pauses = []
    monkeypatch.setattr("kirie._download.time.sleep", pauses.append)
    site.trouble["/pub/net.onnx"] = [503, (429, {"Retry-After": "7"})]
    get()
    assert pauses == [0.01, 7]
    pauses.clear()
    site.trouble["/pub/net.onnx"] = [(503, {"Retry-After": "999999"})] * 3
    with pytest.raises(FetchFailed):
        get(published.card(site.url + "/pub/net.onnx", DATA, name="other-net"))
    assert pauses == [60, 60]


def test_a_server_that_says_nothing(site, get):
    site.trouble["/pub/net.onnx"] = [("stall", 10)] * 3
    with pytest.raises(FetchFailed, match=r"nothing came for 0\.2 s, 3 times in a row"):
        get()


@pytest.mark.parametrize(
    "place", ["/elsewhere/n.onnx", "../elsewhere/n.onnx", "{url}/elsewhere/n.onnx"]
)
def test_a_redirect_is_followed(site, get, place):
    site.trouble["/pub/net.onnx"] = [(302, {"Location": place.format(url=site.url)}), ("cut", 9)]
    site.put("/elsewhere/n.onnx", DATA, ("cut", HALF))
    with pytest.raises(FetchFailed):  # the resumed request asks the first address again
        get(patience=Patience(tries=1))
    site.trouble["/pub/net.onnx"] = [(307, {"Location": place.format(url=site.url)})]
    assert get().read_bytes() == DATA
    assert site.paths() == ["/pub/net.onnx", "/elsewhere/n.onnx"] * 2
    assert site.ranges()[-1] == f"bytes={HALF}-"


def test_redirects_that_lead_nowhere(site, get):
    site.trouble["/pub/net.onnx"] = [(301, {"Location": "/pub/net.onnx"})] * 99
    with pytest.raises(FetchFailed, match="without end"):
        get()
    assert len(site.requests) == 10


@pytest.mark.parametrize("place", ["file:///etc/passwd", "ftp://host/x", "data:,x", ""])
def test_unsafe_redirects_are_refused(site, get, place):
    site.trouble["/pub/net.onnx"] = [(302, {"Location": place})]
    with pytest.raises(FetchFailed, match="not safe to follow"):
        get()


def test_https_is_never_left():
    assert redirected("https://a/x", "//b/y") == "https://b/y"
    assert redirected("http://a/x", "https://b/y") == "https://b/y"
    with pytest.raises(FetchFailed, match="not safe"):
        redirected("https://a/x", "http://a/y")


def closed_port():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


def test_no_network_is_said_at_once(get, monkeypatch):
    monkeypatch.setattr("kirie._download.time.sleep", lambda _: pytest.fail("it waited"))
    card = published.card(f"http://127.0.0.1:{closed_port()}/net.onnx", DATA)
    with pytest.raises(FetchFailed, match="cannot be reached: is there a network"):
        get(card)


def test_a_network_that_goes_away_is_waited_for(site, get, monkeypatch):
    """Once a server has answered, refused connections are passing trouble."""
    site.trouble["/pub/net.onnx"] = [(302, {"Location": f"http://127.0.0.1:{closed_port()}/"})] * 2
    assert get().read_bytes() == DATA
    assert site.paths() == ["/pub/net.onnx"] * 3


@pytest.mark.parametrize("way", ["argument", "environment"])
def test_offline_sends_not_one_packet(site, get, monkeypatch, way):
    path = get()

    def refuse(*_, **__):
        pytest.fail("the network was used")

    for name in ("socket", "create_connection", "getaddrinfo", "gethostbyname"):
        monkeypatch.setattr(socket, name, refuse)
    if way == "environment":
        monkeypatch.setenv("KIRIE_OFFLINE", "1")
    monkeypatch.setenv("KIRIE_MIRROR", site.url)
    offline = way == "argument"
    assert get(offline=offline) == path
    other = published.card(site.url + "/pub/net.onnx", DATA, name="other-net")
    with pytest.raises(Offline, match=r"kirie models pull other-net.*kirie models add other-net"):
        get(other, offline=offline)


FETCHING = """
import sys; sys.path.insert(0, {tests!r})
import published
from kirie import weights
card = published.card({url!r}, None, hash={hash!r}, size={size})
fetch = weights.Fetch(say=lambda text: print(text, flush=True))
print(len(weights.locate(card, (".onnx",), fetch).path.read_bytes()))
"""


def test_two_processes_fetch_one_file(site, card):
    site.trouble["/pub/net.onnx"] = ["gate"]
    own = card.weights[0]
    script = FETCHING.format(
        tests=str(Path(__file__).parent), url=own.url, hash=own.hash, size=own.size
    )
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as first:
        assert site.came.wait(30)  # it is at it
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as second:
            assert "waiting for it" in second.stdout.readline()
            site.gate.set()
            assert first.stdout.read().splitlines()[-1] == "300000"
            assert second.stdout.read() == "300000\n"
    assert site.full == len(site.requests) == 1


def test_a_full_disk_is_noticed_before(site, get, target, monkeypatch):
    disk = SimpleNamespace(free=1000)
    monkeypatch.setattr("kirie._download.shutil.disk_usage", lambda _: disk)
    with pytest.raises(FetchFailed, match=r"300,000 more bytes are needed .* only 1,000 are free"):
        get()
    assert left(target) == []


def test_a_disk_that_fills_up_is_left_as_it_was(site, get, target, monkeypatch):
    opened = Path.open

    class Full:
        def __init__(self, file):
            self.file = file

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.file.close()

        def __getattr__(self, name):
            return getattr(self.file, name)

        def write(self, block):
            self.file.write(block[:100])
            raise OSError(errno.ENOSPC, "No space left on device")

    def open_(path, mode="r", *rest, **named):
        file = opened(path, mode, *rest, **named)
        return Full(file) if path.name.endswith(".part") and mode == "wb" else file

    monkeypatch.setattr(Path, "open", open_)
    with pytest.raises(FetchFailed, match=r"is full\. What had come was removed again"):
        get()
    assert left(target) == []


# --- mirrors ---------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["/mirror/some-net/net.onnx", "/mirror/net.onnx"])
def test_a_mirror_is_tried_first(site, get, monkeypatch, place):
    """Laid out as the home folder, or flat."""
    monkeypatch.setenv("KIRIE_MIRROR", site.url + "/mirror/")
    site.put(place, DATA)
    assert get().read_bytes() == DATA
    assert site.paths()[-1] == place
    assert "/pub/net.onnx" not in site.paths()


def test_a_mirror_without_the_file_is_passed_over(site, get, monkeypatch):
    monkeypatch.setenv("KIRIE_MIRROR", site.url + "/mirror")
    said = []
    assert get(say=said.append).read_bytes() == DATA
    assert "404" in said[1]
    assert site.paths() == ["/mirror/some-net/net.onnx", "/mirror/net.onnx", "/pub/net.onnx"]


def test_what_a_mirror_sends_is_checked_too(site, get, monkeypatch):
    monkeypatch.setenv("KIRIE_MIRROR", site.url + "/mirror")
    site.put("/mirror/some-net/net.onnx", DATA[::-1])
    said = []
    assert get(say=said.append).read_bytes() == DATA
    assert any("has the hash" in text for text in said)


def test_a_mirror_that_cannot_be_reached_is_asked_once(site, get, monkeypatch):
    monkeypatch.setenv("KIRIE_MIRROR", f"http://localhost:{closed_port()}/mirror")
    said = []
    assert get(say=said.append).read_bytes() == DATA
    assert len([text for text in said if "cannot be reached" in text]) == 1


def test_a_mirror_may_have_what_no_program_can_fetch(site, get, monkeypatch):
    card = published.card("https://drive.invalid/x", DATA, by_hand=True)
    with pytest.raises(
        FetchFailed, match=r"open https://drive\.invalid/x in a browser.*models add some-net"
    ):
        get(card)
    monkeypatch.setenv("KIRIE_MIRROR", site.url)
    with pytest.raises(FetchFailed, match=r"answers 404.*open https://drive\.invalid/x"):
        get(card)
    site.put("/some-net/net.onnx", DATA)
    assert get(card).read_bytes() == DATA
