//! Chooses the board by the target, and writes its memory layout for the linker.

use std::path::Path;
use std::{env, fs};

const BOARDS: &[(&str, &str, &str)] = &[
    (
        "thumbv7m-none-eabi",
        "lm3s6965evb",
        "FLASH : ORIGIN = 0, LENGTH = 256K
  RAM : ORIGIN = 0x20000000, LENGTH = 64K",
    ),
    (
        "thumbv7em-none-eabihf",
        "mps2_an386",
        "FLASH : ORIGIN = 0, LENGTH = 4M
  RAM : ORIGIN = 0x20000000, LENGTH = 4M",
    ),
    (
        "thumbv6m-none-eabi",
        "microbit",
        "FLASH : ORIGIN = 0, LENGTH = 256K
  RAM : ORIGIN = 0x20000000, LENGTH = 16K",
    ),
    (
        "riscv32imac-unknown-none-elf",
        "virt",
        "FLASH : ORIGIN = 0x80000000, LENGTH = 512K
  RAM : ORIGIN = 0x80080000, LENGTH = 128K",
    ),
];

fn main() {
    let target = env::var("TARGET").unwrap_or_default();
    let names: Vec<String> = BOARDS.iter().map(|(_, name, _)| format!("\"{name}\"")).collect();
    println!("cargo::rustc-check-cfg=cfg(board, values({}))", names.join(","));
    println!("cargo::rerun-if-changed=build.rs");
    let Some((_, name, memory)) = BOARDS.iter().find(|(known, ..)| *known == target) else {
        let known: Vec<&str> = BOARDS.iter().map(|(known, ..)| *known).collect();
        println!("cargo::error=no board for {target}; there is one for {}", known.join(", "));
        return;
    };
    println!("cargo::rustc-cfg=board=\"{name}\"");

    let out = env::var("OUT_DIR").expect("cargo sets it");
    let aliases = if *name == "virt" {
        ["TEXT", "RODATA"]
            .map(|region| format!("REGION_ALIAS(\"REGION_{region}\", FLASH);\n"))
            .concat()
            + &["DATA", "BSS", "HEAP", "STACK"]
                .map(|region| format!("REGION_ALIAS(\"REGION_{region}\", RAM);\n"))
                .concat()
    } else {
        String::new()
    };
    let write = |file: &str, text: String| {
        fs::write(Path::new(&out).join(file), text).expect("cargo made the folder");
    };
    // cortex-m-rt calls it that
    let stack_end = if *name == "virt" { "_stack_end = __ebss;\n" } else { "" };
    write("memory.x", format!("MEMORY {{\n  {memory}\n}}\n{aliases}{stack_end}"));
    // an interrupt that a program does not handle
    write(
        "device.x",
        "PROVIDE(SOFT = DefaultHandler);\nPROVIDE(SERIAL = DefaultHandler);\n".into(),
    );
    println!("cargo::rustc-link-search={out}");
}
