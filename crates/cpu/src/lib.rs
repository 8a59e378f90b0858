//! vaelet-cpu
