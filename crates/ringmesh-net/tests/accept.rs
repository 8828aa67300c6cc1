//! No connection is lost to a future that was dropped (P3), and a listener goes on (P11).

#[path = "kit/kit.rs"]
mod kit;

use std::io::Read;
use std::net::{SocketAddr, TcpStream as StdStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use kit::{poll_now, run, unhung, until};
use ringmesh_net::{TcpListener, TcpStream};
use ringmesh_op::ShardId;
use ringmesh_sched::time::timeout;
use ringmesh_sched::{spawn_local_on, yield_now};

/// The three-way handshake is done when this returns, so an accept that is in the kernel has its connection.
fn knock(addr: SocketAddr) -> StdStream {
    let client = StdStream::connect(addr).unwrap();
    client.set_read_timeout(Some(kit::HANG)).unwrap();
    client
}

#[test]
fn a_dropped_accepts_connection_comes_from_the_next_accept() {
    run(1, async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        for round in 0..100 {
            let mut accept = listener.accept();
            assert!(poll_now(&mut accept).await.is_none());
            for _ in 0..round % 4 {
                yield_now().await; // Let the op reach the kernel in some rounds.
            }
            let client = knock(addr);
            drop(accept);
            let (_, peer) = unhung(listener.accept()).await.unwrap();
            assert_eq!(peer, client.local_addr().unwrap(), "round {round}");
        }
    });
}

#[test]
fn an_accept_dropped_before_the_connection_comes_eats_nothing() {
    run(1, async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        for round in 0..100 {
            let mut accept = listener.accept();
            assert!(poll_now(&mut accept).await.is_none());
            for _ in 0..round % 4 {
                yield_now().await;
            }
            drop(accept);
            let client = knock(addr);
            let (_, peer) = unhung(listener.accept()).await.unwrap();
            assert_eq!(peer, client.local_addr().unwrap(), "round {round}");
        }
    });
}

#[test]
fn a_waiter_that_is_armed_already_gets_a_dropped_accepts_connection() {
    run(1, async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        for round in 0..100 {
            let mut first = listener.accept();
            let mut second = listener.accept();
            assert!(poll_now(&mut first).await.is_none());
            assert!(poll_now(&mut second).await.is_none());
            for _ in 0..round % 4 {
                yield_now().await;
            }
            let client = knock(addr); // The kernel gives it to the op that waits longest.
            drop(first);
            let (_, peer) = unhung(second).await.unwrap();
            assert_eq!(peer, client.local_addr().unwrap(), "round {round}");
        }
    });
}

#[test]
fn a_waiter_on_another_shard_gets_a_dropped_accepts_connection() {
    run(2, async {
        let listener = Arc::new(TcpListener::bind("127.0.0.1:0").await.unwrap());
        let addr = listener.local_addr().unwrap();
        for round in 0..50 {
            let mut first = listener.accept();
            assert!(poll_now(&mut first).await.is_none());
            for _ in 0..round % 4 {
                yield_now().await;
            }
            let armed = Arc::new(AtomicBool::new(false));
            let there = {
                let (listener, armed) = (listener.clone(), armed.clone());
                spawn_local_on(ShardId::new(1), move || async move {
                    let mut second = listener.accept();
                    let early = poll_now(&mut second).await;
                    armed.store(true, Ordering::Release);
                    match early {
                        Some(accepted) => accepted,
                        None => second.await,
                    }
                })
            };
            until(|| armed.load(Ordering::Acquire)).await;
            let client = knock(addr);
            drop(first);
            let (_, peer) = unhung(there).await.unwrap().unwrap();
            assert_eq!(peer, client.local_addr().unwrap(), "round {round}");
        }
    });
}

#[test]
fn an_accept_on_another_shard_finds_a_parked_connection() {
    run(2, async {
        let listener = Arc::new(TcpListener::bind("127.0.0.1:0").await.unwrap());
        let addr = listener.local_addr().unwrap();
        for round in 0..50 {
            let mut first = listener.accept();
            assert!(poll_now(&mut first).await.is_none());
            let client = knock(addr);
            drop(first);
            let there = {
                let listener = listener.clone();
                spawn_local_on(
                    ShardId::new(1),
                    move || async move { listener.accept().await },
                )
            };
            let (_, peer) = unhung(there).await.unwrap().unwrap();
            assert_eq!(peer, client.local_addr().unwrap(), "round {round}");
        }
    });
}

#[test]
fn a_hundred_dropped_accepts_lose_none_of_a_hundred_connections() {
    run(2, async {
        let listener = Arc::new(TcpListener::bind("127.0.0.1:0").await.unwrap());
        let addr = listener.local_addr().unwrap();
        let mut accepts: Vec<_> = (0..100).map(|_| listener.accept()).collect();
        for accept in &mut accepts {
            assert!(poll_now(accept).await.is_none());
        }
        let clients: Vec<_> = (0..100).map(|_| knock(addr)).collect();
        drop(accepts);
        let mut wanted: Vec<_> = clients.iter().map(|c| c.local_addr().unwrap()).collect();
        for _ in 0..100 {
            let (_, peer) = unhung(listener.accept()).await.unwrap();
            let at = wanted
                .iter()
                .position(|addr| *addr == peer)
                .expect("a known client, once");
            wanted.swap_remove(at);
        }
        assert!(wanted.is_empty());
    });
}

#[test]
fn dropping_incoming_leaves_its_connections_with_the_listener() {
    run(1, async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let mut incoming = listener.incoming();
        assert!(poll_now(&mut incoming.next()).await.is_none());
        yield_now().await;
        let clients: Vec<_> = (0..20).map(|_| knock(addr)).collect();
        let mut got = Vec::new();
        for _ in 0..5 {
            let (_, peer) = unhung(incoming.next()).await.unwrap().unwrap();
            got.push(peer);
        }
        drop(incoming);
        for _ in 0..10 {
            let (_, peer) = unhung(listener.accept()).await.unwrap();
            got.push(peer);
        }
        let mut again = listener.incoming();
        for _ in 0..5 {
            let (_, peer) = unhung(again.next()).await.unwrap().unwrap();
            got.push(peer);
        }
        got.sort();
        let mut wanted: Vec<_> = clients.iter().map(|c| c.local_addr().unwrap()).collect();
        wanted.sort();
        assert_eq!(got, wanted);
    });
}

#[test]
fn incoming_serves_hundreds_of_connections() {
    run(2, async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let clients = ringmesh_sched::spawn(async move {
            for i in 0..300u32 {
                let stream = TcpStream::connect(addr).await.unwrap();
                stream.write_all(i.to_le_bytes()).await.unwrap();
            }
        });
        let mut incoming = listener.incoming();
        for i in 0..300u32 {
            let (stream, _) = unhung(incoming.next()).await.unwrap().unwrap();
            let ((), buf) = stream.read_exact([0; 4], 4).await.unwrap();
            assert_eq!(u32::from_le_bytes(buf), i);
        }
        clients.await.unwrap();
    });
}

#[test]
fn a_small_backlog_pauses_incoming_and_loses_nothing() {
    run(1, async {
        let socket = ringmesh_net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(8).unwrap();
        let addr = listener.local_addr().unwrap();
        let mut incoming = listener.incoming();
        assert!(poll_now(&mut incoming.next()).await.is_none());
        // More than the limit of four that may wait undelivered, within what the kernel's backlog holds.
        let clients: Vec<_> = (0..8).map(|_| knock(addr)).collect();
        for client in &clients {
            let (_, peer) = unhung(incoming.next()).await.unwrap().unwrap();
            assert_eq!(peer, client.local_addr().unwrap());
        }
    });
}

#[test]
fn connections_are_closed_with_the_listener() {
    run(1, async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let mut accept = listener.accept();
        assert!(poll_now(&mut accept).await.is_none());
        yield_now().await;
        let mut client = knock(addr);
        drop(accept);
        yield_now().await;
        drop(listener);
        let end = ringmesh_sched::spawn_blocking(move || client.read(&mut [0; 8]));
        // A connection that was accepted is closed; one that still was in the backlog is reset.
        match unhung(end).await.unwrap() {
            Ok(n) => assert_eq!(n, 0),
            Err(e) => assert_eq!(e.kind(), std::io::ErrorKind::ConnectionReset),
        }
    });
}

#[test]
fn aborted_connections_do_not_end_incoming() {
    run(1, async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let mut incoming = listener.incoming();
        for _ in 0..20 {
            kit::reset(knock(addr));
        }
        let client = knock(addr);
        loop {
            let (_, peer) = unhung(incoming.next()).await.unwrap().unwrap();
            if peer == client.local_addr().unwrap() {
                break;
            }
        }
    });
}

#[test]
fn into_std_fails_while_an_accept_is_in_flight() {
    run(1, async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let mut accept = listener.accept();
        assert!(poll_now(&mut accept).await.is_none());
        let client = knock(addr);
        drop(accept);
        // The orphan holds the descriptor until its CQE, the drawer its connection after it.
        let busy = listener.into_std().expect_err("a connection would be lost");
        assert_eq!(busy.error().kind(), std::io::ErrorKind::ResourceBusy);
        let listener = busy.into_socket();
        let (_, peer) = unhung(listener.accept()).await.unwrap();
        assert_eq!(peer, client.local_addr().unwrap());
        let mut listener = Some(listener);
        let plain = loop {
            match listener.take().unwrap().into_std() {
                Ok(plain) => break plain,
                Err(busy) => listener = Some(busy.into_socket()),
            }
            yield_now().await;
        };
        assert_eq!(plain.local_addr().unwrap(), addr);
    });
}

/// Accepts with random patience on two shards: every connection is accepted exactly once.
fn impatient_accepts_lose_nothing(seed: u64) {
    const CLIENTS: usize = 200;
    run(2, async move {
        let listener = Arc::new(TcpListener::bind("127.0.0.1:0").await.unwrap());
        let addr = listener.local_addr().unwrap();
        let accepted = Arc::new(std::sync::Mutex::new(Vec::new()));
        let tasks: Vec<_> = (0..6u64)
            .map(|id| {
                let (listener, accepted) = (listener.clone(), accepted.clone());
                ringmesh_sched::spawn_local_on(
                    ShardId::new((id % 2) as usize),
                    move || async move {
                        let mut random = kit::Random::new(seed * 10 + id);
                        while accepted.lock().unwrap().len() < CLIENTS {
                            let patience = std::time::Duration::from_micros(random.below(400));
                            let got = match id {
                                // One that is patient: it must not sleep through what others left.
                                0 => {
                                    let long = std::time::Duration::from_millis(200);
                                    timeout(long, listener.accept()).await.ok()
                                }
                                1 => {
                                    let mut incoming = listener.incoming();
                                    let next = timeout(patience, incoming.next()).await.ok();
                                    next.map(|got| got.map(|got| got.expect("the listener lives")))
                                }
                                _ => timeout(patience, listener.accept()).await.ok(),
                            };
                            if let Some(got) = got {
                                accepted.lock().unwrap().push(got.unwrap().1);
                            }
                        }
                    },
                )
            })
            .collect();
        let clients = ringmesh_sched::spawn_blocking(move || {
            let mut random = kit::Random::new(seed);
            (0..CLIENTS)
                .map(|_| {
                    if random.below(3) == 0 {
                        std::thread::sleep(std::time::Duration::from_micros(random.below(500)));
                    }
                    knock(addr)
                })
                .collect::<Vec<_>>()
        });
        let clients = unhung(clients).await.unwrap();
        for task in tasks {
            unhung(task).await.unwrap();
        }
        let mut got = accepted.lock().unwrap().clone();
        got.sort();
        let mut wanted: Vec<_> = clients.iter().map(|c| c.local_addr().unwrap()).collect();
        wanted.sort();
        assert!(got == wanted, "seed {seed}: {} accepted", got.len());
    });
}

#[test]
fn impatient_accepts_on_two_shards_lose_no_connection() {
    for seed in 1..=4 {
        impatient_accepts_lose_nothing(seed);
    }
}

#[test]
fn a_patient_accept_does_not_sleep_through_what_impatient_ones_left() {
    run(2, async {
        let listener = Arc::new(TcpListener::bind("127.0.0.1:0").await.unwrap());
        let addr = listener.local_addr().unwrap();
        for round in 0..100 {
            // Several are dropped at once, so several wake-ups may be eaten at once.
            let mut dropped: Vec<_> = (0..3).map(|_| listener.accept()).collect();
            for accept in &mut dropped {
                assert!(poll_now(accept).await.is_none());
            }
            let mut patient: Vec<_> = (0..3).map(|_| listener.accept()).collect();
            for accept in &mut patient {
                assert!(poll_now(accept).await.is_none());
            }
            for _ in 0..round % 4 {
                yield_now().await;
            }
            let clients: Vec<_> = (0..3).map(|_| knock(addr)).collect();
            drop(dropped);
            let mut wanted: Vec<_> = clients.iter().map(|c| c.local_addr().unwrap()).collect();
            for accept in patient {
                let (_, peer) = unhung(accept).await.unwrap();
                wanted.retain(|addr| *addr != peer);
            }
            assert!(wanted.is_empty(), "round {round}");
        }
    });
}

#[test]
fn dropping_incoming_wakes_a_patient_accept() {
    run(1, async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        for round in 0..50 {
            let mut incoming = listener.incoming();
            assert!(poll_now(&mut incoming.next()).await.is_none());
            let mut patient = listener.accept();
            assert!(poll_now(&mut patient).await.is_none());
            for _ in 0..round % 4 {
                yield_now().await;
            }
            let client = knock(addr);
            drop(incoming);
            let (_, peer) = unhung(patient).await.unwrap();
            assert_eq!(peer, client.local_addr().unwrap(), "round {round}");
        }
    });
}

#[test]
fn streams_that_are_told_to_ask_again_do_not_keep_each_other_busy() {
    run(1, async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (mut one, mut two) = (listener.incoming(), listener.incoming());
        assert!(poll_now(&mut one.next()).await.is_none());
        assert!(poll_now(&mut two.next()).await.is_none());
        let cancels = || ringmesh_op::Handle::current().metrics().total().cancels;
        for offset in 0..4 {
            // Its end without a connection makes one of the streams look at the backlog, once.
            let mut accept = listener.accept();
            assert!(poll_now(&mut accept).await.is_none());
            yield_now().await;
            drop(accept);
            let before = cancels();
            for turn in 0..400 {
                // In turns, so that it is always the armed one that hears of the other's end.
                let streams = match (turn + offset) % 2 {
                    0 => [&mut one, &mut two],
                    _ => [&mut two, &mut one],
                };
                for stream in streams {
                    assert!(poll_now(&mut stream.next()).await.is_none());
                }
                yield_now().await;
            }
            assert!(cancels() - before < 20, "cancels go on");
        }
        // Both still work.
        let client = knock(addr);
        let arrived =
            futures_lite::future::or(async { one.next().await.unwrap().unwrap().1 }, async {
                two.next().await.unwrap().unwrap().1
            });
        assert_eq!(unhung(arrived).await, client.local_addr().unwrap());
    });
}
