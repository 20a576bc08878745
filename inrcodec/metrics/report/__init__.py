"""The quality report: files judged against their reference, of one image or several, as records,
a page, text or JSON."""
