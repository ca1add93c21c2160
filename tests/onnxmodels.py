"""Small ONNX files for tests, made with the onnx package: good ones, odd ones and hostile ones."""

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="needs onnx to write files")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

GREY = np.array([0.2126, 0.7152, 0.0722], np.float32).reshape(1, 3, 1, 1)


def port(name, shape=("N", 3, "h", "w"), kind=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def constant(name, values, kind=np.float32):
    return numpy_helper.from_array(np.asarray(values, kind), name)


def outside(name, shape, location, **entries):
    """A float tensor whose numbers lie in another file."""
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=shape, data_location=1)
    for key, value in {"location": location, **entries}.items():
        tensor.external_data.add(key=key, value=value)
    return tensor


def model(nodes, constants=(), *, inputs=None, outputs=None, opsets=(("", 17),), card=None):
    """A model from nodes (operator, inputs, outputs, attributes)."""
    graph = helper.make_graph(
        [helper.make_node(kind, i, o, **a) for kind, i, o, a in nodes],
        "g",
        inputs or [port("x")],
        outputs or [port("y", None)],
        list(constants),
    )
    imports = [helper.make_opsetid(*opset) for opset in opsets]
    made = helper.make_model(graph, opset_imports=imports, ir_version=8, producer_name="test")
    if card is not None:
        helper.set_model_props(made, {"kirie": card})
    return made


def brightness(*, end=(), kind=np.float32, size=("h", "w"), mean=0.0, **more):
    """A network that finds what is bright: logits 40·(grey - ½) of a picture that is normalised with `mean` and std 1.

    Args:
        end: operators after the logits, each with one input.
        mean: what preparation takes off.
    """
    nodes = [
        ("Conv", ["x", "grey", "bias"], ["logits"], {}),
        *[(op, ["logits" if not n else f"e{n}"], [f"e{n + 1}"], {}) for n, op in enumerate(end)],
    ]
    last = f"e{len(end)}" if end else "logits"
    code = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(kind))
    return model(
        nodes,
        [constant("grey", 40 * GREY, kind), constant("bias", [40 * mean - 20], kind)],
        inputs=[port("x", ("N", 3, *size), code)],
        outputs=[port(last, ("N", 1, *size), code)],
        **more,
    )


def save(made, path):
    onnx.save(made, path)
    return path
