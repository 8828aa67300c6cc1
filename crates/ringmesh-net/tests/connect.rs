//! Connecting, binding and options.

#[path = "kit/kit.rs"]
mod kit;

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use kit::{pair, run, unhung};
use ringmesh_net::{AddrError, TcpListener, TcpSocket, TcpStream};

#[test]
fn a_used_port_is_named() {
    run(1, async {
        let first = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = first.local_addr().unwrap();
        let error = TcpListener::bind(addr).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        assert!(error.to_string().contains(&addr.to_string()), "{error}");
        let inner = error
            .get_ref()
            .unwrap()
            .downcast_ref::<AddrError>()
            .unwrap();
        assert_eq!(inner.errno(), Some(libc::EADDRINUSE));
        assert_eq!(inner.addr(), addr.to_string());
        // A second choice in the list is taken.
        let list = [addr, SocketAddr::from((Ipv4Addr::LOCALHOST, 0))];
        let second = TcpListener::bind(list).await.unwrap();
        assert_ne!(second.local_addr().unwrap(), addr);
    });
}

#[test]
fn a_refused_connection_is_named() {
    run(1, async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        drop(listener);
        let error = unhung(TcpStream::connect(addr)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        assert!(error.to_string().contains(&addr.to_string()), "{error}");
    });
}

#[test]
fn names_are_looked_up_off_the_shard() {
    run(1, async {
        let listener = TcpListener::bind(("localhost", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let stream = unhung(TcpStream::connect(format!("localhost:{port}")))
            .await
            .unwrap();
        assert!(stream.peer_addr().unwrap().ip().is_loopback());
        let error = unhung(TcpStream::connect("no-such-host.invalid:80"))
            .await
            .unwrap_err();
        assert!(
            error.to_string().contains("no-such-host.invalid"),
            "{error}"
        );
        let error = TcpStream::connect("no port").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let error = TcpStream::connect(Vec::new()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    });
}

/// A listener whose backlog is full: the next connect waits.
fn full_listener() -> (socket2::Socket, SocketAddr, Vec<std::net::TcpStream>) {
    let raw = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    raw.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())
        .unwrap();
    raw.listen(0).unwrap();
    let addr = raw.local_addr().unwrap().as_socket().unwrap();
    let mut clients = Vec::new();
    loop {
        match std::net::TcpStream::connect_timeout(&addr, Duration::from_millis(50)) {
            Ok(client) => clients.push(client),
            Err(_) => return (raw, addr, clients),
        }
    }
}

#[test]
fn a_connect_that_times_out_closes_its_socket() {
    run(1, async {
        let (_listener, addr, _clients) = full_listener();
        let before = open_sockets();
        let error = unhung(TcpStream::connect_timeout(addr, Duration::from_millis(30)))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        kit::until(|| open_sockets() <= before).await;
    });
}

/// Sockets of this process towards a full listener, in SYN-SENT.
fn open_sockets() -> usize {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let dialing: Vec<&str> = table
        .lines()
        .filter(|line| line.split_whitespace().nth(3) == Some("02"))
        .filter_map(|line| line.split_whitespace().nth(9))
        .collect();
    let mut count = 0;
    for fd in std::fs::read_dir("/proc/self/fd").unwrap().flatten() {
        if let Ok(target) = std::fs::read_link(fd.path()) {
            let target = target.to_string_lossy().into_owned();
            count += usize::from(
                dialing
                    .iter()
                    .any(|inode| target == format!("socket:[{inode}]")),
            );
        }
    }
    count
}

#[test]
fn options_are_set_and_read_back() {
    run(1, async {
        let (a, b) = pair().await;
        a.set_nodelay(true).unwrap();
        assert!(a.nodelay().unwrap() && !b.nodelay().unwrap());
        a.set_ttl(42).unwrap();
        assert_eq!(a.ttl().unwrap(), 42);
        a.set_keepalive(Some((Duration::from_secs(9), Duration::from_secs(3))))
            .unwrap();
        assert!(a.keepalive().unwrap());
        a.set_keepalive(None).unwrap();
        assert!(!a.keepalive().unwrap());
        a.set_linger(Some(Duration::from_secs(2))).unwrap();
        assert_eq!(a.linger().unwrap(), Some(Duration::from_secs(2)));
        a.set_linger(None).unwrap();
        a.set_send_buffer_size(32 * 1024).unwrap();
        assert!(a.send_buffer_size().unwrap() >= 32 * 1024);
        a.set_recv_buffer_size(32 * 1024).unwrap();
        assert!(a.recv_buffer_size().unwrap() >= 32 * 1024);
        assert!(a.take_error().unwrap().is_none());
        assert_eq!(a.peer_addr().unwrap(), b.local_addr().unwrap());
        assert_eq!(a.local_addr().unwrap(), b.peer_addr().unwrap());
        assert!(format!("{a:?}").contains("TcpStream"));
    });
}

#[test]
fn a_socket_can_be_prepared_before_it_connects() {
    run(1, async {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.set_reuseport(true).unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let addr = socket.local_addr().unwrap();
        let listener = socket.listen(16).unwrap();

        let second = TcpSocket::new_v4().unwrap();
        second.set_reuseport(true).unwrap();
        second.bind(addr).unwrap();
        drop(second);

        let client = TcpSocket::new_v4().unwrap();
        client.set_nodelay(true).unwrap();
        client.set_keepalive(true).unwrap();
        client.set_send_buffer_size(64 * 1024).unwrap();
        client.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let from = client.local_addr().unwrap();
        let stream = unhung(client.connect(addr)).await.unwrap();
        let (_, peer) = unhung(listener.accept()).await.unwrap();
        assert_eq!(peer, from);
        assert!(stream.nodelay().unwrap());
    });
}

#[test]
fn ipv6_works_where_it_exists() {
    run(1, async {
        let listener = match TcpListener::bind("[::1]:0").await {
            Ok(listener) => listener,
            Err(e) => {
                println!("SKIP ipv6_works_where_it_exists: {e}");
                return;
            }
        };
        let stream = unhung(TcpStream::connect(listener.local_addr().unwrap()))
            .await
            .unwrap();
        let (peer, addr) = unhung(listener.accept()).await.unwrap();
        assert_eq!(addr, stream.local_addr().unwrap());
        peer.write_all("six").await.unwrap();
        assert_eq!(unhung(stream.read(vec![0; 8])).await.unwrap().0, 3);
    });
}

#[test]
fn descriptors_come_in_and_are_lent_out() {
    run(1, async {
        let plain = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        plain.set_nonblocking(true).unwrap();
        let listener = TcpListener::from(OwnedFd::from(plain));
        let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, _) = unhung(listener.accept()).await.unwrap();
        let client = TcpStream::from(OwnedFd::from(client));
        client.write_all("x").await.unwrap();
        assert_eq!(unhung(server.read([0; 1])).await.unwrap().1, *b"x");
        assert!(
            socket2::SockRef::from(&listener.as_fd())
                .is_listener()
                .unwrap()
        );
        assert_eq!(
            listener.into_std().unwrap().local_addr().unwrap(),
            client.peer_addr().unwrap()
        );
    });
}
