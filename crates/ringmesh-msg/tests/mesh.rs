//! Meshes, endpoints and the messages between them.
#![cfg(not(ringmesh_loom))]

use std::{
    future::Future,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use futures_lite::future::block_on;
use ringmesh_msg::{
    Bell, Body, Endpoint, Host, Keeper, Mesh, MeshError, MeshOptions, Message, Notify, ParkState,
    Raw, RecvError, RemoteShard, SendError, ShardId, Ticket,
};

fn mesh(shards: usize, capacity: usize) -> (Mesh, Vec<Endpoint>) {
    Mesh::new(shards, MeshOptions { capacity }).unwrap()
}

fn pair(capacity: usize) -> (RemoteShard, Endpoint) {
    let (mesh, mut endpoints) = mesh(1, capacity);
    (mesh.shard(ShardId::new(0)).unwrap(), endpoints.remove(0))
}

fn values(endpoint: &mut Endpoint) -> Vec<u32> {
    std::iter::from_fn(|| endpoint.try_next())
        .map(|message| message.raw().unwrap().val)
        .collect()
}

fn is_pending(future: impl Future) -> bool {
    pin!(future)
        .poll(&mut Context::from_waker(Waker::noop()))
        .is_pending()
}

#[derive(Debug, PartialEq)]
struct Job {
    name: String,
}
impl Message for Job {}

#[derive(Debug, PartialEq)]
struct Other;
impl Message for Other {}

#[test]
fn impossible_meshes_are_refused_with_the_reason() {
    let error = |shards, capacity| Mesh::new(shards, MeshOptions { capacity }).unwrap_err();
    assert_eq!(error(0, 1), MeshError::ZeroShards);
    assert_eq!(error(1, 0), MeshError::ZeroCapacity);
    assert_eq!(error(65_537, 1), MeshError::TooManyShards { asked: 65_537 });
    assert_eq!(
        error(0, 1).to_string(),
        "a mesh needs at least 1 shard, 0 were asked for"
    );
}

#[test]
fn a_shard_that_does_not_exist_is_an_error() {
    let (mesh, endpoints) = mesh(2, 1);
    let error = mesh.shard(ShardId::new(2)).unwrap_err();
    assert_eq!((error.asked, error.shards), (ShardId::new(2), 2));
    assert!(endpoints[0].shard(ShardId::new(9)).is_err());
    assert!(mesh.stats(ShardId::new(2)).is_err());
    assert!(mesh.close(ShardId::new(2)).is_err());
}

#[test]
fn raw_and_typed_messages_arrive_in_order_with_their_sender() {
    let (mesh, mut endpoints) = mesh(2, 8);
    let labelled = endpoints[1].shard(ShardId::new(0)).unwrap();
    let stranger = mesh.shard(ShardId::new(0)).unwrap();
    labelled.try_send_raw(3, 4).unwrap();
    let name = "n".to_owned();
    stranger.try_send(Job { name: name.clone() }).unwrap();

    let raw = endpoints[0].try_next().unwrap();
    assert_eq!(raw.from, Some(ShardId::new(1)));
    assert_eq!(raw.raw(), Some(Raw { tag: 3, val: 4 }));
    let typed = endpoints[0].try_next().unwrap();
    assert_eq!(typed.from, None);
    assert_eq!(typed.raw(), None);
    let typed = typed.downcast::<Other>().unwrap_err();
    let typed = typed.downcast::<Raw>().unwrap_err();
    assert_eq!(typed.downcast::<Job>().unwrap(), Job { name });
}

#[test]
fn a_full_mailbox_gives_the_message_back() {
    let (remote, mut endpoint) = pair(1);
    remote.try_send_raw(0, 0).unwrap();
    let job = Job {
        name: "kept".into(),
    };
    match remote.try_send(job).unwrap_err() {
        SendError::Full(job) => assert_eq!(job.name, "kept"),
        SendError::Closed(_) => panic!("it is open"),
    }
    assert_eq!(
        remote.try_send_raw(1, 2),
        Err(SendError::Full(Raw { tag: 1, val: 2 }))
    );
    assert_eq!(values(&mut endpoint), [0]);
}

#[test]
fn a_ticket_resolves_when_the_message_is_in() {
    let (remote, mut endpoint) = pair(1);
    let first = remote.send_raw(0, 1);
    assert!(first.is_delivered());
    let mut second = pin!(remote.send(Job { name: "2".into() }));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(second.as_mut().poll(&mut cx).is_pending());
    assert_eq!(endpoint.try_next().unwrap().raw().unwrap().val, 1);
    assert_eq!(second.as_mut().poll(&mut cx), Poll::Ready(Ok(())));
    assert!(endpoint.try_next().is_some());
    block_on(first).unwrap();
}

#[test]
fn a_gone_target_gives_the_message_back() {
    let (remote, endpoint) = pair(1);
    drop(endpoint);
    assert!(remote.is_closed());
    let error = block_on(remote.send(Job {
        name: "back".into(),
    }))
    .unwrap_err();
    assert_eq!(error.into_inner().name, "back");
    assert_eq!(block_on(remote.flush()), Err(SendError::Closed(())));
}

#[test]
fn closing_ends_the_messages_after_the_last_one() {
    let (mesh, mut endpoints) = mesh(1, 4);
    let remote = mesh.shard(ShardId::new(0)).unwrap();
    remote.try_send_raw(0, 7).unwrap();
    mesh.close(ShardId::new(0)).unwrap();
    assert!(remote.try_send_raw(0, 8).unwrap_err().is_closed());
    assert_eq!(
        block_on(endpoints[0].next_message())
            .unwrap()
            .raw()
            .unwrap()
            .val,
        7
    );
    assert!(block_on(endpoints[0].next_message()).is_none());
    assert_eq!(
        endpoints[0].recv_blocking(None).unwrap_err(),
        RecvError::Closed
    );
}

#[test]
fn send_many_wakes_once_a_batch() {
    let (remote, mut endpoint) = pair(64);
    assert!(is_pending(endpoint.next_message()));
    let sent = block_on(remote.send_many((0..32).map(|val| Raw { tag: 0, val }))).unwrap();
    assert_eq!(sent, 32);
    assert_eq!(values(&mut endpoint), (0..32).collect::<Vec<_>>());
    assert_eq!(endpoint.mesh().stats(endpoint.id()).unwrap().wakes, 1);
    assert_eq!(block_on(remote.send_many(Vec::<Job>::new())).unwrap(), 0);
}

/// Through a mailbox that is far too small, with a reader on another thread.
#[test]
fn send_many_waits_for_room_and_keeps_the_order() {
    let (remote, mut endpoint) = pair(3);
    let reader = std::thread::spawn(move || {
        (0..1000)
            .map(|_| endpoint.recv_blocking(None).unwrap().raw().unwrap().val)
            .collect::<Vec<_>>()
    });
    let sent = block_on(remote.send_many((0..1000).map(|val| Raw { tag: 0, val }))).unwrap();
    assert_eq!(sent, 1000);
    assert_eq!(reader.join().unwrap(), (0..1000).collect::<Vec<_>>());
}

#[test]
fn send_many_gives_back_what_it_took_and_did_not_deliver() {
    let (remote, endpoint) = pair(2);
    let mut values = (0..100).map(|val| Raw { tag: 0, val });
    let mut sending = Box::pin(remote.send_many(values.by_ref()));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(sending.as_mut().poll(&mut cx).is_pending());
    drop(endpoint);
    let Poll::Ready(Err(error)) = sending.as_mut().poll(&mut cx) else {
        panic!("the target is gone");
    };
    drop(sending);
    let unsent: Vec<_> = error.into_inner().into_iter().map(|raw| raw.val).collect();
    assert_eq!(unsent.first(), Some(&2), "two found room");
    let rest: Vec<_> = values.map(|raw| raw.val).collect();
    assert_eq!([unsent, rest].concat(), (2..100).collect::<Vec<_>>());
}

#[test]
fn flush_waits_for_all_that_was_sent_before() {
    let (remote, mut endpoint) = pair(1);
    block_on(remote.flush()).unwrap();
    let tickets: Vec<Ticket<Raw>> = (0..3).map(|val| remote.send_raw(0, val)).collect();
    let mut flush = pin!(remote.flush());
    let mut cx = Context::from_waker(Waker::noop());
    for val in 0..2 {
        assert!(flush.as_mut().poll(&mut cx).is_pending(), "message 2 waits");
        assert_eq!(endpoint.try_next().unwrap().raw().unwrap().val, val);
    }
    assert_eq!(flush.as_mut().poll(&mut cx), Poll::Ready(Ok(())));
    drop(tickets);
}

/// The only one before it leaves, so there is nothing to wait for.
#[test]
fn flush_does_not_wait_for_what_was_taken_back() {
    let (remote, _endpoint) = pair(1);
    remote.try_send_raw(0, 0).unwrap();
    let ticket = remote.send_raw(0, 1);
    let mut flush = pin!(remote.flush());
    let mut cx = Context::from_waker(Waker::noop());
    assert!(flush.as_mut().poll(&mut cx).is_pending());
    drop(ticket);
    assert_eq!(flush.as_mut().poll(&mut cx), Poll::Ready(Ok(())));
}

#[test]
fn a_blocking_receive_ends_in_time_without_a_message() {
    let (remote, mut endpoint) = pair(4);
    let error = endpoint
        .recv_blocking(Some(Duration::from_millis(1)))
        .unwrap_err();
    assert_eq!(error, RecvError::TimedOut);
    remote.try_send_raw(0, 5).unwrap();
    let message = endpoint.recv_blocking(Some(Duration::ZERO)).unwrap();
    assert_eq!(message.raw().unwrap().val, 5);
}

/// The endpoint parks on one thread, and then on another.
#[test]
fn an_endpoint_may_change_its_thread() {
    let (remote, mut endpoint) = pair(4);
    for val in 0..2 {
        let waiting = std::thread::spawn(move || {
            let message = endpoint.recv_blocking(None).unwrap();
            (message.raw().unwrap().val, endpoint)
        });
        remote.try_send_raw(0, val).unwrap();
        let (received, back) = waiting.join().unwrap();
        assert_eq!(received, val);
        endpoint = back;
    }
}

#[derive(Debug, Default)]
struct CountingBell(AtomicUsize);

impl Bell for CountingBell {
    fn ring(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

struct Hosted {
    remote: RemoteShard,
    endpoint: Endpoint,
    keeper: Keeper,
    park: Arc<ParkState>,
    bell: Arc<CountingBell>,
}

fn hosted() -> Hosted {
    let park = Arc::new(ParkState::new());
    let bell = Arc::new(CountingBell::default());
    let host = Host {
        park: park.clone(),
        bell: bell.clone(),
    };
    let (mesh, mut ends) = Mesh::hosted(vec![host], MeshOptions::default()).unwrap();
    let (endpoint, keeper) = ends.remove(0);
    Hosted {
        remote: mesh.shard(ShardId::new(0)).unwrap(),
        endpoint,
        keeper,
        park,
        bell,
    }
}

/// The whole life of a hosted mailbox: called, at home, parked, rung.
#[test]
fn a_parked_host_is_rung_once_and_answers() {
    let mut host = hosted();
    assert!(is_pending(host.endpoint.next_message()));
    assert!(!host.keeper.is_called());
    host.remote.try_send_raw(0, 1).unwrap();
    assert!(host.keeper.is_called());
    assert!(host.keeper.answer());
    assert!(!host.keeper.is_called());
    assert_eq!(values(&mut host.endpoint), [1]);

    for round in 0..3 {
        assert!(is_pending(host.endpoint.next_message()));
        host.park.prepare();
        assert!(!host.keeper.is_called(), "nothing has come, so it may park");
        host.remote.try_send_raw(0, 2).unwrap();
        host.remote.try_send_raw(0, 3).unwrap();
        assert_eq!(
            host.bell.0.load(Ordering::Relaxed),
            round + 1,
            "one bell for both"
        );
        assert!(!host.park.unpark());
        assert!(host.keeper.answer());
        assert!(!host.keeper.answer());
        assert_eq!(values(&mut host.endpoint), [2, 3]);
    }
    let stats = host.endpoint.mesh().stats(ShardId::new(0)).unwrap();
    assert_eq!((stats.wakes, stats.bells), (4, 3));
}

/// Mail that comes before the host parks keeps it from parking, whoever looks first.
#[test]
fn mail_keeps_the_host_from_parking() {
    let mut host = hosted();
    assert!(is_pending(host.endpoint.next_message()));
    host.remote.try_send_raw(0, 1).unwrap();
    host.park.prepare();
    assert!(host.keeper.is_called());
    host.park.unpark();
    host.keeper.answer();
    assert_eq!(values(&mut host.endpoint), [1]);
    assert!(is_pending(host.endpoint.next_message()));
    host.remote.try_send_raw(0, 2).unwrap();
    host.park.prepare();
    assert!(host.keeper.is_called(), "also for a receiver at home");
    assert_eq!(host.bell.0.load(Ordering::Relaxed), 0);
}

/// The host is gone, closed or dropped: senders wake the receiver themselves.
#[test]
fn a_receiver_without_its_host_is_woken_by_the_sender() {
    for drop_keeper in [false, true] {
        let Hosted {
            remote,
            mut endpoint,
            keeper,
            park,
            ..
        } = hosted();
        if drop_keeper {
            drop(keeper);
        } else {
            park.close();
            assert_eq!(park.notify(), Notify::Closed);
        }
        let sender = std::thread::spawn(move || remote.try_send_raw(0, 6).unwrap());
        let message = block_on(endpoint.next_message()).unwrap();
        assert_eq!(message.raw().unwrap().val, 6);
        sender.join().unwrap();
    }
}

#[test]
fn a_keeper_that_closes_ends_the_messages() {
    let mut host = hosted();
    host.remote.try_send_raw(0, 1).unwrap();
    host.keeper.close();
    assert!(host.remote.try_send_raw(0, 2).unwrap_err().is_closed());
    assert!(block_on(host.endpoint.next_message()).is_some());
    assert!(block_on(host.endpoint.next_message()).is_none());
}

#[test]
fn small_things_say_what_they_are() {
    assert_eq!(format!("{:?}", ShardId::new(3)), "ShardId(3)");
    assert_eq!(format!("{:?}", ParkState::new()), "Running");
    let body = Raw { tag: 1, val: 2 }.into_body();
    assert_eq!(format!("{body:?}"), "Raw { tag: 1, val: 2 }");
    assert!(matches!(
        Other.into_body().downcast::<Raw>(),
        Err(Body::Typed(_))
    ));
    assert_eq!(
        SendError::Full(()).to_string(),
        "the target's mailbox is full"
    );
}

/// A raw message with its sender is as big as a fat pointer and a word, so a slot is 32 bytes.
#[test]
fn a_message_on_its_way_is_small() {
    assert_eq!(size_of::<ringmesh_msg::Received>(), 24);
}

const fn is_send_sync<T: Send + Sync>() {}
const fn is_send<T: Send>() {}
const _: () = {
    is_send_sync::<Mesh>();
    is_send_sync::<RemoteShard>();
    is_send::<Endpoint>();
    is_send::<Keeper>();
    is_send::<Ticket<Job>>();
};
