"""A head as one C header that needs nothing but <stdint.h>.

Its scores are those of the head before the scale: integers for int8 and bits, else float64 sums
that are exact for bits and uint8. So its class is the head's, however the compiler orders the sums.
"""

import os
import re
from typing import NamedTuple

import numpy as np

from bitlight import bits
from bitlight.errors import HeadError
from bitlight.escape import c_comment, c_string
from bitlight.files.replacing import replacing
from bitlight.heads.head import Head
from bitlight.heads.readout import REACH, Readout

_NAME = re.compile(r"[a-z_][a-z0-9_]*")
_GUARD = "#ifndef {upper}_HEAD_H\n#define {upper}_HEAD_H\n\n#include <stdint.h>\n"


class _Numbers(NamedTuple):
    """C types and literals: of a weight as stored, its value in a sum, a sum."""

    stored: str
    literals: list[str]
    value: str
    total: str
    bias: list[str]


def write(head: Head, path: str | os.PathLike[str], name: str = "head") -> None:
    """Write the header.

    It defines `int NAME_predict(features)`, which gives the index of the class, `NAME_scores`,
    `NAME_FEATURES`, `NAME_CLASSES` and `NAME_labels`. Features are packed bits (element i is bit
    i mod 8 of byte i // 8, zeros behind the last), uint8_t or float, as the head was trained.

    Parameters
    ----------
    head : Head
        A trained or loaded one; weights are written as `save` writes them.
    path : path
    name : str
        Prefix of all names.

    Raises
    ------
    HeadError
        If the name is not one of C, in small letters.
    BitlightError
        If the file cannot be written.
    """
    if not _NAME.fullmatch(name):
        raise HeadError(f"name must be small letters, digits and _, not {name!r}")
    text = source(head.shipped(), name)
    with replacing(path) as file:
        file.write(text.encode())


def source(head: Head, name: str) -> str:
    """Text of the header for a head whose weights are of a stored type."""
    readout = head.readout_
    outputs, features = readout.weight.shape
    upper = name.upper()
    if readout.dtype == "bits":
        body, argument = _binary(readout, name), "const uint8_t *packed"
        total = "int32_t"
    else:
        numbers = _numbers(readout, head.inputs_)
        body, argument = _linear(readout, numbers, head.inputs_, name), _argument(head.inputs_)
        total = numbers.total
    labels = ", ".join(map(c_string, head.class_names_ or head.classes_.tolist()))
    return "\n".join(
        [
            f"/* A {type(head).__name__} of bitlight: {features} features ({head.inputs_}), "
            f"{len(head.classes_)} classes, weights in {readout.dtype}.\n"
            f"   Extractor: {c_comment(head.extractor_id_ or 'not recorded')} */",
            _GUARD.format(upper=upper),
            f"#define {upper}_FEATURES {features}",
            f"#define {upper}_CLASSES {len(head.classes_)}",
            f"#define {upper}_OUTPUTS {outputs}\n",
            f"static const char *const {name}_labels[{upper}_CLASSES] = {{{labels}}};\n",
            body,
            _predict(name, argument, total, outputs),
            f"#endif /* {upper}_HEAD_H */\n",
        ]
    )


def _argument(inputs: str) -> str:
    return {
        "bits": "const uint8_t *packed",
        "uint8": "const uint8_t *features",
        "float": "const float *features",
    }[inputs]


def _numbers(readout: Readout, inputs: str) -> _Numbers:
    weight, bias = readout.weight, readout.bias
    if readout.dtype == "int8" and inputs != "float":
        whole = weight.astype(np.int64)
        reach = int(np.max(np.abs(whole).sum(axis=1) * (REACH[inputs] or 1) + np.abs(bias)))
        total = "int32_t" if reach < 1 << 31 else "int64_t"
        return _Numbers("int8_t", _integers(whole), total, total, _integers(bias))
    literals = [f"{value:.16e}" for value in bias]
    if readout.dtype == "int8":
        return _Numbers("int8_t", _integers(weight), "double", "double", literals)
    if readout.dtype == "float16":
        # Halves in [-1, 1] as they are: C has no type for them.
        return _Numbers("uint16_t", _integers(weight.view(np.uint16)), "half", "double", literals)
    floats = [f"{value:.8e}f" for value in weight.ravel()]
    return _Numbers("float", floats, "double", "double", literals)


def _integers(values: np.ndarray) -> list[str]:
    return [str(int(value)) for value in values.ravel()]


def _linear(readout: Readout, numbers: _Numbers, inputs: str, name: str) -> str:
    upper, total = name.upper(), numbers.total
    half = numbers.value == "half"
    weight = f"{name}_weight[k][i]"
    value = f"{name}_half({weight})" if half else f"({total}){weight}"
    term = {
        "bits": f"if (packed[i >> 3] >> (i & 7) & 1) sum += {value};",
        "uint8": f"sum += {value} * ({total})features[i];",
        "float": f"sum += {value} * ({total})features[i];",
    }[inputs]
    return "\n".join(
        [
            _table(
                f"{numbers.stored} {name}_weight", upper, numbers.literals, readout.weight.shape[1]
            ),
            f"static const {total} {name}_bias[{upper}_OUTPUTS] = {{{', '.join(numbers.bias)}}};\n",
            *([_half(name)] if half else []),
            f"static inline void {name}_scores({_argument(inputs)}, {total} *scores) {{",
            f"    for (int k = 0; k < {upper}_OUTPUTS; k++) {{",
            f"        {total} sum = {name}_bias[k];",
            f"        for (int i = 0; i < {upper}_FEATURES; i++) {term}"
            if inputs != "bits"
            else f"        for (int i = 0; i < {upper}_FEATURES; i++)\n            {term}",
            "        scores[k] = sum;",
            "    }",
            "}\n",
        ]
    )


def _half(name: str) -> str:
    return f"""static inline double {name}_half(uint16_t h) {{
    uint32_t exponent = h >> 10 & 31, mantissa = h & 1023;
    uint32_t whole = exponent ? (1024 + mantissa) << (exponent - 1) : mantissa;
    return (h >> 15 ? -1.0 : 1.0) * (double)whole / 16777216.0;
}}
"""


def _binary(readout: Readout, name: str) -> str:
    upper, packed = name.upper(), bits.pack(readout.weight)
    width = packed.shape[1]
    return "\n".join(
        [
            f"#define {upper}_BYTES {width}\n",
            _table(f"uint8_t {name}_weight", upper, _integers(packed), width),
            f"static inline void {name}_scores(const uint8_t *packed, int32_t *scores) {{",
            f"    for (int k = 0; k < {upper}_OUTPUTS; k++) {{",
            "        int32_t different = 0;",
            f"        for (int i = 0; i < {upper}_BYTES; i++)",
            f"            for (uint8_t x = packed[i] ^ {name}_weight[k][i]; x; "
            "x = (uint8_t)(x & (x - 1)))",
            "                different++;",
            f"        scores[k] = {upper}_FEATURES - 2 * different;",
            "    }",
            "}\n",
        ]
    )


def _table(declaration: str, upper: str, literals: list[str], width: int) -> str:
    size = f"[{upper}_OUTPUTS][{width}]"
    lines = [
        "{" + ",\n     ".join(", ".join(row[i : i + 16]) for i in range(0, width, 16)) + "}"
        for row in (literals[start : start + width] for start in range(0, len(literals), width))
    ]
    rows = ",\n    ".join(lines)
    return f"static const {declaration}{size} = {{\n    {rows}}};\n"


def _predict(name: str, argument: str, total: str, outputs: int) -> str:
    given = argument.rsplit("*", 1)[1]
    best = "    return scores[0] > 0;"
    if outputs > 1:
        best = f"""    int best = 0;
    for (int k = 1; k < {name.upper()}_OUTPUTS; k++)
        if (scores[k] > scores[best]) best = k;
    return best;"""
    return f"""static inline int {name}_predict({argument}) {{
    {total} scores[{name.upper()}_OUTPUTS];
    {name}_scores({given}, scores);
{best}
}}
"""
