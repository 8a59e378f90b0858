//! vaelet-gpu
