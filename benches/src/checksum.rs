//! A fast checksum over bytes, in which each byte and its place count.

/// Odd constants with mixed bits (from the fractional parts of the golden ratio and of square roots).
const KEYS: [u64; 4] = [
    0x9e37_79b9_7f4a_7c15,
    0x6a09_e667_f3bc_c909,
    0xbb67_ae85_84ca_a73b,
    0x3c6e_f372_fe94_f82b,
];

/// The checksum of `bytes`.
///
/// Four lanes multiply and rotate side by side, so that checking a body costs far less than receiving it.
pub fn checksum(bytes: &[u8]) -> u64 {
    let mut lanes = KEYS;
    let mut blocks = bytes.chunks_exact(32);
    for block in &mut blocks {
        for (lane, word) in lanes.iter_mut().zip(block.chunks_exact(8)) {
            *lane = mix(*lane, u64::from_le_bytes(word.try_into().expect("8 bytes")));
        }
    }
    let mut sum = bytes.len() as u64;
    for byte in blocks.remainder() {
        sum = mix(sum, u64::from(*byte));
    }
    lanes.into_iter().fold(sum, mix)
}

/// A permutation of `state` for each word, so that no two words in the same place give the same state.
fn mix(state: u64, word: u64) -> u64 {
    (state ^ word).wrapping_mul(KEYS[0]).rotate_left(29)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_flipped_bit_and_any_missing_byte_shows() {
        let bytes: Vec<u8> = (0..100).collect();
        let sum = checksum(&bytes);
        for index in 0..bytes.len() {
            for bit in 0..8 {
                let mut other = bytes.clone();
                other[index] ^= 1 << bit;
                assert_ne!(checksum(&other), sum, "byte {index}, bit {bit}");
            }
        }
        assert_ne!(checksum(&bytes[..99]), sum);
        assert_ne!(checksum(&[0; 32]), checksum(&[0; 64]));
    }

    #[test]
    fn swapped_blocks_show() {
        let (one, two) = ([1u8; 32], [2u8; 32]);
        assert_ne!(
            checksum(&[one, two].concat()),
            checksum(&[two, one].concat())
        );
    }
}
