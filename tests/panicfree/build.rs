//! Where the program begins; and relocations stay in it, so that a panic can be traced to where it
//! comes from. There is no memory layout: nothing ever runs this.

fn main() {
    println!("cargo::rustc-link-arg-bins=--entry=start");
    println!("cargo::rustc-link-arg-bins=--emit-relocs");
}
