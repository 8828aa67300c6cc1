//! What the socket tests share.
#![allow(dead_code, reason = "every test file uses a part of it")]

use std::future::{Future, poll_fn};
use std::io::{Read, Write};
use std::net::Shutdown;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use ringmesh_net::{TcpListener, TcpStream};
use ringmesh_sched::time::{sleep, timeout};

/// Far longer than anything here takes: only a hang reaches it.
pub(crate) const HANG: Duration = Duration::from_secs(60);

/// Runs `future` as shard 0 of a runtime.
pub(crate) fn run<F: Future>(shards: usize, future: F) -> F::Output {
    ringmesh_op::Builder::new()
        .shards(shards)
        .run(unhung(future))
        .expect("this machine has io_uring")
}

/// The same with every send through the ring, for tests that need one in flight.
pub(crate) fn run_ring_sends<F: Future>(shards: usize, future: F) -> F::Output {
    ringmesh_op::Builder::new()
        .shards(shards)
        .inline_sends(false)
        .run(unhung(future))
        .expect("this machine has io_uring")
}

/// Panics instead of hanging. `RINGMESH_TEST_HANG_S` shortens the patience while a test is written.
pub(crate) async fn unhung<F: Future>(future: F) -> F::Output {
    let given = std::env::var("RINGMESH_TEST_HANG_S").ok();
    let limit = given
        .and_then(|text| text.parse().ok())
        .map_or(HANG, Duration::from_secs);
    timeout(limit, future).await.expect("the test hangs")
}

/// Polls once.
pub(crate) async fn poll_now<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    poll_fn(|cx| {
        Poll::Ready(match Pin::new(&mut *future).poll(cx) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        })
    })
    .await
}

/// Waits until `condition` holds.
pub(crate) async fn until(mut condition: impl FnMut() -> bool) {
    unhung(async {
        while !condition() {
            sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}

/// Both ends of a connection, ours.
pub(crate) async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let a = TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    let (b, _) = listener.accept().await.unwrap();
    (a, b)
}

/// Both ends of a connection: ours, and a blocking one.
pub(crate) fn half() -> (TcpStream, std::net::TcpStream) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let peer = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    peer.set_read_timeout(Some(HANG)).unwrap();
    let (ours, _) = listener.accept().unwrap();
    (TcpStream::from_std(ours).unwrap(), peer)
}

/// Closes with a reset.
pub(crate) fn reset(peer: std::net::TcpStream) {
    socket2::SockRef::from(&peer)
        .set_linger(Some(Duration::ZERO))
        .unwrap();
    drop(peer);
}

/// A blocking peer in a thread that reads to the end.
pub(crate) fn read_all(mut peer: std::net::TcpStream) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut all = Vec::new();
        peer.read_to_end(&mut all).unwrap();
        all
    })
}

/// A blocking peer in a thread that writes `bytes` in random pieces and ends the stream.
pub(crate) fn write_pieces(
    mut peer: std::net::TcpStream,
    bytes: Vec<u8>,
    seed: u64,
) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        let mut random = Random::new(seed);
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let n = random.below(rest.len().min(3000) as u64) as usize + 1;
            peer.write_all(&rest[..n]).unwrap();
            rest = &rest[n..];
            if random.below(4) == 0 {
                std::thread::yield_now();
            }
            if random.below(64) == 0 {
                std::thread::sleep(Duration::from_micros(random.below(300)));
            }
        }
        peer.shutdown(Shutdown::Write).unwrap();
    })
}

/// Bytes that show where in the stream they belong.
pub(crate) fn pattern(len: usize) -> Vec<u8> {
    let mut random = Random::new(7);
    (0..len).map(|_| random.next() as u8).collect()
}

/// xorshift64*, so that a failing seed can be repeated.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32
    }

    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.next() % n.max(1)
    }
}
