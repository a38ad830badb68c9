"""A report as table, plain rows, JSON, CSV, Markdown and HTML. Only :mod:`netcalc.report.table` needs rich."""

from netcalc.report.text import as_csv, as_json, as_markdown, html, plain_rows, plain_table

__all__ = ["as_csv", "as_json", "as_markdown", "html", "plain_rows", "plain_table"]
