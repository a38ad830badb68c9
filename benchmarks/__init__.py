"""How fast netcalc is, always as ratios within one run: ``python -m benchmarks [startup|scaling|peers] [--quick]``.

``startup``  the whole command against a Python process that only imports click and rich
``scaling``  text to finished report for chains, MLPs and residual networks of growing depth
``peers``    text to finished report beside the tools that need a built torch model, and what they count
"""
