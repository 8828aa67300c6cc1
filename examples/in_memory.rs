//! ringmesh-io alone: a protocol of lines, spoken over the in-memory pipe. No runtime, no kernel; the same two functions
//! work on a `TcpStream`.

use std::io;

use futures_lite::future::{block_on, try_zip};
use ringmesh_io::{
    AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, BufWriter,
    Split, duplex,
};

fn main() -> io::Result<()> {
    // Narrower than a line, so that every read and write is a part of one.
    let (client, server) = duplex(8);
    let (sums, answered) = block_on(try_zip(ask(client), answer(server)))?;
    println!("{}", sums.trim_end());
    assert_eq!(sums, "6\n15\nnot a number: x\n");
    assert_eq!(answered, 3);
    Ok(())
}

/// Sends three lines, ends its direction, and reads until the other one ends.
async fn ask<S: AsyncRead + AsyncWrite>(mut stream: S) -> io::Result<String> {
    for line in ["1 2 3\n", "4 5 6\n", "7 x\n"] {
        stream.write_all(line).await?;
    }
    stream.shutdown().await?;
    stream.read_to_string().await
}

/// Answers each line with the sum of its numbers. Returns how many lines there were.
async fn answer<S: Split>(stream: S) -> io::Result<usize> {
    let (read, write) = stream.split_owned();
    let mut lines = BufReader::new(read).lines().max_len(1024);
    let mut write = BufWriter::new(write);
    let mut count = 0;
    while let Some(line) = lines.next_line().await? {
        let sum = line.split_whitespace().try_fold(0_u64, |sum, word| {
            word.parse::<u64>()
                .map(|n| sum + n)
                .map_err(|_| format!("not a number: {word}"))
        });
        let answer = sum.map_or_else(|message| message, |sum| sum.to_string());
        write.write_all(answer + "\n").await?;
        count += 1;
    }
    write.shutdown().await?;
    Ok(count)
}
