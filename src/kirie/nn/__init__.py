"""The networks themselves, as plain PyTorch modules. Needs the extra torch."""
