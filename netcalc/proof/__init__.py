"""The proof: every figure held against real PyTorch modules. The only room that imports torch."""
