//! UDP: a datagram that came for a dropped receive is the next one received.

#[path = "kit/kit.rs"]
mod kit;

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};

use kit::{poll_now, run, unhung};
use ringmesh_net::UdpSocket;
use ringmesh_sched::{spawn, yield_now};

async fn socket() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let addr = socket.local_addr().unwrap();
    (socket, addr)
}

#[test]
fn datagrams_come_with_their_sender() {
    run(1, async {
        let (a, a_addr) = socket().await;
        let (b, b_addr) = socket().await;
        let (n, buf) = a.send_to("ping", b_addr).await.unwrap();
        assert_eq!((n, buf), (4, "ping"));
        let ((n, from), buf) = unhung(b.recv_from(Vec::with_capacity(64))).await.unwrap();
        assert_eq!((n, from, &buf[..]), (4, a_addr, &b"ping"[..]));
        b.connect(from).await.unwrap();
        assert_eq!(b.peer_addr().unwrap(), a_addr);
        b.send("pong").await.unwrap();
        let (n, buf) = unhung(a.recv([0; 8])).await.unwrap();
        assert_eq!(&buf[..n], b"pong");
        // An empty datagram is one; a short buffer cuts.
        b.send(Vec::new()).await.unwrap();
        assert_eq!(unhung(a.recv(vec![0; 8])).await.unwrap().0, 0);
        b.send("long one").await.unwrap();
        b.send("next").await.unwrap();
        assert_eq!(unhung(a.recv([0; 4])).await.unwrap().1, *b"long");
        assert_eq!(unhung(a.recv([0; 4])).await.unwrap().1, *b"next");
        assert_eq!(
            a.recv(Vec::new()).await.unwrap_err().kind(),
            ErrorKind::InvalidInput
        );
    });
}

#[test]
fn a_datagram_for_a_dropped_receive_is_not_lost() {
    run(1, async {
        let (a, a_addr) = socket().await;
        let (b, b_addr) = socket().await;
        for round in 0..100u8 {
            let mut receive = b.recv_from(vec![0; 64]);
            assert!(poll_now(&mut receive).await.is_none());
            for _ in 0..round % 4 {
                yield_now().await;
            }
            a.send_to([round], b_addr).await.unwrap();
            drop(receive);
            let ((n, from), buf) = unhung(b.recv_from([0; 8])).await.unwrap();
            assert_eq!((n, from, buf[0]), (1, a_addr, round));
        }
    });
}

#[test]
fn several_receivers_share_a_socket() {
    run(2, async {
        let (a, _) = socket().await;
        let (b, b_addr) = socket().await;
        let receivers: Vec<_> = (0..4)
            .map(|_| {
                let b = b.clone();
                spawn(async move {
                    let mut got = Vec::new();
                    for _ in 0..25 {
                        let (_, buf) = b.recv([0; 1]).await.unwrap();
                        got.push(buf[0]);
                    }
                    got
                })
            })
            .collect();
        for i in 0..100u8 {
            a.send_to([i], b_addr).await.unwrap();
            yield_now().await;
        }
        let mut all = Vec::new();
        for receiver in receivers {
            all.extend(unhung(receiver).await.unwrap());
        }
        all.sort_unstable();
        assert!(all.into_iter().eq(0..100));
    });
}

#[test]
fn into_std_fails_while_a_receive_is_in_flight() {
    run(1, async {
        let (a, _) = socket().await;
        let (b, b_addr) = socket().await;
        let mut receive = b.recv(vec![0; 8]);
        assert!(poll_now(&mut receive).await.is_none());
        a.send_to("kept", b_addr).await.unwrap();
        drop(receive);
        let busy = b.into_std().expect_err("a datagram would be lost");
        assert_eq!(busy.error().kind(), ErrorKind::ResourceBusy);
        let b = busy.into_socket();
        assert_eq!(unhung(b.recv([0; 4])).await.unwrap().1, *b"kept");
        let plain = b.into_std().expect("quiet now");
        let b = UdpSocket::from_std(plain).unwrap();
        b.set_broadcast(true).unwrap();
        b.set_ttl(9).unwrap();
        match b.join_multicast_v4(&Ipv4Addr::new(224, 0, 0, 123), &Ipv4Addr::LOCALHOST) {
            Ok(()) => b
                .leave_multicast_v4(&Ipv4Addr::new(224, 0, 0, 123), &Ipv4Addr::LOCALHOST)
                .unwrap(),
            Err(e) => println!("SKIP multicast: {e}"),
        }
    });
}

#[test]
fn a_used_port_is_named() {
    run(1, async {
        let (_a, addr) = socket().await;
        let error = UdpSocket::bind(addr).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        assert!(error.to_string().contains(&addr.to_string()), "{error}");
    });
}
