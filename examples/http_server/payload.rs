//! What the site serves, as pure functions: whoever knows the name of a thing can compute its bytes.
//!
//! The server fills its directory with [`file()`]; a load generator in another process computes the same bytes for itself and
//! so needs no word of the server's to check a body.

use std::fmt::Write;

/// The files of the site: name and size in bytes.
pub const FILES: &[(&str, usize)] = &[
    ("1k.bin", 1 << 10),
    ("4k.bin", 4 << 10),
    ("16k.bin", 16 << 10),
    ("64k.bin", 64 << 10),
    ("256k.bin", 256 << 10),
];

/// The bytes of a file of `size` bytes.
pub fn file(size: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15 ^ size as u64;
    let mut bytes = Vec::with_capacity(size + 8);
    while bytes.len() < size {
        state = step(state);
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(size);
    bytes
}

/// The JSON document with number `id`.
pub fn json(id: u64) -> String {
    let mut text = String::with_capacity(256);
    let mut state = step(id ^ 0x5851_f42d_4c95_7f2d);
    _ = write!(
        text,
        r#"{{"id":{id},"name":"item {id}","price":{}.{:02},"#,
        state % 1000,
        id % 100
    );
    text.push_str(r#""ratings":["#);
    for index in 0..8 {
        state = step(state);
        let comma = if index == 0 { "" } else { "," };
        _ = write!(text, "{comma}{}", state % 6);
    }
    _ = write!(text, r#"],"in_stock":{}}}"#, state.is_multiple_of(2));
    text
}

/// `rounds` steps of arithmetic that no optimiser can fold; about a nanosecond each.
pub fn compute(seed: u64, rounds: u64) -> u64 {
    (0..rounds).fold(seed | 1, |state, round| step(state ^ round))
}

/// xorshift64*.
fn step(mut state: u64) -> u64 {
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    state.wrapping_mul(0x2545_f491_4f6c_dd1d)
}
