//! vaelet-web
