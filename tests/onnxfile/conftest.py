"""What is counted while a file is read."""

import os

import pytest

pytest.register_assert_rewrite("onnxfile.stored")


@pytest.fixture
def bytes_read(monkeypatch):
    """The lengths of all positioned reads, as they happen."""
    lengths = []
    pread = os.pread

    def counting(descriptor, length, offset):
        data = pread(descriptor, length, offset)
        lengths.append(len(data))
        return data

    monkeypatch.setattr(os, "pread", counting)
    return lengths
