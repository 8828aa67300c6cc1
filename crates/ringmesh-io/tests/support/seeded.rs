/// Random numbers by seed (xorshift64*), so that a failing test names its seed.
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// From 0 to `n - 1`; 0 for 0.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        (self.next() % (n.max(1) as u64)) as usize
    }
}

/// `n` bytes that depend on the seed and on their place.
pub(crate) fn pattern(n: usize, seed: u64) -> Vec<u8> {
    let mut rng = Rng::new(seed ^ 0xABCD);
    (0..n).map(|_| rng.next() as u8).collect()
}
