//! Exports the stack pointer, so that JavaScript can reset the stack after a panic.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-link-arg-cdylib=--export=__stack_pointer");
}
