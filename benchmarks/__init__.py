"""How fast netcalc is, always as ratios within one run: ``python -m benchmarks [PART …] [--quick]``. The parts:

``startup``  the whole command against a Python process that only imports click and rich
``scaling``  text to finished report for chains, MLPs and residual networks of growing depth
``letters``  text to finished report with letters for sizes, beside the same networks on numbers
``peers``    text to finished report beside the tools that need a built torch model, and what they count
"""
