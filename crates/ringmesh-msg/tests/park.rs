//! The inbox and the park state, edge by edge.
#![cfg(not(ringmesh_loom))]

use ringmesh_msg::{Inbox, Notify, ParkState};

#[test]
fn an_owner_that_runs_is_not_rung() {
    let park = ParkState::new();
    assert!(!park.is_parked());
    assert_eq!(park.notify(), Notify::Awake);
    assert!(!park.unpark());
}

#[test]
fn one_sender_of_many_owes_the_bell() {
    let park = ParkState::new();
    park.prepare();
    assert!(park.is_parked());
    let answers = std::thread::scope(|scope| {
        let senders: Vec<_> = (0..4).map(|_| scope.spawn(|| park.notify())).collect();
        senders
            .into_iter()
            .map(|sender| sender.join().unwrap())
            .collect::<Vec<_>>()
    });
    let rings = answers
        .iter()
        .filter(|answer| **answer == Notify::Ring)
        .count();
    assert_eq!(rings, 1, "{answers:?}");
    assert!(!park.unpark(), "the owner learns that somebody rang");
}

#[test]
fn an_owner_that_changes_its_mind_is_not_rung() {
    let park = ParkState::new();
    park.prepare();
    assert!(park.unpark());
    assert_eq!(park.notify(), Notify::Awake);
}

#[test]
fn closed_stays_closed() {
    let park = ParkState::new();
    park.prepare();
    park.close();
    assert_eq!(park.notify(), Notify::Closed);
    park.prepare();
    assert!(!park.is_parked());
    assert!(!park.unpark());
    assert_eq!(park.notify(), Notify::Closed);
    park.close();
}

#[test]
fn drain_appends_in_order() {
    let inbox = Inbox::new();
    let mut out = vec![0];
    assert_eq!(inbox.drain(&mut out), 0);
    for entry in 1..4 {
        inbox.push(entry).unwrap();
    }
    assert_eq!(inbox.len_hint(), 3);
    assert_eq!(inbox.drain(&mut out), 3);
    assert_eq!(out, [0, 1, 2, 3]);
    assert!(inbox.is_empty());
}

/// The two vectors are swapped, so a warm loop allocates nothing.
#[test]
fn drain_reuses_the_memory() {
    let inbox = Inbox::new();
    let mut out = Vec::with_capacity(100);
    inbox.push(1).unwrap();
    inbox.drain(&mut out);
    out.clear();
    inbox.push(2).unwrap();
    inbox.drain(&mut out);
    out.clear();
    inbox.push(3).unwrap();
    inbox.drain(&mut out);
    assert_eq!(out, [3]);
    assert!(out.capacity() < 100, "the large one is on the other side");
}

#[test]
fn a_closed_inbox_returns_its_leftovers_and_takes_no_more() {
    let inbox = Inbox::new();
    inbox.push(1).unwrap();
    inbox.push(2).unwrap();
    assert_eq!(inbox.close(), [1, 2]);
    assert_eq!(inbox.push(3), Err(3));
    assert!(inbox.is_empty());
    assert_eq!(inbox.close(), [0; 0]);
}
