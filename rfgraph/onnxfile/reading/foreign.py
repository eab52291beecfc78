"""Other formats told by their first bytes, to say what was found in place of a model."""

from __future__ import annotations

HEAD = 512

_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"PK\x03\x04", "a zip archive (PyTorch .pt, Keras .keras or .npz?)"),
    (0, b"PK\x05\x06", "an empty zip archive"),
    (0, b"\x89HDF\r\n\x1a\n", "an HDF5 file (Keras .h5?)"),
    (0, b"\x08\x01\x12", "perhaps a TensorFlow SavedModel"),
    (4, b"TFL3", "a TensorFlow Lite model"),
    (4, b"ORTM", "an onnxruntime .ort model"),
    (8, b'{"', "a safetensors file (weights without a graph)"),
    (0, b"GGUF", "a GGUF file (weights without a graph)"),
    (0, b"\x93NUMPY", "a NumPy array"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"BZh", "a bzip2 archive"),
    (0, b"\xfd7zXZ\0", "an xz archive"),
    (0, b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (257, b"ustar", "a tar archive"),
    (0, b"\x89PNG", "a PNG image"),
    (0, b"\xff\xd8\xff", "a JPEG image"),
    (0, b"GIF8", "a GIF image"),
    (0, b"%PDF", "a PDF document"),
    (0, b"\x7fELF", "an ELF executable"),
    (0, b"version https://git-lfs", "a Git LFS pointer; fetch the file with `git lfs pull`"),
)
_PICKLE_PROTOCOLS = range(2, 6)


def recognise(head: bytes) -> str | None:
    """Return what a file that is no model seems to be, from its first `HEAD` bytes, or None."""
    for offset, magic, what in _SIGNATURES:
        if head.startswith(magic, offset):
            return what
    if head[:1] == b"\x80" and len(head) > 1 and head[1] in _PICKLE_PROTOCOLS:
        return "a Python pickle (an old PyTorch .pt or .pth?)"
    return _text(head)


def _text(head: bytes) -> str | None:
    start = head.lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return "an HTML page (a failed download?)"
    if start.startswith(b"<?xml"):
        return "an XML file (OpenVINO IR?)"
    if head and all(byte in b"\t\n\r" or 32 <= byte < 127 for byte in head):
        return "text; a model in text has one of the endings .textproto, .json, .onnxtxt"
    return None
