"""The structure of an ONNX file: graphs, nodes and tensors, found without the onnx package and without the weights.

The field numbers are those of onnx.proto. Every tensor of every graph, subgraph, function and attribute is passed by.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from math import prod
from typing import Any, NamedTuple

from ._protobuf import BYTES, DEEPEST, Damaged, Field, Reader

__all__ = ["CONSTANT", "LONGEST_NAME", "Made", "OnnxFacts", "Port", "shown", "walk"]

# message → its fields that hold messages which can lead to a tensor or a node
PARTS: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
# message → its fields that hold what is to be known
NAMES: dict[str, dict[int, str]] = {
    "model": {1: "ir", 2: "producer", 8: "opsets", 14: "metadata"},
    "graph": {11: "inputs", 12: "outputs"},
    "node": {1: "inputs", 2: "outputs", 4: "operator", 7: "domain"},
    "tensor": {1: "dims", 2: "kind", 8: "name", 13: "outside", 14: "where"},
    "opset": {1: "domain", 2: "version"},
    "pair": {1: "key", 2: "value"},
    "port": {1: "name", 2: "type"},
    "type": {1: "tensor"},
    "tensor type": {1: "kind", 2: "shape"},
    "shape": {1: "axes"},
    "axis": {1: "size", 2: "name"},
    "training": {},
    "function": {},
    "attribute": {},
    "sparse": {},
}
# what belongs to the graph that is run, but not to one within it
MAIN = {("model", "graph"), ("graph", "node"), ("graph", "tensor")}
TYPES = {
    1: "float32",
    2: "uint8",
    3: "int8",
    4: "uint16",
    5: "int16",
    6: "int32",
    7: "int64",
    8: "string",
    9: "bool",
    10: "float16",
    11: "float64",
    12: "uint32",
    13: "uint64",
    16: "bfloat16",
}
FLOATS = (1, 10, 11, 16)
EXTERNAL = 1  # TensorProto.data_location
LONGEST_NAME = 4096
LARGEST_METADATA = 1_000_000
MOST_AXES = 64
MOST_REPEATED = 100_000


@dataclass(frozen=True, slots=True)
class Port:
    """An input or output: `shape` holds numbers, names of free axes, and None where nothing is said."""

    name: str
    kind: str
    shape: tuple[int | str | None, ...] | None


@dataclass(frozen=True, slots=True)
class Made:
    """How a tensor is made: the operator, and what it takes."""

    operator: str
    inputs: tuple[str, ...]


class Outside(NamedTuple):
    """Where a tensor lies outside the file, in the file's own words."""

    name: str
    location: str
    offset: str
    length: str


CONSTANT = Made("Constant", ())


@dataclass(slots=True)
class OnnxFacts:
    """What the file says.

    operators: how often each is used, `domain:name` outside the standard's own domain.
    external: tensors that lie outside the file.
    made: the main graph's tensors by name. constants: names of its initialisers.
    parameters: how many floating-point numbers the main graph holds as initialisers.
    """

    producer: str = ""
    ir: int = 0
    opsets: dict[str, int] = field(default_factory=dict)
    inputs: list[Port] = field(default_factory=list)
    outputs: list[Port] = field(default_factory=list)
    metadata: dict[str, str] = field(default_factory=dict)
    operators: Counter[str] = field(default_factory=Counter)
    external: list[Outside] = field(default_factory=list)
    made: dict[str, Made] = field(default_factory=dict)
    constants: set[str] = field(default_factory=set)
    parameters: int = 0


def walk(data: Any, size: int) -> OnnxFacts:
    """Pass through a file's bytes; `Damaged` where they are no ONNX file."""
    return _Walk(data).model(size)


def shown(text: str) -> str:
    """A text from a file, for messages: short, nothing in it that a terminal would obey."""
    return repr(text if len(text) <= 80 else f"{text[:77]}…")  # noqa: PLR2004


class _Walk:
    """One pass through a file's messages, with a stack of its own: depth costs nothing."""

    def __init__(self, data: Any) -> None:
        self._reader = Reader(data)
        self._facts = OnnxFacts()
        self._stack: list[tuple[str, Field, int, bool]] = []

    def model(self, size: int) -> OnnxFacts:
        """Everything, from the file's first to its last byte."""
        facts = self._facts
        self._stack.append(("model", Field(0, BYTES, 0, 0, size), 0, True))
        while self._stack:
            kind, place, depth, main = self._stack.pop()
            found = self._gather(kind, self._fields(kind, place, depth, main=main))
            if kind == "model":
                self._model(found)
            elif kind == "graph" and main:
                facts.inputs += map(self._port, found["inputs"])
                facts.outputs += map(self._port, found["outputs"])
            elif kind == "node":
                self._node(found, main=main)
            elif kind == "tensor":
                self._tensor(found, main=main)
        facts.inputs = [port for port in facts.inputs if port.name not in facts.constants]
        return facts

    def _fields(self, kind: str, place: Field, depth: int, *, main: bool) -> Iterator[Field]:
        """A message's fields; those that hold messages of interest are put on the stack as well."""
        if depth > DEEPEST:
            raise Damaged(f"its graphs are nested more than {DEEPEST} deep")
        parts = PARTS[kind]
        for item in self._reader.fields(place):
            part = parts.get(item.number)
            if part:
                if item.wire != BYTES:
                    raise Damaged(f"byte {item.start} begins no {part}")
                self._stack.append((part, item, depth + 1, main and (kind, part) in MAIN))
            yield item

    def _gather(self, kind: str, items: Iterable[Field]) -> defaultdict[str, list[Field]]:
        """The fields of `NAMES`, by name."""
        names, found = NAMES[kind], defaultdict[str, list[Field]](list)
        for item in items:
            name = names.get(item.number)
            if name:
                same = found[name]
                same.append(item)
                if len(same) > MOST_REPEATED:
                    raise Damaged(f"a {kind} with more than {MOST_REPEATED} {name}")
        return found

    def _inside(self, kind: str, places: list[Field]) -> defaultdict[str, list[Field]]:
        """The fields of a message within a message; the last counts where there are several."""
        return self._gather(kind, (f for place in places[-1:] for f in self._reader.fields(place)))

    def _model(self, found: Mapping[str, list[Field]]) -> None:
        facts = self._facts
        facts.ir = self._number(found["ir"])
        facts.producer = self._text(found["producer"])
        for place in found["opsets"]:
            opset = self._inside("opset", [place])
            facts.opsets[self._text(opset["domain"]) or "ai.onnx"] = self._number(opset["version"])
        for place in found["metadata"]:
            pair = self._inside("pair", [place])
            facts.metadata[self._text(pair["key"])] = self._text(pair["value"], LARGEST_METADATA)

    def _port(self, place: Field) -> Port:
        port = self._inside("port", [place])
        # Only tensors have a kind and a shape here; sequences and maps stay unknown.
        tensor = self._inside("tensor type", self._inside("type", port["type"])["tensor"])
        kind, shape = self._number(tensor["kind"]), None
        if tensor["shape"]:
            axes = self._inside("shape", tensor["shape"])["axes"]
            if len(axes) > MOST_AXES:
                raise Damaged(f"a shape of {len(axes)} axes")
            shape = tuple(map(self._axis, axes))
        return Port(self._text(port["name"]), TYPES.get(kind, f"type {kind}"), shape)

    def _axis(self, place: Field) -> int | str | None:
        axis = self._inside("axis", [place])
        return self._number(axis["size"]) if axis["size"] else self._text(axis["name"]) or None

    def _node(self, found: Mapping[str, list[Field]], *, main: bool) -> None:
        domain, operator = self._text(found["domain"]), self._text(found["operator"])
        full = operator if domain in {"", "ai.onnx"} else f"{domain}:{operator}"
        self._facts.operators[full] += 1
        if main:
            made = Made(full, tuple(self._text([place]) for place in found["inputs"]))
            self._facts.made |= {self._text([place]): made for place in found["outputs"]}

    def _tensor(self, found: Mapping[str, list[Field]], *, main: bool) -> None:
        facts, name = self._facts, self._text(found["name"])
        numbers = (n for place in found["dims"] for n in self._reader.numbers(place))
        dims = list(islice(numbers, MOST_AXES + 1))
        if len(dims) > MOST_AXES:
            raise Damaged(f"{shown(name)} has more than {MOST_AXES} axes")
        outside = {}
        for place in found["outside"]:
            pair = self._inside("pair", [place])
            key = self._text(pair["key"])
            if key in outside:  # readers differ in which one they take
                raise Damaged(f"{shown(name)} lies in two places")
            outside[key] = self._text(pair["value"])
        if outside or self._number(found["where"]) == EXTERNAL:
            keys = ("location", "offset", "length")
            facts.external.append(Outside(name, *(outside.get(key, "") for key in keys)))
        if main:
            facts.constants.add(name)
            facts.parameters += prod(dims) if self._number(found["kind"]) in FLOATS else 0

    def _number(self, places: list[Field]) -> int:
        return places[-1].value if places else 0

    def _text(self, places: list[Field], longest: int = LONGEST_NAME) -> str:
        if not places:
            return ""
        last = places[-1]
        if last.end - last.start > longest:
            raise Damaged(f"the text at byte {last.start} is longer than {longest} bytes")
        return self._reader.text(last)
