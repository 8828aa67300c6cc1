//! The socket ops on the real kernel.

#[path = "support/ops.rs"]
mod support;

use std::{
    io::{self, Read as _, Write as _},
    net::{self, Ipv4Addr, SocketAddr, UdpSocket},
    os::{fd::OwnedFd, unix::net::UnixStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures_lite::future::poll_once;
use ringmesh_op::{
    Op, SendBatch, SharedFd, any_buf, any_vec,
    multishot::{AcceptMulti, Multi},
    ops::{
        Accept, AsyncCancel, Bind, Connect, Drawer, Listen, PollAdd, Recv, RecvMsg, Send, SendMsg,
        Shutdown, Socket,
    },
};
use socket2::{Domain, SockAddr, Type};
use support::{counted, on_shard, op, pattern, quiesce, shared, submitted, wait_until};

fn localhost(port: u16) -> SockAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into()
}

async fn tcp_listener() -> (SharedFd, SockAddr) {
    let socket = SharedFd::new(
        op(Socket::new(Domain::IPV4, Type::STREAM, None))
            .await
            .unwrap(),
    );
    op(Bind::new(&socket, localhost(0))).await.unwrap();
    op(Listen::new(&socket, 16)).await.unwrap();
    let listener = socket.try_into_owned().unwrap();
    let addr = socket2::SockRef::from(&listener).local_addr().unwrap();
    (SharedFd::new(listener), addr)
}

fn pair() -> (SharedFd, UnixStream) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    (shared(ours), theirs)
}

#[test]
fn a_connection_is_made_used_and_ended() {
    on_shard(async {
        let (listener, addr) = tcp_listener().await;
        let client = SharedFd::new(
            op(Socket::new(Domain::IPV4, Type::STREAM, None))
                .await
                .unwrap(),
        );
        let mut accept = Op::new(Accept::new(&listener));
        assert!(poll_once(&mut accept).await.is_none());
        op(Connect::new(&client, addr)).await.unwrap();
        let (server, peer) = accept.await.unwrap();
        let client = client.try_into_owned().expect("no op holds it any more");
        let local = socket2::SockRef::from(&client).local_addr().unwrap();
        assert_eq!(
            peer.as_socket(),
            local.as_socket(),
            "the address of who connected"
        );
        let (client, server) = (SharedFd::new(client), SharedFd::new(server));

        let (n, sent) = op(Send::new(&client, pattern(1_000))).await.unwrap();
        assert_eq!(n, 1_000);
        let (n, peeked) = op(Recv::new(&server, vec![0; 10]).flags(libc::MSG_PEEK))
            .await
            .unwrap();
        assert_eq!((n, &peeked[..]), (10, &sent[..10]));
        let (n, got) = op(Recv::new(&server, Vec::with_capacity(4_096)).poll_first(true))
            .await
            .unwrap();
        assert_eq!((n, got), (1_000, sent));

        op(Shutdown::new(&client, net::Shutdown::Write))
            .await
            .unwrap();
        assert_eq!(
            op(Recv::new(&server, [0; 4])).await.unwrap().0,
            0,
            "the end of the stream"
        );
        op(Shutdown::new(&server, net::Shutdown::Both))
            .await
            .unwrap();
        let error = op(Shutdown::new(&listener_less(), net::Shutdown::Both))
            .await
            .unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ENOTCONN));
        quiesce().await;
    });
}

fn listener_less() -> SharedFd {
    SharedFd::new(
        socket2::Socket::new(Domain::IPV4, Type::STREAM, None)
            .unwrap()
            .into(),
    )
}

#[test]
fn errors_keep_their_errno() {
    on_shard(async {
        let unknown = op(Socket::new(Domain::from(255), Type::STREAM, None))
            .await
            .unwrap_err();
        assert_eq!(unknown.raw_os_error(), Some(libc::EAFNOSUPPORT));

        let (listener, addr) = tcp_listener().await;
        let second = listener_less();
        assert_eq!(
            op(Bind::new(&second, addr.clone()))
                .await
                .unwrap_err()
                .raw_os_error(),
            Some(libc::EADDRINUSE)
        );
        drop(listener);
        quiesce().await;
        let refused = op(Connect::new(&listener_less(), addr)).await.unwrap_err();
        assert_eq!(refused.raw_os_error(), Some(libc::ECONNREFUSED));
        assert_eq!(
            op(Accept::new(&listener_less()))
                .await
                .unwrap_err()
                .raw_os_error(),
            Some(libc::EINVAL)
        );

        let error = op(Recv::new(&listener_less(), vec![3; 4]))
            .await
            .unwrap_err();
        assert_eq!(error.error().raw_os_error(), Some(libc::ENOTCONN));
        assert_eq!(error.into_parts().1, [3; 4]);
    });
}

#[test]
fn a_peer_that_is_gone_is_an_error_and_no_signal() {
    on_shard(async {
        let (ours, theirs) = pair();
        drop(theirs);
        let error = op(Send::new(&ours, vec![3; 4])).await.unwrap_err();
        assert_eq!(error.error().raw_os_error(), Some(libc::EPIPE));
        assert_eq!(error.into_parts().1, [3; 4]);
        let error = op(SendMsg::new(&ours, [vec![3; 4]])).await.unwrap_err();
        assert_eq!(error.error().raw_os_error(), Some(libc::EPIPE));
        let (result, bufs) = op(SendBatch::new(&ours, vec![any_buf(vec![3; 4])], 0)).await;
        assert_eq!(result.unwrap_err().raw_os_error(), Some(libc::EPIPE));
        assert_eq!(bufs.len(), 1);
        assert_eq!(op(Recv::new(&ours, [0; 4])).await.unwrap().0, 0);
    });
}

#[test]
fn nothing_to_send_and_no_room_to_receive_cost_no_submission() {
    on_shard(async {
        let (ours, _theirs) = pair();
        quiesce().await;
        let before = counted().submits;
        assert_eq!(op(Send::new(&ours, Vec::new())).await.unwrap().0, 0);
        assert_eq!(op(SendMsg::new(&ours, [Vec::new()])).await.unwrap().0, 0);
        assert_eq!(
            op(SendBatch::new(&ours, vec![any_buf(b"sent")], 4))
                .await
                .0
                .unwrap(),
            0
        );
        let error = op(Recv::new(&ours, Vec::new())).await.unwrap_err();
        assert_eq!(error.error().kind(), io::ErrorKind::InvalidInput);
        let error = op(RecvMsg::new(&ours, [Vec::new()])).await.unwrap_err();
        assert_eq!(error.error().kind(), io::ErrorKind::InvalidInput);
        assert_eq!(counted().submits, before);
    });
}

#[test]
fn a_full_socket_makes_a_send_short() {
    on_shard(async {
        let (ours, mut theirs) = pair();
        let mut sent = 0;
        // Fills the socket: the last send of the round takes what still fits, or waits.
        loop {
            let mut send = Op::new(Send::new(&ours, vec![7; 1 << 20]));
            match poll_then_wait(&mut send).await {
                Some(result) => sent += result.unwrap().0,
                None => {
                    let stopped = send.cancel().await;
                    sent += stopped.map_or(0, |(n, _)| n);
                    break;
                }
            }
        }
        assert!(sent > 0);
        theirs.set_nonblocking(true).unwrap();
        drop(ours);
        let mut got = 0;
        let mut room = vec![0; 1 << 20];
        while let Ok(n @ 1..) = theirs.read(&mut room) {
            got += n;
        }
        assert_eq!(got, sent, "what was reported is what went out");
        quiesce().await;
    });
}

/// Polls the op until it is done, or gives up when it has been in flight over a few rounds of the loop.
async fn poll_then_wait<T: ringmesh_op::OpCode>(op: &mut Op<T>) -> Option<T::Output> {
    for _ in 0..50 {
        if let Some(output) = poll_once(&mut *op).await {
            return Some(output);
        }
        ringmesh_sched::yield_now().await;
    }
    None
}

#[test]
fn vectored_messages_cross_in_order() {
    on_shard(async {
        let (ours, mut theirs) = pair();
        let parts = vec![pattern(10), Vec::new(), pattern(3_000)];
        let (n, parts) = op(SendMsg::new(&ours, parts)).await.unwrap();
        assert_eq!(n, 3_010);
        let mut got = vec![0; 3_010];
        theirs.read_exact(&mut got).unwrap();
        assert_eq!(got, parts.concat());

        theirs.write_all(b"abcdefgh").unwrap();
        let (got, (head, tail)) = op(RecvMsg::new(&ours, ([0; 3], Vec::with_capacity(64))))
            .await
            .unwrap();
        assert_eq!((got.len, got.truncated), (8, false));
        assert_eq!((&head, &tail[..]), (b"abc", &b"defgh"[..]));
    });
}

#[test]
fn datagrams_keep_their_borders_and_their_sender() {
    on_shard(async {
        let theirs = UdpSocket::bind("127.0.0.1:0").unwrap();
        let ours = UdpSocket::bind("127.0.0.1:0").unwrap();
        let (our_addr, their_addr) = (ours.local_addr().unwrap(), theirs.local_addr().unwrap());
        let ours = shared(ours);

        let to = Some(SockAddr::from(their_addr));
        let (n, _) = op(SendMsg::datagram(&ours, (*b"ab", *b"cd"), to.clone()))
            .await
            .unwrap();
        assert_eq!(n, 4);
        let mut room = [0; 16];
        assert_eq!(theirs.recv_from(&mut room).unwrap(), (4, our_addr));
        op(SendMsg::datagram(&ours, [Vec::new()], to.clone()))
            .await
            .unwrap();
        assert_eq!(
            theirs.recv_from(&mut room).unwrap(),
            (0, our_addr),
            "an empty datagram is one"
        );
        let error = op(SendMsg::datagram(&ours, vec![[1]; 1_025], to))
            .await
            .unwrap_err();
        assert_eq!(
            error.error().kind(),
            io::ErrorKind::InvalidInput,
            "not half of it"
        );

        theirs.send_to(b"hello", our_addr).unwrap();
        let (got, data) = op(RecvMsg::new(&ours, [Vec::with_capacity(64)]))
            .await
            .unwrap();
        assert_eq!(got.from.unwrap().as_socket(), Some(their_addr));
        assert_eq!(
            (got.len, got.truncated, &data[0][..]),
            (5, false, &b"hello"[..])
        );
        theirs.send_to(b"too long", our_addr).unwrap();
        let (got, data) = op(RecvMsg::new(&ours, [[0; 3]]).flags(libc::MSG_TRUNC))
            .await
            .unwrap();
        assert_eq!((got.len, got.truncated, data), (3, true, [*b"too"]));
        theirs.send_to(b"too long", our_addr).unwrap();
        let (n, data) = op(Recv::new(&ours, Box::<[u8]>::from([0; 3])).flags(libc::MSG_TRUNC))
            .await
            .unwrap();
        assert_eq!(
            (n, &data[..]),
            (3, &b"too"[..]),
            "the kernel says 8, the buffer has 3"
        );

        theirs.connect(our_addr).unwrap();
        op(Connect::new(&ours, their_addr.into())).await.unwrap();
        op(Send::datagram(&ours, Vec::new())).await.unwrap();
        assert_eq!(theirs.recv(&mut room).unwrap(), 0);
        quiesce().await;
    });
}

#[test]
fn msg_trunc_cannot_pass_off_memory_that_nobody_wrote() {
    on_shard(async {
        let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut theirs = net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let ours = shared(listener.accept().unwrap().0);
        theirs.write_all(b"hello").unwrap();
        let recv = Recv::new(&ours, Vec::with_capacity(64)).flags(libc::MSG_TRUNC);
        assert_eq!(
            op(recv).await.unwrap().1,
            b"hello",
            "TCP throws MSG_TRUNC's bytes away"
        );
        theirs.write_all(b"again").unwrap();
        let recv = RecvMsg::new(&ours, [Vec::with_capacity(64)]).flags(libc::MSG_TRUNC);
        assert_eq!(op(recv).await.unwrap().1[0], b"again");
    });
}

#[test]
fn a_batch_goes_out_as_one_and_everybody_gets_their_buffer_back() {
    on_shard(async {
        let (ours, mut theirs) = pair();
        let bufs = vec![
            any_buf(b"stat"),
            any_buf(vec![1u8; 5]),
            any_vec(vec![vec![2u8; 2], vec![3; 3]]),
            any_buf(String::from("end")),
        ];
        let before = counted().submits;
        let (result, bufs) = op(SendBatch::new(&ours, bufs, 6)).await;
        assert_eq!(result.unwrap(), 17 - 6);
        assert_eq!(counted().submits - before, 1);
        let mut got = [0; 11];
        theirs.read_exact(&mut got).unwrap();
        assert_eq!(&got, b"\x01\x01\x01\x02\x02\x03\x03\x03end");
        let mut bufs = bufs.into_iter().map(|buf| buf.into_any());
        assert_eq!(
            **bufs.next().unwrap().downcast::<&'static [u8; 4]>().unwrap(),
            *b"stat"
        );
        assert_eq!(*bufs.next().unwrap().downcast::<Vec<u8>>().unwrap(), [1; 5]);
        assert_eq!(
            *bufs.next().unwrap().downcast::<Vec<Vec<u8>>>().unwrap(),
            [vec![2; 2], vec![3; 3]]
        );
        assert_eq!(*bufs.next().unwrap().downcast::<String>().unwrap(), "end");

        let many = (0..1_500u32).map(|i| any_buf(vec![i as u8])).collect();
        let (result, bufs) = op(SendBatch::new(&ours, many, 0)).await;
        assert_eq!(
            (result.unwrap(), bufs.len()),
            (1_024, 1_500),
            "the kernel takes 1024 parts, the batch is short"
        );
        let (result, _) = op(SendBatch::new(&ours, bufs, 1_024)).await;
        assert_eq!(result.unwrap(), 476);
        let mut got = [0; 1_500];
        theirs.read_exact(&mut got).unwrap();
        assert!(got.iter().enumerate().all(|(i, byte)| *byte == i as u8));
    });
}

#[test]
fn a_dropped_recv_leaves_the_connection_usable() {
    on_shard(async {
        let (ours, mut theirs) = pair();
        let mut recv = Op::new(Recv::new(&ours, vec![0; 64]));
        assert!(poll_once(&mut recv).await.is_none());
        submitted().await;
        drop(recv);
        quiesce().await;
        theirs.write_all(b"later").unwrap();
        let (n, data) = op(Recv::new(&ours, vec![0; 64])).await.unwrap();
        assert_eq!(&data[..n], b"later");
        op(Send::new(&ours, b"answer")).await.unwrap();
        let mut got = [0; 6];
        theirs.read_exact(&mut got).unwrap();
        assert_eq!(&got, b"answer");
    });
}

#[test]
fn the_last_handle_cancels_and_the_peer_sees_the_end() {
    on_shard(async {
        let (ours, mut theirs) = pair();
        let mut recv = Op::new(Recv::new(&ours, vec![0; 64]));
        assert!(poll_once(&mut recv).await.is_none());
        submitted().await;
        drop(ours);
        let error = recv.await.unwrap_err();
        assert_eq!(error.error().raw_os_error(), Some(libc::ECANCELED));
        quiesce().await;
        assert_eq!(theirs.read(&mut [0; 4]).unwrap(), 0);
    });
}

#[derive(Default)]
struct Parked(Mutex<Vec<(OwnedFd, Option<SockAddr>)>>, AtomicUsize);

impl Drawer for Parked {
    fn put(&self, connection: OwnedFd, peer: Option<SockAddr>) {
        self.0.lock().unwrap().push((connection, peer));
    }

    fn ended(&self) {
        self.1.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_dropped_accept_parks_the_connection_that_still_came() {
    on_shard(async {
        let (listener, addr) = tcp_listener().await;
        let addr = addr.as_socket().unwrap();
        let drawer = Arc::new(Parked::default());
        let mut accept = Op::new(Accept::with_drawer(&listener, drawer.clone()));
        assert!(poll_once(&mut accept).await.is_none());
        submitted().await;
        let mut client = net::TcpStream::connect(addr).unwrap();
        // The kernel has taken the connection, or will before it sees the cancel: it is not lost in either case.
        drop(accept);
        quiesce().await;
        if drawer.0.lock().unwrap().is_empty() {
            let (connection, peer) = op(Accept::new(&listener)).await.unwrap();
            drawer.put(connection, Some(peer));
        }
        let (connection, peer) = drawer.0.lock().unwrap().pop().unwrap();
        assert_eq!(
            peer.unwrap().as_socket(),
            Some(client.local_addr().unwrap())
        );
        client.write_all(b"hello").unwrap();
        let (n, data) = op(Recv::new(&SharedFd::new(connection), vec![0; 8]))
            .await
            .unwrap();
        assert_eq!(&data[..n], b"hello");
    });
}

#[test]
fn the_drawer_hears_of_accepts_that_ended_without_a_connection() {
    on_shard(async {
        let (listener, addr) = tcp_listener().await;
        let drawer = Arc::new(Parked::default());
        let mut accept = Op::new(Accept::with_drawer(&listener, drawer.clone()));
        assert!(poll_once(&mut accept).await.is_none());
        submitted().await;
        drop(accept);
        quiesce().await;
        assert_eq!(drawer.1.load(Ordering::Relaxed), 1);
        let mut accepts = Multi::new(AcceptMulti::new(&listener, Some(drawer.clone())));
        assert!(poll_once(accepts.next()).await.is_none());
        submitted().await;
        accepts.request_cancel();
        quiesce().await;
        assert_eq!(drawer.1.load(Ordering::Relaxed), 2);
        assert!(poll_once(accepts.next()).await.is_none());
        submitted().await;
        drop(accepts);
        quiesce().await;
        assert_eq!(drawer.1.load(Ordering::Relaxed), 3);

        // The fact behind it: the first accept is woken, cancelled before it takes the connection, and the second sleeps on
        // beside it, until it is told to ask anew.
        let mut first = Op::new(Accept::with_drawer(&listener, drawer.clone()));
        let mut second = Op::new(Accept::new(&listener));
        assert!(poll_once(&mut first).await.is_none());
        assert!(poll_once(&mut second).await.is_none());
        submitted().await;
        let _client = net::TcpStream::connect(addr.as_socket().unwrap()).unwrap();
        drop(first);
        wait_until(|| {
            drawer.1.load(Ordering::Relaxed) == 4 || !drawer.0.lock().unwrap().is_empty()
        })
        .await;
        if drawer.0.lock().unwrap().is_empty() {
            match second.cancel().await {
                Ok(_) => {}
                Err(_) => drop(op(Accept::new(&listener)).await.unwrap()),
            }
        }
    });
}

#[test]
fn a_completed_accept_that_nobody_took_is_parked_by_its_drop() {
    on_shard(async {
        let (listener, addr) = tcp_listener().await;
        let drawer = Arc::new(Parked::default());
        let mut accept = Op::new(Accept::with_drawer(&listener, drawer.clone()));
        assert!(poll_once(&mut accept).await.is_none());
        submitted().await;
        let _client = net::TcpStream::connect(addr.as_socket().unwrap()).unwrap();
        quiesce().await;
        drop(accept);
        assert_eq!(drawer.0.lock().unwrap().len(), 1);
    });
}

#[test]
fn readiness_is_told_and_not_consumed() {
    on_shard(async {
        let (ours, mut theirs) = pair();
        let mut poll = Op::new(PollAdd::new(&ours, libc::POLLIN as u32));
        assert!(poll_once(&mut poll).await.is_none());
        theirs.write_all(b"x").unwrap();
        assert_ne!(poll.await.unwrap() & libc::POLLIN as u32, 0);
        assert_eq!(
            op(PollAdd::new(&ours, libc::POLLIN as u32)).await.unwrap(),
            libc::POLLIN as u32
        );
        assert_eq!(op(Recv::new(&ours, vec![0; 8])).await.unwrap().0, 1);
        drop(theirs);
        assert_ne!(
            op(PollAdd::new(&ours, 0)).await.unwrap() & libc::POLLHUP as u32,
            0
        );
    });
}

#[test]
fn all_ops_of_a_descriptor_are_cancelled_at_once() {
    on_shard(async {
        let (ours, _theirs) = pair();
        let mut ops: Vec<_> = (0..5)
            .map(|_| Op::new(Recv::new(&ours, vec![0; 8])))
            .collect();
        for recv in &mut ops {
            assert!(poll_once(recv).await.is_none());
        }
        submitted().await;
        assert_eq!(op(AsyncCancel::new(&ours)).await.unwrap(), 5);
        for recv in ops {
            assert_eq!(
                recv.await.unwrap_err().error().raw_os_error(),
                Some(libc::ECANCELED)
            );
        }
        assert_eq!(op(AsyncCancel::new(&ours)).await.unwrap(), 0);
        wait_until(|| counted().unknown_cqes == 0).await;
        quiesce().await;
    });
}
