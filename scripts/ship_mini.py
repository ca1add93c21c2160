"""Put a trained kirie-mini into the package: `python scripts/ship_mini.py OUT/last.safetensors`.

Writes src/kirie/assets/kirie-mini.onnx and .safetensors with the card of zoo/own.py inside, prints how faithful the files
are, and the sizes and hashes that zoo/own.py must hold.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

from kirie import export, nn, zoo

ASSETS = Path(__file__).resolve().parent.parent / "src" / "kirie" / "assets"


def main() -> None:
    """Export, and print what to enter."""
    card = zoo.get("kirie-mini")
    net = nn.load(sys.argv[1])
    ASSETS.mkdir(exist_ok=True)
    parity = export.to_onnx(net, ASSETS / "kirie-mini.onnx", card=card, size=card.preparation.size)
    export.to_safetensors(net, ASSETS / "kirie-mini.safetensors", card=card, half=True)
    print(f"ONNX against PyTorch: {parity.same_weights:.1e}; against float32: {parity.float32:.1e}")
    for name in ("kirie-mini.onnx", "kirie-mini.safetensors"):
        data = (ASSETS / name).read_bytes()
        print(f'{name}: size={len(data)}, hash="sha256:{hashlib.sha256(data).hexdigest()}"')


if __name__ == "__main__":
    main()
