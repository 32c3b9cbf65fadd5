"""Published files from a server on this machine: whole, checked, or an error that says what to do."""

import hashlib
import http.server
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from kvant.errors import FetchError, UsageError
from kvant.importing.fetching import fetch, page

CONTENT = bytes(range(256)) * 9000
"""More than two blocks."""
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    """/good/* is CONTENT, /short/* half of what it promises, /unsized/* says no length, all else is missing."""

    served: list[str] = []  # noqa: RUF012 (of the class on purpose: a handler lives for one request)

    def do_GET(self) -> None:
        self.served.append(self.path)
        kind = self.path.split("/")[1]
        self.send_response(200 if kind in ("good", "short", "unsized") else 404)
        if kind != "unsized":
            self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        if kind in ("good", "unsized"):
            self.wfile.write(CONTENT)
        if kind == "short":
            self.wfile.write(CONTENT[: len(CONTENT) // 2])

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Its address."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()
        thread.join()


def everything(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("kind", ["good", "unsized"])
def test_a_file_arrives_under_its_own_name_and_only_once(server: str, kind: str, tmp_path: Path) -> None:
    progress: list[tuple[int, int | None]] = []
    place = f"{server}/{kind}/weights.pth?download=1"
    path = fetch(place, DIGEST[:8], tmp_path / "new", lambda done, total: progress.append((done, total)))
    assert path == tmp_path / "new" / "weights.pth"
    assert path.read_bytes() == CONTENT
    assert progress[-1] == (len(CONTENT), len(CONTENT) if kind == "good" else None)
    assert len(progress) == 3
    requests = len(Handler.served)
    assert fetch(place, DIGEST[:8], tmp_path / "new") == path
    assert len(Handler.served) == requests


@pytest.mark.parametrize(
    ("path", "digest", "message"),
    [
        ("short/weights.pth", "", r"short/weights\.pth: broke off after 1152000 of 2304000 bytes"),
        ("good/weights.pth", "00c0ffee", f"its SHA-256 begins {DIGEST[:16]}, not 00c0ffee"),
        ("none/weights.pth", "", r"cannot be fetched \(HTTP Error 404"),
    ],
)
def test_what_goes_wrong_leaves_nothing_behind(
    server: str, path: str, digest: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(FetchError, match=message):
        fetch(f"{server}/{path}", digest, tmp_path)
    assert everything(tmp_path) == []


def test_what_was_there_stays_when_a_download_fails(server: str, tmp_path: Path) -> None:
    (tmp_path / "other.pth").write_bytes(b"kept")
    with pytest.raises(FetchError):
        fetch(f"{server}/short/weights.pth", "", tmp_path)
    assert everything(tmp_path) == ["other.pth"]


def test_another_file_of_that_name_is_not_taken_for_it(server: str, tmp_path: Path) -> None:
    (tmp_path / "weights.pth").write_bytes(CONTENT[:-1])
    with pytest.raises(FetchError, match=r"weights\.pth: its SHA-256 begins .*, not .*remove it"):
        fetch(f"{server}/good/weights.pth", DIGEST[:8], tmp_path)
    assert fetch(f"{server}/good/weights.pth", "", tmp_path).read_bytes() == CONTENT[:-1], "nobody says what it is"


def test_without_a_network(tmp_path: Path) -> None:
    """Port 1 of this machine, where nobody listens."""
    with pytest.raises(FetchError, match=r"127\.0\.0\.1:1/weights\.pth: cannot be fetched \(.*refused"):
        fetch("http://127.0.0.1:1/weights.pth", "", tmp_path)
    assert everything(tmp_path) == []


class TestHub:
    @pytest.fixture
    def silence(self) -> Exception | None:
        """What asking it once raises."""
        return None

    @pytest.fixture
    def hub(
        self, silence: Exception | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> Callable[[str, str, bool], str]:
        """In place of the hub's own package."""

        def download(repository: str, file: str, local_files_only: bool) -> str:
            path = tmp_path / "hub" / repository / file
            if local_files_only != bool(silence):
                raise AssertionError("the network is for hubs that answer, the cache alone for those that do not")
            if not path.exists():
                raise RuntimeError("no such file,\n and more")
            return str(path)

        def head(url: str, timeout: float) -> None:
            assert url.startswith("hub/someone/codec/")
            if silence:
                raise silence

        fake = SimpleNamespace(
            hf_hub_download=download,
            hf_hub_url=lambda repository, file: f"hub/{repository}/{file}",
            get_session=lambda: SimpleNamespace(head=head),
        )
        monkeypatch.setitem(sys.modules, "huggingface_hub", fake)
        (tmp_path / "hub" / "someone" / "codec").mkdir(parents=True)
        (tmp_path / "hub" / "someone" / "codec" / "model.safetensors").write_bytes(CONTENT)
        return download

    def test_its_cache_keeps_the_file(self, hub: Callable, tmp_path: Path) -> None:
        path = fetch("hf://someone/codec/model.safetensors", DIGEST[:8], tmp_path / "new")
        assert path.read_bytes() == CONTENT
        assert not (tmp_path / "new").exists()

    def test_errors_are_one_line(self, hub: Callable, tmp_path: Path) -> None:
        with pytest.raises(FetchError, match=r"hf://someone/codec/other: cannot be fetched \(no such file, and more"):
            fetch("hf://someone/codec/other", "", tmp_path)
        with pytest.raises(FetchError, match=f"begins {DIGEST[:16]}, not 00"):
            fetch("hf://someone/codec/model.safetensors", "00", tmp_path)

    @pytest.mark.parametrize("silence", [OSError("name not known")])
    def test_out_of_reach_it_is_asked_once_and_its_cache_alone_serves(self, hub: Callable, tmp_path: Path) -> None:
        assert fetch("hf://someone/codec/model.safetensors", DIGEST[:8], tmp_path).read_bytes() == CONTENT
        with pytest.raises(FetchError, match=r"hf://someone/codec/other: cannot be fetched \(name not known\)"):
            fetch("hf://someone/codec/other", "", tmp_path)

    def test_its_package_is_an_extra(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setitem(sys.modules, "huggingface_hub", None)
        with pytest.raises(UsageError, match=r"pip install 'kvant\[hub\]'"):
            fetch("hf://someone/codec/model.safetensors", "", tmp_path)

    def test_where_a_browser_finds_it(self) -> None:
        assert page("hf://someone/codec/a/b.bin") == "https://huggingface.co/someone/codec/resolve/main/a/b.bin"
        assert page("https://example.org/b.bin") == "https://example.org/b.bin"
