"""Each claim, table and figure of five papers beside what the scripts here measured."""
