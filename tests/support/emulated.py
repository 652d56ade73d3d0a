"""What numba's intrinsics become on AArch64: compiled by LLVM, linked, and run by QEMU."""

import subprocess

import llvmlite.binding as llvm
import numba
import numpy as np
import pytest
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.registry import cpu_target
from numba.np import arrayobj

TRIPLE = "aarch64-unknown-linux-gnu"
MAIN = """\
#include <stdio.h>

void run(char *);
static char memory[1 << 22];

int main(void) {
    const size_t size = fread(memory, 1, sizeof memory, stdin);
    run(memory);
    return fwrite(memory, 1, size, stdout) != size;
}
"""
INT64 = ir.IntType(64)


def run_on_aarch64(intrinsic, calls, features, folder):
    """Call an intrinsic with each tuple of arrays and integers.

    Parameters
    ----------
    intrinsic : of `numba.extending.intrinsic`
    calls : list of tuples of array or int
    features : str
        The processor's, as LLVM takes them.
    folder : Path
        To compile in.

    Returns
    -------
    list of tuples
        The same, with the arrays as the calls left them.
    """
    arrays = [given for call in calls for given in call if isinstance(given, np.ndarray)]
    shapes = np.array([size for array in arrays for size in array.shape], np.int64)
    memory = b"".join(array.tobytes() for array in (shapes, *arrays))
    object_file = folder / "calls.o"
    object_file.write_bytes(_compiled(_module(intrinsic, calls, shapes.nbytes), features))
    (folder / "main.c").write_text(MAIN)
    build = ["aarch64-linux-gnu-g++", "-static", "-o", "calls", "-x", "c", "main.c"]
    subprocess.run([*build, "-x", "none", object_file], cwd=folder, check=True)
    done = subprocess.run(
        ["qemu-aarch64", "-cpu", "max", "calls"],
        cwd=folder,
        input=memory,
        capture_output=True,
        check=True,
    )
    return _taken(done.stdout, calls, shapes.nbytes)


def _taken(memory, calls, place):
    """The arrays that lie in memory one after the other."""
    found = []
    for call in calls:
        left = list(call)
        for index, given in enumerate(call):
            if isinstance(given, np.ndarray):
                content = memory[place : place + given.nbytes]
                left[index] = np.frombuffer(content, given.dtype).reshape(given.shape)
                place += given.nbytes
        found.append(tuple(left))
    assert place == len(memory)
    return found


def _module(intrinsic, calls, place):
    """run(memory), which makes all calls; shapes are read from memory, as loops have them."""
    context = cpu_target.target_context
    module = ir.Module()
    kind = ir.FunctionType(ir.VoidType(), [ir.IntType(8).as_pointer()])
    function = ir.Function(module, kind, "run")
    builder = ir.IRBuilder(function.append_basic_block())
    base = builder.ptrtoint(function.args[0], INT64)
    size = 0

    def array(given):
        nonlocal place, size
        made = context.make_array(numba.typeof(given))(context, builder)
        data = builder.inttoptr(builder.add(base, INT64(place)), made.data.type)
        shape, strides = [], []
        for _ in given.shape:
            where = builder.inttoptr(builder.add(base, INT64(size)), INT64.as_pointer())
            shape.append(builder.load(where))
            size += 8
        stride = INT64(given.itemsize)
        for length in reversed(shape):
            strides.insert(0, stride)
            stride = builder.mul(stride, length)
        arrayobj.populate_array(
            made,
            data=data,
            shape=cgutils.pack_array(builder, shape),
            strides=cgutils.pack_array(builder, strides),
            itemsize=INT64(given.itemsize),
            meminfo=None,
        )
        place += given.nbytes
        return made._getvalue()

    for call in calls:
        signature, generate = intrinsic.__wrapped__(None, *map(_kind, call))
        values = [INT64(given) if isinstance(given, int) else array(given) for given in call]
        generate(context, builder, signature, values)
    builder.ret_void()
    return module


def _kind(given):
    """Numba's type of an argument."""
    return types.literal(given) if isinstance(given, int) else numba.typeof(given)


def _compiled(module, features):
    """Object file of a module, optimised as numba does."""
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    try:
        target = llvm.Target.from_triple(TRIPLE)
    except RuntimeError:
        pytest.skip("this llvmlite does not compile for AArch64")
    machine = target.create_target_machine(features=features, opt=3)
    module.triple, module.data_layout = TRIPLE, str(machine.target_data)
    parsed = llvm.parse_assembly(str(module))
    parsed.verify()
    options = llvm.create_pipeline_tuning_options(speed_level=3)
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(parsed, builder)
    return machine.emit_object(parsed)
