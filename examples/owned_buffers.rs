//! Owned buffers alone: an operation that takes its buffer and gives it back, in the error too.
//!
//! `cargo run --example owned_buffers`

use std::io::{self, Read};

use ringmesh_buf::{Append, BufError, BufResult, IoBuf, IoBufMut, Slice};

/// A blocking read with the signature of a ring operation: what a library would write against these traits.
fn read<B: IoBufMut>(mut source: impl Read, mut buf: B) -> BufResult<usize, B> {
    let mut bytes = vec![0; buf.capacity_total()];
    match source.read(&mut bytes) {
        Ok(n) => Ok((buf.put_slice(&bytes[..n]), buf)),
        Err(error) => Err(BufError::new(error, buf)),
    }
}

/// A source that fails.
struct Broken;

impl Read for Broken {
    fn read(&mut self, _buf: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::ConnectionReset.into())
    }
}

fn main() -> io::Result<()> {
    // A read fills from the start up to the capacity, and leaves the length at what came.
    let (n, buf) = read(&b"hello, mesh"[..], vec![0; 5])?;
    println!("{n} bytes: {}", String::from_utf8_lossy(&buf));

    // A wrapper narrows the buffer and gives the whole back.
    let (_, tail) = read(&b" again"[..], Append::new(grown(buf)))?;
    let buf = tail.into_inner();
    println!("appended: {}", String::from_utf8_lossy(&buf));
    let part = Slice::new(buf, 6..);
    println!(
        "a slice of it: {}",
        String::from_utf8_lossy(part.as_slice())
    );

    // In an error the buffer comes back beside the cause.
    let (error, part) = read(Broken, part).unwrap_err().into_parts();
    println!(
        "{error}; the buffer still has {} bytes",
        part.into_inner().len_init()
    );
    Ok(())
}

fn grown(mut buf: Vec<u8>) -> Vec<u8> {
    buf.reserve_exact(6);
    buf
}
