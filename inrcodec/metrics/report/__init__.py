"""The quality report: files judged against their reference, as records, a page, text or JSON."""
