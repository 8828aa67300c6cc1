//! `ringmesh-sys` alone: copies a file to standard output with reads that are in flight together,
//! then times what an enter costs.
//!
//! ```text
//! cargo run -p ringmesh-sys --example raw_ring -- Cargo.toml
//! ```

use std::{
    env,
    error::Error,
    fs::File,
    io::{self, Write},
    os::fd::AsRawFd,
    process,
    time::Instant,
};

use ringmesh_sys::{Capabilities, Completer, Cqe, RingOptions, Sqe, Submitter, Wait, opcode};

/// Bytes of one read.
const BLOCK: usize = 4096;
/// Reads in flight together.
const DEPTH: usize = 8;

fn main() -> Result<(), Box<dyn Error>> {
    // What this kernel has, and why something is missing.
    eprint!("{}", Capabilities::probe());

    // The error, if there is one, names cause and remedy.
    let ring = RingOptions::new().entries(DEPTH as u32).build()?;
    eprintln!("{:?}", ring.setup());
    let (mut submitter, mut completer) = ring.split();
    submitter.register_ring_fd()?;

    if let Some(path) = env::args_os().nth(1) {
        cat(&mut submitter, &mut completer, &File::open(path)?)?;
    }
    let each = time_nops(&mut submitter, &mut completer, 100_000);
    eprintln!("one enter with one NOP: {each} ns");
    Ok(())
}

/// Reads the file with up to [`DEPTH`] reads at a time and writes it out in order.
fn cat(submitter: &mut Submitter, completer: &mut Completer, file: &File) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let blocks = file.metadata()?.len().div_ceil(BLOCK as u64);
    let mut next = 0;
    // The kernel writes to these until each read has completed, so they are dropped after that, and
    // every read is waited for before this function returns.
    let mut buffers = vec![vec![0u8; BLOCK]; DEPTH];
    while next < blocks {
        let batch = (blocks - next).min(DEPTH as u64);
        for (index, buffer) in (0..batch).zip(&mut buffers) {
            let read = Sqe {
                opcode: opcode::READ,
                fd: file.as_raw_fd(),
                off: (next + index) * BLOCK as u64,
                addr: buffer.as_mut_ptr() as u64,
                len: BLOCK as u32,
                user_data: index,
                ..Sqe::default()
            };
            // SAFETY: the buffer lives in `buffers` and is not touched until this read's completion
            // was taken below. No way leads out of this function in between: `wait_one` aborts.
            unsafe { submitter.push(&read) }.expect("as many reads as entries");
        }
        let mut results = vec![None; batch as usize];
        for _ in 0..batch {
            let cqe = wait_one(submitter, completer);
            results[cqe.user_data as usize] = Some(cqe);
        }
        // Nothing is in flight here, so errors may leave the function.
        for (cqe, buffer) in results.into_iter().flatten().zip(&buffers) {
            out.write_all(&buffer[..cqe.io_result()? as usize])?;
        }
        next += batch;
    }
    Ok(())
}

/// Submits what is queued and takes a completion. An error here leaves reads in flight whose memory
/// a caller would free, so it ends the process: what a runtime does about that is ringmesh-op.
fn wait_one(submitter: &mut Submitter, completer: &mut Completer) -> Cqe {
    loop {
        if let Some(cqe) = completer.next() {
            return cqe;
        }
        match submitter.enter(1, Wait::Forever) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                eprintln!("cannot enter the ring: {error}");
                process::abort();
            }
            _ => {}
        }
    }
}

/// Nanoseconds of a round of submitting a NOP and taking its completion.
fn time_nops(submitter: &mut Submitter, completer: &mut Completer, rounds: u64) -> u128 {
    let start = Instant::now();
    for user_data in 0..rounds {
        let nop = Sqe {
            opcode: opcode::NOP,
            user_data,
            ..Sqe::default()
        };
        // SAFETY: a NOP points to nothing.
        unsafe { submitter.push(&nop) }.expect("the last one was taken");
        assert_eq!(wait_one(submitter, completer).user_data, user_data);
    }
    start.elapsed().as_nanos() / u128::from(rounds)
}
