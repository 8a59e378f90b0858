//! Nothing here: see `tests/` for the Rust tests and `browser/` for those of the page.
