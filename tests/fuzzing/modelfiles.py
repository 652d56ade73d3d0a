"""Mutations of ONNX models: other values in their fields."""

import numpy as np

from fuzzing.mutations import bytes_anywhere


def graph(rng, content):
    """An ONNX model with other values in one to three of its fields."""
    from onnx import ModelProto

    model = ModelProto.FromString(content)
    for _ in range(int(rng.integers(1, 4))):
        _change_field(rng, model)
    if rng.random() < 0.03:
        count = int(rng.choice([1000, 100_000]))
        return model.SerializeToString() + b"\x3a" + _varint(2 * count) + b"\x0a\x00" * count
    return model.SerializeToString()


def _varint(value):
    parts = bytearray()
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    return bytes([*parts, value])


def _change_field(rng, message):
    """Walk down to a field and change it, or leave out or repeat a part."""
    fields = [field for field, _ in message.ListFields()]
    field = fields[int(rng.integers(len(fields)))]
    while field.message_type is not None:
        items = getattr(message, field.name)
        if field.is_repeated:
            at = int(rng.integers(len(items)))
            if (kind := rng.random()) < 0.06:
                del items[at]
                return
            if kind < 0.12:
                items.append(items[at])
                return
            message = items[at]
        else:
            message = items
        fields = [field for field, _ in message.ListFields()]
        if not fields:
            return
        field = fields[int(rng.integers(len(fields)))]
    value = getattr(message, field.name)
    if field.is_repeated:
        count = len(value)
        new = [_scalar(rng, field, value[0]) for _ in range(min(count, 8))] + list(value)[8:]
        del value[:]
        value.extend(new[:-1] if rng.random() < 0.2 else new)
    else:
        setattr(message, field.name, _scalar(rng, field, value))


def _scalar(rng, field, value):
    if isinstance(value, bytes):
        return bytes_anywhere(rng, value, [value]) if value else b"\0\0\x80\x3f"
    if isinstance(value, str):
        names = ["x", "y", "", "c0", "c1", "a\nb", "x" * 5000, "Conv", "Add", "Mul", "BIPOLAR"]
        return str(rng.choice(names))
    if isinstance(value, float):
        return float(rng.choice([0, -1, 0.5, 1e-45, 3e38, np.inf, np.nan]))
    numbers = [0, 1, 2, 3, 6, 7, -1, 2**31 - 1, -(2**31), 5, 8, 255]
    small = field.cpp_type in (field.CPPTYPE_INT32, field.CPPTYPE_ENUM)
    number = int(rng.choice(numbers if small else [*numbers, 2**40, 2**63 - 1, -(2**63)]))
    if field.enum_type is not None:
        return field.enum_type.values[number % len(field.enum_type.values)].number
    return number
