"""Views of a report: canonical JSON, Markdown, terminal and HTML; each says the same and none computes a figure of its own."""
