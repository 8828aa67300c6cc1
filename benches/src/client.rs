//! A blocking HTTP/1.1 client: one keep-alive connection, one request at a time.
//!
//! It is deliberately small: it shares no code with the servers it talks to, and what it does per request is a write, a few
//! reads and a search for the end of the head.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A server that says nothing for this long has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// A response's head may be this long.
const HEAD_MAX: usize = 16 << 10;

/// One connection.
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
    request: Vec<u8>,
    buffer: Vec<u8>,
}

/// Status and body; the body is valid until the next request.
#[derive(Debug)]
pub struct Answer<'a> {
    /// The status code.
    pub status: u16,
    /// The whole body.
    pub body: &'a [u8],
}

impl Client {
    /// Connects; small requests leave at once (TCP_NODELAY).
    pub fn connect(server: SocketAddr) -> io::Result<Client> {
        let stream = TcpStream::connect(server)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Client {
            stream,
            request: Vec::new(),
            buffer: vec![0; 64 << 10],
        })
    }

    /// Asks for `path` and reads the whole answer.
    pub fn get(&mut self, path: &str) -> io::Result<Answer<'_>> {
        self.request.clear();
        write!(self.request, "GET {path} HTTP/1.1\r\nhost: demo\r\n\r\n")?;
        self.stream.write_all(&self.request)?;
        let mut filled = 0;
        let head = loop {
            filled += self.read_some(filled)?;
            if let Some(end) = find(&self.buffer[..filled], b"\r\n\r\n") {
                break Head::parse(&self.buffer[..end], end + 4)?;
            }
            if filled >= HEAD_MAX {
                return Err(invalid("the head does not end"));
            }
        };
        let end = head.bytes + head.body;
        if self.buffer.len() < end {
            self.buffer.resize(end, 0);
        }
        while filled < end {
            filled += self.read_some(filled)?;
        }
        if filled > end {
            return Err(invalid("bytes after the body that nobody asked for"));
        }
        Ok(Answer {
            status: head.status,
            body: &self.buffer[head.bytes..end],
        })
    }

    fn read_some(&mut self, at: usize) -> io::Result<usize> {
        match self.stream.read(&mut self.buffer[at..])? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            n => Ok(n),
        }
    }
}

/// What the client needs to know of a response's head.
#[derive(Debug, PartialEq, Eq)]
struct Head {
    status: u16,
    /// Length of the head with its empty line.
    bytes: usize,
    /// Length of the body.
    body: usize,
}

impl Head {
    fn parse(head: &[u8], bytes: usize) -> io::Result<Head> {
        let text = std::str::from_utf8(head).map_err(|_| invalid("the head is not UTF-8"))?;
        let mut lines = text.split("\r\n");
        let status = lines
            .next()
            .and_then(|line| line.split(' ').nth(1)?.parse().ok());
        let length = lines.find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.trim().parse().ok())?
        });
        match (status, length) {
            (Some(status), Some(body)) => Ok(Head {
                status,
                bytes,
                body,
            }),
            _ => Err(invalid("a head without a status or a content-length")),
        }
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::thread;

    #[test]
    fn answers_are_read_whole_however_they_are_cut() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = listener.local_addr().unwrap();
        let peer = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let body = vec![7; 100_000];
            let mut request = [0; 1024];
            for _ in 0..2 {
                assert!(stream.read(&mut request).unwrap() > 0);
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Le").unwrap();
                stream.write_all(b"ngth: 100000\r\n\r\n").unwrap();
                stream.write_all(&body).unwrap();
            }
        });
        let mut client = Client::connect(server).unwrap();
        for _ in 0..2 {
            let answer = client.get("/x").unwrap();
            assert_eq!((answer.status, answer.body.len()), (200, 100_000));
            assert!(answer.body.iter().all(|byte| *byte == 7));
        }
        peer.join().unwrap();
        assert!(client.get("/x").is_err(), "the peer is gone");
    }

    #[test]
    fn a_head_without_a_length_is_refused() {
        assert!(Head::parse(b"HTTP/1.1 200 OK\r\nx: y", 0).is_err());
        let head = Head::parse(b"HTTP/1.1 404 Not Found\r\ncontent-length: 3", 9).unwrap();
        assert_eq!((head.status, head.bytes, head.body), (404, 9, 3));
    }
}
