"""The value of a stored tensor: what was put in comes out, and what does not fit is refused."""

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from onnxfile.stored import floats
from rfgraph.errors import ModelError
from rfgraph.onnxfile.reading.tensors import is_available, value

NATIVE = "f2 f4 f8 i1 i2 i4 i8 u1 u2 u4 u8 c8 c16 ?".split()
TYPED = {
    "FLOAT": [1.5, -2.25, 3.0],
    "DOUBLE": [1.5, -2.25, 3.0],
    "FLOAT16": [1.5, -2.25, 3.0],
    "INT8": [-128, 0, 127],
    "INT16": [-(2**15), 0, 2**15 - 1],
    "INT32": [-(2**31), 0, 2**31 - 1],
    "INT64": [-(2**63), 0, 2**63 - 1],
    "UINT8": [0, 1, 255],
    "UINT16": [0, 1, 2**16 - 1],
    "UINT32": [0, 1, 2**32 - 1],
    "UINT64": [0, 1, 2**64 - 1],
    "BOOL": [True, False, True],
    "COMPLEX64": [1 + 2j, -1j, 3],
    "COMPLEX128": [1 + 2j, -1j, 3],
}
HAS_ML_DTYPES = helper.tensor_dtype_to_np_dtype(TensorProto.BFLOAT16).name == "bfloat16"
NARROW = {
    "INT4": [-8, 0, 7],
    "UINT4": [0, 9, 15],
    "BFLOAT16": [1.5, -2.0, 3.0],
    "FLOAT8E4M3FN": [1.5, -2.0, 448.0],
    "FLOAT8E5M2": [1.5, -2.0, 57344.0],
}


def bad(tensor):
    with pytest.raises(ModelError) as caught:
        value(tensor)
    text = str(caught.value)
    assert text.isprintable()
    return text


@pytest.mark.parametrize("kind", NATIVE)
@pytest.mark.parametrize("shape", [(), (0,), (1,), (2, 3), (2, 0, 3)])
def test_a_native_array_comes_back(kind, shape):
    array = (np.arange(np.prod(shape, dtype=int)) % 2).astype(kind).reshape(shape)
    found = value(numpy_helper.from_array(array))
    assert found.dtype == array.dtype
    assert found.shape == array.shape
    assert np.array_equal(found, array)
    assert not found.flags.writeable


@pytest.mark.parametrize("kind", TYPED)
def test_numbers_in_typed_fields_come_back(kind):
    tensor = helper.make_tensor("t", getattr(TensorProto, kind), [3, 1], TYPED[kind])
    assert not tensor.HasField("raw_data")
    assert value(tensor).tolist() == [[number] for number in TYPED[kind]]
    assert not value(tensor).flags.writeable


@pytest.mark.parametrize("kind", NARROW)
def test_numbers_that_numpy_lacks_come_back_or_are_unknown(kind):
    tensor = helper.make_tensor("t", getattr(TensorProto, kind), [3], NARROW[kind])
    if HAS_ML_DTYPES:
        assert value(tensor).astype(float).tolist() == NARROW[kind]
    else:
        assert value(tensor) is None


def test_without_ml_dtypes_a_foreign_type_is_unknown(monkeypatch):
    tensor = helper.make_tensor("t", TensorProto.BFLOAT16, [1], [1.5])
    monkeypatch.setattr(helper, "tensor_dtype_to_np_dtype", lambda _: np.dtype("float32"))
    assert value(tensor) is None
    tensor.dims[0] = 2
    assert "2 elements of bfloat16" in bad(tensor)


def test_narrow_numbers_share_bytes():
    # Low nibble first: -8 is 8, 7 is 7, -1 is 15; the fourth nibble is padding.
    raw = TensorProto(dims=[3], data_type=TensorProto.INT4, raw_data=b"\x78\x0f")
    typed = TensorProto(dims=[3], data_type=TensorProto.INT4, int32_data=[0x78, 0x0F])
    for tensor in (raw, typed):
        found = value(tensor)
        assert not HAS_ML_DTYPES or found.astype(int).tolist() == [-8, 7, -1]
    assert "4 long in raw_data, found 2" in bad(
        TensorProto(dims=[7], data_type=TensorProto.INT4, raw_data=b"\x78\x0f")
    )


def test_any_byte_but_zero_is_true():
    tensor = TensorProto(dims=[3], data_type=TensorProto.BOOL, raw_data=b"\x00\x02\x01")
    assert value(tensor).tobytes() == b"\x00\x01\x01"


def test_strings_come_back_as_objects():
    tensor = helper.make_tensor("t", TensorProto.STRING, [2, 1], ["é".encode(), b""])
    assert value(tensor).tolist() == [["é"], [""]]
    assert value(tensor).dtype == object
    assert "utf-8" in bad(TensorProto(dims=[1], data_type=8, string_data=[b"\xff"]))
    assert bad(TensorProto(dims=[1], data_type=8, raw_data=b"a"))


MISFITS = {
    "too short": ({"dims": [3], "raw_data": bytes(8)}, "3 elements of float are 12 long"),
    "too long": ({"dims": [3], "raw_data": bytes(13)}, "found 13"),
    "a scalar with too much": ({"dims": [], "raw_data": bytes(8)}, "1 elements"),
    "content of an empty one": ({"dims": [0], "raw_data": bytes(4)}, "0 elements"),
    "numbers missing": ({"dims": [3], "float_data": [1, 2]}, "3 long in float_data, found 2"),
    "in a field of another type": ({"dims": [2], "int64_data": [1, 2]}, "found 0"),
    "beyond any memory": ({"dims": [2**40, 2**40], "raw_data": bytes(8)}, "found 8"),
    "negative": ({"dims": [-1], "raw_data": bytes(8)}, "negative"),
    "negative twice": ({"dims": [-1, -2], "raw_data": bytes(8)}, "negative"),
    "of rank 65": ({"dims": [1] * 65, "raw_data": bytes(4)}, "rank 65"),
    "of rank 10^5": ({"dims": [2**62] * 100_000, "raw_data": bytes(4)}, "rank 100000"),
    "empty beyond any index": ({"dims": [0, 2**62, 2**62]}, "tensor 'w'"),
}


@pytest.mark.parametrize(("fields", "what"), MISFITS.values(), ids=MISFITS)
def test_a_payload_that_does_not_fit_is_refused(fields, what):
    text = bad(TensorProto(name="w", data_type=TensorProto.FLOAT, **fields))
    assert text.startswith("tensor 'w': ")
    assert what in text


def test_a_tensor_without_a_name_or_a_type_is_refused_in_words():
    tensor = TensorProto(dims=[2], raw_data=bytes(8))
    assert value(tensor) is None
    tensor.data_type = TensorProto.INT64
    assert "without a name" in bad(tensor)


def test_a_name_cannot_act_on_the_terminal():
    assert "\x1b" not in bad(TensorProto(name="\x1b[2J", dims=[2], data_type=1, raw_data=b"a"))


UNAVAILABLE = {
    "external": {"data_location": TensorProto.EXTERNAL, "raw_data": bytes(8)},
    "a segment": {"segment": TensorProto.Segment(begin=0, end=2), "raw_data": bytes(8)},
    "nothing": {},
}


@pytest.mark.parametrize("fields", UNAVAILABLE.values(), ids=UNAVAILABLE)
def test_a_value_that_is_elsewhere_is_absent(fields):
    tensor = TensorProto(name="w", dims=[2], data_type=TensorProto.FLOAT, **fields)
    assert not is_available(tensor)
    assert value(tensor) is None


def test_an_empty_tensor_is_not_an_absent_one():
    tensor = TensorProto(dims=[0], data_type=TensorProto.INT64)
    assert is_available(tensor)
    assert value(tensor).shape == (0,)


def test_a_type_from_the_future_has_no_value():
    assert value(TensorProto(dims=[2], data_type=999, raw_data=bytes(8))) is None


def test_the_array_is_of_its_own_type():
    assert value(floats(3)).dtype == np.float32
