"""Downloads: checksums, file modes, and addresses that are none."""

import hashlib
import io
import urllib.request
import urllib.response

import pytest

from rme_tf.data import caltech_silhouettes, frey_faces
from rme_tf.data.files import local_file


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "source" / "x.mat"
    path.parent.mkdir()
    path.write_bytes(b"content")
    return path


def fetch(source, folder, path=None, **options):
    return local_file("set", path, url=source.as_uri(), data_dir=folder / "data", **options)


def test_the_first_download_is_the_one_that_is_trusted(source, tmp_path):
    file = fetch(source, tmp_path)
    assert file.with_name("x.mat.sha256").read_text() == f"{hashlib.sha256(b'content').hexdigest()}\n"
    assert fetch(source, tmp_path) == file
    file.write_bytes(b"changed")
    with pytest.raises(ValueError, match="Expected the SHA-256 .* of .*x.mat. Received: "):
        fetch(source, tmp_path)


def test_a_file_has_the_usual_mode_and_nothing_else_is_left(source, tmp_path):
    file = fetch(source, tmp_path)
    assert file.stat().st_mode == source.stat().st_mode
    assert sorted(path.name for path in file.parent.iterdir()) == ["x.mat", "x.mat.sha256"]


@pytest.mark.parametrize("kind", ["md5", "sha1", "sha256"])
def test_a_known_checksum_is_compared_before_the_file_gets_its_name(kind, source, tmp_path):
    digits = hashlib.new(kind, b"content").hexdigest()
    with pytest.raises(ValueError, match=f"Expected the .* {'0' * len(digits)} of .* Received: {digits}"):
        fetch(source, tmp_path, checksum=f"{kind}={'0' * len(digits)}")
    assert not list((tmp_path / "data" / "set").iterdir())
    assert fetch(source, tmp_path, checksum=f"{kind}={digits}").read_bytes() == b"content"


def test_the_checksums_of_the_sources_have_their_lengths():
    for module in (caltech_silhouettes, frey_faces):
        kind, _, digits = module.CHECKSUM.partition("=")
        assert len(digits) == 2 * hashlib.new(kind).digest_size


@pytest.mark.parametrize(
    "address",
    [
        *(
            "http://",
            "http:///",
            "http://[x/y.mat",
            "http://127.0.0.1:99999/x.mat",
            "http://127.0.0.1:1/..",
            "s3://x/y",
        ),
        *("http://a b/c.mat", "x.mat#sha256=zz", "", "\0", 3, b"x", ["x.mat"], "://", "http://127.0.0.1:1/a\0.mat"),
    ],
    ids=repr,
)
def test_an_address_that_is_none_is_refused_in_a_sentence(address, source, tmp_path, monkeypatch):
    monkeypatch.chdir(source.parent)
    with pytest.raises(ValueError, match="[Ee]xpected|must be"):
        fetch(source, tmp_path, path=address)


def test_a_truncated_download_is_refused(source, tmp_path, monkeypatch):
    response = urllib.response.addinfourl(io.BytesIO(b"1234567"), {"Content-Length": "9"}, "http://x")
    monkeypatch.setattr(urllib.request, "urlopen", lambda *args, **options: response)
    with pytest.raises(ValueError, match="could not be downloaded .*7 of 9 bytes arrived"):
        fetch(source, tmp_path)
