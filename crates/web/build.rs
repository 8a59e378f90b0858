//! Lets the page put the stack back where it was, after the program has stopped in the middle.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-link-arg-cdylib=--export=__stack_pointer");
}
