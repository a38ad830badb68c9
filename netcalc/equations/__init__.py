"""Equations as course sheets print them: text → syntax → shapes by unification → ledger, values and gradients."""
